//! Counting tokens: by whoever would answer, where that can count, else here; and never an error for want of a target.

use serde_json::{Value, json};
use tollgate::sim::{Fault, Profile};

use crate::calls::{Door, Heard};
use crate::rig::{House, Plan, until};
use crate::stub::{Stub, answer};

const PATH: &str = "/v1/messages/count_tokens";

fn question() -> Value {
    let code = include_str!("counts.rs");
    json!({"model": "alpha", "system": "Be short.", "messages": [{"role": "user", "content": code}],
           "tools": [{"name": "Read", "description": "Reads a file.", "input_schema": {"type": "object", "properties": {"path": {"type": "string"}}}}]})
}

fn counted(heard: &Heard) -> (u64, &str) {
    assert_eq!(heard.status, 200, "{}", heard.text());
    let tokens = heard.json()["input_tokens"].as_u64();
    (tokens.expect("a count"), heard.header("x-tollgate-count"))
}

/// A gateway whose only target speaks `dialects` and answers everything with `body`.
async fn one(dialects: &str, body: &str, own: bool) -> (Stub, House) {
    let stub = Stub::start(answer("200 OK", "", body)).await;
    let plan = Plan::new().target("a", &stub.url(), "").speaks(dialects);
    let plan = if own { plan.own() } else { plan };
    (stub, plan.model("alpha", "a").start().await)
}

#[tokio::test]
async fn a_target_of_another_dialect_is_asked_in_its_own_words() {
    for (dialects, own, told) in [
        (
            "responses, chat",
            false,
            r#"{"object":"response.input_tokens","input_tokens":321}"#,
        ),
        ("gemini", false, r#"{"totalTokens":321}"#),
        (
            "chat, completions",
            true,
            r#"{"count":321,"max_model_len":4096,"tokens":[1,2]}"#,
        ),
        ("messages", false, r#"{"input_tokens":321}"#),
    ] {
        let (stub, house) = one(dialects, told, own).await;

        let heard = house.ask(PATH, &question()).await;

        assert_eq!(counted(&heard), (321, "target"), "{dialects}");
        assert_eq!(heard.header("x-tollgate-model"), "alpha");
        let asked: Value = serde_json::from_str(&stub.told()).expect("JSON");
        assert!(stub.told().contains("Be short.") && stub.told().contains("Reads a file."));
        assert!(
            asked.get("max_tokens").is_none() && asked.get("stream").is_none(),
            "{dialects}"
        );
        assert_eq!(
            asked["generateContentRequest"]["model"] == "models/alpha-there",
            dialects == "gemini"
        );
        house.close().await;
    }
}

#[tokio::test]
async fn where_a_target_cannot_count_it_is_not_asked() {
    let (stub, house) = one("chat, completions", "{}", false).await;

    let (tokens, by) = {
        let heard = house.ask(PATH, &question()).await;
        assert_eq!(heard.header("x-tollgate-model"), "alpha");
        let (tokens, by) = counted(&heard);
        (tokens, by.to_owned())
    };

    let bytes = include_str!("counts.rs").len() as u64;
    assert_eq!((by.as_str(), stub.asked()), ("local", 0));
    assert!(
        (bytes / 5..bytes / 3).contains(&tokens),
        "{tokens} of {bytes} bytes"
    );
    let record = house.record().await;
    assert!(
        record.attempts.is_empty() && record.status == Some(200),
        "{record:?}"
    );
    house.close().await;
}

#[tokio::test]
async fn a_target_that_fails_to_count_stops_nobody_and_goes_on_answering() {
    let house = Plan::one().await.start().await;
    let truly = counted(&house.ask(PATH, &question()).await).0;

    for fault in [
        Fault::status(404),
        Fault::status(500),
        Fault::status(501),
        Fault::retry_after(429, "60"),
        Fault::status(401),
        Fault::HtmlBody,
        Fault::ResetBeforeAnswer,
    ] {
        house.a().script([fault.clone()]);
        let heard = house.ask(PATH, &question()).await;

        let (tokens, by) = counted(&heard);
        assert_eq!(by, "local", "{fault:?}");
        // The simulated target makes a token of four bytes, all the same.
        assert!(tokens.abs_diff(truly) * 2 < truly, "{tokens} {truly}");
        let answered = house.ask_at(Door::Messages, "alpha", false).await;
        assert_eq!(answered.status, 200, "{fault:?}");
    }
    house.close().await;
}

#[tokio::test]
async fn where_nobody_can_be_asked_at_all_it_is_counted_here() {
    let stub = Stub::start(Vec::new()).await;
    let plan = Plan::new()
        .target("a", &stub.url(), "")
        .speaks("completions");
    let house = plan.model("alpha", "a").start().await;

    let heard = house.ask(PATH, &question()).await;
    let unknown = json!({"model": "nobody", "messages": [{"role": "user", "content": "hi"}]});
    let unknown = house.ask(PATH, &unknown).await;

    assert_eq!(counted(&heard).1, "local");
    assert_eq!((unknown.status, stub.asked()), (404, 0));
    house.close().await;
}

#[tokio::test]
async fn a_count_of_what_fits_nowhere_is_asked_for_and_no_call_is() {
    let stub = Stub::start(answer("200 OK", "", r#"{"input_tokens":321}"#)).await;
    let plan = Plan::new().target("a", &stub.url(), "").speaks("messages");
    let house = plan.sized("alpha", "a", 400).start().await;

    let count = house.ask(PATH, &question()).await;
    let call = house.ask(Door::Messages.path(), &question()).await;

    assert_eq!(counted(&count), (321, "target"));
    assert_eq!((call.status, stub.asked()), (400, 1), "{}", call.text());
    house.close().await;
}

#[tokio::test]
async fn what_is_billed_corrects_what_is_counted_here() {
    let plan = Plan::new().sim("a", Profile::instant(), "").await;
    let house = plan.speaks("chat").model("alpha", "a").start().await;
    let before = counted(&house.ask(PATH, &question()).await).0;
    let lines = "x+=1;y-=2;z*=3;\n".repeat(4_000);
    let call = json!({"model": "alpha", "messages": [{"role": "user", "content": lines}]});

    let heard = house.ask(Door::Chat.path(), &call).await;

    assert_eq!(heard.status, 200, "{}", heard.text());
    // The target bills a token for four bytes, of a text that has one for two.
    until("the count is corrected", async || {
        counted(&house.ask(PATH, &question()).await).0 < before
    })
    .await;
    house.close().await;
}
