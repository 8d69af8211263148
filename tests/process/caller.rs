//! Calls in every dialect, and a count of what the caller got of each.

use std::time::Duration;

use serde_json::{Value, json};
use tollgate::domain::dialect::Dialect;

use crate::rig::Gateway;

/// One call.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) dialect: Dialect,
    pub(crate) stream: bool,
    pub(crate) model: &'static str,
    pub(crate) text: String,
    /// Asks for an answer of some thousand tokens.
    pub(crate) long: bool,
}

/// What the caller got.
#[derive(Clone, Debug, Default)]
pub(crate) struct Got {
    /// The call's id, once the answer's head had come.
    pub(crate) request: Option<String>,
    pub(crate) status: u16,
    /// Output tokens: one for each piece of text of a stream, or what a whole answer tells.
    pub(crate) tokens: u64,
    /// The answer ended as an answer does.
    pub(crate) whole: bool,
    /// The type of the dialect's own error event, where one came.
    pub(crate) error: Option<String>,
    /// All that came.
    pub(crate) body: String,
}

/// The dialects that callers speak.
pub(crate) const DIALECTS: [Dialect; 4] = [
    Dialect::Chat,
    Dialect::Responses,
    Dialect::Messages,
    Dialect::Completions,
];

impl Call {
    pub(crate) fn new(dialect: Dialect, stream: bool, text: &str) -> Self {
        Self {
            dialect,
            stream,
            model: "small",
            text: text.into(),
            long: false,
        }
    }

    fn path(&self) -> &'static str {
        match self.dialect {
            Dialect::Chat => "/v1/chat/completions",
            Dialect::Responses => "/v1/responses",
            Dialect::Messages => "/v1/messages",
            _ => "/v1/completions",
        }
    }

    fn body(&self) -> Value {
        let (model, stream, text) = (self.model, self.stream, &self.text);
        let turn = json!([{ "role": "user", "content": text }]);
        let mut body = match self.dialect {
            Dialect::Chat => json!({ "messages": turn }),
            Dialect::Responses => json!({ "input": text }),
            Dialect::Messages => json!({ "messages": turn, "max_tokens": 40_000 }),
            _ => json!({ "prompt": text, "max_tokens": 2_000 }),
        };
        if self.long {
            self.ask_for_much(&mut body);
        }
        body["model"] = model.into();
        body["stream"] = stream.into();
        body
    }

    /// A tool whose arguments are long.
    fn ask_for_much(&self, body: &mut Value) {
        let list = |items: Value| json!({ "type": "array", "minItems": 8, "items": items });
        let rows = list(list(list(json!({ "type": "string" }))));
        let schema =
            json!({ "type": "object", "required": ["rows"], "properties": { "rows": rows } });
        let (tool, choice) = match self.dialect {
            Dialect::Chat => (
                json!({ "type": "function", "function": { "name": "put", "parameters": schema } }),
                json!({ "type": "function", "function": { "name": "put" } }),
            ),
            Dialect::Responses => (
                json!({ "type": "function", "name": "put", "parameters": schema }),
                json!({ "type": "function", "name": "put" }),
            ),
            Dialect::Messages => (
                json!({ "name": "put", "input_schema": schema }),
                json!({ "type": "tool", "name": "put" }),
            ),
            _ => return,
        };
        body["tools"] = json!([tool]);
        body["tool_choice"] = choice;
    }

    /// Makes the call and reads what comes, to the end or to where it breaks off.
    pub(crate) async fn make(&self, client: &reqwest::Client, gateway: &str, key: &str) -> Got {
        self.follow(client, gateway, key, |_| ()).await
    }

    /// Makes the call and reads no more than the answer's head.
    pub(crate) async fn begin(
        &self,
        client: &reqwest::Client,
        gateway: &str,
        key: &str,
    ) -> reqwest::Result<reqwest::Response> {
        let request = client
            .post(format!("{gateway}{}", self.path()))
            .bearer_auth(key)
            .header("content-type", "application/json")
            .header("anthropic-version", "2023-06-01")
            .timeout(Duration::from_secs(120))
            .body(self.body().to_string());
        request.send().await
    }

    /// Reads it all; `each` sees the state after every piece.
    pub(crate) async fn follow(
        &self,
        client: &reqwest::Client,
        gateway: &str,
        key: &str,
        mut each: impl FnMut(&Got),
    ) -> Got {
        let mut got = Got::default();
        let Ok(mut answer) = self.begin(client, gateway, key).await else {
            return got;
        };
        got.status = answer.status().as_u16();
        let id = answer.headers().get("x-tollgate-request-id");
        got.request = id.and_then(|id| id.to_str().ok()).map(str::to_owned);
        let mut events = Events::default();
        loop {
            match answer.chunk().await {
                Ok(Some(bytes)) => {
                    got.body.push_str(&String::from_utf8_lossy(&bytes));
                    if self.stream && got.status == 200 {
                        events.read(self.dialect, &mut got);
                    }
                    each(&got);
                }
                Ok(None) => break,
                Err(_) => return got,
            }
        }
        if !self.stream && got.status == 200 {
            got.tokens = told(&got.body);
            got.whole = true;
        }
        got
    }
}

