//! What callers of each dialect say with tools and pictures, and what they hear.

use serde_json::{Value, json};

use crate::calls::{Door, Heard};

/// The text of a whole answer.
pub(super) fn words(door: Door, body: &Value) -> String {
    let joined = |list: &Value, kind: &str| {
        let list = list.as_array().cloned().unwrap_or_default();
        let texts = list.iter().filter(|part| part["type"] == kind);
        let texts = texts.map(|part| part["text"].as_str().unwrap_or_default().to_owned());
        texts.collect::<String>()
    };
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    match door {
        Door::Chat => text(&body["choices"][0]["message"]["content"]),
        Door::Completions => text(&body["choices"][0]["text"]),
        Door::Messages => joined(&body["content"], "text"),
        Door::Responses => {
            let items = body["output"].as_array().cloned().unwrap_or_default();
            let message = items.iter().find(|item| item["type"] == "message");
            message.map_or_else(String::new, |it| joined(&it["content"], "output_text"))
        }
    }
}

/// The text of a stream.
pub(super) fn streamed(door: Door, heard: &Heard) -> String {
    let events = heard.events();
    let piece = |event: &Value| {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        match door {
            Door::Chat => text(&event["choices"][0]["delta"]["content"]),
            Door::Completions => text(&event["choices"][0]["text"]),
            Door::Messages => text(&event["delta"]["text"]),
            Door::Responses if event["type"] == "response.output_text.delta" => {
                text(&event["delta"])
            }
            Door::Responses => String::new(),
        }
    };
    events.iter().map(piece).collect()
}

/// A conversation in which a tool has been used on a picture.
pub(super) fn working(door: Door, stream: bool) -> Value {
    const PIXEL: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==";
    let schema =
        json!({"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]});
    let url = format!("data:image/png;base64,{PIXEL}");
    match door {
        Door::Chat | Door::Completions => json!({
            "model": "alpha", "stream": stream,
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": [
                    {"type": "text", "text": "What is on it?"},
                    {"type": "image_url", "image_url": {"url": url}}]},
                {"role": "assistant", "content": null, "tool_calls": [
                    {"id": "call_1234567890", "type": "function", "function": {"name": "look", "arguments": "{\"path\":\"a\"}"}}]},
                {"role": "tool", "tool_call_id": "call_1234567890", "content": "a dot"},
                {"role": "user", "content": "Look again."}],
            "tools": [{"type": "function", "function": {"name": "look", "description": "looks", "parameters": schema}}]}),
        Door::Responses => json!({
            "model": "alpha", "stream": stream, "store": false, "instructions": "Be brief.",
            "input": [
                {"type": "message", "role": "user", "content": [
                    {"type": "input_text", "text": "What is on it?"},
                    {"type": "input_image", "image_url": url, "detail": "auto"}]},
                {"type": "function_call", "call_id": "call_1234567890", "name": "look", "arguments": "{\"path\":\"a\"}"},
                {"type": "function_call_output", "call_id": "call_1234567890", "output": "a dot"},
                {"type": "message", "role": "user", "content": "Look again."}],
            "tools": [{"type": "function", "name": "look", "description": "looks", "parameters": schema, "strict": false}]}),
        Door::Messages => json!({
            "model": "alpha", "stream": stream, "max_tokens": 400, "system": "Be brief.",
            "messages": [
                {"role": "user", "content": [
                    {"type": "text", "text": "What is on it?"},
                    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}}]},
                {"role": "assistant", "content": [
                    {"type": "tool_use", "id": "call_1234567890", "name": "look", "input": {"path": "a"}}]},
                {"role": "user", "content": [
                    {"type": "tool_result", "tool_use_id": "call_1234567890", "content": "a dot"},
                    {"type": "text", "text": "Look again."}]}],
            "tools": [{"name": "look", "description": "looks", "input_schema": schema}]}),
    }
}

/// The same at its beginning, where the tool must be called.
pub(super) fn beginning(door: Door, stream: bool) -> Value {
    let mut body = working(door, stream);
    let (turns, first, choice) = match door {
        Door::Chat | Door::Completions => ("messages", 2, json!("required")),
        Door::Responses => ("input", 1, json!("required")),
        Door::Messages => ("messages", 1, json!({"type": "any"})),
    };
    body["tool_choice"] = choice;
    body[turns].as_array_mut().expect("a list").truncate(first);
    body
}

/// The name and the arguments of the call in an answer.
pub(super) fn called(door: Door, heard: &Heard, stream: bool) -> (String, Value) {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (name, input) = if stream {
        let events = heard.events();
        let name = events.iter().find_map(|event| {
            let places = [
                &event["choices"][0]["delta"]["tool_calls"][0]["function"]["name"],
                &event["content_block"]["name"],
                &event["item"]["name"],
            ];
            places
                .into_iter()
                .find_map(Value::as_str)
                .map(str::to_owned)
        });
        let pieces = events.iter().map(|event| match door {
            Door::Messages => text(&event["delta"]["partial_json"]),
            Door::Responses if event["type"] == "response.function_call_arguments.delta" => {
                text(&event["delta"])
            }
            _ => text(&event["choices"][0]["delta"]["tool_calls"][0]["function"]["arguments"]),
        });
        (name.unwrap_or_default(), pieces.collect::<String>())
    } else {
        let body = heard.json();
        let of = |list: &Value, kind: &str| {
            let list = list.as_array().cloned().unwrap_or_default();
            list.into_iter()
                .find(|it| it["type"] == kind)
                .unwrap_or_default()
        };
        match door {
            Door::Messages => {
                let call = of(&body["content"], "tool_use");
                (text(&call["name"]), call["input"].to_string())
            }
            Door::Responses => {
                let call = of(&body["output"], "function_call");
                (text(&call["name"]), text(&call["arguments"]))
            }
            _ => {
                let call = &body["choices"][0]["message"]["tool_calls"][0]["function"];
                (text(&call["name"]), text(&call["arguments"]))
            }
        }
    };
    let input = serde_json::from_str(&input);
    (
        name,
        input.unwrap_or_else(|error| unreachable!("{error}: {}", heard.text())),
    )
}
