//! A model that plays a part does its deed once, in every dialect, and then says its line.

use serde_json::{Value, json};

use super::*;
use crate::sim::Part;

const DONE: &str = "All done.";

async fn playing() -> Sim {
    let arguments = r#"{"path": "a b.txt"}"#.to_owned();
    let part = Part {
        calls: vec![
            ("elsewhere".to_owned(), "{}".to_owned()),
            ("write_note".to_owned(), arguments),
        ],
        says: DONE.to_owned(),
    };
    let profile = Profile {
        part: Some(part),
        ..Profile::instant()
    };
    Sim::start(profile).await.expect("a port")
}

#[tokio::test]
async fn the_deed_is_a_call_of_a_tool_that_is_offered() {
    let sim = playing().await;
    let said = json!({"role": "user", "content": "go on"});
    let schema = json!({"type": "object"});
    let chat = json!({"model": "m", "messages": [said], "tools": [{"type": "function",
        "function": {"name": "write_note", "parameters": schema}}]});
    let messages = json!({"model": "m", "max_tokens": 99, "messages": [said],
        "tools": [{"name": "write_note", "input_schema": schema}]});
    let late = json!({"type": "additional_tools", "tools": [{"type": "function", "name": "write_note", "parameters": schema}]});
    let responses = json!({"model": "m", "input": [late, said]});

    let call = json_of(&sim, CHAT, &chat).await;
    let block = json_of(&sim, MESSAGES, &messages).await;
    let item = json_of(&sim, RESPONSES, &responses).await;

    let function = &call["choices"][0]["message"]["tool_calls"][0]["function"];
    assert_eq!(function["arguments"], r#"{"path": "a b.txt"}"#);
    assert_eq!(block["content"][0]["input"]["path"], "a b.txt", "{block}");
    assert_eq!(item["output"][0]["name"], "write_note", "{item}");
}

#[tokio::test]
async fn everything_else_that_wants_words_gets_the_line() {
    let sim = playing().await;
    let told = json!([{"role": "user", "content": "go on"}, {"role": "assistant", "content": null, "tool_calls": [{"id": "c", "type": "function",
            "function": {"name": "write_note", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "c", "content": "written"}]);
    let tools = json!([{"type": "function", "function": {"name": "write_note", "parameters": {"type": "object"}}}]);
    let result = json!({"model": "m", "messages": told, "tools": tools});
    let title = json!({"model": "m", "messages": [{"role": "user", "content": "a title, please"}]});
    let schema = json!({"type": "object", "required": ["city"]});
    let mut shaped = title.clone();
    shaped["response_format"] = json!({"type": "json_schema", "json_schema": {"schema": schema}});

    let content = |answer: &Value| answer["choices"][0]["message"]["content"].clone();
    let after = content(&json_of(&sim, CHAT, &result).await);
    let aside = content(&json_of(&sim, CHAT, &title).await);
    let object = content(&json_of(&sim, CHAT, &shaped).await);

    assert_eq!((after, aside), (json!(DONE), json!(DONE)));
    assert_eq!(object, r#"{"city": null}"#);
}
