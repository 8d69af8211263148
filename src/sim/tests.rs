use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};

use super::*;
use crate::domain::clock::{Clock, Timestamp};
use crate::domain::dialect::Endpoint;
use crate::domain::tokens::TokenCount;

fn client() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .expect("a client")
}

async fn sim() -> Sim {
    Sim::start(Profile::instant()).await.expect("a port")
}

async fn send(sim: &Sim, path: &str, body: &Value) -> reqwest::Result<reqwest::Response> {
    let url = format!("http://{}{path}", sim.addr());
    let request = client().post(url).header("x-tollgate-attempt-id", "att_1");
    request.body(body.to_string()).send().await
}

async fn text(sim: &Sim, path: &str, body: &Value) -> String {
    send(sim, path, body)
        .await
        .expect("an answer")
        .text()
        .await
        .expect("a body")
}

async fn json_of(sim: &Sim, path: &str, body: &Value) -> Value {
    serde_json::from_str(&text(sim, path, body).await).expect("JSON")
}

/// The `data` of each event, with `[DONE]` as a string.
fn events(stream: &str) -> Vec<Value> {
    let data = stream
        .lines()
        .filter_map(|line| line.strip_prefix("data: "));
    data.map(|data| serde_json::from_str(data).unwrap_or_else(|_| json!(data)))
        .collect()
}

fn chat(stream: bool) -> Value {
    json!({"model": "m", "stream": stream, "stream_options": {"include_usage": stream},
           "messages": [{"role": "user", "content": "hi"}]})
}

fn weather(anthropic: bool) -> Value {
    let schema =
        json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]});
    match anthropic {
        true => json!([{"name": "get_weather", "input_schema": schema}]),
        false => {
            json!([{"type": "function", "function": {"name": "get_weather", "parameters": schema}}])
        }
    }
}

const CHAT: &str = "/v1/chat/completions";
const MESSAGES: &str = "/v1/messages";
const RESPONSES: &str = "/v1/responses";

#[tokio::test]
async fn a_chat_stream_is_in_strict_order_and_billed_to_the_token() {
    let sim = sim().await;

    let stream = text(&sim, CHAT, &chat(true)).await;

    let events = events(&stream);
    let deltas = events.iter().filter(|e| {
        e["choices"][0]["delta"]["content"]
            .as_str()
            .is_some_and(|t| !t.is_empty())
    });
    let (deltas, last) = (deltas.count() as u64, events.len() - 1);
    assert_eq!(
        events[0]["choices"][0]["delta"],
        json!({"role": "assistant", "content": "", "refusal": null})
    );
    assert_eq!(events[last - 2]["choices"][0]["finish_reason"], "stop");
    assert_eq!(
        (&events[last - 1]["choices"], &events[last]),
        (&json!([]), &json!("[DONE]"))
    );
    assert_eq!(events[last - 1]["usage"]["completion_tokens"], deltas);
    assert!(
        events[..last - 1]
            .iter()
            .all(|e| e["id"] == events[0]["id"] && e["usage"].is_null())
    );
    let line = &sim.bill()[0];
    assert_eq!((line.produced_output, line.finished), (deltas, true));
    assert_eq!(
        (line.usage.output, line.attempt.as_deref()),
        (TokenCount(deltas), Some("att_1"))
    );
    assert_eq!(
        (line.endpoint, line.model.as_str(), line.status),
        (Endpoint::Chat, "m", 200)
    );
}

#[tokio::test]
async fn usage_comes_in_a_stream_only_when_it_is_asked_for() {
    let sim = sim().await;
    let mut body = chat(true);
    body["stream_options"] = Value::Null;

    let stream = text(&sim, CHAT, &body).await;

    assert!(!stream.contains("usage"), "{stream}");
    assert!(stream.ends_with("data: [DONE]\n\n"));
}

