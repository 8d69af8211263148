//! Each dialect says what its real servers say.

use serde_json::{Value, json};

use super::*;
use crate::domain::clock::{Clock, Timestamp};
use crate::domain::tokens::TokenCount;
use crate::sim::Door;

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
        (line.door, line.model.as_str(), line.status),
        (Door::Chat, "m", 200)
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
    let flat = json!([{"type": "function", "name": "get_weather",
                     "parameters": {"type": "object", "required": ["city"]}}]);
    let input = json!([{"role": "user", "content": [{"type": "input_text", "text": ask}]}]);
    let asked = json!({"model": "m", "tools": flat, "input": input});
    let mut result = body.clone();
    result["messages"].as_array_mut().expect("a list").extend([
        json!({"role": "assistant", "content": null, "tool_calls": [{"id": "c", "type": "function",
            "function": {"name": "get_weather", "arguments": "{}"}}]}),
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
    let plain = json!({"model": "m", "messages": [{"role": "user", "content": "hi"}]});
    let count = json_of(&sim, "/v1/messages/count_tokens", &plain).await;
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
