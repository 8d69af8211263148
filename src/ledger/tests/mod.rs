//! The ledger on SQLite and in memory: what a call leaves behind.

mod cost;
mod queries;

use std::sync::Arc;

use tempfile::TempDir;

use super::*;
use crate::domain::clock::{Clock, Entropy, Timestamp};
use crate::domain::dialect::{Endpoint, Hosting};
use crate::domain::facts::Task;
use crate::domain::ids::{AttemptId, RequestId};
use crate::domain::money::NanoUsd;
use crate::domain::tokens::{TokenCount, Usage};
use crate::store::{Health, Settings, Store};

const NOON: Timestamp = Timestamp::from_millis(1_795_262_400_000);

struct Rig {
    dir: TempDir,
    ledger: Ledger,
    entropy: Entropy,
    clock: Clock,
}

async fn rig() -> Rig {
    let dir = tempfile::tempdir().expect("a folder");
    let clock = Clock::fixed(NOON);
    let (ledger, recovered) = open(&dir, &clock).await;
    assert_eq!(recovered, Recovered::default());
    Rig {
        dir,
        ledger,
        entropy: Entropy::seeded(1),
        clock,
    }
}

async fn open(dir: &TempDir, clock: &Clock) -> (Ledger, Recovered) {
    let store = Store::open(&Settings::at(dir.path()), &[ROOM]).expect("a store");
    Ledger::open(store, clock.clone()).await.expect("a ledger")
}

