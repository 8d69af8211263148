//! One method an observation. None waits, none allocates once its labels have been seen, each costs well under a microsecond.

use std::time::Duration;

use prometheus::IntGauge;

use super::labels::{Completion, Fallback, LedgerOp, Settled, Stage, Verdict};
use super::metrics::Metrics;
use super::money::OTHER;
use crate::domain::clock::Timestamp;
use crate::domain::dialect::{Dialect, Hosting};
use crate::domain::facts::{Source, Task};
use crate::domain::flaw::{Fate, Flaw};
use crate::domain::ids::{ModelId, TargetId, TenantId};
use crate::domain::money::NanoUsd;
use crate::domain::tokens::Usage;

/// Something that is counted as under way until this is dropped.
#[derive(Debug)]
#[must_use = "what it counts ends when this is dropped"]
pub struct Gauged(IntGauge);

impl Gauged {
    fn new(gauge: IntGauge) -> Self {
        gauge.inc();
        Self(gauge)
    }
}

impl Drop for Gauged {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// Names that may be labels, and the totals that a restart carries on.
impl Metrics {
    /// Adds the catalogue's models to those with a label of their own; called at start and after each reload.
    pub fn know_models<'a>(&self, models: impl IntoIterator<Item = &'a ModelId>) {
        let mut known = (**self.0.models.load()).clone();
        known.extend(models.into_iter().cloned());
        self.0.models.store(known.into());
    }

    /// Adds what the ledger held at start to a total of spending. Its model keeps its label, in the catalogue or not.
    pub fn seed_spent(&self, tenant: &TenantId, model: &ModelId, hosting: Hosting, sum: NanoUsd) {
        if !self.0.models.load().contains(model) {
            self.know_models([model]);
        }
        self.0.money.spent(tenant, model, hosting, sum);
    }

    /// Adds what the ledger held at start to a total of savings.
    pub fn seed_saved(&self, tenant: &TenantId, sum: NanoUsd) {
        self.0.money.saved(tenant, sum);
    }

    /// The model's label.
    fn label<'a>(&self, model: &'a ModelId) -> &'a str {
        if self.0.models.load().contains(model) {
            model.as_str()
        } else {
            OTHER
        }
    }
}

/// A call.
impl Metrics {
    /// A call has ended.
    pub fn request(&self, dialect: Dialect, model: &ModelId, task: Task, end: Completion) {
        let labels = [
            dialect.as_str(),
            self.label(model),
            task.as_str(),
            end.as_str(),
        ];
        self.0.requests.with_label_values(&labels).inc();
    }

    /// The gateway itself answered with an error; `reason` is its stable code.
    pub fn refused(&self, reason: &'static str) {
        self.0.refused.with_label_values(&[reason]).inc();
    }

    /// Time of the gateway's own in one stage.
    pub fn overhead(&self, stage: Stage, took: Duration) {
        self.0.overhead[stage as usize].observe(took.as_secs_f64());
    }

    /// Time to the first byte of the answer.
    pub fn first_byte(&self, model: &ModelId, took: Duration) {
        let family = &self.0.first_byte;
        family
            .with_label_values(&[self.label(model)])
            .observe(took.as_secs_f64());
    }

    /// Time of a whole call, its stream included.
    pub fn call_seconds(&self, model: &ModelId, took: Duration) {
        let family = &self.0.call;
        family
            .with_label_values(&[self.label(model)])
            .observe(took.as_secs_f64());
    }

    /// The caller hung up before the end.
    pub fn client_gone(&self) {
        self.0.client_gone.inc();
    }

    /// A newer call of the same editor has ended this one.
    pub fn superseded(&self) {
        self.0.superseded.inc();
    }

    /// A caller's connection is open until the guard is dropped.
    pub fn connection(&self) -> Gauged {
        Gauged::new(self.0.connections.clone())
    }
}

/// Money and tokens.
impl Metrics {
    /// An attempt was settled at `sum`.
    pub fn spent(&self, tenant: &TenantId, model: &ModelId, hosting: Hosting, sum: NanoUsd) {
        if self.0.models.load().contains(model) {
            self.0.money.spent(tenant, model, hosting, sum);
        } else {
            let other = ModelId::new(OTHER);
            self.0.money.spent(tenant, &other, hosting, sum);
        }
    }

    /// A call cost `sum` less than always asking the frontier would have; negative where it cost more.
    pub fn saved(&self, tenant: &TenantId, sum: NanoUsd) {
        self.0.money.saved(tenant, sum);
    }

    /// What is left in a budget's window. Tenants that share `other` have none.
    pub fn budget_remaining(&self, tenant: &TenantId, budget: &str, left: NanoUsd) {
        self.0.money.remaining(tenant, budget, left);
    }

    /// Tokens of one attempt.
    pub fn tokens(&self, model: &ModelId, usage: &Usage) {
        let model = self.label(model);
        for (class, count) in [
            ("input", usage.input),
            ("cache_read", usage.cache_read),
            ("cache_write_5m", usage.cache_write_short),
            ("cache_write_1h", usage.cache_write_long),
            ("output", usage.output),
            ("reasoning", usage.reasoning),
        ] {
            if count.0 > 0 {
                let total = self.0.tokens.with_label_values(&[model, class]);
                total.inc_by(count.0);
            }
        }
    }

