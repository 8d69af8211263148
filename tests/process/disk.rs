//! A disk that is full, a store that fails, a log that nobody reads, descriptors that run out: what is under way goes on, and what cannot be written
//! down is not sent.

use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use tollgate::domain::dialect::Dialect;
use tollgate::sim::Fault;

use crate::books::Books;
use crate::caller::{Call, DIALECTS, key};
use crate::rig::{Gateway, Pair, Site, client, until};
use crate::start::unshared;
use crate::stop::streams;

const BINARY: &str = env!("CARGO_BIN_EXE_tollgate");
/// Room for the store, its reserve, and twice the reserve again.
const MOUNT: &str = r#"mount -t tmpfs -o size=56m none store && exec "$0" serve"#;

/// The store's folder as the gateway sees it: on a small disk of its own.
fn inside(site: &Site, gateway: &Gateway) -> PathBuf {
    let root = PathBuf::from(format!("/proc/{}/root", gateway.id()));
    let store = site.path("store");
    root.join(store.strip_prefix("/").expect("absolute"))
}

/// Fills the disk to the last byte.
fn fill(path: &std::path::Path) {
    let mut ballast = File::create(path).expect("a file");
    for size in [1 << 20, 4 << 10, 1] {
        while ballast.write_all(&vec![7; size]).is_ok() {}
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_full_disk_new_calls_are_refused_and_running_ones_are_settled() {
    let pair = Pair::half_slow().await;
    let site = Site::with(&pair, "");
    fs::create_dir(site.path("store")).expect("a folder");
    let Some(mut command) = unshared(&site, &["-U", "-r", "-m"]) else {
        return;
    };
    command.args(["sh", "-c", MOUNT, BINARY]);
    let mut gateway = site.spawn(command);
    gateway.ready().await;
    let key = key(&gateway, "core").await;
    let running = streams(&gateway, &key).await;

    let ballast = inside(&site, &gateway).join("ballast");
    fill(&ballast);
    // The log has some room of its own: calls go on until that is used up.
    let refused = until("a call that is refused", async || {
        let call = Call {
            model: "large",
            ..Call::new(Dialect::Chat, false, "until the disk is full")
        };
        let got = call.make(&client(), &gateway.calls, &key).await;
        (got.status != 200).then_some(got)
    });
    let refused = refused.await;
    assert_eq!(refused.status, 503, "{refused:?}");
    assert!(refused.body.contains("ledger_unavailable"), "{refused:?}");
    assert_eq!(
        gateway.readiness().await,
        Some((503, "store: disk_full\n".into()))
    );
    let asked = pair.near.seen().len();
    for dialect in DIALECTS {
        let call = Call::new(dialect, true, "not while the disk is full");
        let got = call.make(&client(), &gateway.calls, &key).await;
        assert_eq!(got.status, 503, "{got:?}");
    }
    assert_eq!(pair.near.seen().len(), asked, "something was sent");
    for got in running.join_all().await {
        assert!(got.whole && got.error.is_none(), "{got:?}");
    }

    fs::remove_file(&ballast).expect("removed");
    until("room again", async || {
        let readiness = gateway.readiness().await;
        readiness.filter(|(status, _)| *status == 200)
    })
    .await;
    let call = Call::new(Dialect::Chat, true, "and on");
    assert!(call.make(&client(), &gateway.calls, &key).await.whole);
    let books = Books::read(&gateway).await;
    books.agree(&gateway, &pair).await;
    assert_eq!(books.count("estimated"), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_fails_for_good_takes_nothing_new_and_ends_the_process() {
    let pair = Pair::half_slow().await;
    let site = Site::with(&pair, "");
    // A limit on the size of files stands for a disk that no longer writes.
    let mut command = site.at_home(Command::new("sh"));
    let script = r#"trap "" XFSZ; ulimit -f 2048; exec "$0" serve"#;
    command.args(["-c", script, BINARY]);
    let mut gateway = site.spawn(command);
    gateway.ready().await;
    let key = key(&gateway, "core").await;
    let running = streams(&gateway, &key).await;

    until("a call that is refused", async || {
        let call = Call {
            model: "large",
            ..Call::new(Dialect::Chat, false, "until the store fails")
        };
        let got = call.make(&client(), &gateway.calls, &key).await;
        (got.status != 200).then_some(())
    })
    .await;

    for got in running.join_all().await {
        assert!(got.whole && got.error.is_none(), "{got:?}");
    }
    assert_eq!(gateway.ended().await.code(), Some(1), "{}", gateway.log());
    assert!(gateway.log().contains("the store has failed"));
    let gateway = site.start().await;
    Books::read(&gateway).await.agree(&gateway, &pair).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_nobody_reads_any_more_stops_nothing() {
    let pair = Pair::instant().await;
    let site = Site::with(&pair, "");
    // Standard error is a pipe whose reader has gone.
    let mut command = site.at_home(Command::new("sh"));
    let script = r#"mkfifo pipe; sleep 0 < pipe & exec 2> pipe; wait; exec "$0" serve"#;
    command.args(["-c", script, BINARY]);
    command.stderr(Stdio::null());
    let mut gateway = site.spawn(command);
    gateway.ready().await;
    let key = key(&gateway, "core").await;
    pair.near.script([Fault::status(500), Fault::HangAfter(3)]);

    for dialect in DIALECTS {
        let call = Call::new(dialect, false, "is anybody reading?");
        let call = Call {
            model: "large",
            ..call
        };
        let got = call.make(&client(), &gateway.calls, &key).await;
        assert!(got.whole, "{got:?}");
    }

    until("lines that are counted as lost", async || {
        let lost = gateway.metric("tollgate_log_dropped_total").await;
        lost.filter(|lost| *lost >= 4.0)
    })
    .await;
    Books::read(&gateway).await.agree(&gateway, &pair).await;
    gateway.signal("TERM");
    assert_eq!(gateway.ended().await.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_is_closed_from_the_start_does_not_end_up_in_the_store() {
    let pair = Pair::instant().await;
    let site = Site::with(&pair, "");
    let mut command = site.at_home(Command::new("sh"));
    command.args(["-c", r#"exec "$0" serve --log trace 2>&-"#, BINARY]);
    let mut gateway = site.spawn(command);
    gateway.ready().await;
    let key = key(&gateway, "core").await;

    let call = Call::new(Dialect::Chat, true, "is anybody there?");
    assert!(call.make(&client(), &gateway.calls, &key).await.whole);

    gateway.signal("TERM");
    assert_eq!(gateway.ended().await.code(), Some(0));
    let gateway = site.start().await;
    Books::read(&gateway).await.agree(&gateway, &pair).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_connections_than_descriptors_only_make_callers_wait() {
    let pair = Pair::instant().await;
    let site = Site::with(&pair, "");
    let mut command = site.at_home(Command::new("sh"));
    command.args(["-c", r#"ulimit -n 64; exec "$0" serve"#, BINARY]);
    let mut gateway = site.spawn(command);
    gateway.ready().await;
    let key = key(&gateway, "core").await;

    let address = gateway.calls.trim_start_matches("http://");
    let connect = || std::net::TcpStream::connect(address).expect("a place in the queue");
    let idle: Vec<_> = (0..100).map(|_| connect()).collect();
    until("a word in the log", async || {
        let log = gateway.log();
        log.contains("no connection can be accepted").then_some(())
    })
    .await;
    drop(idle);

    for dialect in DIALECTS {
        let call = Call::new(dialect, true, "is there room again?");
        let got = call.make(&client(), &gateway.calls, &key).await;
        assert!(got.whole, "{got:?}");
    }
    Books::read(&gateway).await.agree(&gateway, &pair).await;
}
