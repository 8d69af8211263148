//! The ledger against what the targets say that they served, attempt by attempt.

use std::collections::HashMap;

use tollgate::domain::tokens::Usage;
use tollgate::ledger::{AttemptRecord, End, Record, State};
use tollgate::sim::{BillLine, Sim};

/// What an attempt of this model costs in nano-dollars, worked out without the gateway; `None` where nobody knows.
pub(crate) type Price = fn(&str, &Usage) -> Option<u64>;

/// The prices of the rig, in pico-dollars for a token: input, read, written for short, written for long, output.
pub(crate) fn by_hand(model: &str, usage: &Usage) -> Option<u64> {
    let prices = match model {
        "alpha" => [3_000_000, 300_000, 3_750_000, 6_000_000, 15_000_000],
        // Where the sheet has no price of cached tokens, they are input.
        "beta" => [70_000, 70_000, 70_000, 70_000, 500],
        _ => return None,
    };
    Some(at(prices, usage))
}

/// The sum at these prices, rounded up once.
pub(crate) fn at(prices: [u64; 5], usage: &Usage) -> u64 {
    let counts = [
        usage.input,
        usage.cache_read,
        usage.cache_write_short,
        usage.cache_write_long,
        usage.output,
    ];
    let sum: u64 = counts
        .iter()
        .zip(prices)
        .map(|(count, price)| count.0 * price)
        .sum();
    sum.div_ceil(1_000)
}

/// Compares everything. `heard` is what the callers saw, by request.
pub(crate) fn compare(
    records: &[Record],
    sims: &[(String, Sim)],
    heard: &HashMap<String, u64>,
    price: Price,
) {
    let attempts = || records.iter().flat_map(|record| &record.attempts);
    for (id, sim) in sims {
        for line in sim.bill() {
            // Without a name it was asked by the test itself.
            let Some(named) = line.attempt.clone() else {
                continue;
            };
            let ours: Vec<_> = attempts()
                .filter(|a| a.attempt_id.to_string() == named)
                .collect();
            let [ours] = ours.as_slice() else {
                unreachable!("{} entries for {line:?}", ours.len())
            };
            assert_eq!(ours.target.as_str(), id);
            against_bill(ours, &line);
        }
        for seen in sim.seen() {
            let Some(named) = seen.header("x-tollgate-attempt-id") else {
                continue;
            };
            assert_eq!(
                attempts()
                    .filter(|a| a.attempt_id.to_string() == named)
                    .count(),
                1,
                "{seen:?}"
            );
            // The caller's key stays with us.
            let shown = format!("{:?}{}", seen.headers, String::from_utf8_lossy(&seen.body));
            assert!(!shown.contains("tg_"), "{shown}");
        }
    }
    for record in records {
        record
            .attempts
            .iter()
            .for_each(|attempt| cost(attempt, price));
        let sum: u64 = record.attempts.iter().filter_map(nanos).sum();
        let unpriced = record
            .attempts
            .iter()
            .any(|a| a.settled() && a.cost_nano_usd.is_none());
        assert_eq!(record.unpriced, unpriced, "{record:?}");
        if !unpriced {
            assert_eq!(
                record.cost_nano_usd.map(|cost| cost.0),
                i64::try_from(sum).ok(),
                "{record:?}"
            );
        }
        if let Some(seen) = heard.get(&record.request_id.to_string()) {
            let told = output_of_the_answer(record);
            let told = told.unwrap_or(*seen);
            assert!(told >= *seen, "{seen} tokens were relayed: {record:?}");
        }
    }
    lines_are_named_once(sims);
}

/// The output of what the caller was given: the last attempt's that did not fail, or that of one which was caught and given after all.
fn output_of_the_answer(record: &Record) -> Option<u64> {
    let attempts = record.attempts.iter();
    let caught = attempts.filter(|it| it.end == Some(End::Caught));
    let answered = record.attempts.iter().rfind(|it| it.state != State::Void);
    let given = caught.chain(answered.or(record.attempts.last()));
    given.map(|it| it.tokens.output.0).max()
}

fn lines_are_named_once(sims: &[(String, Sim)]) {
    let mut names: Vec<_> = sims
        .iter()
        .flat_map(|(_, sim)| sim.bill())
        .filter_map(|line| line.attempt)
        .collect();
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all, "an attempt was made twice");
}

/// What the target bills is what we wrote down, or not less than what came through.
fn against_bill(ours: &AttemptRecord, line: &BillLine) {
    match ours.state {
        State::Actual => assert_eq!(ours.tokens, line.usage, "{ours:?}"),
        State::Estimated => assert!(ours.tokens.prompt().0 > 0, "{ours:?}"),
        State::Open | State::Void => unreachable!("billed there, {} here: {line:?}", ours.state),
    }
}

fn nanos(attempt: &AttemptRecord) -> Option<u64> {
    attempt
        .cost_nano_usd
        .and_then(|cost| u64::try_from(cost.0).ok())
}

fn cost(attempt: &AttemptRecord, price: Price) {
    let right = match attempt.state {
        State::Actual | State::Estimated => price(attempt.model.as_str(), &attempt.tokens),
        State::Void => Some(0),
        State::Open => unreachable!("still open: {attempt:?}"),
    };
    assert_eq!(nanos(attempt), right, "{attempt:?}");
}
