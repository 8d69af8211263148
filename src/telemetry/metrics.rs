//! Every metric, declared once: name, help, labels, buckets. What is written to them stands in `observe`, money in `money`.
//!
//! Labels are closed: enums, names of the configuration, models of the catalogue, and the first 200 tenants.

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, LazyLock};

use arc_swap::ArcSwap;
use prometheus::core::Collector;
use prometheus::{
    Gauge, GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge,
    IntGaugeVec, Opts, Registry, TextEncoder,
};

use super::labels::{Fallback, LedgerOp, Settled, Stage};
use super::money::Money;
use crate::domain::facts::Source;
use crate::domain::ids::ModelId;

/// Own work: 10 us to half a second.
const OWN: &[f64] = &[
    0.000_01, 0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025,
    0.05, 0.1, 0.5,
];
/// A target's work: 10 ms to ten minutes.
const TARGET: &[f64] = &[
    0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 320.0, 600.0,
];
/// Difficulty beliefs, in units of the ability scale.
const DIFFICULTY: &[f64] = &[-4.0, -3.0, -2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0, 3.0, 4.0];

/// Belongs to the process, as the log does.
pub(super) static LOG_DROPPED: LazyLock<IntCounter> = LazyLock::new(|| {
    IntCounter::new(
        "tollgate_log_dropped_total",
        "Log lines dropped because whoever reads them was too slow or had gone",
    )
    .expect(DECLARED)
});

/// All metrics of this process. Cheap to clone; every copy counts into the same totals.
#[derive(Clone)]
pub struct Metrics(pub(super) Arc<Families>);

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

pub(super) struct Families {
    registry: Registry,
    /// Models that may be a label; all others share `other`.
    pub(super) models: ArcSwap<HashSet<ModelId>>,
    pub(super) money: Money,

    pub(super) requests: IntCounterVec,
    pub(super) refused: IntCounterVec,
    pub(super) tokens: IntCounterVec,
    pub(super) overhead: [Histogram; Stage::ALL.len()],
    pub(super) first_byte: HistogramVec,
    pub(super) call: HistogramVec,
    pub(super) upstream: HistogramVec,
    pub(super) decisions: IntCounterVec,
    pub(super) difficulty: Histogram,
    pub(super) classifier: [Histogram; Source::ALL.len()],
    pub(super) fallbacks: [IntCounter; Fallback::ALL.len()],
    pub(super) outcomes: IntCounterVec,
    pub(super) in_flight: IntGaugeVec,
    pub(super) target_up: IntGaugeVec,
    pub(super) gpu_load: GaugeVec,
    pub(super) failovers: IntCounterVec,
    pub(super) retries_denied: IntCounter,
    pub(super) dropped: IntCounterVec,
    pub(super) flaws: IntCounterVec,
    pub(super) auth_failures: IntCounterVec,
    pub(super) open_holds: IntGauge,
    pub(super) settled: [IntCounter; Settled::ALL.len()],
    pub(super) unpriced: IntCounterVec,
    pub(super) duplicates: IntCounter,
    pub(super) ledger: [Histogram; LedgerOp::ALL.len()],
    pub(super) store_up: IntGauge,
    pub(super) disk_full: IntGauge,
    pub(super) reloaded: IntCounter,
    pub(super) reload_failed: IntCounter,
    pub(super) config_info: IntGaugeVec,
    pub(super) started: Gauge,
    pub(super) connections: IntGauge,
    pub(super) client_gone: IntCounter,
    pub(super) superseded: IntCounter,
}

