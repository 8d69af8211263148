//! How long a prompt is for a model: learned from what was billed, and from what did not fit.

use serde_json::{Value, json};
use tollgate::ledger::State;
use tollgate::sim::Profile;

use crate::calls::{Door, Heard};
use crate::rig::{House, Plan};
use crate::stub::{Stub, answer};

const TOO_LONG: &str = r#"{"error":{"message":"This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens.","type":"invalid_request_error","param":"messages","code":"context_length_exceeded"}}"#;

/// A conversation of about so many bytes.
fn talk(bytes: usize, stream: bool) -> Value {
    let text = "let total = prices.iter().sum::<u64>();\n".repeat(bytes / 40);
    json!({"model": "auto", "stream": stream, "max_tokens": 50, "messages": [{"role": "user", "content": text}]})
}

/// The first model finds everything too long; so much fits into the second one's window.
async fn house(window: u64) -> (Stub, House) {
    let stub = Stub::start(answer("400 Bad Request", "", TOO_LONG)).await;
    let plan = Plan::new().target("a", &stub.url(), "");
    let plan = plan.sim("b", Profile::instant(), "").await;
    let plan = plan.sized("alpha", "a", 8_192).sized("beta", "b", window);
    (stub, plan.start().await)
}

fn model(heard: &Heard) -> &str {
    heard.header("x-tollgate-model")
}

#[tokio::test]
async fn what_does_not_fit_is_answered_by_who_has_more_room_and_not_sent_there_again() {
    let (stub, house) = house(200_000).await;

    for stream in [true, false] {
        // About 5,800 tokens, as we count.
        let heard = house.ask(Door::Chat.path(), &talk(20_000, stream)).await;

        assert_eq!(
            (heard.status, model(&heard)),
            (200, "beta"),
            "{}",
            heard.text()
        );
    }

    assert_eq!(stub.asked(), 1, "the second call went elsewhere at once");
    let records = house.records().await;
    let states = |record: usize| {
        let attempts = records[record].attempts.iter();
        attempts.map(|it| it.state).collect::<Vec<_>>()
    };
    assert_eq!(states(0), [State::Void, State::Actual]);
    assert_eq!(states(1), [State::Actual]);
    // A short one still goes there.
    let _ = house.ask(Door::Chat.path(), &talk(400, false)).await;
    assert_eq!(stub.asked(), 2);
    house.close().await;
}

#[tokio::test]
async fn a_window_that_is_smaller_than_configured_is_known_from_the_first_refusal_on() {
    let refusal = TOO_LONG.replace("9000", "11500");
    let stub = Stub::start(answer("400 Bad Request", "", &refusal)).await;
    let plan = Plan::new().target("a", &stub.url(), "");
    let plan = plan.sim("b", Profile::instant(), "").await;
    // What is configured for the first is more than the second has, and not so.
    let plan = plan.sized("alpha", "a", 131_072).sized("beta", "b", 32_768);
    let house = plan.start().await;

    for (bytes, stream) in [(40_000, true), (40_000, false), (30_000, true)] {
        let heard = house.ask(Door::Chat.path(), &talk(bytes, stream)).await;

        let answered = (heard.status, model(&heard));
        assert_eq!(answered, (200, "beta"), "{}", heard.text());
    }

    assert_eq!(stub.asked(), 1, "what is longer than 8192 goes elsewhere");
    let _ = house.ask(Door::Chat.path(), &talk(400, false)).await;
    assert_eq!(stub.asked(), 2, "what is short still goes there");
    house.close().await;
}

#[tokio::test]
async fn a_caller_cannot_have_a_target_say_that_its_window_is_small() {
    // What a refusal repeats of a call, as it may stand there, and a size that such a call cannot have.
    let quoted = "prompt is too long: 600 tokens > 512 maximum";
    let escaped = r#"{"\u0070rompt is too long: 600 tokens > 512 maximum":1}"#;
    let far = "prompt is too long: 9000 tokens > 512 maximum";
    for (says, brings, header) in [
        (quoted, json!({quoted: 1}).to_string(), ""),
        (quoted, escaped.to_owned(), ""),
        (quoted, "{}".to_owned(), quoted),
        (far, "{}".to_owned(), ""),
    ] {
        let refusal = json!({"error": {"message": says, "code": 400}}).to_string();
        let stub = Stub::start(answer("400 Bad Request", "", &refusal)).await;
        let plan = Plan::new().target("a", &stub.url(), "");
        let plan = plan.sim("b", Profile::instant(), "").await;
        let plan = plan.sized("alpha", "a", 131_072).sized("beta", "b", 32_768);
        let house = plan.start().await;
        let call = talk(2_400, false).to_string();
        let call = format!("{},\"metadata\":{brings}}}", &call[..call.len() - 1]);

        for _ in 0..2 {
            let body = call.clone();
            let asked = house.post(Door::Chat.path(), body);
            let heard = house.hear(asked.header("anthropic-beta", header)).await;
            assert_eq!((heard.status, model(&heard)), (200, "beta"));
        }

        // Another one is still asked for what is longer than it said.
        let before = stub.asked();
        let _ = house.ask(Door::Chat.path(), &talk(4_000, false)).await;
        assert_eq!(stub.asked(), before + 1, "{says}, {call}, {header}");
        house.close().await;
    }
}