#[tokio::test]
async fn a_stream_and_a_whole_answer_say_the_same_under_different_ids() {
    let sim = sim().await;

    let whole = json_of(&sim, CHAT, &chat(false)).await;
    let events = events(&text(&sim, CHAT, &chat(true)).await);

    let said: String = events
        .iter()
        .filter_map(|e| e["choices"][0]["delta"]["content"].as_str())
        .collect();
    assert_eq!(whole["choices"][0]["message"]["content"], said);
    assert_eq!(whole["usage"], events[events.len() - 2]["usage"]);
    assert_ne!(whole["id"], events[0]["id"]);
}

#[tokio::test]
async fn messages_open_one_block_at_a_time() {
    let sim = sim().await;
    let body = json!({"model": "m", "max_tokens": 500, "stream": true, "thinking": {"type": "adaptive"},
                      "messages": [{"role": "user", "content": "hi"}]});

    let events = events(&text(&sim, MESSAGES, &body).await);

    let mut kinds: Vec<&str> = events
        .iter()
        .map(|e| e["type"].as_str().expect("a type"))
        .collect();
    kinds.dedup();
    assert_eq!(
        kinds,
        [
            "message_start",
            "content_block_start",
            "ping",
            "content_block_delta",
            "content_block_stop",
            "content_block_start",
            "content_block_delta",
            "content_block_stop",
            "message_delta",
            "message_stop",
        ]
    );
    let tokens = |kind: &str| events.iter().filter(|e| e["delta"]["type"] == kind).count() as u64;
    let usage = &events[events.len() - 2]["usage"];
    assert_eq!(
        usage["output_tokens"],
        tokens("thinking_delta") + tokens("text_delta")
    );
    assert_eq!(
        usage["output_tokens_details"]["thinking_tokens"],
        tokens("thinking_delta")
    );
    assert_eq!(
        sim.bill()[0].usage.reasoning,
        TokenCount(tokens("thinking_delta"))
    );
}

#[tokio::test]
async fn responses_are_numbered_without_a_gap() {
    let sim = sim().await;
    let reasoning = json!({"effort": "high", "summary": "auto"});
    let body = json!({"model": "m", "stream": true, "input": "hi", "reasoning": reasoning});

    let stream = text(&sim, RESPONSES, &body).await;

    let events = events(&stream);
    for (number, event) in events.iter().enumerate() {
        assert_eq!(event["sequence_number"], number);
    }
    let last = &events[events.len() - 1];
    let deltas = events.iter().filter(|e| {
        e["type"]
            .as_str()
            .is_some_and(|t| t.ends_with("text.delta"))
    });
    assert_eq!(last["type"], "response.completed");
    assert_eq!(last["response"]["usage"]["output_tokens"], deltas.count());
    assert_eq!(last["response"]["output"][0]["type"], "reasoning");
    assert_eq!(
        last["response"]["output"][1]["content"][0]["type"],
        "output_text"
    );
    assert!(!stream.contains("[DONE]"));
}

