//! The ledger against the targets' own bills, attempt by attempt.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tollgate::ledger::{AttemptRecord, Filter, Ledger, State};
use tollgate::sim::BillLine;

const PATIENCE: Duration = Duration::from_secs(10);

/// Waits until nothing is under way, then holds each line of each target's bill against the one attempt that it belongs to.
pub(super) async fn hold(ledger: &Ledger, bills: impl Fn() -> Vec<BillLine>) {
    let deadline = Instant::now() + PATIENCE;
    while ledger.open_holds() > 0 {
        assert!(Instant::now() < deadline, "attempts stay open");
        sleep(Duration::from_millis(20)).await;
    }
    let mut attempts = attempts(ledger).await;
    let bills = bills();
    assert!(!bills.is_empty(), "nothing spent");

    let faults: Vec<String> = bills
        .iter()
        .filter_map(|line| compare(line, &mut attempts))
        .collect();

    assert!(faults.is_empty(), "{}", faults.join("\n"));
    // What no target has billed may be estimated, where the answer was lost, or void. It is never told as usage.
    let made_up: Vec<_> = attempts
        .values()
        .filter(|attempt| attempt.state == State::Actual)
        .collect();
    assert!(made_up.is_empty(), "billed by nobody: {made_up:?}");
    assert_eq!(ledger.duplicates(), 0, "an attempt was settled twice");
}

/// All attempts of all calls. Each id is there once.
async fn attempts(ledger: &Ledger) -> BTreeMap<String, AttemptRecord> {
    let mut attempts = BTreeMap::new();
    let mut cursor = None;
    loop {
        let filter = Filter {
            cursor,
            limit: 200,
            ..Filter::default()
        };
        let page = ledger.records(filter).await;
        let page = page.expect("the ledger is readable");
        for attempt in page.requests.into_iter().flat_map(|call| call.attempts) {
            let id = attempt.attempt_id.to_string();
            let twice = attempts.insert(id, attempt);
            assert!(twice.is_none(), "{twice:?} is in the ledger twice");
        }
        cursor = page.cursor;
        if cursor.is_none() {
            return attempts;
        }
    }
}

/// Takes the attempt of a line away; says what differs.
fn compare(line: &BillLine, attempts: &mut BTreeMap<String, AttemptRecord>) -> Option<String> {
    let attempt = line.attempt.as_ref().and_then(|id| attempts.remove(id));
    let Some(attempt) = attempt else {
        return Some(format!("no attempt, or no second one, for {line:?}"));
    };
    let right = match attempt.state {
        State::Actual if line.finished => attempt.tokens == line.usage,
        State::Actual | State::Estimated => attempt.tokens.output.0 >= line.produced_output,
        State::Open | State::Void => false,
    };
    (!right).then(|| format!("billed: {line:?}\nledger: {attempt:?}"))
}
