//! Random steps on the ledger in SQLite beside the small one in memory, with crashes. A failure prints the shortest steps
//! that still fail.
//!
//! A crash is an image of the files as the kernel holds them, opened elsewhere: what kill -9 would leave.

mod books;
mod holds;
mod own;
mod warmth;

use std::path::Path;
use std::sync::Arc;

use proptest::prelude::*;
use tempfile::TempDir;
use tollgate::domain::clock::Timestamp;
use tollgate::domain::dialect::{Endpoint, Hosting};
use tollgate::domain::facts::Task;
use tollgate::domain::ids::{AttemptId, RequestId};
use tollgate::domain::money::NanoUsd;
use tollgate::domain::tokens::{TokenCount, Usage};
use tollgate::ledger::{Amount, CallEnd, CallHead, Intent, ROOM};
use tollgate::store::{Settings, Store};

/// Moments of the test, in steps of a day so that groups by day differ.
fn moment(step: u8) -> Timestamp {
    Timestamp::from_millis(1_795_262_400_000 + i64::from(step) * 86_400_000)
}

fn request(call: u8) -> RequestId {
    RequestId((u128::try_from(moment(call).millis()).expect("after 1970") << 80) | u128::from(call))
}

fn attempt(call: u8, number: u8) -> AttemptId {
    AttemptId(request(call).0 + u128::from(number))
}

fn head(call: u8) -> Arc<CallHead> {
    Arc::new(CallHead {
        request: request(call),
        at: moment(call),
        tenant: ["core", "web"][usize::from(call % 2)].into(),
        key: ["k1", "k2", "k3"][usize::from(call % 3)].into(),
        tags: (0..call % 3)
            .map(|n| (format!("tag{n}"), format!("value{call}")))
            .collect(),
        session: call.is_multiple_of(2).then(|| "session".into()),
        endpoint: Endpoint::ALL[usize::from(call) % Endpoint::ALL.len()],
        asked: "auto".into(),
        policy: "default".into(),
        rule: None,
        reason: "cheapest".into(),
        task: Task::ALL[usize::from(call) % Task::ALL.len()],
        explanation: serde_json::from_str(
            [r#""""#, r#"{"why": 1}"#, "null"][usize::from(call % 3)],
        )
        .expect("JSON"),
    })
}

fn intent(call: u8, number: u8, mark: Amount) -> Intent {
    Intent {
        attempt: attempt(call, number),
        head: head(call),
        model: ["base1", "claude-sonnet"][usize::from(number % 2)].into(),
        target: ["gpu", "anthropic"][usize::from(number % 2)].into(),
        hosting: [Hosting::Own, Hosting::Vendor][usize::from(number % 2)],
        price: Some("base1@2026-10-07".into()),
        at: moment(call),
        mark,
    }
}

fn call_end(status: u16, baseline: Option<i64>) -> CallEnd {
    CallEnd {
        at: moment(9),
        status,
        model: Some("base1".into()),
        hosting: Some(Hosting::Own),
        baseline: baseline.map(NanoUsd),
        first_byte_ms: None,
        duration_ms: 7,
        error: None,
        translation: None,
        flaws: None,
    }
}

fn amounts() -> impl Strategy<Value = Amount> {
    (0u64..5_000, 0u64..900, prop::option::of(0i64..1_000_000)).prop_map(|(input, output, cost)| {
        Amount {
            usage: Usage {
                input: TokenCount(input),
                output: TokenCount(output),
                ..Usage::default()
            },
            cost: cost.map(NanoUsd),
        }
    })
}

fn open(path: &Path) -> Store {
    Store::open(&Settings::at(path), &[ROOM]).expect("a store")
}

/// The files as the kernel holds them now.
fn image(of: &Path) -> TempDir {
    let image = tempfile::tempdir().expect("a folder");
    let mut files: Vec<_> = std::fs::read_dir(of)
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

fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime");
    runtime.block_on(test);
}