#[tokio::test]
async fn a_tool_is_called_when_asked_for_and_its_result_is_answered_in_words() {
    let sim = sim().await;
    let ask = "Please use the tool";
    let body = json!({"model": "m", "tools": weather(false), "messages": [{"role": "user", "content": ask}]});
    let named = json!({"model": "m", "max_tokens": 99, "tools": weather(true), "messages": [{"role": "user",
        "content": [{"type": "text", "text": "what does get_weather say?"}]}]});
    let plain = json!({"model": "m", "max_tokens": 99, "tools": weather(true),
                       "messages": [{"role": "user", "content": "hi"}]});
    let flat =
        json!([{"type": "function", "name": "get_weather", "parameters": {"required": ["city"]}}]);
    let input = json!([{"role": "user", "content": [{"type": "input_text", "text": ask}]}]);
    let asked = json!({"model": "m", "tools": flat, "input": input});
    let mut result = body.clone();
    result["messages"].as_array_mut().expect("a list").extend([
        json!({"role": "assistant", "content": null, "tool_calls": []}),
        json!({"role": "tool", "tool_call_id": "c", "content": "use the tool"}),
    ]);

    let call = json_of(&sim, CHAT, &body).await;
    let block = json_of(&sim, MESSAGES, &named).await;
    let item = json_of(&sim, RESPONSES, &asked).await;

    let function = &call["choices"][0]["message"]["tool_calls"][0]["function"];
    let arguments: Value =
        serde_json::from_str(function["arguments"].as_str().expect("text")).expect("JSON");
    assert!(arguments["city"].is_string(), "{call}");
    assert_eq!(call["choices"][0]["finish_reason"], "tool_calls");
    assert!(block["content"][0]["input"]["city"].is_string(), "{block}");
    assert_eq!(
        (&block["stop_reason"], &item["output"][0]["type"]),
        (&json!("tool_use"), &json!("function_call"))
    );
    assert_eq!(
        json_of(&sim, CHAT, &result).await["choices"][0]["finish_reason"],
        "stop"
    );
    assert_eq!(
        json_of(&sim, MESSAGES, &plain).await["content"][0]["type"],
        "text"
    );
}

#[tokio::test]
async fn a_second_turn_reads_the_cache_in_each_dialects_arithmetic() {
    let clock = Clock::fixed(Timestamp::from_millis(0));
    let profile = Profile {
        clock: clock.clone(),
        cache_writes: true,
        ..Profile::instant()
    };
    let sim = Sim::start(profile).await.expect("a port");
    let long = "word ".repeat(2_000);
    let said = json!({"role": "user", "content": long});
    let first = json!({"model": "m", "messages": [said]});
    let second = json!({"model": "m", "messages": [said, {"role": "assistant", "content": "a"}, {"role": "user", "content": "b"}]});
    let marked = json!([{"type": "text", "text": long, "cache_control": {"type": "ephemeral", "ttl": "1h"}}]);
    let anthropic =
        json!({"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": marked}]});

    let cold = json_of(&sim, CHAT, &first).await;
    let warm = json_of(&sim, CHAT, &second).await;
    let write = json_of(&sim, MESSAGES, &anthropic).await;
    let read = json_of(&sim, MESSAGES, &anthropic).await;

    let details = |answer: &Value, field: &str| {
        answer["usage"]["prompt_tokens_details"][field]
            .as_u64()
            .unwrap_or(0)
    };
    assert_eq!(
        (
            details(&cold, "cached_tokens"),
            details(&cold, "cache_write_tokens")
        ),
        (0, 2_500)
    );
    assert_eq!(
        (
            details(&warm, "cached_tokens"),
            details(&warm, "cache_write_tokens")
        ),
        (2_500, 1)
    );
    assert_eq!(warm["usage"]["prompt_tokens"], 2_501);
    assert_eq!(
        write["usage"]["cache_creation"]["ephemeral_1h_input_tokens"],
        2_500
    );
    assert_eq!(
        (
            &read["usage"]["cache_read_input_tokens"],
            &read["usage"]["input_tokens"]
        ),
        (&json!(2_500), &json!(0))
    );
    let line = sim.bill()[1].usage;
    assert_eq!(
        (line.input.0, line.cache_read.0, line.cache_write_short.0),
        (0, 2_500, 1)
    );
}

