//! Answers that are made in the background: looked at again where they are made, as they come, and billed when it is known what
//! they used.

use serde_json::{Value, json};
use tollgate::app;
use tollgate::domain::clock::Clock;
use tollgate::domain::tokens::{TokenCount, Usage};
use tollgate::ledger::{AttemptRecord, Filter, Ledger, State};
use tollgate::sim::Profile;

use crate::calls::{Door, Heard};
use crate::conversations::{forcing, respond};
use crate::rig::{House, Plan, until};
use crate::stub::{Stub, answer, stream};

const PATH: &str = "/v1/responses/resp_there";

/// The answer as its provider tells it at some moment.
fn told(status: &str, usage: Value) -> Value {
    json!({"id": "resp_there", "object": "response", "status": status, "background": true, "error": null, "output": [], "usage": usage})
}

fn used() -> Value {
    json!({"input_tokens": 900, "output_tokens": 70, "total_tokens": 970})
}

fn whole(status: &str, usage: Value) -> Vec<u8> {
    answer("200 OK", "", &told(status, usage).to_string())
}

/// A house whose only target says these things one after the other.
async fn house(said: impl IntoIterator<Item = Vec<u8>>) -> (Stub, House) {
    let stub = Stub::script(said).await;
    let plan = Plan::new().target("a", &stub.url(), "");
    let plan = plan.speaks("responses").model("alpha", "a");
    (stub, plan.start().await)
}

async fn begin(house: &House) {
    let body = json!({"model": "alpha", "background": true, "input": "x"});
    let heard = house.ask(Door::Responses.path(), &body).await;
    assert_eq!(heard.status, 200, "{}", heard.text());
    assert_eq!(heard.json()["status"], "queued");
}

async fn see(house: &House, path: &str) -> Heard {
    Heard::read(house.get(path).send().await.expect("an answer")).await
}

/// The last attempt, as it stands now.
async fn attempt(house: &House) -> AttemptRecord {
    let all = Filter {
        limit: 1_000,
        ..Filter::default()
    };
    let mut page = house.gateway.ledger().records(all).await.expect("a page");
    let attempts = &mut page.requests.remove(0).attempts;
    attempts.pop().expect("an attempt")
}

#[tokio::test]
async fn an_answer_is_told_as_it_is_made() {
    let said = whole("queued", Value::Null);
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
    let event = "event: response.in_progress\ndata: {\"type\":\"response.in_progress\"}\n\n";
    let making = Stub::drip(head.into(), event, std::time::Duration::ZERO).await;
    let stub = Stub::script([said]).await;
    let plan = Plan::new().target(
        "a",
        &stub.url(),
        &format!(", replicas: [\"{}\"]", making.url()),
    );
    let house = plan.speaks("responses").model("alpha", "a").start().await;
    begin(&house).await;

    let path = format!("{PATH}?stream=true&starting_after=4");
    let mut answer = house.get(&path).send().await.expect("an answer");
    let first = answer.chunk().await.expect("no error").expect("an event");
    let kind = answer.headers()["content-type"].clone();
    drop(answer);

    assert_eq!(kind, "text/event-stream");
    assert!(first.starts_with(event.as_bytes()), "{first:?}");
    let asked = format!("get {PATH}?stream=true&starting_after=4");
    assert_eq!(making.lines(), [asked]);
    until("the target is left alone", async || making.hung_up() == 1).await;
    house.stop().await;
}

#[tokio::test]
async fn what_it_used_is_billed_when_it_is_known() {
    let done = told("completed", used());
    let events = format!(
        "event: response.completed\ndata: {{\"type\":\"response.completed\",\"sequence_number\":9,\"response\":{done}}}\n\n"
    );
    let ways = [
        (PATH.to_owned(), whole("completed", used())),
        (PATH.to_owned(), whole("incomplete", used())),
        (format!("{PATH}?stream=true"), stream(&events)),
    ];
    for (path, last) in ways {
        let making = whole("in_progress", Value::Null);
        let (_stub, house) = house([whole("queued", Value::Null), making, last]).await;

        begin(&house).await;
        let begun = attempt(&house).await.state;
        see(&house, PATH).await;
        let made = attempt(&house).await.state;
        let seen = see(&house, &path).await;
        // Once more: it is billed once.
        see(&house, &path).await;

        assert_eq!([begun, made], [State::Open, State::Open]);
        assert!(seen.text().contains("970"), "{}", seen.text());
        let record = house.record().await;
        let billed = &record.attempts[0];
        let usage = Usage {
            input: TokenCount(900),
            output: TokenCount(70),
            ..Usage::default()
        };
        assert_eq!((billed.state, billed.tokens), (State::Actual, usage));
        assert_eq!(record.attempts.len(), 1);
        house.stop().await;
    }
}