/// The output tokens that a whole answer tells.
fn told(body: &str) -> u64 {
    let body: Value = serde_json::from_str(body).expect("a whole answer is JSON");
    let usage = &body["usage"];
    let output = ["completion_tokens", "output_tokens"];
    let found = output.iter().find_map(|name| usage[*name].as_u64());
    found.expect("an answer tells its usage")
}

/// How far a stream has been read.
#[derive(Default)]
struct Events {
    read: usize,
}

impl Events {
    fn read(&mut self, dialect: Dialect, got: &mut Got) {
        while let Some(length) = got.body[self.read..].find("\n\n") {
            let event = got.body[self.read..self.read + length].to_owned();
            self.read += length + 2;
            let data = event.lines().find_map(|line| line.strip_prefix("data: "));
            match data {
                Some("[DONE]") => got.whole = true,
                Some(data) => note(dialect, &json_of(data), got),
                None => {}
            }
        }
    }
}

fn json_of(data: &str) -> Value {
    serde_json::from_str(data).expect("an event is JSON")
}

fn note(dialect: Dialect, event: &Value, got: &mut Got) {
    let kind = event["type"].as_str().unwrap_or_default();
    if kind == "error" || kind == "response.failed" || event["error"].is_object() {
        let error = [&event["error"], &event["response"]["error"], event];
        let code = error.iter().find_map(|it| it["code"].as_str());
        let said = code.or_else(|| event["error"]["type"].as_str());
        got.error = Some(said.unwrap_or("error").to_owned());
    }
    let texts = match dialect {
        Dialect::Chat => {
            let delta = &event["choices"][0]["delta"];
            [
                &delta["content"],
                &delta["tool_calls"][0]["function"]["arguments"],
            ]
        }
        Dialect::Responses if kind.ends_with(".delta") => [&event["delta"], &Value::Null],
        Dialect::Messages => [&event["delta"]["text"], &event["delta"]["partial_json"]],
        _ => [&event["choices"][0]["text"], &Value::Null],
    };
    let said = |text: &&&Value| text.as_str().is_some_and(|text| !text.is_empty());
    got.tokens += texts.iter().filter(said).count() as u64;
    got.whole |= matches!(
        kind,
        "message_stop" | "response.completed" | "response.incomplete"
    );
}

/// A key for the tenant, made with the store closed or through the gateway that holds it.
pub(crate) async fn key(gateway: &Gateway, tenant: &str) -> String {
    let body = json!({ "tenant": tenant, "name": "test" }).to_string();
    let asked = crate::rig::client()
        .post(format!("{}/admin/v1/keys", gateway.admin))
        .bearer_auth(crate::rig::TOKEN)
        .header("content-type", "application/json")
        .body(body);
    let answer = asked.send().await.expect("an answer");
    let text = answer.text().await.expect("a whole answer");
    json_of(&text)["key"].as_str().expect("a key").to_owned()
}