#[tokio::test]
async fn wrong_requests_are_refused_in_the_dialects_words() {
    let profile = Profile {
        key: Some("k".into()),
        models: vec!["m".into()],
        window: 50,
        ..Profile::instant()
    };
    let sim = Sim::start(profile).await.expect("a port");
    let ask = async |path: &str, key: &str, body: String| {
        let request = client()
            .post(format!("http://{}{path}", sim.addr()))
            .bearer_auth(key)
            .body(body);
        let answer = request.send().await.expect("an answer");
        let status = answer.status().as_u16();
        let body: Value =
            serde_json::from_str(&answer.text().await.expect("a body")).expect("JSON");
        let code = if path == MESSAGES {
            &body["error"]["type"]
        } else {
            &body["error"]["code"]
        };
        (status, code.as_str().unwrap_or_default().to_owned())
    };
    let is = |status: u16, code: &str| (status, code.to_owned());
    let long = json!({"model": "m", "messages": [{"role": "user", "content": "x".repeat(300)}]});
    let other = chat(false).to_string().replace("\"m\"", "\"n\"");

    assert_eq!(
        ask(CHAT, "x", chat(false).to_string()).await,
        is(401, "invalid_api_key")
    );
    assert_eq!(
        ask(MESSAGES, "x", chat(false).to_string()).await,
        is(401, "authentication_error")
    );
    assert_eq!(ask(CHAT, "k", other).await, is(404, "model_not_found"));
    assert_eq!(
        ask(CHAT, "k", "{".to_owned()).await,
        is(400, "invalid_json")
    );
    assert_eq!(
        ask(MESSAGES, "k", chat(false).to_string()).await,
        is(400, "invalid_request_error")
    );
    assert_eq!(
        ask(CHAT, "k", long.to_string()).await,
        is(400, "context_length_exceeded")
    );
    let twice = r#"{"model":"m","model":"m","messages":[{"role":"user"}]}"#;
    assert_eq!(
        ask(CHAT, "k", twice.to_owned()).await,
        is(400, "invalid_json")
    );
    assert!(sim.bill().is_empty());
}

#[tokio::test]
async fn the_other_doors_answer_too() {
    let sim = sim().await;

    let fim = json!({"model": "m", "prompt": "def f(", "suffix": "return", "max_tokens": 3});
    let middle = json_of(&sim, "/completions", &fim).await;
    let vectors = json_of(
        &sim,
        "/v1/embeddings",
        &json!({"model": "m", "input": ["a", "b"], "dimensions": 3}),
    )
    .await;
    let count = json_of(&sim, "/v1/messages/count_tokens", &chat(false)).await;
    let list = client()
        .get(format!("http://{}/models", sim.addr()))
        .send()
        .await
        .expect("an answer");

    assert_eq!(
        (
            &middle["usage"]["completion_tokens"],
            &middle["choices"][0]["finish_reason"]
        ),
        (&json!(3), &json!("length"))
    );
    assert_eq!(
        vectors["data"][1]["embedding"].as_array().map(Vec::len),
        Some(3)
    );
    assert_eq!(
        (&count["input_tokens"], list.status().as_u16()),
        (&json!(1), 200)
    );
}

#[tokio::test]
async fn a_cut_stream_breaks_and_is_billed_as_far_as_it_went() {
    let sim = sim().await;
    sim.script([
        Fault::ResetAfter(4),
        Fault::CloseAfter(4),
        Fault::HangAfter(4),
        Fault::ResetBeforeAnswer,
    ]);

    let reset = send(&sim, CHAT, &chat(true))
        .await
        .expect("headers")
        .text()
        .await;
    let closed = text(&sim, CHAT, &chat(true)).await;
    let hung = send(&sim, CHAT, &chat(true)).await.expect("headers");
    let hung = tokio::time::timeout(Duration::from_millis(100), hung.text()).await;
    let refused = send(&sim, CHAT, &chat(true)).await;

    assert!(reset.is_err() && hung.is_err() && refused.is_err());
    assert_eq!(events(&closed).len(), 4);
    let bill = sim.bill();
    assert_eq!(bill.len(), 3);
    // The first event only opens the message.
    assert!(
        bill.iter()
            .all(|line| line.produced_output == 3 && !line.finished)
    );
}

