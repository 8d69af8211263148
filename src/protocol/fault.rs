//! Errors of ours, in the shape that the caller's SDK expects: before the first byte, and in the middle of a stream.

use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;

use crate::domain::dialect::Dialect;
use crate::domain::ids::RequestId;

/// What the caller is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The HTTP status.
    pub status: u16,
    /// A stable word for programs.
    pub code: &'static str,
    /// A sentence that helps.
    pub message: String,
    /// The field of the body that is wrong.
    pub param: Option<&'static str>,
    /// When to come again.
    pub retry_after: Option<Duration>,
    /// Whether to come again at all, where the status alone would mislead an SDK.
    pub should_retry: Option<bool>,
}

impl Fault {
    /// A fault without more to say than its sentence.
    pub fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        // Claude Code asks again for minutes on a 401 unless it is told not to.
        let should_retry = matches!(status, 401..=404 | 422 | 499).then_some(false);
        Self {
            status,
            code,
            message: message.into(),
            param: None,
            retry_after: None,
            should_retry,
        }
    }

    /// Names the field that is wrong.
    #[must_use]
    pub fn param(mut self, param: Option<&'static str>) -> Self {
        self.param = param;
        self
    }

    /// Says when to come again.
    #[must_use]
    pub fn retry_after(mut self, after: Duration) -> Self {
        self.retry_after = Some(after);
        self
    }

    /// The JSON body of an answer.
    pub fn body(&self, dialect: Dialect, request: RequestId) -> Bytes {
        match dialect {
            Dialect::Messages => json(&self.anthropic(request)),
            Dialect::Gemini => json(&self.google()),
            Dialect::Chat | Dialect::Responses | Dialect::Completions => json(&self.openai()),
        }
    }

    /// What ends a stream that cannot go on: never anything that looks complete. `sequence` numbers events of Responses.
    pub fn event(&self, dialect: Dialect, request: RequestId, sequence: u64) -> Bytes {
        let text = |bytes: Bytes| String::from_utf8_lossy(&bytes).into_owned();
        let event = match dialect {
            Dialect::Messages => format!(
                "event: error\ndata: {}\n\n",
                text(json(&self.anthropic(request)))
            ),
            Dialect::Responses => self.responses_events(request, sequence),
            Dialect::Gemini => format!("data: {}\n\n", text(json(&self.google()))),
            Dialect::Chat | Dialect::Completions => {
                format!("data: {}\n\n", text(json(&self.openai())))
            }
        };
        event.into()
    }

    /// Codex overlooks a lone `error`; OpenAI itself closes with `response.failed`.
    fn responses_events(&self, request: RequestId, sequence: u64) -> String {
        let code = match self.status {
            429 => "rate_limit_exceeded",
            _ => "server_error",
        };
        let message = serde_json::to_string(&self.message).expect("a text is always JSON");
        let failed = sequence + 1;
        format!(
            "event: error\ndata: {{\"type\":\"error\",\"sequence_number\":{sequence},\"code\":\"{code}\",\
             \"message\":{message},\"param\":null}}\n\n\
             event: response.failed\ndata: {{\"type\":\"response.failed\",\"sequence_number\":{failed},\
             \"response\":{{\"id\":\"{request}\",\"object\":\"response\",\"status\":\"failed\",\"output\":[],\
             \"error\":{{\"code\":\"{code}\",\"message\":{message}}}}}}}\n\n"
        )
    }

    fn openai(&self) -> OpenAi<'_> {
        let kind = match self.status {
            401 => "authentication_error",
            402 => "insufficient_quota",
            403 => "permission_error",
            429 => "rate_limit_error",
            500.. => "server_error",
            _ => "invalid_request_error",
        };
        OpenAi {
            error: OpenAiError {
                message: &self.message,
                kind,
                param: self.param,
                code: self.code,
            },
        }
    }

    fn anthropic(&self, request: RequestId) -> Anthropic<'_> {
        let kind = match self.status {
            401 => "authentication_error",
            402 => "billing_error",
            403 => "permission_error",
            404 | 405 => "not_found_error",
            408 | 504 => "timeout_error",
            413 => "request_too_large",
            429 => "rate_limit_error",
            503 | 529 => "overloaded_error",
            500.. => "api_error",
            _ => "invalid_request_error",
        };
        Anthropic {
            kind: "error",
            error: AnthropicError {
                kind,
                message: &self.message,
            },
            request_id: request,
        }
    }

    fn google(&self) -> Google<'_> {
        let status = match self.status {
            400 | 413 | 415 | 422 | 431 => "INVALID_ARGUMENT",
            401 => "UNAUTHENTICATED",
            402 | 429 => "RESOURCE_EXHAUSTED",
            403 => "PERMISSION_DENIED",
            404 | 405 => "NOT_FOUND",
            408 | 504 => "DEADLINE_EXCEEDED",
            503 => "UNAVAILABLE",
            _ => "INTERNAL",
        };
        Google {
            error: GoogleError {
                code: self.status,
                message: &self.message,
                status,
            },
        }
    }
}

fn json(value: &impl Serialize) -> Bytes {
    serde_json::to_vec(value)
        .expect("texts and numbers are always JSON")
        .into()
}

#[derive(Serialize)]
struct OpenAi<'a> {
    error: OpenAiError<'a>,
}

#[derive(Serialize)]
struct OpenAiError<'a> {
    message: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
    param: Option<&'a str>,
    code: &'a str,
}

#[derive(Serialize)]
struct Anthropic<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    error: AnthropicError<'a>,
    request_id: RequestId,
}

#[derive(Serialize)]
struct AnthropicError<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    message: &'a str,
}

#[derive(Serialize)]
struct Google<'a> {
    error: GoogleError<'a>,
}

#[derive(Serialize)]
struct GoogleError<'a> {
    code: u16,
    message: &'a str,
    status: &'a str,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: Bytes) -> String {
        String::from_utf8(bytes.to_vec()).expect("text")
    }

    #[test]
    fn each_dialect_has_its_own_envelope() {
        let fault = Fault::new(404, "model_not_found", "no \"x\"").param(Some("model"));

        assert_eq!(
            text(fault.body(Dialect::Chat, RequestId(1))),
            r#"{"error":{"message":"no \"x\"","type":"invalid_request_error","param":"model","code":"model_not_found"}}"#
        );
        assert_eq!(
            text(fault.body(Dialect::Messages, RequestId(1))),
            r#"{"type":"error","error":{"type":"not_found_error","message":"no \"x\""},"request_id":"req_00000000000000000000000000000001"}"#
        );
    }

    #[test]
    fn a_broken_stream_of_responses_ends_with_a_numbered_failure() {
        let events = text(Fault::new(502, "upstream_error", "cut").event(
            Dialect::Responses,
            RequestId(1),
            7,
        ));

        assert!(
            events.contains("\"sequence_number\":7") && events.contains("\"sequence_number\":8")
        );
        assert!(events.contains("event: response.failed\n") && events.ends_with("\n\n"));
    }

    #[test]
    fn a_broken_chat_stream_ends_without_done() {
        let event =
            text(Fault::new(502, "upstream_error", "cut").event(Dialect::Chat, RequestId(1), 0));

        assert!(event.starts_with("data: {\"error\":") && !event.contains("[DONE]"));
    }
}
