//! The clients: how a session is written down, in the form of Claude Code and in that of plain function calling. A transcript
//! only grows; what was said stays to the byte, as a provider's cache wants it.

use serde_json::{Value, json};
use tollgate::domain::dialect::Endpoint;

use crate::dice::Dice;
use crate::texts;

/// Who speaks to the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Client {
    /// Messages: twelve tools, a system prompt in three parts, the end of the prompt marked for the cache.
    Claude,
    /// Chat with functions: fewer tools, nothing marked, nothing that names the session.
    Functions,
}

/// What a tool is asked, and what it gave back.
pub(crate) struct Use {
    pub(crate) tool: &'static str,
    pub(crate) input: Value,
    pub(crate) result: String,
    pub(crate) error: bool,
}

/// A session as its client sends it.
pub(crate) struct Transcript {
    pub(crate) client: Client,
    pub(crate) name: String,
    head: String,
    messages: String,
    /// The last message, as it is once others follow.
    last: String,
    /// The same with the mark for the cache.
    marked: String,
    calls: u32,
}

/// As large as Claude Code's tools are on the whole; and a small agent's.
const TOOLS: [(&str, usize); 12] = [
    ("Bash", 10_500),
    ("Edit", 2_600),
    ("Glob", 1_100),
    ("Grep", 3_100),
    ("Read", 2_900),
    ("Write", 1_500),
    ("Agent", 8_600),
    ("TodoWrite", 9_200),
    ("WebFetch", 1_900),
    ("WebSearch", 1_800),
    ("Skill", 2_200),
    ("ToolSearch", 2_600),
];
const FUNCTIONS: [(&str, usize); 6] = [
    ("bash", 3_000),
    ("edit", 2_200),
    ("glob", 900),
    ("grep", 1_200),
    ("read", 1_700),
    ("write", 1_100),
];

impl Transcript {
    pub(crate) fn new(client: Client, name: String, dice: Dice) -> Self {
        let head = match client {
            Client::Claude => claude_head(&name, dice),
            Client::Functions => functions_head(&name),
        };
        Self {
            client,
            name,
            head,
            messages: String::new(),
            last: String::new(),
            marked: String::new(),
            calls: 0,
        }
    }

    pub(crate) fn endpoint(&self) -> Endpoint {
        match self.client {
            Client::Claude => Endpoint::Messages,
            Client::Functions => Endpoint::Chat,
        }
    }

    pub(crate) fn path(&self) -> &'static str {
        match self.client {
            Client::Claude => "/v1/messages?beta=true",
            Client::Functions => "/v1/chat/completions",
        }
    }

    /// The body of the next call.
    pub(crate) fn body(&self) -> String {
        [&*self.head, &self.messages, &self.marked, "]}"].concat()
    }

    fn push(&mut self, message: &Value, marked: Option<&Value>) {
        if !self.last.is_empty() {
            self.messages.push_str(&self.last);
            self.messages.push(',');
        }
        self.last = message.to_string();
        self.marked = marked.map_or_else(|| self.last.clone(), Value::to_string);
    }

    /// The person speaks.
    pub(crate) fn says(&mut self, text: &str) {
        match self.client {
            Client::Functions => self.push(&json!({"role": "user", "content": text}), None),
            Client::Claude => {
                let first = self.last.is_empty();
                let mut blocks = Vec::new();
                if first {
                    blocks.push(json!({"type": "text", "text": format!("<system-reminder>\nThe project's notes:\n\n{}\n</system-reminder>", texts::prose(Dice::new(7), 3_000))}));
                }
                blocks.push(json!({"type": "text", "text": text}));
                self.push_blocks(blocks);
            }
        }
    }

    /// The model answers with a call of a tool, and the tool gives something back.
    pub(crate) fn uses(&mut self, said: &str, used: &Use) {
        self.calls += 1;
        let (tool, input) = (used.tool, &used.input);
        match self.client {
            Client::Functions => {
                let id = format!("call_{}_{}", self.name, self.calls);
                let tool = tool.to_lowercase();
                let call = json!({"id": id, "type": "function", "function": {"name": tool, "arguments": input.to_string()}});
                self.push(
                    &json!({"role": "assistant", "content": said, "tool_calls": [call]}),
                    None,
                );
                self.push(
                    &json!({"role": "tool", "tool_call_id": id, "content": used.result}),
                    None,
                );
            }
            Client::Claude => {
                let id = format!("toolu_{}_{}", self.name, self.calls);
                self.push(
                    &json!({"role": "assistant", "content": [{"type": "text", "text": said}, {"type": "tool_use", "id": id, "name": tool, "input": input}]}),
                    None,
                );
                let result = match used.error {
                    true => {
                        json!({"type": "tool_result", "tool_use_id": id, "content": used.result, "is_error": true})
                    }
                    false => {
                        json!({"type": "tool_result", "tool_use_id": id, "content": used.result})
                    }
                };
                self.push_blocks(vec![result]);
            }
        }
    }

    /// The model has said its last word of the turn.
    pub(crate) fn ends(&mut self, said: &str) {
        let message = match self.client {
            Client::Functions => json!({"role": "assistant", "content": said}),
            Client::Claude => {
                json!({"role": "assistant", "content": [{"type": "text", "text": said}]})
            }
        };
        self.push(&message, None);
    }

    /// A message of blocks, the last of them marked while nothing follows.
    fn push_blocks(&mut self, mut blocks: Vec<Value>) {
        let plain = json!({"role": "user", "content": blocks});
        if let Some(last) = blocks.last_mut() {
            last["cache_control"] = json!({"type": "ephemeral"});
        }
        self.push(&plain, Some(&json!({"role": "user", "content": blocks})));
    }
}

fn claude_head(name: &str, dice: Dice) -> String {
    let tools = TOOLS.iter().enumerate().map(|(at, (name, bytes))| {
        json!({"name": name, "description": texts::prose(Dice::new(at as u64), *bytes), "input_schema": {"type": "object", "properties": {}}})
    });
    let billing = format!(
        "x-anthropic-billing-header: cc_version=2.1.{}; cc_entrypoint=cli",
        dice.whole(100, 400)
    );
    let system = json!([
        {"type": "text", "text": billing},
        {"type": "text", "text": "An agent for code."},
        {"type": "text", "text": texts::prose(Dice::new(99), 5_800), "cache_control": {"type": "ephemeral"}},
    ]);
    let user = json!({"session_id": name, "device_id": "d", "account_uuid": ""}).to_string();
    format!(
        r#"{{"model":"auto","max_tokens":32000,"stream":true,"metadata":{},"system":{system},"tools":{},"messages":["#,
        json!({"user_id": user}),
        Value::from(tools.collect::<Vec<_>>()),
    )
}

fn functions_head(name: &str) -> String {
    let tools = FUNCTIONS.iter().enumerate().map(|(at, (name, bytes))| {
        let text = texts::prose(Dice::new(at as u64), *bytes);
        json!({"type": "function", "function": {"name": name, "description": text, "parameters": {"type": "object", "properties": {}}}})
    });
    // Where the work is stands at the end, so that all sessions share what comes before.
    let system = format!(
        "{}\nFolder: /srv/{name}",
        texts::prose(Dice::new(98), 9_000)
    );
    format!(
        r#"{{"model":"auto","stream":true,"stream_options":{{"include_usage":true}},"tools":{},"messages":[{},"#,
        Value::from(tools.collect::<Vec<_>>()),
        json!({"role": "system", "content": system}),
    )
}