#[tokio::test]
async fn errors_come_in_the_stream_of_each_dialect() {
    let sim = sim().await;
    sim.script([
        Fault::ErrorEventAfter(3),
        Fault::ErrorEventAfter(3),
        Fault::ErrorEventFirst,
    ]);
    let responses = json!({"model": "m", "stream": true, "input": "hi"});
    let mut messages = chat(true);
    messages["max_tokens"] = json!(50);

    let chats = events(&text(&sim, CHAT, &chat(true)).await);
    let failed = events(&text(&sim, RESPONSES, &responses).await);
    let first = events(&text(&sim, MESSAGES, &messages).await);

    assert_eq!(
        (chats.len(), &chats[3]["error"]["type"]),
        (4, &json!("server_error"))
    );
    assert_eq!(
        (&failed[3]["type"], &failed[4]["type"]),
        (&json!("error"), &json!("response.failed"))
    );
    assert_eq!(
        (
            &failed[4]["sequence_number"],
            &failed[4]["response"]["status"]
        ),
        (&json!(4), &json!("failed"))
    );
    assert_eq!(
        (first.len(), &first[0]["error"]["type"]),
        (1, &json!("overloaded_error"))
    );
    assert_eq!(sim.bill().len(), 2);
}

#[tokio::test]
async fn answers_that_are_no_answers() {
    let sim = sim().await;
    sim.script([
        Fault::retry_after(429, "5"),
        Fault::Redirect("http://127.0.0.1:1/".to_owned()),
        Fault::HtmlBody,
        Fault::EmptyBody,
        Fault::ErrorIn200,
        Fault::BadJson,
        Fault::None,
    ]);

    let limited = send(&sim, CHAT, &chat(false)).await.expect("an answer");
    assert_eq!(
        (limited.status().as_u16(), &limited.headers()["retry-after"]),
        (429, &"5".parse().expect("a value"))
    );
    let moved = send(&sim, CHAT, &chat(false)).await.expect("an answer");
    assert_eq!(moved.status().as_u16(), 307);
    assert!(
        text(&sim, CHAT, &chat(false))
            .await
            .starts_with("<!doctype html>")
    );
    assert_eq!(text(&sim, CHAT, &chat(false)).await, "");
    assert!(json_of(&sim, CHAT, &chat(false)).await["error"].is_object());
    assert!(serde_json::from_str::<Value>(&text(&sim, CHAT, &chat(false)).await).is_err());
    assert!(json_of(&sim, CHAT, &chat(false)).await["choices"].is_array());
}

#[tokio::test]
async fn usage_can_be_missing_or_impossible() {
    let sim = sim().await;
    sim.script([Fault::NoUsage, Fault::NegativeUsage, Fault::AbsurdUsage]);

    let usage =
        async || json_of(&sim, CHAT, &chat(false)).await["usage"]["completion_tokens"].as_i64();

    assert_eq!(usage().await, None);
    assert!(usage().await.is_some_and(|tokens| tokens < 0));
    assert!(usage().await.is_some_and(|tokens| tokens > 1_000_000_000));
    assert!(
        sim.bill()
            .iter()
            .all(|line| (20..=200).contains(&line.usage.output.0))
    );
}

#[tokio::test]
async fn odd_streams_keep_their_sense() {
    let sim = sim().await;
    let plain = events(&text(&sim, CHAT, &chat(true)).await);
    sim.script([
        Fault::SplitBytes,
        Fault::MissingDone,
        Fault::UnknownEvents,
        Fault::HugeLine(200_000),
        Fault::JsonForStream,
    ]);

    let split = events(&text(&sim, CHAT, &chat(true)).await);
    let undone = events(&text(&sim, CHAT, &chat(true)).await);
    let unknown = events(&text(&sim, CHAT, &chat(true)).await);
    let huge = text(&sim, CHAT, &chat(true)).await;
    let whole = json_of(&sim, CHAT, &chat(true)).await;

    assert_eq!(split.len(), plain.len());
    assert_eq!(undone.len(), plain.len() - 1);
    assert_eq!(
        (unknown.len(), unknown[0]["x_future"].is_object()),
        (plain.len() + 1, true)
    );
    assert!(huge.lines().any(|line| line.len() > 200_000));
    assert!(whole["choices"].is_array());
}

