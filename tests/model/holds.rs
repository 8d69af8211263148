//! Holds through the ledger's handle, and a crash in the midst of what is queued: every attempt ends once, and never
//! below what was acknowledged.

use proptest::prelude::*;
use tollgate::domain::clock::Clock;
use tollgate::domain::money::NanoUsd;
use tollgate::ledger::{Amount, End, Hold, Ledger, State};

use super::{image, intent, moment, open, request, run};

#[derive(Clone, Copy, Debug)]
enum Fate {
    Settle,
    Void,
    Drop,
    Keep,
}

#[derive(Clone, Debug)]
struct Life {
    sent: bool,
    marks: u8,
    relayed: bool,
    fate: Fate,
}

fn lives() -> impl Strategy<Value = Vec<Life>> {
    let fate = prop::sample::select(vec![Fate::Settle, Fate::Void, Fate::Drop, Fate::Keep]);
    let life =
        (any::<bool>(), 0u8..3, any::<bool>(), fate).prop_map(|(sent, marks, relayed, fate)| {
            Life {
                sent,
                marks,
                relayed,
                fate,
            }
        });
    prop::collection::vec(life, 1..12)
}

fn costing(nano: i64) -> Amount {
    Amount {
        cost: Some(NanoUsd(nano)),
        ..Amount::default()
    }
}

/// Marks cost 1,000 and one more each; what is relayed 2,000; the settlement 3,000.
async fn live(ledger: &Ledger, number: u8, life: &Life) -> Option<Hold> {
    let hold = ledger.hold(intent(0, number, costing(1_000))).await;
    let mut hold = hold.expect("held");
    if life.sent {
        hold.sent(moment(0));
    }
    for mark in 1..=i64::from(life.marks) {
        let marked = hold.progress(costing(1_000 + mark)).await;
        marked.expect("marked");
    }
    if life.relayed {
        hold.relayed(costing(2_000));
    }
    match life.fate {
        Fate::Settle => hold.settle(costing(3_000), true, End::Complete, moment(1)),
        Fate::Void => hold.void(End::Status, moment(1)),
        Fate::Drop => drop(hold),
        Fate::Keep => return Some(hold),
    }
    None
}

/// The end that a life has when all of it is on record.
fn whole(life: &Life) -> (State, i64) {
    let last = if life.relayed { 2_000 } else { 1_000 };
    match (life.fate, life.sent) {
        (Fate::Settle, _) => (State::Actual, 3_000),
        (Fate::Void, _) | (Fate::Drop, false) => (State::Void, 0),
        (Fate::Drop, true) => (State::Estimated, last),
        (Fate::Keep, _) => cut(life),
    }
}

/// The end that it has when its last entry was lost.
fn cut(life: &Life) -> (State, i64) {
    (State::Estimated, 1_000 + i64::from(life.marks))
}

async fn crash(lives: Vec<Life>, flushed: bool) {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path());
    let clock = Clock::fixed(moment(0));
    let (ledger, _) = Ledger::open(store.clone(), clock.clone())
        .await
        .expect("a ledger");
    let mut kept = Vec::new();
    for (number, life) in (0..).zip(&lives) {
        kept.extend(live(&ledger, number, life).await);
    }
    assert_eq!(ledger.open_holds(), u64::try_from(kept.len()).expect("few"));
    if flushed {
        store.flush().await.expect("flushed");
    }

    let after = image(folder.path());
    let (again, _) = Ledger::open(open(after.path()), clock)
        .await
        .expect("a ledger");

    let record = again.record(request(0)).await.expect("a read");
    let attempts = record.expect("a call").attempts;
    assert_eq!(attempts.len(), lives.len());
    for (found, life) in attempts.iter().zip(&lives) {
        let end = (found.state, found.cost_nano_usd.expect("priced").0);
        let allowed = end == whole(life) || (!flushed && end == cut(life));
        assert!(allowed, "{life:?} ended as {end:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_attempt_ends_once_whatever_was_queued_at_the_crash(lives in lives(), flushed: bool) {
        run(crash(lives, flushed));
    }
}