impl Metrics {
    /// Declares them all, on a registry of their own.
    pub fn new() -> Self {
        let declare = Declare(Registry::new());
        let overhead = declare.histogram(
            "tollgate_overhead_seconds",
            "The gateway's own time in a call, by stage; `total` is all of it but waiting for the caller's body",
            &["stage"],
            OWN,
        );
        let classifier = declare.histogram(
            "tollgate_classifier_seconds",
            "Time to classify a call, by where the answer came from",
            &["source"],
            OWN,
        );
        let fallbacks = declare.counters(
            "tollgate_classifier_fallback_total",
            "Calls that the heuristic classified in the net's place, by why: late, full (too many waited), dead (no thread), failed",
            &["reason"],
        );
        let ledger = declare.histogram(
            "tollgate_ledger_seconds",
            "Time of a ledger operation as its caller waited for it",
            &["op"],
            OWN,
        );
        let settled = declare.counters(
            "tollgate_settled_total",
            "Attempts that ended in the ledger, by how: actual (usage told), estimated, void (nothing to pay)",
            &["state"],
        );
        let reload = declare.counters(
            "tollgate_reload_total",
            "Reloads of configuration, policies and prices; a failed one keeps what was running",
            &["result"],
        );
        let build = declare.int_gauges(
            "tollgate_build_info",
            "Always 1; the version is its label",
            &["version"],
        );
        build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);

        let money = Money::default();
        declare.register(money.clone());
        declare.register(LOG_DROPPED.clone());
        let families = Families {
            models: ArcSwap::default(),
            money,
            requests: declare.counters(
                "tollgate_requests_total",
                "Calls that have ended, by how",
                &["dialect", "model", "task", "outcome"],
            ),
            refused: declare.counters(
                "tollgate_refused_total",
                "Calls that the gateway itself answered with an error, by its code",
                &["reason"],
            ),
            tokens: declare.counters(
                "tollgate_tokens_total",
                "Tokens as billed; reasoning is a part of output and counted in both",
                &["model", "class"],
            ),
            overhead: Stage::ALL.map(|it| overhead.with_label_values(&[it.as_str()])),
            first_byte: declare.histogram(
                "tollgate_first_byte_seconds",
                "From the whole request in to the first byte of the answer out, the target's time included",
                &["model"],
                TARGET,
            ),
            call: declare.histogram(
                "tollgate_call_seconds",
                "From the first byte of a call to its end, streams included",
                &["model"],
                TARGET,
            ),
            upstream: declare.histogram(
                "tollgate_upstream_seconds",
                "From an attempt's first byte sent to the head of the target's answer",
                &["target"],
                TARGET,
            ),
            decisions: declare.counters(
                "tollgate_decisions_total",
                "Plans made, by the model put first and why",
                &["model", "reason"],
            ),
            difficulty: declare.single(
                "tollgate_difficulty",
                "Mean of the difficulty belief at the time of deciding",
                DIFFICULTY,
            ),
            classifier: std::array::from_fn(|at| {
                classifier.with_label_values(&[Source::ALL[at].as_str()])
            }),
            fallbacks: Fallback::ALL.map(|it| fallbacks.with_label_values(&[it.as_str()])),
            outcomes: declare.counters(
                "tollgate_outcomes_total",
                "Later word on answers, reported or seen in the conversation",
                &["model", "task", "outcome"],
            ),
            in_flight: declare.int_gauges(
                "tollgate_in_flight",
                "Attempts under way at a target",
                &["target"],
            ),
            target_up: declare.int_gauges(
                "tollgate_target_up",
                "1 while a target may be asked, 0 while it is down or cooling off",
                &["target"],
            ),
            gpu_load: declare.gauges(
                "tollgate_gpu_load",
                "Load of an own target as the price sees it, 0 to 1",
                &["target"],
            ),
            failovers: declare.counters(
                "tollgate_failovers_total",
                "Attempts that failed and were followed by another, by the target that failed and why",
                &["target", "why"],
            ),
            dropped: declare.counters(
                "tollgate_dropped_total",
                "What was left out of calls and answers that were translated, by what it was and why",
                &["field", "why"],
            ),
            flaws: declare.counters(
                "tollgate_flaws_total",
                "Answers that were plainly wrong, by what was wrong and what became of them: asked_again, next (another model was asked), released, late (it was on its way out)",
                &["model", "flaw", "fate"],
            ),
            retries_denied: declare.counter(
                "tollgate_retries_denied_total",
                "Retries not made because the share of retries was used up",
            ),
            auth_failures: declare.counters(
                "tollgate_upstream_auth_failures_total",
                "Attempts that a target answered 401 or 403: our key there is wrong",
                &["target"],
            ),
            open_holds: declare.int_gauge(
                "tollgate_open_holds",
                "Attempts with money set aside and no end yet",
            ),
            settled: Settled::ALL.map(|it| settled.with_label_values(&[it.as_str()])),
            unpriced: declare.counters(
                "tollgate_unpriced_total",
                "Calls that met a model without a price",
                &["model"],
            ),
            duplicates: declare.counter(
                "tollgate_ledger_duplicates_total",
                "Ends of attempts that had ended already; each was ignored",
            ),
            ledger: LedgerOp::ALL.map(|it| ledger.with_label_values(&[it.as_str()])),
            store_up: declare.int_gauge(
                "tollgate_store_up",
                "1 while the store takes writes",
            ),
            disk_full: declare.int_gauge(
                "tollgate_store_disk_full",
                "1 while the store has no room left",
            ),
            reloaded: reload.with_label_values(&["ok"]),
            reload_failed: reload.with_label_values(&["failed"]),
            config_info: declare.int_gauges(
                "tollgate_config_info",
                "Always 1; its label is the version of what is running now",
                &["version"],
            ),
            started: declare.gauge(
                "tollgate_start_time_seconds",
                "When this process became ready, in seconds since 1970",
            ),
            connections: declare.int_gauge(
                "tollgate_connections",
                "Open connections from callers",
            ),
            client_gone: declare.counter(
                "tollgate_client_gone_total",
                "Calls whose caller hung up before the end",
            ),
            superseded: declare.counter(
                "tollgate_superseded_total",
                "Calls for what is typed that a newer call of the same editor has ended",
            ),
            registry: declare.0,
        };
        Self(Arc::new(families))
    }

    /// All of them in Prometheus' text format.
    pub fn render(&self) -> String {
        TextEncoder::new()
            .encode_to_string(&self.0.registry.gather())
            .expect("families without metrics are left out by gather")
    }
}

