//! Targets that take what their providers take, and no more.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::domain::dialect::{Dialect, Hosting};
use crate::protocol::translate::sealed::Owner;

/// What a model does when it is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    /// It thinks and speaks.
    Say,
    /// It thinks and calls so many tools at once.
    Call(usize),
}

/// A target.
pub(super) struct Target {
    pub(super) dialect: Dialect,
    pub(super) hosting: Hosting,
    pub(super) maker: &'static str,
    /// State that it gave out.
    pub(super) gave: Vec<String>,
    /// The last body.
    pub(super) saw: String,
    thoughts: Vec<String>,
    calls: BTreeSet<String>,
    serial: usize,
}

type Checked = Result<(), String>;

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value[name].as_str().unwrap_or_default()
}

fn must(holds: bool, refusal: impl Into<String>) -> Checked {
    holds.then_some(()).ok_or_else(|| refusal.into())
}

fn all<'v>(items: &'v [Value], kind: &'static str) -> impl Iterator<Item = &'v Value> {
    items.iter().filter(move |it| it["type"] == kind)
}

impl Target {
    pub(super) fn new(dialect: Dialect, hosting: Hosting, maker: &'static str) -> Self {
        Self {
            dialect,
            hosting,
            maker,
            gave: Vec::new(),
            saw: String::new(),
            thoughts: Vec::new(),
            calls: BTreeSet::new(),
            serial: 0,
        }
    }

