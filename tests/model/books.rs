//! Both books, entry by entry: the same answers, the same records, before and after every crash.

use proptest::prelude::*;
use serde::Serialize;
use tollgate::ledger::{Amount, Applied, Book, By, End, Entry, Filter, Memory, Sqlite};
use tollgate::store::Store;

use super::{amounts, attempt, call_end, head, image, intent, moment, open, request, run};

#[derive(Clone, Debug)]
enum Step {
    Intent(u8, u8, Amount),
    Progress(u8, u8, Amount),
    Settle(u8, u8, Amount, bool, End),
    Void(u8, u8, End),
    Close(u8, u16, Option<i64>),
    Crash,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    // Few calls and attempts, so that entries meet: late, twice, out of order.
    let (call, number) = (|| 0u8..5, || 0u8..3);
    let end = || prop::sample::select(End::ALL);
    let step = prop_oneof![
        6 => (call(), number(), amounts()).prop_map(|(c, n, a)| Step::Intent(c, n, a)),
        4 => (call(), number(), amounts()).prop_map(|(c, n, a)| Step::Progress(c, n, a)),
        4 => (call(), number(), amounts(), any::<bool>(), end())
            .prop_map(|(c, n, a, actual, e)| Step::Settle(c, n, a, actual, e)),
        2 => (call(), number(), end()).prop_map(|(c, n, e)| Step::Void(c, n, e)),
        2 => (call(), 200u16..600, prop::option::of(0i64..9_000_000))
            .prop_map(|(c, s, b)| Step::Close(c, s, b)),
        1 => Just(Step::Crash),
    ];
    prop::collection::vec(step, 1..60)
}

fn entry(step: &Step) -> Option<Entry> {
    Some(match *step {
        Step::Intent(call, number, mark) => Entry::Intent(Box::new(intent(call, number, mark))),
        Step::Progress(call, number, mark) => Entry::Progress {
            request: request(call),
            attempt: attempt(call, number),
            mark,
        },
        Step::Settle(call, number, amount, actual, end) => Entry::Settle {
            request: request(call),
            attempt: attempt(call, number),
            amount,
            actual,
            sent: Some(moment(8)),
            end,
            at: moment(9),
        },
        Step::Void(call, number, end) => Entry::Void {
            request: request(call),
            attempt: attempt(call, number),
            sent: None,
            end,
            at: moment(9),
        },
        Step::Close(call, status, baseline) => Entry::Close {
            request: request(call),
            head: Some(head(call)),
            end: call_end(status, baseline),
        },
        Step::Crash => return None,
    })
}

fn text(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("JSON")
}

/// All that a book can be asked, as text.
fn answers<B: Book>(book: &B) -> Result<Vec<String>, B::Error> {
    let mut said = Vec::new();
    for call in 0..6 {
        said.push(text(&book.record(request(call))?));
    }
    for filter in [
        Filter::default(),
        Filter {
            limit: 2,
            since: Some(moment(1)),
            ..Filter::default()
        },
        Filter {
            tenant: Some("core".into()),
            cursor: Some(request(3)),
            ..Filter::default()
        },
    ] {
        said.push(text(&book.records(&filter)?));
    }
    for by in [
        "tenant", "key", "model", "target", "tag:tag0", "task", "day",
    ] {
        let by: By = by.parse().expect("a grouping");
        said.push(text(&book.spend(&by, None, None)?));
        said.push(text(&book.spend(&by, Some(moment(1)), Some(moment(4)))?));
    }
    said.push(format!("{:?}", book.totals()?));
    Ok(said)
}

async fn compare(store: &Store, memory: &Memory) {
    let durable = store.read(|conn| answers(&Sqlite(conn))).await;
    let Ok(expected) = answers(memory);
    assert_eq!(durable.expect("a read"), expected);
}

async fn live(steps: Vec<Step>) {
    let mut folder = tempfile::tempdir().expect("a folder");
    let mut store = open(folder.path());
    let mut memory = Memory::default();
    for step in &steps {
        match entry(step) {
            Some(entry) => {
                let Ok(expected) = memory.apply(&entry);
                let done = store.write(move |conn| Sqlite(conn).apply(&entry)).await;
                assert_eq!(done.expect("a write"), expected, "{step:?}");
            }
            None => {
                let after = image(folder.path());
                drop(store);
                (store, folder) = (open(after.path()), after);
                for _ in 0..2 {
                    let Ok(expected) = memory.recover(moment(9));
                    let done = store.write(|conn| Sqlite(conn).recover(moment(9))).await;
                    assert_eq!(done.expect("a write"), expected);
                }
                compare(&store, &memory).await;
            }
        }
    }
    compare(&store, &memory).await;
}

/// What meets of one call, mostly in the order in which it comes; some of it may be missing, or have come before.
fn meetings() -> impl Strategy<Value = Vec<Vec<Step>>> {
    let number = || prop_oneof![6 => Just(0u8), 1 => Just(1u8)];
    let end = prop_oneof![
        3 => (number(), amounts(), any::<bool>()).prop_map(|(n, a, actual)| Step::Settle(0, n, a, actual, End::Complete)),
        1 => number().prop_map(|n| Step::Void(0, n, End::Status)),
    ];
    let life = (
        0u8..4,
        prop::option::weighted(0.8, (number(), amounts())),
        prop::collection::vec((number(), amounts()), 0..3),
        prop::option::weighted(0.8, end),
        prop::option::weighted(0.7, 200u16..600),
    );
    let steps = life.prop_map(|(call, first, marks, end, close)| {
        let mut steps = Vec::new();
        steps.extend(first.map(|(n, a)| Step::Intent(call, n, a)));
        steps.extend(marks.into_iter().map(|(n, a)| Step::Progress(call, n, a)));
        steps.extend(end.map(|end| match end {
            Step::Settle(_, n, a, actual, end) => Step::Settle(call, n, a, actual, end),
            Step::Void(_, n, end) => Step::Void(call, n, end),
            other => other,
        }));
        steps.extend(close.map(|status| Step::Close(call, status, Some(7))));
        steps
    });
    prop::collection::vec(steps, 1..12)
}

async fn together(meetings: Vec<Vec<Step>>) {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path());
    let mut memory = Memory::default();
    for steps in &meetings {
        let entries: Vec<Entry> = steps.iter().filter_map(entry).collect();
        let applied = entries.iter().map(|entry| memory.apply(entry));
        let duplicates = applied
            .filter(|done| *done == Ok(Applied::Duplicate))
            .count();
        let done = store
            .write(move |conn| Sqlite(conn).apply_all(&entries))
            .await;
        assert_eq!(done.expect("a write"), duplicates as u64, "{steps:?}");
    }
    compare(&store, &memory).await;
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_two_books_agree_after_any_steps_and_crashes(steps in steps()) {
        run(live(steps));
    }

    #[test]
    fn entries_that_meet_are_written_together_as_one_by_one(meetings in meetings()) {
        run(together(meetings));
    }
}
