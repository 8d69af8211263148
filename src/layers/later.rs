//! Bills of answers that are made in the background: their caller has been told that they will come, and what they use is known
//! when somebody looks at them again.
//!
//! Until then the attempt is open in the ledger. Where nobody looks, or there are too many, it ends estimated.

use std::sync::{Arc, Mutex};

use crate::catalog::{Billed, Model, Served, Tariff};
use crate::domain::clock::{Clock, Timestamp};
use crate::domain::dialect::Endpoint;
use crate::domain::ids::{KeyId, TenantId};
use crate::domain::tokens::{TokenCount, Usage};
use crate::domain::wire::Wire;
use crate::ledger::{Amount, End, Hold};
use crate::protocol::background::Made;
use crate::protocol::usage::{self, Terms, Told};
use crate::telemetry::{Metrics, Settled};

use list::{List, Waiting, open};

mod list;

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

/// All that are waited for. A clone is the same.
#[derive(Clone)]
pub struct Later {
    list: Arc<Mutex<List<Due>>>,
    clock: Clock,
}

impl std::fmt::Debug for Later {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Later")
    }
}

impl Later {
    /// Waits for none yet.
    pub fn new(clock: Clock) -> Self {
        let list = Arc::default();
        Self { list, clock }
    }

    /// Ends again and again those that have been waited for too long. It holds none of them: they end with the last clone.
    pub fn sweep(&self) -> impl Future<Output = ()> + Send + 'static + use<> {
        list::sweep(Arc::downgrade(&self.list), self.clock.clone())
    }

    /// Waits for what an answer uses.
    pub(super) fn wait(&self, key: KeyId, id: String, due: Due) {
        let at = due.at;
        let gone = open(&self.list).put(Waiting { key, id, at, due });
        drop(gone);
        self.forget();
    }

    /// Takes in what its provider says of an answer now.
    pub(super) fn seen(&self, key: &KeyId, id: &str, body: &[u8]) {
        if Made::read(body) != Some(Made::Over) {
            return self.forget();
        }
        if let Some(read) = usage::whole(Wire::own(Endpoint::Responses), body) {
            self.ended(key, id, read.told, &read.terms);
        }
    }

    /// An answer has been removed: it will not be told any more.
    pub(super) fn gone(&self, key: &KeyId, id: &str) {
        self.ended(key, id, None, &Terms::default());
    }

    /// Its provider does not know an answer. One that has only begun may not have come to all of its servers yet.
    pub(super) fn missed(&self, key: &KeyId, id: &str) {
        let settled = open(&self.list).is_settled(key, id, self.clock.now());
        if settled {
            self.gone(key, id);
        }
    }

    /// So much of an answer has been told once more: it will not be billed less.
    pub(super) fn relayed(&self, key: &KeyId, id: &str, output: TokenCount) {
        if let Some(due) = open(&self.list).get(key, id) {
            due.used.output = due.used.output.max(output);
        }
    }

    /// An answer has come to its end.
    pub(super) fn ended(&self, key: &KeyId, id: &str, told: Option<Told>, terms: &Terms) {
        let found = open(&self.list).take(key, id);
        self.forget();
        let Some(mut found) = found else { return };
        let (used, end) = match told {
            Some(Told::Usage(usage)) => (Some(usage), End::Complete),
            Some(Told::Rejected) => (None, End::UsageRejected),
            None => (None, End::UsageMissing),
        };
        found.due.end(used, terms, end);
    }

    /// Ends those that have been waited for too long.
    fn forget(&self) {
        let old = open(&self.list).old(self.clock.now());
        drop(old);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_is_waited_for_takes_little_memory() {
        assert!(size_of::<Waiting<Due>>() <= 1_024);
    }
}