    pub(super) fn owner(&self) -> Owner<'static> {
        Owner {
            dialect: self.dialect,
            maker: Some(self.maker.into()),
        }
    }

    fn own(&self) -> bool {
        self.hosting == Hosting::Own
    }

    /// Answers, or refuses in words like its provider's.
    pub(super) fn answer(&mut self, body: &str, act: Act) -> Result<String, String> {
        self.saw = body.to_owned();
        let asked: Value = serde_json::from_str(body).map_err(|error| error.to_string())?;
        must(!body.contains("tollgate1:"), "our own tag")?;
        match self.dialect {
            Dialect::Messages => self.messages(&asked)?,
            Dialect::Responses => self.responses(&asked)?,
            Dialect::Gemini => self.gemini(&asked)?,
            Dialect::Chat | Dialect::Completions => self.chat(&asked)?,
        }
        for state in &self.gave {
            must(body.contains(state), format!("its own {state} is gone"))?;
        }
        self.serial += 1;
        Ok(self.say(act).to_string())
    }

    fn messages(&self, asked: &Value) -> Checked {
        must(asked["max_tokens"].is_u64(), "max_tokens: field required")?;
        let messages = list(&asked["messages"]);
        must(
            messages.first().is_some_and(|it| it["role"] == "user"),
            "first message must be the user's",
        )?;
        let mut ids = BTreeSet::new();
        for (at, message) in messages.iter().enumerate() {
            let content = list(&message["content"]);
            let next = messages
                .get(at + 1)
                .map_or(&[][..], |it| list(&it["content"]));
            must(
                message["content"].is_string() || !content.is_empty(),
                "empty content",
            )?;
            must(
                all(content, "text").all(|it| !text(it, "text").trim().is_empty()),
                "text content blocks must be non-empty",
            )?;
            for thought in all(content, "thinking") {
                let (words, seal) = (text(thought, "thinking"), text(thought, "signature"));
                let known = self.gave.iter().any(|it| it == seal)
                    && self.thoughts.iter().any(|it| it == words);
                must(
                    known || (self.own() && seal.is_empty()),
                    format!("invalid signature {seal:?} in thinking block"),
                )?;
            }
            let called: Vec<&str> = all(content, "tool_use").map(|it| text(it, "id")).collect();
            for id in &called {
                let legal = id
                    .bytes()
                    .all(|it| it.is_ascii_alphanumeric() || b"_-".contains(&it));
                must(legal && !id.is_empty(), format!("id {id} does not match"))?;
                must(ids.insert((*id).to_owned()), "tool_use ids must be unique")?;
            }
            let replied: Vec<&str> = all(next, "tool_result")
                .map(|it| text(it, "tool_use_id"))
                .collect();
            must(
                called == replied,
                "tool_use without tool_result, or the other way round",
            )?;
            let current =
                at + 2 == messages.len() && called.iter().any(|id| self.calls.contains(*id));
            let begins = content.first().is_some_and(|it| it["type"] == "thinking");
            must(
                !current || begins || self.own(),
                "expected thinking, but found tool_use",
            )?;
        }
        let neighbours = messages
            .windows(2)
            .any(|pair| pair[0]["role"] == pair[1]["role"]);
        must(!neighbours, "roles must alternate")
    }

    fn responses(&self, asked: &Value) -> Checked {
        let input = list(&asked["input"]);
        let mut open = BTreeSet::new();
        for item in input {
            match text(item, "type") {
                "reasoning" => {
                    let state = text(item, "encrypted_content");
                    must(
                        self.gave.iter().any(|it| it == state),
                        format!("encrypted content {state:?} could not be verified"),
                    )?;
                }
                "function_call" => must(open.insert(text(item, "call_id")), "duplicate call")?,
                "function_call_output" => {
                    let id = text(item, "call_id");
                    must(
                        open.remove(id),
                        format!("No tool call found for function call output with call_id {id}"),
                    )?;
                }
                _ => must(open.is_empty(), "No tool output found for function call")?,
            }
        }
        must(open.is_empty(), "No tool output found for function call")
    }

    fn chat(&self, asked: &Value) -> Checked {
        let mut open = BTreeSet::new();
        for message in list(&asked["messages"]) {
            let calls = list(&message["tool_calls"]);
            if message["role"] == "tool" {
                let id = text(message, "tool_call_id");
                must(open.remove(id), format!("tool message {id} without a call"))?;
                continue;
            }
            must(
                open.is_empty(),
                "tool_call_ids did not have response messages",
            )?;
            open.extend(calls.iter().map(|it| text(it, "id")));
            let said = &message["content"];
            must(
                !calls.is_empty() || !said.is_null() && said != "",
                "content is required",
            )?;
            let thought = text(message, "reasoning_content");
            let known = self.thoughts.iter().any(|it| it == thought);
            must(thought.is_empty() || known, "another's thought")?;
        }
        must(
            open.is_empty(),
            "tool_call_ids did not have response messages",
        )
    }

    fn gemini(&self, asked: &Value) -> Checked {
        let contents = list(&asked["contents"]);
        must(
            contents.first().is_some_and(|it| it["role"] == "user"),
            "first content must be the user's",
        )?;
        let (mut calls, mut first) = (0, true);
        for content in contents {
            let parts = list(&content["parts"]);
            must(!parts.is_empty(), "parts must not be empty")?;
            let replies = parts
                .iter()
                .filter(|it| it["functionResponse"].is_object())
                .count();
            must(
                replies == calls,
                "number of function response parts is not equal to that of function call parts",
            )?;
            first = true;
            calls = 0;
            for part in parts {
                let seal = text(part, "thoughtSignature");
                let known = self.gave.iter().any(|it| it == seal)
                    || seal == "skip_thought_signature_validator";
                must(
                    seal.is_empty() || known,
                    format!("thought signature {seal:?} is not valid"),
                )?;
                if part["functionCall"].is_object() {
                    must(
                        !first || !seal.is_empty(),
                        "Function call is missing a thought_signature",
                    )?;
                    (first, calls) = (false, calls + 1);
                }
            }
        }
        let neighbours = contents
            .windows(2)
            .any(|pair| pair[0]["role"] == pair[1]["role"]);
        must(
            calls == 0 && !neighbours,
            "roles must alternate, and end with the user's",
        )?;
        let _ = first;
        Ok(())
    }

    fn give(&mut self, state: String) -> String {
        self.gave.push(state.clone());
        state
    }

    fn say(&mut self, act: Act) -> Value {
        let (maker, serial) = (self.maker.replace('/', ""), self.serial);
        let thought = format!("thought {serial} of {maker}");
        self.thoughts.push(thought.clone());
        let count = match act {
            Act::Say => 0,
            Act::Call(count) => count,
        };
        let words = (count != 1).then(|| format!("words {serial}."));
        let prefix = if self.dialect == Dialect::Messages {
            "toolu"
        } else {
            "call"
        };
        let id = |at: usize| match self.own() {
            // Counted anew in each answer, and of a form that others refuse.
            true => format!("functions.look:{at}"),
            false => format!("{prefix}_{maker}{serial}x{at}"),
        };
        let ids: Vec<String> = (0..count).map(id).collect();
        self.calls.extend(ids.iter().cloned());
        let input = json!({"a": serial});
        let arguments = input.to_string();
        match self.dialect {
            Dialect::Messages => {
                let seal = match self.own() {
                    true => String::new(),
                    false => self.give(format!("c2ln{maker}{serial}")),
                };
                let mut content =
                    vec![json!({"type": "thinking", "thinking": thought, "signature": seal})];
                content.extend(words.map(|words| json!({"type": "text", "text": words})));
                let legal = |id: &str| id.replace(['.', ':'], "_");
                content.extend(ids.iter().map(|id| json!({"type": "tool_use", "id": format!("{}_{serial}", legal(id)), "name": "look", "input": input})));
                self.calls
                    .extend(ids.iter().map(|id| format!("{}_{serial}", legal(id))));
                let stop = if count > 0 { "tool_use" } else { "end_turn" };
                json!({"id": format!("msg_{serial}"), "type": "message", "role": "assistant", "model": "m", "content": content,
                    "stop_reason": stop, "usage": {"input_tokens": 1, "output_tokens": 1}})
            }
            Dialect::Responses => {
                let seal = self.give(format!("ZW5j{maker}{serial}"));
                let mut output = vec![
                    json!({"type": "reasoning", "id": format!("rs_{maker}{serial}"), "summary": [], "encrypted_content": seal}),
                ];
                output.extend(words.map(|words| json!({"type": "message", "id": format!("msg_{maker}{serial}"), "role": "assistant", "status": "completed",
                    "content": [{"type": "output_text", "text": words, "annotations": []}]})));
                output.extend(ids.iter().map(|id| json!({"type": "function_call", "id": format!("fc_{id}"), "call_id": id, "name": "look", "arguments": arguments, "status": "completed"})));
                json!({"id": format!("resp_{maker}{serial}"), "object": "response", "status": "completed", "model": "m", "output": output})
            }
            Dialect::Gemini => {
                let seal = self.give(format!("dGhv{maker}{serial}"));
                let mut parts: Vec<Value> = words
                    .into_iter()
                    .map(|words| json!({"text": words}))
                    .collect();
                parts.extend(
                    ids.iter()
                        .map(|_| json!({"functionCall": {"name": "look", "args": input}})),
                );
                let signed = if count > 0 { parts.len() - count } else { 0 };
                parts[signed]["thoughtSignature"] = seal.into();
                json!({"responseId": format!("r{maker}{serial}"), "modelVersion": "m", "candidates": [{"content": {"role": "model", "parts": parts}, "finishReason": "STOP"}]})
            }
            Dialect::Chat | Dialect::Completions => {
                let calls: Vec<_> = ids.iter().map(|id| json!({"id": id, "type": "function", "function": {"name": "look", "arguments": arguments}})).collect();
                let mut message =
                    json!({"role": "assistant", "content": words, "reasoning_content": thought});
                if !calls.is_empty() {
                    message["tool_calls"] = calls.into();
                }
                let stop = if count > 0 { "tool_calls" } else { "stop" };
                json!({"id": format!("chatcmpl-{maker}{serial}"), "object": "chat.completion", "created": 1, "model": "m",
                    "choices": [{"index": 0, "message": message, "finish_reason": stop}]})
            }
        }
    }
}
