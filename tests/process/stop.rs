//! Stopping and reading anew: what runs is not disturbed, and what is cut says so.

use std::time::Duration;

use reqwest::StatusCode;
use tokio::task::JoinSet;
use tollgate::sim::Fault;

use crate::books::Books;
use crate::caller::{Call, DIALECTS, Got, key};
use crate::rig::{Gateway, POLICY, Pair, Site, client, until};

/// Streams under way, one of each dialect; each has brought something.
pub(crate) async fn streams(gateway: &Gateway, key: &str) -> JoinSet<Got> {
    let mut all = JoinSet::new();
    let (tell, mut begun) = tokio::sync::mpsc::channel(64);
    for dialect in DIALECTS {
        let (calls, key, tell) = (gateway.calls.clone(), key.to_owned(), tell.clone());
        let call = Call::new(dialect, true, "tell me something");
        all.spawn(async move {
            let mut told = false;
            let note = |got: &Got| {
                if got.tokens > 0 && !std::mem::replace(&mut told, true) {
                    tell.try_send(()).expect("room");
                }
            };
            call.follow(&client(), &calls, &key, note).await
        });
    }
    for _ in DIALECTS {
        begun.recv().await.expect("a stream begins");
    }
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_sigterm_readiness_turns_first_and_streams_run_to_their_end() {
    let pair = Pair::slow().await;
    let site = Site::with(&pair, "");
    let mut gateway = site.start().await;
    let key = key(&gateway, "core").await;
    let streams = streams(&gateway, &key).await;

    gateway.signal("TERM");

    let unready = until("readiness that turns", async || {
        let readiness = gateway.readiness().await;
        readiness.filter(|(status, _)| *status == 503)
    });
    assert!(unready.await.1.contains("draining"));
    let late = until("a listener that is closed", async || {
        let late = Call::new(DIALECTS[0], false, "too late");
        let got = late.make(&client(), &gateway.calls, &key).await;
        (got.status == 0 || got.status == 503).then_some(())
    });
    late.await;
    for got in streams.join_all().await {
        assert!(got.whole && got.error.is_none(), "{got:?}");
    }
    assert_eq!(gateway.ended().await.code(), Some(0), "{}", gateway.log());
    let gateway = site.start().await;
    let books = Books::read(&gateway).await;
    books.agree(&gateway, &pair).await;
    assert!(books.count("actual") >= DIALECTS.len());
    assert_eq!(books.count("estimated"), 0);
}

/// Each stream ended with its dialect's own error event, and the ledger has all of it without a recovery.
async fn cut_in_good_order(site: &Site, pair: &Pair, streams: JoinSet<Got>) {
    let all = streams.join_all().await;
    for got in &all {
        assert!(!got.whole, "{got:?}");
        assert!(got.error.is_some(), "{got:?}");
    }
    let gateway = site.start().await;
    let books = Books::read(&gateway).await;
    books.agree(&gateway, pair).await;
    assert_eq!(books.count("estimated"), DIALECTS.len());
    for got in &all {
        books.cover(got);
        let request = books.request(got.request.as_deref().expect("an id"));
        assert_eq!(request["attempts"][0]["end"], "truncated", "{request}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_the_grace_streams_end_with_an_error_event_and_the_exit_is_clean() {
    let pair = Pair::slow().await;
    let site = Site::with(&pair, "grace_ms: 200");
    // Silence, so that no stream ends by itself.
    hang(&pair);
    let mut gateway = site.start().await;
    let key = key(&gateway, "core").await;
    let streams = streams(&gateway, &key).await;

    gateway.signal("TERM");

    assert_eq!(gateway.ended().await.code(), Some(0), "{}", gateway.log());
    cut_in_good_order(&site, &pair, streams).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_sigterm_does_not_wait_for_the_grace() {
    let pair = Pair::slow().await;
    let site = Site::with(&pair, "grace_ms: 3600000");
    hang(&pair);
    let mut gateway = site.start().await;
    let key = key(&gateway, "core").await;
    let streams = streams(&gateway, &key).await;

    gateway.signal("TERM");
    until("a gateway that drains", async || {
        gateway.log().contains("stopping").then_some(())
    })
    .await;
    assert!(gateway.runs());
    gateway.signal("TERM");

    assert_eq!(gateway.ended().await.code(), Some(0), "{}", gateway.log());
    cut_in_good_order(&site, &pair, streams).await;
}

/// Streams of HTTP/2 are tasks of their own: the books are closed after the last of them, also where nobody reads.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_waits_for_the_books_of_http2_streams_that_nobody_reads() {
    const STREAMS: usize = 24;
    let pair = Pair::slow().await;
    let site = Site::with(&pair, "grace_ms: 200");
    let mut gateway = site.start().await;
    let key = key(&gateway, "core").await;
    let client = reqwest::Client::builder()
        .no_proxy()
        .http2_prior_knowledge()
        // No room for an event, so that nothing of the stream's end fits either.
        .http2_initial_stream_window_size(16)
        .build()
        .expect("a client");
    let call = Call::new(DIALECTS[0], true, "tell me something");
    let mut unread = Vec::new();
    for _ in 0..STREAMS {
        unread.push(
            call.begin(&client, &gateway.calls, &key)
                .await
                .expect("a head"),
        );
    }

    gateway.signal("TERM");

    assert_eq!(gateway.ended().await.code(), Some(0), "{}", gateway.log());
    drop(unread);
    let gateway = site.start().await;
    let books = Books::read(&gateway).await;
    books.agree(&gateway, &pair).await;
    assert_eq!(books.ends("recovered"), 0);
    assert_eq!(books.count("estimated"), STREAMS);
}

fn hang(pair: &Pair) {
    pair.near.script(DIALECTS.map(|_| Fault::HangAfter(8)));
}

/// The models that `auto` asks, as the answers say.
async fn answered_by(gateway: &Gateway, key: &str) -> Option<String> {
    let body = r#"{"model":"auto","messages":[{"role":"user","content":"who are you?"}]}"#;
    let asked = client()
        .post(format!("{}/v1/chat/completions", gateway.calls))
        .bearer_auth(key)
        .header("content-type", "application/json")
        .body(body);
    let answer = asked.send().await.expect("an answer");
    assert_eq!(answer.status(), StatusCode::OK);
    let model = answer.headers().get("x-tollgate-model")?;
    Some(model.to_str().expect("a name").to_owned())
}

const OTHER: &str = "version: 1\nanswers: [auto]\nmodels: [large]\n";
const BAD: &str = "version: 1\nanswers: [auto]\nmodels: [smal]\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_policy_is_in_force_without_a_signal_and_without_touching_a_stream() {
    let pair = Pair::slow().await;
    let site = Site::with(&pair, "");
    let gateway = site.start().await;
    let key = key(&gateway, "core").await;
    assert_eq!(answered_by(&gateway, &key).await.as_deref(), Some("small"));
    let streams = streams(&gateway, &key).await;

    site.write("policies/default.yaml", OTHER);

    until("the new policy", async || {
        let model = answered_by(&gateway, &key).await;
        (model.as_deref() == Some("large")).then_some(())
    })
    .await;
    for got in streams.join_all().await {
        assert!(got.whole && got.error.is_none(), "{got:?}");
    }
    Books::read(&gateway).await.agree(&gateway, &pair).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_model_that_is_taken_away_ends_no_stream_and_takes_no_call() {
    let pair = Pair::slow().await;
    let site = Site::with(&pair, "");
    let gateway = site.start().await;
    let key = key(&gateway, "core").await;
    let streams = streams(&gateway, &key).await;

    let file = std::fs::read_to_string(site.path("tollgate.yaml")).expect("there");
    let left = file.lines().filter(|line| !line.starts_with("  small:"));
    site.write("policies/default.yaml", OTHER);
    site.write("tollgate.yaml", &left.collect::<Vec<_>>().join("\n"));

    let gone = until("a model that is not there", async || {
        let call = Call::new(DIALECTS[0], true, "are you there?");
        let got = call.make(&client(), &gateway.calls, &key).await;
        (got.status != 200).then_some(got)
    });
    let gone = gone.await;
    assert_eq!(gone.status, 404, "{gone:?}");
    for got in streams.join_all().await {
        assert!(got.whole && got.error.is_none(), "{got:?}");
    }
    Books::read(&gateway).await.agree(&gateway, &pair).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_policy_leaves_the_old_one_running_and_is_named_at_its_place() {
    let pair = Pair::instant().await;
    let site = Site::with(&pair, "");
    let gateway = site.start().await;
    let key = key(&gateway, "core").await;
    let before = gateway.ask("/policies").await;

    site.write("policies/default.yaml", BAD);

    until("a word in the log", async || {
        let log = gateway.log();
        log.contains("default.yaml:3:10: models[0]").then_some(())
    })
    .await;
    let log = gateway.log();
    assert!(log.contains("did you mean \\\"small\\\"?"), "{log}");
    let failed = r#"tollgate_reload_total{result="failed"}"#;
    until("a count", async || {
        gateway.metric(failed).await.filter(|n| *n >= 1.0)
    })
    .await;
    assert_eq!(gateway.ask("/policies").await, before);
    assert_eq!(answered_by(&gateway, &key).await.as_deref(), Some("small"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sighup_reads_what_is_not_watched_and_fails_no_call() {
    let pair = Pair::instant().await;
    // What a link leads to changes without a word to the folder that holds the link.
    let site = Site::with(&pair, "");
    site.write("elsewhere/default.yaml", POLICY);
    std::fs::remove_file(site.path("policies/default.yaml")).expect("removed");
    let (real, link) = ("elsewhere/default.yaml", "policies/default.yaml");
    std::os::unix::fs::symlink(site.path(real), site.path(link)).expect("a link");
    let gateway = site.start().await;
    let key = key(&gateway, "core").await;

    let calls = load(&gateway, &key);
    site.write(real, OTHER);
    gateway.signal("HUP");
    until("the new policy", async || {
        let model = answered_by(&gateway, &key).await;
        (model.as_deref() == Some("large")).then_some(())
    })
    .await;
    site.write(real, BAD);
    gateway.signal("HUP");
    until("a word in the log", async || {
        let log = gateway.log();
        log.contains("default.yaml:3:10: models[0]").then_some(())
    })
    .await;

    let (stop, calls) = calls;
    stop.send(true).expect("somebody listens");
    assert!(calls.join_all().await.into_iter().all(|count| count > 0));
    assert_eq!(answered_by(&gateway, &key).await.as_deref(), Some("large"));
    Books::read(&gateway).await.agree(&gateway, &pair).await;
}

/// Calls without a pause, none of which may fail; each caller returns how many it made.
fn load(gateway: &Gateway, key: &str) -> (tokio::sync::watch::Sender<bool>, JoinSet<u64>) {
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let mut callers = JoinSet::new();
    for dialect in DIALECTS {
        let (calls, key, stopped) = (gateway.calls.clone(), key.to_owned(), stopped.clone());
        callers.spawn(async move {
            let client = client();
            let mut count = 0;
            while !*stopped.borrow() {
                let call = Call::new(dialect, count % 2 == 0, "go on");
                let got = call.make(&client, &calls, &key).await;
                assert!(got.whole, "{got:?}");
                count += 1;
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            count
        });
    }
    (stop, callers)
}