/// Makes a family and registers it. A wrong or repeated declaration shows in the first test that makes `Metrics`.
struct Declare(Registry);

const DECLARED: &str = "each metric is declared once, with a valid name";

impl Declare {
    fn register<C: Collector + Clone + 'static>(&self, family: C) -> C {
        self.0.register(Box::new(family.clone())).expect(DECLARED);
        family
    }

    fn counter(&self, name: &str, help: &str) -> IntCounter {
        self.register(IntCounter::new(name, help).expect(DECLARED))
    }

    fn counters(&self, name: &str, help: &str, labels: &[&str]) -> IntCounterVec {
        self.register(IntCounterVec::new(Opts::new(name, help), labels).expect(DECLARED))
    }

    fn gauge(&self, name: &str, help: &str) -> Gauge {
        self.register(Gauge::new(name, help).expect(DECLARED))
    }

    fn int_gauge(&self, name: &str, help: &str) -> IntGauge {
        self.register(IntGauge::new(name, help).expect(DECLARED))
    }

    fn gauges(&self, name: &str, help: &str, labels: &[&str]) -> GaugeVec {
        self.register(GaugeVec::new(Opts::new(name, help), labels).expect(DECLARED))
    }

    fn int_gauges(&self, name: &str, help: &str, labels: &[&str]) -> IntGaugeVec {
        self.register(IntGaugeVec::new(Opts::new(name, help), labels).expect(DECLARED))
    }

    fn single(&self, name: &str, help: &str, buckets: &[f64]) -> Histogram {
        let opts = HistogramOpts::new(name, help).buckets(buckets.to_vec());
        self.register(Histogram::with_opts(opts).expect(DECLARED))
    }

    fn histogram(&self, name: &str, help: &str, labels: &[&str], buckets: &[f64]) -> HistogramVec {
        let opts = HistogramOpts::new(name, help).buckets(buckets.to_vec());
        self.register(HistogramVec::new(opts, labels).expect(DECLARED))
    }
}
