//! Bills of answers that are made in the background: their caller has been told that they will come, and what they use is known
//! when somebody looks at them again.
//!
//! Until then the attempt is open in the ledger. Where nobody looks, or there are too many, it ends estimated.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use crate::catalog::{Billed, Model, Served, Tariff};
use crate::domain::clock::{Clock, Timestamp};
use crate::domain::dialect::Endpoint;
use crate::domain::ids::{KeyId, TenantId};
use crate::domain::tokens::Usage;
use crate::domain::wire::Wire;
use crate::ledger::{Amount, End, Hold};
use crate::protocol::background::Made;
use crate::protocol::usage::{self, Terms, Told};
use crate::telemetry::{Metrics, Settled};

/// So many are waited for, each with a place in the ledger's queue.
const MOST: usize = 64;
/// So long.
const LIFE_MS: i64 = 24 * 3_600 * 1_000;

/// An attempt whose answer is still being made.
pub(super) struct Due {
    /// `None` once it has ended.
    pub(super) hold: Option<Hold>,
    /// What it ends with where nothing more is heard of it.
    pub(super) end: End,
    pub(super) tariff: Tariff,
    pub(super) model: Arc<Model>,
    pub(super) tenant: TenantId,
    /// When the call came.
    pub(super) at: Timestamp,
    /// Machine time until now.
    pub(super) gpu_nanos: u64,
    /// What it uses by our own count.
    pub(super) used: Usage,
    pub(super) clock: Clock,
    pub(super) metrics: Metrics,
}

impl Due {
    /// Ends the attempt by what its provider told; else by our own count.
    fn end(&mut self, told: Option<Usage>, terms: &Terms, end: End) {
        let Some(hold) = self.hold.take() else { return };
        let usage = told.unwrap_or(self.used);
        let billed = Billed {
            usage,
            served: served(terms.clone()),
            gpu_nanos: self.gpu_nanos,
            at: self.at,
        };
        let cost = self.tariff.cost(&billed).ok().flatten();
        let (model, hosting) = (&self.model.id, self.model.target.hosting);
        let actual = told.is_some();
        self.metrics.settled(match actual {
            true => Settled::Actual,
            false => Settled::Estimated,
        });
        self.metrics.tokens(model, &usage);
        if let Some(cost) = cost {
            self.metrics.spent(&self.tenant, model, hosting, cost);
        }
        hold.settle(Amount { usage, cost }, actual, end, self.clock.now());
    }
}

impl Drop for Due {
    fn drop(&mut self) {
        self.end(None, &Terms::default(), self.end);
    }
}

/// What an answer was served as, as prices know it.
pub(super) fn served(terms: Terms) -> Served {
    let Terms {
        tier,
        speed,
        region,
    } = terms;
    Served {
        tier,
        speed,
        region,
    }
}

/// The connection is gone, or its caller; the answer may well go on.
pub(super) fn goes_on(end: End) -> bool {
    matches!(
        end,
        End::ClientGone
            | End::Truncated
            | End::IdleTimeout
            | End::Timeout
            | End::Lost
            | End::Dropped
    )
}

/// One that is waited for, by whose key it was asked for and by its name at its provider.
struct Waiting {
    key: KeyId,
    id: String,
    due: Due,
}

/// All of them. A clone is the same.
#[derive(Clone, Default)]
pub struct Later(Arc<Mutex<VecDeque<Waiting>>>);

impl std::fmt::Debug for Later {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Later")
    }
}

impl Later {
    /// Waits for what an answer uses.
    pub(super) fn wait(&self, key: KeyId, id: String, due: Due) {
        let oldest = due.clock.now().millis().saturating_sub(LIFE_MS);
        let gone = self.with(|waiting| {
            waiting.push_back(Waiting { key, id, due });
            let over = |first: &Waiting, many| many > MOST || first.due.at.millis() < oldest;
            let mut gone = Vec::new();
            while let Some(first) = waiting.front()
                && over(first, waiting.len())
            {
                gone.extend(waiting.pop_front());
            }
            gone
        });
        drop(gone);
    }

    /// Takes in what its provider says of an answer now.
    pub(super) fn seen(&self, key: &KeyId, id: &str, body: &[u8]) {
        if Made::read(body) != Some(Made::Over) {
            return;
        }
        if let Some(read) = usage::whole(Wire::own(Endpoint::Responses), body) {
            self.ended(key, id, read.told, &read.terms);
        }
    }

    /// An answer will not be told any more.
    pub(super) fn gone(&self, key: &KeyId, id: &str) {
        self.ended(key, id, None, &Terms::default());
    }

    /// An answer has come to its end.
    pub(super) fn ended(&self, key: &KeyId, id: &str, told: Option<Told>, terms: &Terms) {
        let found = self.with(|waiting| {
            let at = waiting
                .iter()
                .position(|it| it.key == *key && it.id == id)?;
            waiting.remove(at)
        });
        let Some(mut found) = found else { return };
        let (used, end) = match told {
            Some(Told::Usage(usage)) => (Some(usage), End::Complete),
            Some(Told::Rejected) => (None, End::UsageRejected),
            None => (None, End::UsageMissing),
        };
        found.due.end(used, terms, end);
    }

    fn with<T>(&self, step: impl FnOnce(&mut VecDeque<Waiting>) -> T) -> T {
        step(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
