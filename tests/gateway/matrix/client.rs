//! A client that keeps the whole conversation, and of an answer what clients of its dialect keep.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::calls::{Door, Heard};

const PIXEL: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==";

/// One side of a conversation.
pub(super) struct Client {
    door: Door,
    name: String,
    said: Vec<Value>,
}

fn list(value: &Value) -> Vec<Value> {
    value.as_array().cloned().unwrap_or_default()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

impl Client {
    pub(super) fn new(door: Door, name: String) -> Self {
        Self {
            door,
            name,
            said: Vec::new(),
        }
    }

    /// The person speaks, and shows a picture once.
    pub(super) fn ask(&mut self, turn: usize) {
        let words = format!("question {turn} of {}", self.name);
        let url = format!("data:image/png;base64,{PIXEL}");
        let (words, picture) = match self.door {
            Door::Responses => (
                json!({"type": "input_text", "text": words}),
                json!({"type": "input_image", "image_url": url, "detail": "auto"}),
            ),
            Door::Messages => (
                json!({"type": "text", "text": words}),
                json!({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}}),
            ),
            _ => (
                json!({"type": "text", "text": words}),
                json!({"type": "image_url", "image_url": {"url": url}}),
            ),
        };
        let parts = match turn {
            2 => vec![words, picture],
            _ => vec![words],
        };
        self.said.push(json!({"role": "user", "content": parts}));
    }

    pub(super) fn request(&self, stream: bool) -> Value {
        let schema = json!({"type": "object", "properties": {"a": {"type": "integer"}}});
        let said = &self.said;
        match self.door {
            Door::Responses => json!({"model": "auto", "stream": stream, "store": false,
                "include": ["reasoning.encrypted_content"], "reasoning": {"effort": "high", "summary": "auto"}, "input": said,
                "tools": [{"type": "function", "name": "look", "parameters": schema}]}),
            Door::Messages => json!({"model": "auto", "stream": stream, "max_tokens": 20_000,
                "thinking": {"type": "adaptive", "display": "summarized"}, "output_config": {"effort": "high"}, "messages": said,
                "tools": [{"name": "look", "input_schema": schema}]}),
            _ => {
                json!({"model": "auto", "stream": stream, "reasoning_effort": "high", "messages": said,
                "tools": [{"type": "function", "function": {"name": "look", "parameters": schema}}]})
            }
        }
    }

    /// Takes an answer in, and gives its calls their results. Returns how many there were.
    pub(super) fn take(&mut self, heard: &Heard, stream: bool) -> usize {
        let before = self.said.len();
        match self.door {
            Door::Responses => self.take_items(heard, stream),
            Door::Messages => self.take_blocks(heard, stream),
            _ => self.take_message(heard, stream),
        }
        let last = &self.said[self.said.len() - 1];
        match self.door {
            Door::Messages if last["role"] == "user" => list(&last["content"]).len(),
            Door::Messages => 0,
            Door::Responses => {
                let added = self.said[before..].iter();
                added
                    .filter(|it| it["type"] == "function_call_output")
                    .count()
            }
            _ => self.said.len() - before - 1,
        }
    }

    fn take_message(&mut self, heard: &Heard, stream: bool) {
        let message = match stream {
            true => joined_message(heard),
            false => heard.json()["choices"][0]["message"].clone(),
        };
        let calls = list(&message["tool_calls"]);
        let mut kept = json!({"role": "assistant", "content": message["content"]});
        if !calls.is_empty() {
            kept["tool_calls"] = message["tool_calls"].clone();
        }
        self.said.push(kept);
        let result =
            |call: &Value| json!({"role": "tool", "tool_call_id": call["id"], "content": "seen"});
        self.said.extend(calls.iter().map(result));
    }

    fn take_blocks(&mut self, heard: &Heard, stream: bool) {
        let content = match stream {
            true => joined_blocks(heard),
            false => list(&heard.json()["content"]),
        };
        self.said
            .push(json!({"role": "assistant", "content": content}));
        let calls = content.iter().filter(|it| it["type"] == "tool_use");
        let result = |call: &Value| json!({"type": "tool_result", "tool_use_id": call["id"], "content": "seen"});
        let results: Vec<_> = calls.map(result).collect();
        if !results.is_empty() {
            self.said.push(json!({"role": "user", "content": results}));
        }
    }

    fn take_items(&mut self, heard: &Heard, stream: bool) {
        let answer = match stream {
            true => heard.events().pop().expect("an event")["response"].clone(),
            false => heard.json(),
        };
        let output = list(&answer["output"]);
        self.said.extend(output.iter().cloned());
        let calls = output.iter().filter(|it| it["type"] == "function_call");
        let result = |call: &Value| json!({"type": "function_call_output", "call_id": call["call_id"], "output": "seen"});
        self.said.extend(calls.map(result));
    }
}

/// What Chat's pieces come to.
fn joined_message(heard: &Heard) -> Value {
    let (mut words, mut calls) = (String::new(), BTreeMap::<u64, Value>::new());
    for event in heard.events() {
        let delta = &event["choices"][0]["delta"];
        words.push_str(&text(&delta["content"]));
        for piece in list(&delta["tool_calls"]) {
            let call = calls.entry(piece["index"].as_u64().unwrap_or(0));
            let call = call.or_insert_with(
                || json!({"type": "function", "function": {"name": "", "arguments": ""}}),
            );
            if piece["id"].is_string() {
                call["id"] = piece["id"].clone();
            }
            for field in ["name", "arguments"] {
                let whole = text(&call["function"][field]) + &text(&piece["function"][field]);
                call["function"][field] = whole.into();
            }
        }
    }
    let content = match words.is_empty() {
        true => Value::Null,
        false => words.into(),
    };
    let calls: Vec<Value> = calls.into_values().collect();
    json!({"content": content, "tool_calls": calls})
}

/// What Messages' pieces come to.
fn joined_blocks(heard: &Heard) -> Vec<Value> {
    let mut blocks: Vec<Value> = Vec::new();
    let mut input = String::new();
    for event in heard.events() {
        match event["type"].as_str().unwrap_or_default() {
            "content_block_start" => blocks.push(event["content_block"].clone()),
            "content_block_delta" => {
                let (block, delta) = (blocks.last_mut().expect("a block"), &event["delta"]);
                for field in ["text", "thinking", "signature"] {
                    if delta[field].is_string() {
                        block[field] = (text(&block[field]) + &text(&delta[field])).into();
                    }
                }
                input.push_str(&text(&delta["partial_json"]));
            }
            "content_block_stop" => {
                let block = blocks.last_mut().expect("a block");
                if block["type"] == "tool_use" {
                    let whole = std::mem::take(&mut input);
                    block["input"] = serde_json::from_str(&whole).unwrap_or_else(|_| json!({}));
                }
            }
            _ => {}
        }
    }
    blocks
}