impl Rig {
    fn head(&self, tenant: &str) -> Arc<CallHead> {
        let at = self.clock.now();
        Arc::new(CallHead {
            request: RequestId::new(at, &self.entropy),
            at,
            tenant: tenant.into(),
            key: "key1".into(),
            tags: vec![("repo".into(), "core".into())],
            session: None,
            endpoint: Endpoint::Messages,
            asked: "auto".into(),
            policy: "default".into(),
            rule: None,
            reason: "cheapest".into(),
            task: Task::Fix,
            explanation: serde_json::from_str(r#"{"candidates":[]}"#).expect("JSON"),
        })
    }

    fn intent(&self, head: &Arc<CallHead>, model: &str) -> Intent {
        Intent {
            attempt: AttemptId::new(self.clock.now(), &self.entropy),
            head: Arc::clone(head),
            model: model.into(),
            target: "gpu".into(),
            hosting: Hosting::Own,
            price: Some("base1@2026-10-07".into()),
            at: self.clock.now(),
            mark: amount(100, 0, Some(1_000)),
        }
    }

    /// The end of the process: nothing more runs, nothing is closed.
    async fn restart(self) -> (Rig, Recovered) {
        drop(self.ledger);
        let (ledger, recovered) = open(&self.dir, &self.clock).await;
        (Rig { ledger, ..self }, recovered)
    }
}

fn amount(input: u64, output: u64, cost: Option<i64>) -> Amount {
    Amount {
        usage: Usage {
            input: TokenCount(input),
            output: TokenCount(output),
            ..Usage::default()
        },
        cost: cost.map(NanoUsd),
    }
}

fn closed(baseline: i64) -> CallEnd {
    CallEnd {
        at: NOON,
        status: 200,
        model: Some("base1".into()),
        hosting: Some(Hosting::Own),
        baseline: Some(NanoUsd(baseline)),
        first_byte_ms: Some(40),
        duration_ms: 900,
        error: None,
        translation: None,
        flaws: None,
    }
}

async fn read(ledger: &Ledger, head: &CallHead) -> Record {
    let record = ledger.record(head.request).await.expect("a read");
    record.expect("a record")
}

#[tokio::test]
async fn a_call_reads_back_in_the_shape_of_the_admin_api() {
    let rig = rig().await;
    let head = rig.head("core");
    let closing = rig.ledger.open_call().await.expect("room");
    let mut hold = rig
        .ledger
        .hold(rig.intent(&head, "base1"))
        .await
        .expect("a hold");
    assert_eq!(rig.ledger.open_holds(), 1);
    rig.ledger
        .synced(hold.entered())
        .await
        .expect("on the disk");
    hold.sent(NOON);
    hold.settle(amount(120, 30, Some(12_345)), true, End::Complete, NOON);
    closing.refuse(Arc::clone(&head), closed(20_000));

    let record = read(&rig.ledger, &head).await;

    assert_eq!((rig.ledger.open_holds(), rig.ledger.duplicates()), (0, 0));
    let attempt = &record.attempts[0];
    let expected = serde_json::json!({
        "request_id": head.request, "time": NOON, "tenant": "core", "key_id": "key1", "session": null,
        "dialect": "messages", "endpoint": "messages", "task": "fix", "tags": {"repo": "core"}, "asked": "auto",
        "model": "base1", "hosting": "own", "policy": "default", "rule": null, "reason": "cheapest", "status": 200,
        "cost_nano_usd": 12_345, "cost_usd": "0.000012345", "baseline_nano_usd": 20_000, "saved_nano_usd": 7_655,
        "first_byte_ms": 40, "duration_ms": 900,
        "attempts": [{
            "attempt_id": attempt.attempt_id, "model": "base1", "target": "gpu", "hosting": "own", "state": "actual",
            "end": "complete", "price_id": "base1@2026-10-07", "cost_nano_usd": 12_345, "cost_usd": "0.000012345",
            "tokens": {"input": 120, "cache_read": 0, "cache_write_5m": 0, "cache_write_1h": 0, "output": 30, "reasoning": 0},
        }],
        "explanation": {"candidates": []},
    });
    assert_eq!(serde_json::to_value(&record).expect("JSON"), expected);
}

#[tokio::test]
async fn a_hold_that_is_dropped_is_billed_if_it_was_sent_and_void_if_not() {
    let rig = rig().await;
    let head = rig.head("core");
    let unsent = rig.ledger.hold(rig.intent(&head, "a")).await.expect("held");
    let mut silent = rig.ledger.hold(rig.intent(&head, "b")).await.expect("held");
    let mut cut = rig.ledger.hold(rig.intent(&head, "c")).await.expect("held");

    drop(unsent);
    silent.sent(NOON);
    drop(silent);
    cut.sent(NOON);
    cut.relayed(amount(100, 7, Some(1_070)));
    drop(cut);

    let record = read(&rig.ledger, &head).await;
    let mut ends: Vec<_> = record
        .attempts
        .iter()
        .map(|a| (a.model.as_str(), a.state, a.cost_nano_usd))
        .collect();
    ends.sort_by_key(|end| end.0);
    assert_eq!(
        ends,
        [
            ("a", State::Void, Some(NanoUsd(0))),
            ("b", State::Estimated, Some(NanoUsd(1_000))),
            ("c", State::Estimated, Some(NanoUsd(1_070))),
        ]
    );
    assert_eq!(record.cost_nano_usd, Some(NanoUsd(2_070)));
}

#[tokio::test]
async fn a_restart_settles_what_was_open_at_its_last_mark_and_only_once() {
    let rig = rig().await;
    let head = rig.head("core");
    let mut marked = rig.ledger.hold(rig.intent(&head, "a")).await.expect("held");
    marked
        .progress(amount(100, 50, Some(1_500)))
        .await
        .expect("marked");
    let untouched = rig.ledger.hold(rig.intent(&head, "b")).await.expect("held");
    let image = crash_image(&rig);
    std::mem::drop((marked, untouched));

    let (again, recovered) = open(&image, &rig.clock).await;

    assert_eq!(
        recovered,
        Recovered {
            attempts: 2,
            calls: 1
        }
    );
    let record = read(&again, &head).await;
    assert_eq!(record.cost_nano_usd, Some(NanoUsd(2_500)));
    assert!(
        record
            .attempts
            .iter()
            .all(|a| (a.state, a.end) == (State::Estimated, Some(End::Recovered)))
    );
    assert_eq!(
        (record.status, record.error.as_deref()),
        (None, Some("recovered"))
    );
    drop(again);
    let (_, once_more) = open(&image, &rig.clock).await;
    assert_eq!(once_more, Recovered::default());
}

#[tokio::test]
async fn an_attempt_and_its_call_that_end_together_are_both_in_the_journal() {
    let rig = rig().await;
    let head = rig.head("core");
    let closing = rig.ledger.open_call().await.expect("room");
    let mut hold = rig
        .ledger
        .hold(rig.intent(&head, "base1"))
        .await
        .expect("held");
    hold.sent(NOON);
    let used = amount(120, 30, Some(12_345));
    hold.settle_last((used, true, End::Complete), closing, closed(20_000));
    let image = crash_image(&rig);

    let (again, recovered) = open(&image, &rig.clock).await;

    assert_eq!(recovered, Recovered::default());
    for ledger in [&rig.ledger, &again] {
        let record = read(ledger, &head).await;
        assert_eq!(record.cost_nano_usd, Some(NanoUsd(12_345)));
        assert_eq!(
            (record.status, record.baseline_nano_usd),
            (Some(200), Some(NanoUsd(20_000)))
        );
        assert_eq!(record.attempts[0].state, State::Actual);
        assert_eq!(ledger.open_holds(), 0);
    }
    assert_eq!(rig.ledger.duplicates(), 0);
}

/// The files as kill -9 would leave them: all that the kernel has been given.
fn crash_image(rig: &Rig) -> TempDir {
    let image = tempfile::tempdir().expect("a folder");
    let mut files: Vec<_> = std::fs::read_dir(rig.dir.path())
        .expect("a folder")
        .map(|file| file.expect("a file").path())
        .collect();
    // The journal before the database: what is folded in meanwhile is then in both.
    files.sort();
    for file in files {
        let name = file
            .file_name()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        if name.starts_with("journal-")
            || name.starts_with("tollgate.db") && !name.ends_with("-shm")
        {
            std::fs::copy(&file, image.path().join(name)).expect("copied");
        }
    }
    image
}

#[tokio::test]
async fn a_call_refused_before_any_attempt_is_on_record() {
    let rig = rig().await;
    let head = rig.head("core");
    let refused = CallEnd {
        status: 402,
        model: None,
        hosting: None,
        baseline: None,
        error: Some("budget_spent".into()),
        translation: None,
        flaws: None,
        ..closed(0)
    };

    let closing = rig.ledger.open_call().await.expect("room");
    closing.refuse(Arc::clone(&head), refused);
    drop(rig.ledger.open_call().await.expect("room"));

    let record = read(&rig.ledger, &head).await;
    assert_eq!(record.status, Some(402));
    assert_eq!(record.cost_nano_usd, Some(NanoUsd::ZERO));
    assert_eq!(record.error.as_deref(), Some("budget_spent"));
}

#[tokio::test]
async fn a_closed_store_refuses_holds() {
    let rig = rig().await;
    let kept = rig.ledger.open_call().await.expect("room");
    rig.ledger.store.close().await;

    let refused = rig
        .ledger
        .hold(rig.intent(&rig.head("core"), "base1"))
        .await;

    assert!(matches!(refused, Err(LedgerError::Unavailable(_))));
    assert_eq!(
        (rig.ledger.open_holds(), rig.ledger.health()),
        (0, Health::Dead)
    );
    kept.refuse(rig.head("core"), closed(0));
}