#[tokio::test]
async fn where_nobody_has_more_room_the_refusal_itself_is_told() {
    let (stub, house) = house(8_192).await;

    let plain = house.ask(Door::Chat.path(), &talk(20_000, false)).await;

    assert_eq!(
        (plain.status, plain.json()["error"]["code"].as_str()),
        (400, Some("context_length_exceeded"))
    );
    assert_eq!((stub.asked(), house.sim("b").bill().len()), (1, 0));
    house.close().await;
}

#[tokio::test]
async fn what_fits_nowhere_is_refused_in_the_words_that_clients_look_for() {
    let stub = Stub::start(Vec::new()).await;
    let plan = Plan::new().target("a", &stub.url(), "");
    let plan = plan.sized("alpha", "a", 4_096).sized("beta", "a", 8_192);
    let house = plan.start().await;

    for door in [Door::Messages, Door::Chat] {
        let heard = house.ask(door.path(), &talk(80_000, true)).await;

        let error = &heard.json()["error"];
        let message = error["message"].as_str().unwrap_or_default();
        assert_eq!((heard.status, stub.asked()), (400, 0), "{}", heard.text());
        assert!(
            message.starts_with("prompt is too long: ") && message.ends_with(" > 8192 maximum"),
            "{message}"
        );
        assert_eq!(error["type"], "invalid_request_error");
    }
    house.close().await;
}

#[tokio::test]
async fn what_a_provider_adds_by_itself_says_nothing_of_how_long_prompts_are() {
    let house = Plan::one().await.start().await;
    let text = talk(4_000, false)["messages"][0]["content"].clone();
    let with = |name: &str, value: Value| json!({"model": "alpha", "max_tokens": 50, "messages": [{"role": "user", "content": text}], name: value});
    let respond = |more: Value| json!({"model": "alpha", "input": text, "tools": more});
    let plain = json!([{"type": "function", "name": "f", "parameters": {"type": "object"}}]);
    let added = [
        (Door::Responses, respond(json!([{"type": "web_search"}]))),
        (
            Door::Responses,
            respond(json!([plain[0], {"name": "s", "type": "mcp"}])),
        ),
        (
            Door::Messages,
            with(
                "tools",
                json!([{"type": "web_search_20250305", "name": "web_search"}]),
            ),
        ),
        (Door::Chat, with("web_search_options", json!({}))),
    ];
    let learned = async |door: Door, body: &Value| {
        let heard = house.ask(door.path(), body).await;
        assert_eq!(heard.status, 200, "{}", heard.text());
        house.records().await;
        house.gateway.talks().length(&"alpha".into()).is_some()
    };

    for (door, body) in &added {
        assert!(!learned(*door, body).await, "{body}");
    }

    assert!(learned(Door::Responses, &respond(plain)).await);
    house.close().await;
}

#[tokio::test]
async fn what_was_billed_tells_how_long_the_next_prompt_is() {
    let house = Plan::one().await.start().await;
    let mut told = Vec::new();

    for _ in 0..12 {
        let heard = house.ask(Door::Chat.path(), &talk(40_000, true)).await;
        let path = format!("/admin/v1/requests/{}", heard.request_id());
        let record = house.admin_get(&path).await.json();
        let lengths = &record["explanation"]["facts"]["outlook"]["lengths"];
        told.push(lengths[0][1].clone());
    }

    // The simulated target makes a token of four bytes, and we take 3.5 for one.
    let number = |told: &Value, what: &str| told[what].as_f64().unwrap_or_default();
    let (second, last) = (&told[1], &told[11]);
    assert_eq!(told[0], Value::Null, "nothing is known at first");
    assert!((0.85..0.92).contains(&number(last, "factor")), "{last}");
    assert!(
        number(last, "margin") < number(second, "margin"),
        "{second} {last}"
    );
    assert!(number(last, "margin") < 1.2, "{last}");
    house.close().await;
}
