//! What a target gave out it takes back, unchanged, and no other target takes it.

use serde_json::{Value, json};

use super::*;
use crate::sim::Cue;

const GEMINI: &str = "/v1beta/models/gemini-4:generateContent";

fn cue() -> Cue {
    Cue::says("I look.")
        .thinks("hm")
        .calls("look", r#"{"at":1}"#)
        .calls("look", r#"{"at":2}"#)
}

fn schema() -> Value {
    json!({"type": "object", "properties": {"at": {"type": "integer"}}})
}

/// The body of the next turn: what was said before, given back, and the results of the tools.
type Next = fn(&Value, &Value) -> Value;

fn messages(ask: &Value, said: &Value) -> Value {
    let mut body = ask.clone();
    let calls = said["content"].as_array().expect("blocks");
    let calls = calls.iter().filter(|block| block["type"] == "tool_use");
    let results = calls
        .map(|call| json!({"type": "tool_result", "tool_use_id": call["id"], "content": "ok"}));
    let turns = body["messages"].as_array_mut().expect("messages");
    turns.push(json!({"role": "assistant", "content": said["content"]}));
    turns.push(json!({"role": "user", "content": Value::from_iter(results)}));
    body
}

fn responses(ask: &Value, said: &Value) -> Value {
    let mut body = ask.clone();
    let output = said["output"].as_array().expect("items");
    let calls = output.iter().filter(|item| item["type"] == "function_call");
    let results = calls.map(
        |call| json!({"type": "function_call_output", "call_id": call["call_id"], "output": "ok"}),
    );
    let results: Vec<Value> = results.collect();
    let input = body["input"].as_array_mut().expect("input");
    input.extend(output.iter().cloned());
    input.extend(results);
    body
}

fn gemini(ask: &Value, said: &Value) -> Value {
    let mut body = ask.clone();
    let content = &said["candidates"][0]["content"];
    let parts = content["parts"].as_array().expect("parts");
    let calls = parts.iter().map(|part| &part["functionCall"]);
    let results = calls.filter(|call| call.is_object()).map(|call| {
        json!({"functionResponse": {"id": call["id"], "name": call["name"], "response": {"output": "ok"}}})
    });
    let results = Value::from_iter(results);
    let contents = body["contents"].as_array_mut().expect("contents");
    contents.push(content.clone());
    contents.push(json!({"role": "user", "parts": results}));
    body
}

#[tokio::test]
async fn a_conversation_goes_on_at_its_own_target_alone() {
    let (own, other) = (sim().await, sim().await);
    let words = json!([{"role": "user", "content": "look"}]);
    let cases: [(&str, Value, Next, &str); 3] = [
        (
            MESSAGES,
            json!({"model": "m", "max_tokens": 5_000, "thinking": {"type": "enabled", "budget_tokens": 2_000},
                   "messages": words, "tools": [{"name": "look", "input_schema": schema()}]}),
            messages,
            "Invalid `signature`",
        ),
        (
            RESPONSES,
            json!({"model": "m", "store": false, "include": ["reasoning.encrypted_content"], "input": words,
                   "reasoning": {"effort": "high"},
                   "tools": [{"type": "function", "name": "look", "parameters": schema()}]}),
            responses,
            "could not be verified",
        ),
        (
            GEMINI,
            json!({"contents": [{"role": "user", "parts": [{"text": "look"}]}],
                   "generationConfig": {"thinkingConfig": {"includeThoughts": true}},
                   "tools": [{"functionDeclarations": [{"name": "look", "parametersJsonSchema": schema()}]}]}),
            gemini,
            "not valid",
        ),
    ];

    for (path, ask, next, words) in cases {
        own.cue([cue()]);
        let said = json_of(&own, path, &ask).await;
        let body = next(&ask, &said);
        let goes_on = send(&own, path, &body).await.expect("an answer");
        let refused = json_of(&other, path, &body).await;

        assert_eq!(
            goes_on.status(),
            200,
            "{}",
            goes_on.text().await.expect("a body")
        );
        let message = refused["error"]["message"].as_str();
        assert!(message.is_some_and(|it| it.contains(words)), "{refused}");
    }
    assert_eq!(other.bill().len(), 0);
}
