//! An error as a real server of the dialect would say it.

use super::json::{Quoted, put};
use crate::domain::dialect::Dialect;

/// Why a request is not served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: u16,
    /// The `code` of the OpenAI kinds.
    code: &'static str,
    message: String,
}

impl Refusal {
    pub(super) fn bad(code: &'static str, message: String) -> Self {
        Self {
            status: 400,
            code,
            message,
        }
    }

    pub(super) fn missing(field: &str) -> Self {
        Self::bad(
            "missing_required_parameter",
            format!("{field}: Field required"),
        )
    }

    pub(super) fn unreadable(error: &serde_json::Error) -> Self {
        Self::bad(
            "invalid_json",
            format!("The request body is not valid JSON: {error}"),
        )
    }

    /// Google says 400 to a key that it does not know and 403 to none; the others say 401 to both.
    pub(super) fn wrong_key(dialect: Dialect, shown: bool) -> Self {
        let (status, message) = match (dialect, shown) {
            (Dialect::Gemini, true) => (400, "API key not valid. Please pass a valid API key."),
            (Dialect::Gemini, false) => (403, "This method needs an API key."),
            _ => (401, "invalid x-api-key: no such API key"),
        };
        Self {
            status,
            code: "invalid_api_key",
            message: message.to_owned(),
        }
    }

    pub(super) fn no_model(model: &str) -> Self {
        let message =
            format!("The model `{model}` does not exist or you do not have access to it.");
        Self {
            status: 404,
            code: "model_not_found",
            message,
        }
    }

    pub(super) fn not_found(message: String) -> Self {
        Self {
            status: 404,
            code: "not_found",
            message,
        }
    }

    pub(super) fn no_page() -> Self {
        Self::not_found("Not found".to_owned())
    }

    /// The words matter: clients turn to compaction when they read them.
    pub(super) fn too_long(dialect: Dialect, tokens: u64, window: u64) -> Self {
        let message = match dialect {
            Dialect::Messages => format!("prompt is too long: {tokens} tokens > {window} maximum"),
            Dialect::Gemini => format!(
                "The input token count ({tokens}) exceeds the maximum number of tokens allowed ({window})."
            ),
            _ => format!(
                "This model's maximum context length is {window} tokens. However, your messages resulted in {tokens} tokens."
            ),
        };
        Self {
            status: 400,
            code: "context_length_exceeded",
            message,
        }
    }

    /// What a server says with this status when it says nothing particular.
    pub(super) fn of_status(status: u16, message: Option<String>) -> Self {
        let (code, usual) = match status {
            401 => ("invalid_api_key", "Incorrect API key provided."),
            403 => ("forbidden", "Your key may not do this."),
            404 => ("model_not_found", "The model does not exist."),
            413 => ("request_too_large", "Request exceeds the maximum size"),
            429 => (
                "rate_limit_exceeded",
                "Rate limit reached. Please try again later.",
            ),
            503 | 529 => ("server_is_overloaded", "Overloaded"),
            500.. => ("server_error", "Internal server error"),
            _ => ("invalid_value", "Invalid request."),
        };
        let message = message.unwrap_or_else(|| usual.to_owned());
        Self {
            status,
            code,
            message,
        }
    }

    /// The body, in the dialect's envelope.
    pub(super) fn body(&self, dialect: Dialect) -> String {
        let mut out = String::with_capacity(160);
        let (status, code, message) = (self.status, self.code, Quoted(&self.message));
        match dialect {
            Dialect::Messages => put!(
                out,
                r#"{{"type":"error","error":{{"type":"{}","message":{message}}},"request_id":"req_sim"}}"#,
                anthropic_type(status)
            ),
            Dialect::Gemini => put!(
                out,
                r#"{{"error":{{"code":{status},"message":{message},"status":"{}"}}}}"#,
                google_status(status)
            ),
            _ => put!(
                out,
                r#"{{"error":{{"message":{message},"type":"{}","param":null,"code":"{code}"}}}}"#,
                openai_type(status)
            ),
        }
        out
    }

    pub(super) fn code(&self) -> &'static str {
        self.code
    }

    pub(super) fn message(&self) -> &str {
        &self.message
    }
}

fn anthropic_type(status: u16) -> &'static str {
    match status {
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        504 => "timeout_error",
        529 => "overloaded_error",
        500.. => "api_error",
        _ => "invalid_request_error",
    }
}

fn google_status(status: u16) -> &'static str {
    match status {
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        429 => "RESOURCE_EXHAUSTED",
        503 => "UNAVAILABLE",
        504 => "DEADLINE_EXCEEDED",
        500.. => "INTERNAL",
        _ => "INVALID_ARGUMENT",
    }
}

fn openai_type(status: u16) -> &'static str {
    match status {
        401 => "authentication_error",
        403 => "permission_error",
        429 => "rate_limit_error",
        500.. => "server_error",
        _ => "invalid_request_error",
    }
}