#[tokio::test]
async fn a_stream_that_its_caller_leaves_is_looked_at_again_and_billed_by_its_end() {
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n\
         event: response.created\ndata: {{\"type\":\"response.created\",\"sequence_number\":0,\"response\":{}}}\n\n",
        told("queued", Value::Null)
    );
    let event = "event: response.in_progress\ndata: {\"type\":\"response.in_progress\"}\n\n";
    let making = Stub::drip(head, event, std::time::Duration::ZERO).await;
    let done = Stub::script([whole("completed", used())]).await;
    // They are asked in turn.
    let more = format!(", replicas: [\"{0}\", \"{0}\"]", done.url());
    let plan = Plan::new().target("a", &making.url(), &more);
    let house = plan.speaks("responses").model("alpha", "a").start().await;
    let body = json!({"model": "alpha", "background": true, "stream": true, "input": "x"});
    let request = house.post(Door::Responses.path(), body.to_string());
    let mut answer = request.send().await.expect("an answer");
    answer.chunk().await.expect("no error").expect("an event");
    // Its name is known while it is told.
    let seen = see(&house, PATH).await.status;
    drop(answer);
    until("the target is left alone", async || making.hung_up() == 1).await;

    let left = attempt(&house).await.state;
    let found = see(&house, PATH).await;

    assert_eq!((seen, left), (200, State::Open));
    assert_eq!(found.json()["status"], "completed", "{}", found.text());
    let billed = house.record().await.attempts.remove(0);
    assert_eq!(
        (billed.state, billed.tokens.input),
        (State::Actual, TokenCount(900))
    );
    house.stop().await;
}

/// A stream that begins, says this and breaks off.
async fn begins_and(says: &str) -> Stub {
    let begins = format!(
        "event: response.created\ndata: {{\"type\":\"response.created\",\"sequence_number\":0,\"response\":{}}}\n\n",
        told("queued", Value::Null)
    );
    Stub::script([stream(&format!("{begins}{says}"))]).await
}

fn ending(kind: &str, usage: Value) -> String {
    let response = told(kind, usage);
    format!(
        "event: response.{kind}\ndata: {{\"type\":\"response.{kind}\",\"response\":{response}}}\n\n"
    )
}

#[tokio::test]
async fn a_stream_that_has_said_its_end_is_over() {
    let odd = json!({"input_tokens": 1, "output_tokens": u64::MAX, "total_tokens": 3});
    for (says, end) in [
        (ending("failed", Value::Null), "error_event"),
        (ending("completed", Value::Null), "usage_missing"),
        (ending("completed", odd), "usage_rejected"),
    ] {
        let stub = begins_and(&says).await;
        let plan = Plan::new().target("a", &stub.url(), "");
        let house = plan.speaks("responses").model("alpha", "a").start().await;
        let body = json!({"model": "alpha", "background": true, "stream": true, "input": "x"});

        house.ask(Door::Responses.path(), &body).await;

        let billed = house.record().await.attempts.remove(0);
        assert_eq!(
            (billed.state, billed.end.map(|end| end.as_str().to_owned())),
            (State::Estimated, Some(end.to_owned())),
            "{says}"
        );
        house.stop().await;
    }
}

#[tokio::test]
async fn a_stream_of_which_nobody_has_seen_anything_is_not_waited_for() {
    let breaks = begins_and("").await;
    let done = begins_and(&ending("completed", used())).await;
    let plan = Plan::new().target("a", &breaks.url(), "").own();
    let plan = plan.speaks("responses").model("alpha", "a");
    let plan = plan.target("b", &done.url(), "").speaks("responses");
    let house = plan.model("beta", "b").start().await;
    let body = json!({"background": true, "stream": true, "input": "x", "model": "auto"});

    let heard = house.ask(Door::Responses.path(), &body).await;

    assert_eq!(heard.status, 200, "{}", heard.text());
    let states: Vec<State> = house
        .record()
        .await
        .attempts
        .iter()
        .map(|it| it.state)
        .collect();
    assert_eq!(states, [State::Estimated, State::Actual]);
    house.stop().await;
}

#[tokio::test]
async fn what_is_never_known_is_estimated() {
    let gone = answer("404 Not Found", "", r#"{"error":{"message":"no"}}"#);
    let removed = answer("200 OK", "", r#"{"id":"resp_there","deleted":true}"#);
    for (method, path, last) in [
        (
            http::Method::POST,
            format!("{PATH}/cancel"),
            whole("cancelled", Value::Null),
        ),
        (
            http::Method::GET,
            PATH.to_owned(),
            whole("failed", Value::Null),
        ),
        (http::Method::DELETE, PATH.to_owned(), gone),
        (http::Method::DELETE, PATH.to_owned(), removed),
    ] {
        let (_stub, house) = house([whole("queued", Value::Null), last]).await;
        begin(&house).await;

        let request = house.client.request(method.clone(), house.url(&path));
        let answer = request.bearer_auth(&house.key).send().await;
        Heard::read(answer.expect("an answer")).await;

        let billed = house.record().await.attempts.remove(0);
        assert_eq!(billed.state, State::Estimated, "{method} {path}");
        assert!(billed.tokens.input.0 > 0 && billed.cost_nano_usd.is_some_and(|cost| cost.0 > 0));
        house.stop().await;
    }
}

#[tokio::test]
async fn a_provider_that_does_not_know_of_it_yet_ends_nothing() {
    for (method, path) in [
        (http::Method::GET, PATH.to_owned()),
        (http::Method::GET, format!("{PATH}/input_items")),
        (http::Method::POST, format!("{PATH}/cancel")),
    ] {
        let gone = answer("404 Not Found", "", r#"{"error":{"message":"no"}}"#);
        let said = [
            whole("queued", Value::Null),
            gone,
            whole("completed", used()),
        ];
        let (_stub, house) = house(said).await;
        begin(&house).await;

        let request = house.client.request(method.clone(), house.url(&path));
        let answer = request.bearer_auth(&house.key).send().await;
        let missed = answer.expect("an answer").status();
        see(&house, PATH).await;

        assert_eq!(missed, 404);
        let billed = house.record().await.attempts.remove(0);
        assert_eq!(billed.state, State::Actual, "{method} {path}");
        house.stop().await;
    }
}

#[tokio::test]
async fn many_of_one_key_take_nobody_elses_place() {
    let stub = Stub::making(|body| match body {
        "" => whole("completed", used()),
        _ => whole("queued", Value::Null),
    })
    .await;
    let plan = Plan::new().target("a", &stub.url(), "");
    let house = plan.speaks("responses").model("alpha", "a").start().await;
    begin(&house).await;
    let other = forcing(&house).await;
    let body = json!({"model": "alpha", "background": true, "input": "x"});
    for _ in 0..65 {
        let heard = respond(&house, &other, &body, &[]).await;
        assert_eq!(heard.status, 200, "{}", heard.text());
    }

    see(&house, PATH).await;

    let all = Filter {
        limit: 1_000,
        ..Filter::default()
    };
    let page = house.gateway.ledger().records(all).await.expect("a page");
    let states = page.requests.iter().map(|it| it.attempts[0].state);
    let states: Vec<State> = states.collect();
    let many = |state| states.iter().filter(|it| **it == state).count();
    assert_eq!(many(State::Actual), 1);
    assert_eq!((many(State::Estimated), many(State::Open)), (1, 64));
    house.stop().await;
}

#[tokio::test]
async fn what_was_told_once_more_is_billed_though_its_end_is_never_known() {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
    let event = "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"delta\":\"word\"}\n\n";
    let making = Stub::drip(head.into(), event, std::time::Duration::ZERO).await;
    let removed = answer("200 OK", "", r#"{"id":"resp_there","deleted":true}"#);
    let stub = Stub::script([whole("queued", Value::Null), removed]).await;
    let more = format!(", replicas: [\"{}\"]", making.url());
    let plan = Plan::new().target("a", &stub.url(), &more);
    let house = plan.speaks("responses").model("alpha", "a").start().await;
    begin(&house).await;

    let path = format!("{PATH}?stream=true");
    let mut told = house.get(&path).send().await.expect("an answer");
    let mut heard = 0;
    while heard < 5_000 * event.len() {
        heard += told.chunk().await.expect("no error").expect("more").len();
    }
    drop(told);
    until("the target is left alone", async || making.hung_up() == 1).await;
    let request = house.client.delete(house.url(PATH));
    let gone = request.bearer_auth(&house.key).send().await;

    assert_eq!(gone.expect("an answer").status(), 200);
    let billed = house.record().await.attempts.remove(0);
    let words = (heard / event.len()) as u64;
    assert_eq!(billed.state, State::Estimated);
    assert!(billed.tokens.output.0 >= words, "{billed:?}, {words}");
    house.stop().await;
}

#[tokio::test]
async fn a_stop_leaves_none_of_them_open() {
    let (_stub, house) = house([whole("queued", Value::Null)]).await;
    begin(&house).await;

    let left = house.stop().await;

    let path = left.folder.path().join("store");
    let store = app::open_store(&path).await.expect("the store");
    let opened = Ledger::open(store.clone(), Clock::system()).await;
    let (ledger, recovered) = opened.expect("the ledger");
    assert_eq!((recovered.attempts, recovered.calls), (0, 0));
    let page = ledger
        .records(Filter {
            limit: 9,
            ..Filter::default()
        })
        .await;
    let page = page.expect("a page");
    assert_eq!(page.requests[0].attempts[0].state, State::Estimated);
    store.close().await;
}

#[tokio::test]
async fn what_is_to_be_made_in_the_background_goes_to_nobody_who_cannot() {
    let plan = Plan::new().sim("a", Profile::instant(), "").await;
    let house = plan.speaks("messages").model("alpha", "a").start().await;
    let body = json!({"model": "alpha", "background": true, "input": "x"});

    let heard = house.ask(Door::Responses.path(), &body).await;

    assert_eq!(heard.status, 422, "{}", heard.text());
    assert!(heard.text().contains("background"), "{}", heard.text());
    house.close().await;
}

#[tokio::test]
async fn an_answer_that_lies_at_its_provider_is_looked_for_there() {
    let said = json!({"id": "resp_there", "object": "response", "status": "queued", "background": true, "output": [], "usage": null});
    let stub = Stub::start(answer("200 OK", "", &said.to_string())).await;
    let plan = Plan::new().target("a", &stub.url(), "");
    let house = plan.speaks("responses").model("alpha", "a").start().await;
    let body = json!({"model": "alpha", "background": true, "input": "x"});
    let first = house.ask(Door::Responses.path(), &body).await;
    assert_eq!(first.status, 200, "{}", first.text());
    let other = forcing(&house).await;
    let ask = async |method, path: &str, key: &str| {
        let request = house.client.request(method, house.url(path));
        let answer = request.bearer_auth(key).send().await.expect("an answer");
        Heard::read(answer).await
    };

    let path = "/v1/responses/resp_there";
    let seen = ask(http::Method::GET, path, &house.key).await;
    ask(
        http::Method::GET,
        &format!("{path}/input_items?limit=2"),
        &house.key,
    )
    .await;
    ask(http::Method::POST, &format!("{path}/cancel"), &house.key).await;
    ask(http::Method::DELETE, path, &house.key).await;
    let others = ask(http::Method::GET, path, &other).await;

    assert_eq!((seen.status, seen.json()), (200, said));
    assert_eq!(others.status, 404, "{}", others.text());
    let asked = [
        "post /v1/responses",
        "get /v1/responses/resp_there",
        "get /v1/responses/resp_there/input_items?limit=2",
        "post /v1/responses/resp_there/cancel",
        "delete /v1/responses/resp_there",
    ];
    assert_eq!(stub.lines(), asked);
    house.stop().await;
}
