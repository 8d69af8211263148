//! kill -9 at any moment: nothing that was spent is lost, and nothing is counted twice.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rusqlite::Connection;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tollgate::domain::clock::{Entropy, mix};
use tollgate::domain::dialect::Dialect;

use crate::books::Books;
use crate::caller::{Call, DIALECTS, Got, key};
use crate::rig::{Gateway, Pair, Site, client, tell, until};

const ROUNDS: u64 = 24;
const CALLERS: u64 = 16;

/// What a round is like follows from the seed, up to what the machine makes of it.
fn draw(seed: u64, round: u64, what: u64) -> u64 {
    mix(mix(seed ^ round) ^ what)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_four_kills_under_load_lose_nothing_and_count_nothing_twice() {
    let seed = Entropy::system().u64();
    tell(&format!("seed {seed:#018x}"));
    let pair = Pair::paced(Duration::from_millis(3), Duration::from_micros(1_500)).await;
    let site = Site::with(&pair, "");
    let key = {
        let gateway = site.start().await;
        key(&gateway, "core").await
    };
    let mut all = Vec::new();

    for round in 0..ROUNDS {
        if round % 4 == 3 {
            // Also while it starts, which is when it recovers.
            let mut starting = site.spawn(site.command(&["serve"]));
            sleep(Duration::from_millis(draw(seed, round, 1) % 60)).await;
            starting.kill();
        }
        let gateway = site.start().await;
        all.extend(one_round(gateway, &key, seed, round).await);
    }

    let gateway = site.start().await;
    let books = Books::read(&gateway).await;
    books.agree(&gateway, &pair).await;
    for got in &all {
        assert!(got.status == 0 || got.status == 200, "{got:?}");
        books.cover(got);
    }
    let cut = all.iter().filter(|got| got.request.is_some() && !got.whole);
    assert!(cut.count() > 0, "no answer was cut in its middle");
    assert!(books.count("actual") > 0 && books.count("estimated") > 0);
}

/// Callers ask without pause until the gateway is killed; returns what each got.
async fn one_round(mut gateway: Gateway, key: &str, seed: u64, round: u64) -> Vec<Got> {
    let answers = Arc::new(AtomicU64::new(0));
    let mut callers = JoinSet::new();
    for caller in 0..CALLERS {
        let (key, calls, answers) = (key.to_owned(), gateway.calls.clone(), answers.clone());
        callers.spawn(async move {
            let client = client();
            let mut all = Vec::new();
            for turn in 0.. {
                let call = call(draw(seed, round, caller << 32 | turn), caller);
                let got = call.make(&client, &calls, &key).await;
                let over = !got.whole;
                answers.fetch_add(1, Ordering::Relaxed);
                all.push(got);
                if over {
                    break;
                }
            }
            all
        });
    }
    // Some work is done before the end comes, at no moment in particular.
    let enough = draw(seed, round, 2) % 40;
    until("answers", async || {
        (answers.load(Ordering::Relaxed) >= enough).then_some(())
    })
    .await;
    sleep(Duration::from_micros(draw(seed, round, 3) % 150_000)).await;
    gateway.kill();
    callers.join_all().await.into_iter().flatten().collect()
}

fn call(draw: u64, caller: u64) -> Call {
    let dialect = DIALECTS[usize::try_from(draw % 4).expect("small")];
    Call {
        stream: draw & 0x30 != 0,
        model: ["small", "large", "auto"][usize::try_from(draw >> 8 & 0xff).expect("small") % 3],
        long: dialect != Dialect::Completions && draw >> 16 & 7 == 0,
        ..Call::new(dialect, true, &format!("caller {caller} asks {draw:x}"))
    }
}

/// A database that cannot be written, for as long as this lives: somebody else holds it.
fn block(site: &Site) -> Connection {
    let other = Connection::open(site.path("store/tollgate.db")).expect("the file opens");
    other.busy_timeout(Duration::from_secs(20)).expect("set");
    other.execute_batch("BEGIN IMMEDIATE").expect("a lock");
    other
}

/// Between the intent and the first byte the database stops taking writes. The journal does not: the answer comes whole,
/// and a kill before the database has seen any of it loses nothing.
async fn killed_while_the_database_cannot_be_written(stream: bool) {
    let pair = Pair::paced(Duration::from_millis(700), Duration::ZERO).await;
    let site = Site::with(&pair, "");
    let mut gateway = site.start().await;
    let key = key(&gateway, "core").await;
    let call = Call {
        long: true,
        ..Call::new(Dialect::Messages, stream, "write a great deal")
    };

    let calls = gateway.calls.clone();
    let mut answer = JoinSet::new();
    answer.spawn(async move { call.follow(&client(), &calls, &key, |_| ()).await });
    until("the target is asked", async || pair.near.seen().pop()).await;
    let blocked = block(&site);
    let got = answer
        .join_next()
        .await
        .expect("one caller")
        .expect("no panic");
    gateway.kill();
    drop(blocked);

    let gateway = site.start().await;
    let books = Books::read(&gateway).await;
    books.agree(&gateway, &pair).await;
    books.cover(&got);
    assert_eq!(books.count("actual"), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_is_settled_although_the_database_could_not_be_written() {
    killed_while_the_database_cannot_be_written(true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_whole_answer_is_settled_although_the_database_could_not_be_written() {
    killed_while_the_database_cannot_be_written(false).await;
}
