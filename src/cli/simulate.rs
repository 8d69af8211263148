//! `tollgate simulate`: what other policies would have made of the calls in the log.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::Outcome;
use super::books::{self, Books, Here, There};
use super::output::{self, Format, complain, say};
use crate::config::{self, Given, Sources, Trial};
use crate::domain::clock::Clock;
use crate::replay::{self, Ask, Progress};

/// Calls between two lines that say how far it has come.
const LINE: u64 = 100_000;
/// Time between two lines while a gateway goes through its log.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// The policy to try, or a folder of policies. A file stands in place of the policy of its name (default.yaml, team.yaml);
    /// one of another name stands beside the others if it says `for` whom it is, else in place of the default
    #[arg(long = "policy", value_name = "FILE|FOLDER")]
    policy: PathBuf,
    /// Calls that are not older: 7d, 12h, 30m, 2026-11-21 or 2026-11-21T10:00:00Z; without it, all
    #[arg(long, value_name = "WHEN")]
    since: Option<String>,
    /// Calls that are older, said alike; without it, until now
    #[arg(long, value_name = "WHEN")]
    until: Option<String>,
    /// Calls of this tenant only
    #[arg(long, value_name = "TENANT")]
    tenant: Option<String>,
}

const CHANGE: &[(&str, &str)] = &[
    ("group", "group"),
    ("calls", "calls"),
    ("moved", "moved"),
    ("usd", "money.then_usd"),
    ("tried", "money.tried_usd"),
    ("change_low", "money.low_usd"),
    ("change_high", "money.high_usd"),
    ("failures", "failures.then"),
    ("tried", "failures.tried"),
    ("change_low", "failures.low"),
    ("change_high", "failures.high"),
    ("minutes", "waiting_minutes.then"),
    ("tried", "waiting_minutes.tried"),
    ("change_low", "waiting_minutes.low"),
    ("change_high", "waiting_minutes.high"),
    ("refused", "refused_then"),
    ("tried", "refused_tried"),
];
const FLOWS: &[(&str, &str)] = &[("from", "from"), ("to", "to"), ("calls", "calls")];
const MOVES: &[(&str, &str)] = &[
    ("call", "request_id"),
    ("tenant", "tenant"),
    ("task", "task"),
    ("from", "from"),
    ("to", "to"),
    ("nano_usd", "expected_nano_usd"),
    ("failure_%", "failure_percent"),
    ("wait_s", "wait_seconds"),
    ("why", "why"),
];
const OTHERS: &[(&str, &str)] = &[
    ("call", "request_id"),
    ("recorded", "recorded"),
    ("again", "again"),
    ("why", "why"),
];

pub(super) async fn run(sources: &Sources, arguments: Arguments, format: Format) -> Outcome {
    let (given, whole) = match config::gather(&arguments.policy) {
        Ok(given) => given,
        Err(faults) => return refuse(&faults.to_string()),
    };
    let report = match books::open(sources).await {
        Ok(Books::Here(here)) => {
            let report = in_store(sources, &here, &arguments, (given, whole)).await;
            here.store.close().await;
            report
        }
        Ok(Books::There(there)) => at_gateway(&there, &arguments, (given, whole)).await,
        Err(outcome) => Err(outcome),
    };
    match report {
        Ok(report) => {
            print(&report, format);
            match report["same"] == true {
                true => Outcome::Done,
                false => refuse(
                    "the policies of then do not choose as it is written down: the log cannot be trusted for this",
                ),
            }
        }
        Err(outcome) => outcome,
    }
}

fn refuse(why: &str) -> Outcome {
    complain(why);
    Outcome::Refused
}

async fn in_store(
    sources: &Sources,
    here: &Here,
    arguments: &Arguments,
    (given, whole): (Vec<Given>, bool),
) -> Result<Value, Outcome> {
    let said = |why: String| refuse(&why);
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let span = [text(&arguments.since), text(&arguments.until)];
    let now = Clock::system().now();
    let ask = Ask::read([&span[0], &span[1]], arguments.tenant.as_deref(), now).map_err(said)?;
    let loaded = config::load(sources).map_err(|faults| said(faults.to_string()))?;
    let catalog = replay::catalog(&here.ledger, &loaded.snapshot).await;
    let catalog = catalog.map_err(|error| said(error.to_string()))?;
    let trial = Trial::read(given, whole, &loaded.snapshot, &catalog);
    let trial = trial.map_err(|faults| said(faults.to_string()))?;
    let mut told = Told::default();
    let report = replay::simulate(&here.ledger, Arc::new(trial), &ask, |it| told.tell(it)).await;
    told.end();
    let report = report.map_err(|error| said(error.to_string()))?;
    serde_json::to_value(&report).map_err(|error| said(error.to_string()))
}