#[tokio::test]
async fn silence_is_silent_and_slow_is_slow() {
    let sim = sim().await;
    sim.script([
        Fault::NeverAnswer,
        Fault::SilenceAfterHeaders,
        Fault::Slow(Duration::from_millis(5)),
    ]);
    let moment = Duration::from_millis(50);

    let never = tokio::time::timeout(moment, send(&sim, CHAT, &chat(true))).await;
    let headers = send(&sim, CHAT, &chat(true)).await.expect("headers");
    let nothing = tokio::time::timeout(moment, headers.text()).await;
    let begun = tokio::time::Instant::now();
    let slow = text(&sim, CHAT, &chat(true)).await;

    assert!(never.is_err() && nothing.is_err());
    assert!(begun.elapsed() >= Duration::from_millis(5 * events(&slow).len() as u64 - 5));
}

#[tokio::test]
async fn what_was_sent_is_kept_to_the_byte_and_told_over_http() {
    let sim = sim().await;
    let url = format!("http://{}", sim.addr());
    let script = client()
        .post(format!("{url}/sim/script"))
        .body(r#"[{"status": {"code": 503}}, "none"]"#);
    script
        .send()
        .await
        .expect("an answer")
        .error_for_status()
        .expect("a script");

    let refused = send(&sim, "/v1/chat/completions?beta=true", &chat(false))
        .await
        .expect("an answer");
    json_of(&sim, CHAT, &chat(false)).await;
    let bill = client()
        .get(format!("{url}/sim/bill"))
        .send()
        .await
        .expect("an answer")
        .text()
        .await;

    let bill: Value = serde_json::from_str(&bill.expect("a body")).expect("JSON");
    let seen = sim.seen();
    assert_eq!((refused.status().as_u16(), seen.len()), (503, 2));
    assert_eq!(
        (seen[0].path.as_str(), &seen[0].body),
        (
            "/v1/chat/completions?beta=true",
            &Bytes::from(chat(false).to_string())
        )
    );
    assert_eq!(seen[1].header("x-tollgate-attempt-id"), Some("att_1"));
    assert_eq!(
        (&bill[0]["attempt"], &bill[0]["finished"]),
        (&json!("att_1"), &json!(true))
    );
    sim.stop().await;
    assert!(client().get(url).send().await.is_err());
}

#[tokio::test]
async fn a_caller_that_hangs_up_stops_the_count() {
    let profile = Profile {
        per_token: Duration::from_millis(10),
        ..Profile::instant()
    };
    let sim = Sim::start(profile).await.expect("a port");

    let answer = send(&sim, CHAT, &chat(true)).await.expect("headers");
    let mut body = reqwest::Body::from(answer);
    let first = body.frame().await;
    drop(body);
    tokio::time::sleep(Duration::from_millis(100)).await;
    let then = sim.bill()[0].produced_output;
    tokio::time::sleep(Duration::from_millis(100)).await;

    assert!(first.is_some());
    assert_eq!(
        (sim.bill()[0].produced_output, sim.bill()[0].finished),
        (then, false)
    );
}

/// For `tests/sdk/run.py` without a gateway: `cargo test --lib sim_for_sdks -- --ignored`, until it is interrupted.
#[tokio::test]
#[ignore = "runs until it is interrupted"]
async fn sim_for_sdks() {
    let models = ["gpt-sim", "claude-sim"].map(str::to_owned).to_vec();
    let profile = Profile {
        models,
        key: Some("sim-key".to_owned()),
        ..Profile::instant()
    };
    serve(profile, ([127, 0, 0, 1], 41_990).into())
        .await
        .expect("the port is free");
}
