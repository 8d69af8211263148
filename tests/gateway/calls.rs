//! What a caller says at each door, and what it hears.

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use serde_json::{Value, json};

/// The doors that stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    Chat,
    Responses,
    Messages,
    Completions,
}

impl Door {
    pub(crate) const ALL: [Self; 4] = [
        Self::Chat,
        Self::Responses,
        Self::Messages,
        Self::Completions,
    ];

    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::Chat => "/v1/chat/completions",
            Self::Responses => "/v1/responses",
            Self::Messages => "/v1/messages",
            Self::Completions => "/v1/completions",
        }
    }

    /// A plain call.
    pub(crate) fn body(self, model: &str, stream: bool) -> Value {
        let words = "Please say what this function does.";
        match self {
            Self::Chat => {
                json!({"model": model, "stream": stream, "messages": [{"role": "user", "content": words}]})
            }
            Self::Responses => json!({"model": model, "stream": stream, "input": words}),
            Self::Messages => json!({"model": model, "stream": stream, "max_tokens": 400,
                "messages": [{"role": "user", "content": words}]}),
            Self::Completions => {
                json!({"model": model, "stream": stream, "prompt": "fn add(", "suffix": "}", "max_tokens": 60})
            }
        }
    }

    /// What a caller finds where the answer is an error: type and code, as far as the dialect has them.
    pub(crate) fn error(self, body: &Value) -> (String, String) {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        if self == Self::Messages {
            assert_eq!(body["type"], "error", "{body}");
        }
        (text(&body["error"]["type"]), text(&body["error"]["code"]))
    }

    /// Whether a stream says that it is complete.
    pub(crate) fn says_complete(self, text: &str) -> bool {
        text.contains(match self {
            Self::Chat | Self::Completions => "[DONE]",
            Self::Messages => "message_stop",
            Self::Responses => "\"response.completed\"",
        })
    }

    /// How many error events stand in a stream.
    pub(crate) fn errors(self, heard: &Heard) -> usize {
        let is_error = |event: &&Value| match self {
            Self::Chat | Self::Completions => event.get("error").is_some_and(|e| !e.is_null()),
            Self::Messages => event["type"] == "error",
            Self::Responses => event["type"] == "response.failed",
        };
        heard.events().iter().filter(is_error).count()
    }
}

/// An answer, read to its end or to where it broke.
#[derive(Debug)]
pub(crate) struct Heard {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// The body came to its proper end.
    pub(crate) whole: bool,
}

impl Heard {
    pub(crate) async fn read(mut response: reqwest::Response) -> Self {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let mut body = BytesMut::new();
        let whole = loop {
            match response.chunk().await {
                Ok(Some(chunk)) => body.extend_from_slice(&chunk),
                Ok(None) => break true,
                Err(_) => break false,
            }
        };
        Self {
            status,
            headers,
            body: body.freeze(),
            whole,
        }
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("text")
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| unreachable!("{error}: {}", self.text()))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.map_or("", |value| value.to_str().expect("text"))
    }

    pub(crate) fn request_id(&self) -> &str {
        self.header("x-tollgate-request-id")
    }

    /// The data of a stream's events, `[DONE]` as a string.
    pub(crate) fn events(&self) -> Vec<Value> {
        let text = String::from_utf8_lossy(&self.body);
        let data = text.lines().filter_map(|line| line.strip_prefix("data: "));
        data.map(|data| serde_json::from_str(data).unwrap_or_else(|_| json!(data)))
            .collect()
    }

    /// Output tokens that the caller got to see in a stream: the simulated targets put one into each event.
    pub(crate) fn tokens(&self) -> u64 {
        let said = |value: &Value| value.as_str().is_some_and(|text| !text.is_empty());
        let counts = |event: &&Value| {
            let (delta, choice) = (&event["delta"], &event["choices"][0]);
            let kind = event["type"].as_str().unwrap_or_default();
            let call = &choice["delta"]["tool_calls"][0]["function"]["arguments"];
            said(&choice["delta"]["content"])
                || said(call)
                || said(&choice["text"])
                || said(&delta["text"])
                || said(&delta["partial_json"])
                || said(&delta["thinking"])
                || (kind.ends_with(".delta") && said(delta))
        };
        self.events().iter().filter(counts).count() as u64
    }
}
