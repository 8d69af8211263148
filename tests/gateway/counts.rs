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

/// What a client sends in the middle of its work: tools, and code as it reads it.
fn work(code: &str, model: &str) -> Value {
    let lines = code.lines().enumerate();
    let numbered: Vec<String> = lines.map(|(at, line)| format!("{at:6}\t{line}")).collect();
    let schema = json!({"type": "object", "properties": {"file_path": {"type": "string", "description": "The file to read"},
                        "limit": {"type": "integer"}}, "required": ["file_path"]});
    json!({"model": model, "max_tokens": 100, "system": "You help people to write programs. Look before you change anything.",
           "tools": [{"name": "Read", "description": "Reads a file of the project.", "input_schema": schema}],
           "messages": [{"role": "user", "content": "Please find out why the total is wrong."},
                        {"role": "assistant", "content": [{"type": "tool_use", "id": "t1", "name": "Read", "input": {"file_path": "src/a.rs"}}]},
                        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": numbered.join("\n")}]}]})
}

/// Files of several kinds, written for this.
const CODE: [&str; 6] = [
    include_str!("../data/code/orders.rs.txt"),
    include_str!("../data/code/weather.py.txt"),
    include_str!("../data/code/board.ts.txt"),
    include_str!("../data/code/guide.md.txt"),
    include_str!("../data/code/ledger.go.txt"),
    include_str!("../data/code/library.sql.txt"),
];

/// What templates say of tools before they list them, in about so many words.
const TOOLS: &str = "# Tools\n\nYou can call these functions, one or several of them, to help with what the person asks. \
    Each of them is described here as JSON, between the two marks:\n<tools>\n</tools>\nTo call one, answer with its name and its \
    arguments as JSON, between these two marks:\n<tool_call>\n{\"name\": NAME, \"arguments\": ARGUMENTS}\n</tool_call>\n";

/// All that a target is asked, as a template writes it down for its model.
fn written(body: &str) -> String {
    let asked: Value = serde_json::from_str(body).expect("JSON");
    let mut written = String::new();
    if asked["tools"].is_array() {
        written += TOOLS;
    }
    for tool in asked["tools"].as_array().into_iter().flatten() {
        written += &format!("\n{tool}");
    }
    for message in asked["messages"].as_array().expect("messages") {
        written += &format!("<|{}|>\n", message["role"].as_str().unwrap_or_default());
        match &message["content"] {
            Value::String(text) => written += text,
            Value::Array(parts) => parts
                .iter()
                .for_each(|part| written += part["text"].as_str().unwrap_or_default()),
            _ => {}
        }
        for call in message["tool_calls"].as_array().into_iter().flatten() {
            written += &call["function"].to_string();
        }
    }
    written
}

/// A target without a door for counts, whose model has tokens of its own.
async fn foreign(tokens: fn(&str) -> usize) -> Stub {
    Stub::making(move |body| {
        let prompt = tokens(&written(body));
        let told = json!({"id": "c", "object": "chat.completion", "model": "m", "choices": [{"index": 0, "finish_reason": "stop",
                          "message": {"role": "assistant", "content": "Done."}}],
                          "usage": {"prompt_tokens": prompt, "completion_tokens": 2, "total_tokens": prompt + 2}});
        answer("200 OK", "", &told.to_string())
    })
    .await
}

/// By how many hundredths a count is off what the target bills for the same.
async fn off(house: &House, body: &Value) -> f64 {
    let counted = {
        let heard = house.ask(PATH, body).await;
        let (counted, by) = counted(&heard);
        assert_eq!(by, "local");
        counted as f64
    };
    let heard = house.ask(Door::Messages.path(), body).await;
    let billed = heard.json()["usage"]["input_tokens"].as_f64();
    let billed = billed.unwrap_or_default();
    assert!(billed > 1_000.0, "{}", heard.text());
    (counted / billed - 1.0).abs() * 100.0
}

/// The same, and waits until counts have changed by what was learned of the bill, which happens in the background.
async fn off_and_learned(house: &House, body: &Value) -> f64 {
    let long = work(&CODE.concat().repeat(4), "team-coder");
    let count = async || counted(&house.ask(PATH, &long).await).0;
    let before = count().await;
    let off = off(house, body).await;
    until("counts have changed", async || count().await != before).await;
    off
}

/// An older table of OpenAI's: a stranger to all that are known here, and a tenth longer on code.
fn stranger(text: &str) -> usize {
    tiktoken_rs::p50k_base_singleton()
        .encode_ordinary(text)
        .len()
}

/// As Qwen's: each figure for itself, and nearly all else as in the table that is ours.
fn figures(text: &str) -> usize {
    let table = tiktoken_rs::o200k_base_singleton();
    let figures = |token: u32| {
        let text = table.decode_bytes(&[token]).expect("a token");
        text.iter().filter(|it| it.is_ascii_digit()).count()
    };
    let tokens = table.encode_ordinary(text).into_iter();
    tokens.map(|token| figures(token).max(1)).sum()
}

async fn foreigners(model: &str, tokens: fn(&str) -> usize) -> (Stub, House) {
    let stub = foreign(tokens).await;
    let plan = Plan::new().target("a", &stub.url(), "").speaks("chat");
    (stub, plan.model(model, "a").start().await)
}

#[tokio::test]
async fn where_the_name_tells_whose_tokens_they_are_the_first_count_of_code_is_within_three_in_a_hundred()
 {
    let (_stub, house) = foreigners("qwen3-coder", figures).await;

    for code in CODE {
        let off = off(&house, &work(code, "qwen3-coder")).await;

        assert!(off <= 3.0, "{off}");
    }
    house.stop().await;
}

#[tokio::test]
async fn tokens_of_a_stranger_are_learned_from_a_handful_of_bills() {
    let (_stub, house) = foreigners("team-coder", stranger).await;
    let first = off_and_learned(&house, &work(CODE[0], "team-coder")).await;
    for code in &CODE[1..4] {
        off_and_learned(&house, &work(code, "team-coder")).await;
    }

    assert!(first > 5.0, "{first}");
    for code in &CODE[4..] {
        let off = off_and_learned(&house, &work(code, "team-coder")).await;

        assert!(off <= 3.0, "{off}");
    }
    house.stop().await;
}
