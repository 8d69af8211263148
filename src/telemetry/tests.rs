//! What is exported and logged.

use super::*;
use crate::domain::flaw::{Fate, Flaw};

/// Every name that is exported, once each has been observed. A change here is a change to people's dashboards.
const NAMES: &str = "
tollgate_budget_remaining_usd gauge
tollgate_build_info gauge
tollgate_call_seconds histogram
tollgate_classifier_fallback_total counter
tollgate_classifier_seconds histogram
tollgate_client_gone_total counter
tollgate_config_info gauge
tollgate_connections gauge
tollgate_decisions_total counter
tollgate_difficulty histogram
tollgate_failovers_total counter
tollgate_first_byte_seconds histogram
tollgate_flaws_total counter
tollgate_gpu_load gauge
tollgate_in_flight gauge
tollgate_ledger_duplicates_total counter
tollgate_ledger_seconds histogram
tollgate_log_dropped_total counter
tollgate_open_holds gauge
tollgate_outcomes_total counter
tollgate_overhead_seconds histogram
tollgate_refused_total counter
tollgate_reload_total counter
tollgate_requests_total counter
tollgate_retries_denied_total counter
tollgate_saved_usd_total gauge
tollgate_settled_total counter
tollgate_spend_usd_total counter
tollgate_start_time_seconds gauge
tollgate_store_disk_full gauge
tollgate_store_up gauge
tollgate_superseded_total counter
tollgate_target_up gauge
tollgate_tokens_total counter
tollgate_unpriced_total counter
tollgate_upstream_auth_failures_total counter
tollgate_upstream_seconds histogram
";

fn observe_each(metrics: &Metrics) -> Gauged {
    let (model, target) = (&ModelId::from("m"), &TargetId::from("gpu"));
    let tenant = &TenantId::from("team");
    let moment = Duration::from_millis(3);
    metrics.know_models([model]);
    metrics.request(Dialect::Chat, model, Task::Fix, Completion::Answered);
    metrics.refused("budget_spent");
    metrics.first_byte(model, moment);
    metrics.call_seconds(model, moment);
    metrics.spent(tenant, model, Hosting::Own, NanoUsd(3));
    metrics.saved(tenant, NanoUsd(4));
    metrics.budget_remaining(tenant, "day", NanoUsd(5));
    metrics.tokens(
        model,
        &Usage {
            output: crate::domain::tokens::TokenCount(9),
            ..Usage::default()
        },
    );
    metrics.unpriced(model);
    metrics.decision(model, "cheapest");
    metrics.outcome(model, Task::Fix, Verdict::Good);
    metrics.target_up(target, true);
    metrics.gpu_load(target, 0.5);
    metrics.upstream_seconds(target, moment);
    metrics.failover(target, "timeout");
    metrics.flaw(model, Flaw::BadJson, Fate::Next);
    metrics.upstream_auth_failure(target);
    metrics.config_version("1");
    metrics.in_flight(target)
}

#[test]
fn the_names_are_these() {
    let metrics = Metrics::new();
    let _guard = observe_each(&metrics);

    let text = metrics.render();

    let mut names: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE "))
        .collect();
    names.sort_unstable();
    assert_eq!(names, NAMES.trim().lines().collect::<Vec<_>>());
}

#[test]
fn a_closed_set_is_there_from_the_start_so_that_its_first_event_is_seen() {
    let text = Metrics::new().render();

    for line in [
        "tollgate_settled_total{state=\"estimated\"} 0",
        "tollgate_reload_total{result=\"failed\"} 0",
        "tollgate_classifier_fallback_total{reason=\"late\"} 0",
        "tollgate_ledger_duplicates_total 0",
        "tollgate_overhead_seconds_count{stage=\"total\"} 0",
    ] {
        assert!(text.lines().any(|it| it == line), "{line}");
    }
}

#[test]
fn a_model_outside_the_catalogue_is_other_and_a_seeded_one_is_not() {
    let metrics = Metrics::new();
    let tenant = TenantId::from("team");
    let asked = ModelId::from("whatever-a-caller-writes");
    let retired = ModelId::from("retired");

    metrics.seed_spent(&tenant, &retired, Hosting::Vendor, NanoUsd(2_500_000_000));
    metrics.spent(&tenant, &asked, Hosting::Vendor, NanoUsd(1));
    metrics.decision(&asked, "asked");

    let text = metrics.render();
    assert!(!text.contains("whatever"), "{text}");
    assert!(text.contains("tollgate_decisions_total{model=\"other\",reason=\"asked\"} 1"));
    assert!(text.contains(
        "tollgate_spend_usd_total{hosting=\"vendor\",model=\"retired\",tenant=\"team\"} 2.5"
    ));
    assert!(text.contains(
        "tollgate_spend_usd_total{hosting=\"vendor\",model=\"other\",tenant=\"team\"} 0.000000001"
    ));
}

#[test]
fn what_is_in_flight_ends_with_its_guard() {
    let metrics = Metrics::new();
    let target = TargetId::from("gpu");
    let told = || {
        let text = metrics.render();
        let line = text
            .lines()
            .find(|line| line.starts_with("tollgate_in_flight"));
        line.unwrap().to_owned()
    };

    let guard = metrics.in_flight(&target);
    assert_eq!(told(), "tollgate_in_flight{target=\"gpu\"} 1");
    drop(guard);
    assert_eq!(told(), "tollgate_in_flight{target=\"gpu\"} 0");
}

#[test]
fn a_new_configuration_takes_the_place_of_the_old() {
    let metrics = Metrics::new();

    metrics.config_version("a");
    metrics.config_version("b");

    let text = metrics.render();
    assert!(!text.contains("{version=\"a\"}"));
    assert!(text.contains("tollgate_config_info{version=\"b\"} 1"));
}
