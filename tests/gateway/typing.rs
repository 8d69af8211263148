//! Completing what is typed: at home, without a classifier, and only for the newest question of an editor.

use serde_json::json;
use tokio_util::task::AbortOnDropHandle;
use tollgate::ledger::State;
use tollgate::sim::{Fault, Profile};

use crate::calls::{Door, Heard};
use crate::rig::{House, Plan, until};

const OPEN: &str = "version: 1\nanswers: [auto]\nmodels: [alpha]\n";

async fn house(faults: impl IntoIterator<Item = Fault>) -> House {
    let house = Plan::one().await.policy(OPEN).start().await;
    house.a().script(faults);
    house
}

/// A question of an editor, by the headers that tell it.
fn question(house: &House, stream: bool, headers: &[(&str, &str)]) -> reqwest::RequestBuilder {
    let body = Door::Completions.body("auto", stream).to_string();
    let request = house.post(Door::Completions.path(), body);
    let add = |request: reqwest::RequestBuilder, (name, value): &(&str, &str)| {
        request.header(*name, *value)
    };
    headers.iter().fold(request, add)
}

/// Asks, and waits until the question is at the target.
async fn begin(house: &House, request: reqwest::RequestBuilder) -> AbortOnDropHandle<Heard> {
    let before = house.a().seen().len();
    #[expect(clippy::disallowed_methods, reason = "a test asks twice at a time")]
    let asked = tokio::spawn(async { Heard::read(request.send().await.expect("an answer")).await });
    until("the question has arrived", async || {
        house.a().seen().len() > before
    })
    .await;
    AbortOnDropHandle::new(asked)
}

async fn superseded(house: &House) -> u64 {
    let page = house.admin_get("/metrics").await;
    let line = page
        .text()
        .lines()
        .find_map(|line| line.strip_prefix("tollgate_superseded_total "));
    line.expect("the metric").parse().expect("a number")
}

const EDITOR: &[(&str, &str)] = &[("x-tollgate-session", "editor-1")];

#[tokio::test]
async fn a_newer_question_ends_the_older_one_that_nobody_has_answered() {
    let house = house([Fault::NeverAnswer]).await;
    let older = begin(&house, question(&house, false, EDITOR)).await;

    let newer = house.hear(question(&house, false, EDITOR)).await;
    let older = older.await.expect("an answer");

    assert_eq!(newer.status, 200);
    assert_eq!(
        (older.status, older.header("x-should-retry")),
        (499, "false")
    );
    assert_eq!(older.json()["error"]["code"], "superseded");
    assert_eq!(superseded(&house).await, 1);
    let records = house.records().await;
    let attempt = &records[0].attempts[0];
    assert_eq!(
        (records[0].status, attempt.state),
        (Some(499), State::Estimated)
    );
    assert!(
        attempt.cost_nano_usd.is_some_and(|cost| !cost.is_zero()),
        "{attempt:?}"
    );
    house.close().await;
}

#[tokio::test]
async fn a_newer_question_ends_the_older_ones_stream() {
    let house = house([Fault::HangAfter(3)]).await;
    let older = question(&house, true, EDITOR).send().await;
    let older = older.expect("the head of an answer");

    let newer = house.hear(question(&house, true, EDITOR)).await;
    let older = Heard::read(older).await;
    house.note(&older);

    assert!(Door::Completions.says_complete(newer.text()));
    assert!(
        !Door::Completions.says_complete(older.text()),
        "{}",
        older.text()
    );
    assert_eq!(Door::Completions.errors(&older), 1);
    assert!(
        older.whole && older.text().contains("\"superseded\""),
        "{}",
        older.text()
    );
    assert_eq!(superseded(&house).await, 1);
    let records = house.records().await;
    assert_eq!(records[0].attempts[0].state, State::Estimated);
    house.close().await;
}

#[tokio::test]
async fn nobody_elses_question_is_ended() {
    let body = json!({"model": "auto", "prompt": "once upon a time"}).to_string();
    for (name, stays, comes) in [
        (
            "another editor",
            EDITOR,
            &[("x-tollgate-session", "editor-2")][..],
        ),
        ("nobody says who", &[], &[]),
        (
            "only the client is known",
            &[("user-agent", "e")],
            &[("user-agent", "e")],
        ),
    ] {
        let house = house([Fault::NeverAnswer]).await;
        let older = begin(&house, question(&house, false, stays)).await;

        let newer = house.hear(question(&house, false, comes)).await;
        let plain = house.post(Door::Completions.path(), body.clone());
        let plain = house.hear(plain.header(EDITOR[0].0, EDITOR[0].1)).await;

        assert_eq!((newer.status, plain.status), (200, 200), "{name}");
        assert!(!older.is_finished(), "{name}");
        assert_eq!(superseded(&house).await, 0, "{name}");
        drop(older);
        house.close().await;
    }
}

#[tokio::test]
async fn another_keys_question_is_not_ended() {
    let house = house([Fault::NeverAnswer]).await;
    let (_, other) = house
        .make_key(json!({"tenant": "core", "name": "other"}))
        .await;
    let older = begin(&house, question(&house, false, EDITOR)).await;

    let body = Door::Completions.body("auto", false).to_string();
    let newer = house
        .client
        .post(house.url(Door::Completions.path()))
        .body(body);
    let newer = newer.header(EDITOR[0].0, EDITOR[0].1).bearer_auth(&other);
    let newer = house.hear(newer).await;

    assert_eq!((newer.status, older.is_finished()), (200, false));
    drop(older);
    house.close().await;
}

#[tokio::test]
async fn what_is_typed_waits_for_no_classifier() {
    let plan = Plan::new()
        .sim("a", Profile::instant(), "")
        .await
        .model("alpha", "a");
    let house = plan.policy(OPEN).start().await;

    let heard = house.ask_at(Door::Completions, "auto", false).await;
    house.records().await;
    let path = format!("/admin/v1/requests/{}", heard.request_id());
    let told = house.admin_get(&path).await.json();

    assert_eq!(told["explanation"]["facts"]["source"], "shape");
    assert_eq!(told["reason"], "alpha: completes what is typed");
    house.close().await;
}