    /// An attempt has its end in the ledger.
    pub fn settled(&self, state: Settled) {
        self.0.settled[state as usize].inc();
    }

    /// So many ends have come for attempts that had ended already.
    pub fn ledger_duplicates(&self, total: u64) {
        let counted = self.0.duplicates.get();
        self.0.duplicates.inc_by(total.saturating_sub(counted));
    }

    /// A call met a model without a price.
    pub fn unpriced(&self, model: &ModelId) {
        let model = self.label(model);
        self.0.unpriced.with_label_values(&[model]).inc();
    }

    /// Attempts with money set aside and no end yet.
    pub fn open_holds(&self, count: u64) {
        self.0.open_holds.set(count.try_into().unwrap_or(i64::MAX));
    }
}

/// Deciding.
impl Metrics {
    /// A plan was made; `reason` is a word of the policy's closed set.
    pub fn decision(&self, model: &ModelId, reason: &'static str) {
        let labels = [self.label(model), reason];
        self.0.decisions.with_label_values(&labels).inc();
    }

    /// The mean of the difficulty belief that a plan was made with.
    pub fn difficulty(&self, mean: f32) {
        self.0.difficulty.observe(mean.into());
    }

    /// A call was classified.
    pub fn classifier(&self, source: Source, took: Duration) {
        self.0.classifier[source as usize].observe(took.as_secs_f64());
    }

    /// The heuristic classified a call in the net's place.
    pub fn fallback(&self, why: Fallback) {
        self.0.fallbacks[why as usize].inc();
    }

    /// Word came on whether an answer was good.
    pub fn outcome(&self, model: &ModelId, task: Task, verdict: Verdict) {
        let labels = [self.label(model), task.as_str(), verdict.as_str()];
        self.0.outcomes.with_label_values(&labels).inc();
    }
}

/// Targets. Their names come from the configuration alone, so they need no limit.
impl Metrics {
    /// An attempt is under way at the target until the guard is dropped.
    pub fn in_flight(&self, target: &TargetId) -> Gauged {
        Gauged::new(self.0.in_flight.with_label_values(&[target.as_str()]))
    }

    /// Whether the target may be asked now.
    pub fn target_up(&self, target: &TargetId, up: bool) {
        let gauge = self.0.target_up.with_label_values(&[target.as_str()]);
        gauge.set(up.into());
    }

    /// Forgets a target that the configuration no longer has.
    pub fn forget_target(&self, target: &TargetId) {
        // An error means that there was nothing to forget.
        let _ = self.0.target_up.remove_label_values(&[target.as_str()]);
        let _ = self.0.gpu_load.remove_label_values(&[target.as_str()]);
    }

    /// Load of an own target as the price sees it, 0 to 1.
    pub fn gpu_load(&self, target: &TargetId, load: f64) {
        let gauge = self.0.gpu_load.with_label_values(&[target.as_str()]);
        gauge.set(load);
    }

    /// Time to the head of a target's answer.
    pub fn upstream_seconds(&self, target: &TargetId, took: Duration) {
        let family = &self.0.upstream;
        family
            .with_label_values(&[target.as_str()])
            .observe(took.as_secs_f64());
    }

    /// An attempt at `target` failed and another followed; `why` is a word of a closed set.
    pub fn failover(&self, target: &TargetId, why: &'static str) {
        let labels = [target.as_str(), why];
        self.0.failovers.with_label_values(&labels).inc();
    }

    /// Something of a call or its answer was left out in translation, so many times.
    pub fn dropped(&self, field: &'static str, why: &'static str, times: u32) {
        let total = self.0.dropped.with_label_values(&[field, why]);
        total.inc_by(times.into());
    }

    /// An answer was plainly wrong.
    pub fn flaw(&self, model: &ModelId, flaw: Flaw, fate: Fate) {
        let labels = [self.label(model), flaw.as_str(), fate.as_str()];
        self.0.flaws.with_label_values(&labels).inc();
    }

    /// A retry was not made because the share of retries was used up.
    pub fn retry_denied(&self) {
        self.0.retries_denied.inc();
    }

    /// A target answered 401 or 403: our key there is wrong.
    pub fn upstream_auth_failure(&self, target: &TargetId) {
        let total = self.0.auth_failures.with_label_values(&[target.as_str()]);
        total.inc();
    }
}

/// The store, the configuration, the process.
impl Metrics {
    /// A ledger operation, as its caller waited for it.
    pub fn ledger(&self, op: LedgerOp, took: Duration) {
        self.0.ledger[op as usize].observe(took.as_secs_f64());
    }

    /// Whether the store takes writes.
    pub fn store_up(&self, up: bool) {
        self.0.store_up.set(up.into());
    }

    /// Whether the store has no room left.
    pub fn store_disk_full(&self, full: bool) {
        self.0.disk_full.set(full.into());
    }

    /// A reload was taken over, or refused.
    pub fn reload(&self, ok: bool) {
        if ok {
            self.0.reloaded.inc();
        } else {
            self.0.reload_failed.inc();
        }
    }

    /// The version of the configuration that runs from now on.
    pub fn config_version(&self, version: &str) {
        self.0.config_info.reset();
        self.0.config_info.with_label_values(&[version]).set(1);
    }

    /// This process became ready.
    pub fn started(&self, at: Timestamp) {
        let seconds = Duration::from_millis(at.millis().unsigned_abs()).as_secs_f64();
        self.0.started.set(seconds);
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