async fn at_gateway(
    there: &There,
    arguments: &Arguments,
    (given, whole): (Vec<Given>, bool),
) -> Result<Value, Outcome> {
    let body = json!({
        "policies": given,
        "whole": whole,
        "since": arguments.since,
        "until": arguments.until,
        "tenant": arguments.tenant,
    });
    let began = Instant::now();
    let asked = there.post_long("/admin/v1/policies/simulate", &body);
    tokio::pin!(asked);
    loop {
        match tokio::time::timeout(PATIENCE, &mut asked).await {
            Ok(answer) => return answer,
            Err(_) => complain(&format!(
                "the gateway goes through its log: {} s",
                began.elapsed().as_secs()
            )),
        }
    }
}

/// How far it has come, on standard error: a line that is written over where somebody looks, else one now and then.
#[derive(Debug, Default)]
struct Told {
    lines: u64,
    open: bool,
}

impl Told {
    fn tell(&mut self, progress: Progress) {
        let Progress { calls, at } = progress;
        let mut err = std::io::stderr();
        // Whoever has gone need not hear it.
        if err.is_terminal() {
            self.open = true;
            let _ = write!(err, "\r{calls} calls, until {at}");
        } else if calls / LINE > self.lines {
            self.lines = calls / LINE;
            complain(&format!("{calls} calls, until {at}"));
        }
    }

    fn end(&self) {
        if self.open {
            complain("");
        }
    }
}

fn print(report: &Value, format: Format) {
    let rows = |name: &str| report[name].as_array().cloned().unwrap_or_default();
    let mut groups = vec![report["change"].clone()];
    groups.extend(rows("by_task"));
    if rows("by_tenant").len() > 1 {
        groups.extend(rows("by_tenant"));
    }
    if format != Format::Table {
        return output::rows(format, report, &groups, CHANGE);
    }
    told(report).iter().for_each(|line| say(line));
    let tables = [
        ("", rows("others"), OTHERS),
        ("", groups, CHANGE),
        ("calls that go elsewhere", rows("flows"), FLOWS),
        ("those that change most", rows("moves"), MOVES),
    ];
    for (title, rows, columns) in tables.iter().filter(|(_, rows, _)| !rows.is_empty()) {
        say("");
        if !title.is_empty() {
            say(title);
        }
        output::rows(format, report, rows, columns);
    }
    say("");
    for note in rows("notes") {
        say(note.as_str().unwrap_or_default());
    }
}

/// What is told before the tables.
fn told(report: &Value) -> Vec<String> {
    let word = |name: &str| match &report[name] {
        Value::String(text) => text.clone(),
        Value::Null => "the beginning".to_owned(),
        other => other.to_string(),
    };
    let count = |name: &str| report[name].as_u64().unwrap_or(0);
    let mut lines = vec![
        format!(
            "{} calls from {} until {}; {} decided once more",
            count("calls"),
            word("since"),
            word("until"),
            count("decided")
        ),
        match count("other") {
            0 => format!(
                "the policies of then choose the same model for each; these calls were billed {} usd",
                word("bill_usd")
            ),
            other => format!("the policies of then choose another model for {other} of them:"),
        },
        format!("tried in place of: {}", word("in_place_of")),
    ];
    let left = [
        (
            "refused_before",
            "were refused before models were looked at",
        ),
        (
            "without_facts",
            "are left out: their facts are not in the log",
        ),
        (
            "other_terms",
            "are decided alike, at other terms than are written down",
        ),
        ("unpriced", "have an attempt whose price nobody knew"),
    ];
    let left = left.iter().filter(|(name, _)| count(name) > 0);
    lines.extend(left.map(|(name, what)| format!("{} {what}", count(name))));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_first_is_what_counts() {
        let report = json!({"calls": 3, "since": null, "until": "now", "decided": 2, "other": 0, "bill_usd": "0.5",
            "in_place_of": "default", "without_facts": 1});

        let lines = told(&report);

        assert_eq!(
            lines[0],
            "3 calls from the beginning until now; 2 decided once more"
        );
        assert!(lines[1].ends_with("billed 0.5 usd"), "{}", lines[1]);
        assert_eq!(lines[3], "1 are left out: their facts are not in the log");
    }
}
