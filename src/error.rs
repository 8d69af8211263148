//! The one error that layers speak, and what a caller is told of it.

use std::fmt;
use std::time::Duration;

use crate::domain::ids::ModelId;
use crate::ledger::LedgerError;
use crate::policy::Why as NotFit;
use crate::protocol::call::BadCall;
use crate::protocol::fault::Fault;
use crate::store::StoreError;
use crate::tenant::KeyFault;
use crate::upstream::error::{UpstreamError, Why};

/// Why a call is not answered by a model.
#[derive(Debug)]
pub enum GatewayError {
    /// No such path.
    NoSuchPath,
    /// The path is known, the method is not.
    WrongMethod,
    /// A WebSocket was asked for.
    NoWebSocket,
    /// As many calls are under way as may be.
    Overloaded,
    /// No key.
    NoKey,
    /// Two different keys.
    TwoKeys,
    /// A key that is not taken.
    BadKey(KeyFault),
    /// A page of another site calls a gateway that is open to this machine alone.
    ForeignPage,
    /// The key may not do this.
    NotYours(String),
    /// A header of ours that cannot be read.
    BadHeader(&'static str, String),
    /// The body is too large.
    TooLarge(usize),
    /// The body came too slowly.
    TooSlow,
    /// The body is not declared as JSON.
    NotJson,
    /// The body is compressed.
    Encoded,
    /// The body broke off.
    Broken(String),
    /// The body is wrong.
    BadCall(BadCall),
    /// No such model.
    UnknownModel {
        /// The name that was asked for.
        asked: String,
        /// Names like it.
        nearest: Vec<String>,
    },
    /// No model may serve this call.
    NoRoute(Vec<(ModelId, NotFit)>),
    /// No answer of this name that could be gone on from.
    NoAnswer(String),
    /// No answer of this name that could be looked at.
    NoSuchAnswer(String),
    /// No such record.
    NoRecord,
    /// The ledger takes no entry now.
    Ledger(LedgerError),
    /// The store could not write down what was asked for.
    Store(StoreError),
    /// The last candidate failed.
    Upstream(Box<UpstreamError>),
    /// A newer call of the same editor has taken its place.
    Superseded,
    /// A fault of ours.
    Panicked,
}

impl GatewayError {
    /// What the caller is told. No `_` arm: a new variant must be given its answer here.
    pub fn fault(&self) -> Fault {
        let fault = |status, code| Fault::new(status, code, self.to_string());
        match self {
            Self::NoSuchPath => fault(404, "not_found"),
            Self::WrongMethod => fault(405, "method_not_allowed"),
            Self::NoWebSocket => fault(426, "upgrade_required"),
            Self::Overloaded => fault(503, "overloaded").retry_after(Duration::from_secs(1)),
            Self::NoKey => fault(401, "missing_api_key"),
            Self::TwoKeys => fault(401, "two_api_keys"),
            Self::BadKey(_) => fault(401, "invalid_api_key"),
            Self::ForeignPage => fault(403, "foreign_origin"),
            Self::NotYours(_) => fault(403, "not_allowed"),
            Self::BadHeader(..) => fault(400, "invalid_header"),
            Self::TooLarge(_) => fault(413, "body_too_large"),
            Self::TooSlow => fault(408, "body_timeout"),
            Self::NotJson => fault(415, "unsupported_media_type"),
            Self::Encoded => fault(415, "unsupported_encoding"),
            Self::Broken(_) => fault(400, "incomplete_body"),
            Self::BadCall(bad) => fault(400, bad.code).param(bad.param),
            Self::UnknownModel { .. } => fault(404, "model_not_found").param(Some("model")),
            Self::NoRoute(rejected) => match too_long(rejected) {
                Some(message) => Fault::new(400, "context_length_exceeded", message),
                None => fault(422, "no_route").param(Some("model")),
            },
            Self::NoAnswer(_) => {
                fault(400, "previous_response_not_found").param(Some("previous_response_id"))
            }
            Self::NoSuchAnswer(_) => fault(404, "response_not_found"),
            Self::NoRecord => fault(404, "request_not_found"),
            Self::Ledger(_) => fault(503, "ledger_unavailable").retry_after(Duration::from_secs(2)),
            Self::Store(_) => fault(503, "store_unavailable").retry_after(Duration::from_secs(2)),
            Self::Upstream(error) => upstream(error),
            Self::Superseded => fault(499, "superseded"),
            Self::Panicked => fault(500, "internal_error"),
        }
    }
}

/// Where a prompt is too long for every model that may answer: the words by which clients know that they have to shorten the
/// conversation, with the sizes of the model that has most room.
fn too_long(rejected: &[(ModelId, NotFit)]) -> Option<String> {
    let sizes = rejected.iter().map(|(_, why)| match why {
        NotFit::Window { window, needed } => Some((window.0, needed.0)),
        _ => None,
    });
    let sizes: Option<Vec<_>> = sizes.collect();
    let (window, needed) = sizes?.into_iter().max()?;
    Some(format!(
        "prompt is too long: {needed} tokens > {window} maximum"
    ))
}

/// What is told of a target that failed without an answer that may be shown.
fn upstream(error: &UpstreamError) -> Fault {
    let status = error.answer.as_ref().map(|answer| answer.status.as_u16());
    let (status, code, message) = match error.why {
        Why::Refused | Why::Dns => (
            502,
            "upstream_unreachable",
            "the model's server cannot be reached",
        ),
        Why::Reset => (
            502,
            "upstream_reset",
            "the model's server broke the connection before it answered",
        ),
        Why::Tls => (
            502,
            "upstream_tls",
            "no secure connection to the model's server could be made",
        ),
        Why::ConnectTimeout | Why::FirstByteTimeout | Why::IdleTimeout | Why::TotalTimeout => (
            504,
            "upstream_timeout",
            "the model's server did not answer in time",
        ),
        Why::Truncated => (502, "upstream_truncated", "the model's answer broke off"),
        Why::BadBody => (
            502,
            "upstream_bad_body",
            "the model's server gave an answer that cannot be read",
        ),
        Why::Shape => (
            502,
            "upstream_shape",
            "the model's server gave an answer of another kind than was asked for",
        ),
        Why::Redirect => (
            502,
            "upstream_redirect",
            "the model's server points elsewhere, which is not followed",
        ),
        Why::Auth => (
            502,
            "upstream_auth",
            "the gateway's own key was refused by the model's server",
        ),
        Why::RateLimited => (
            429,
            "upstream_rate_limited",
            "the model's server has too many requests",
        ),
        Why::Full => (
            503,
            "overloaded",
            "every server that may answer has as many calls as it may have",
        ),
        Why::NoDoor => (
            501,
            "upstream_no_door",
            "the model's server has no door for this call",
        ),
        Why::Stopping => (503, "shutting_down", "the gateway is shutting down"),
        Why::Overloaded => (
            status.unwrap_or(503),
            "upstream_overloaded",
            "the model's server is overloaded",
        ),
        Why::ServerError | Why::ErrorInside => (
            status.filter(|s| *s >= 500).unwrap_or(502),
            "upstream_error",
            "the model's server failed",
        ),
        Why::TooLong => (
            status.unwrap_or(400),
            "context_length_exceeded",
            "prompt is too long for the model",
        ),
        Why::CallerError | Why::Forgotten => (
            status.unwrap_or(400),
            "upstream_refused",
            "the model's server refused the call",
        ),
    };
    let mut fault = Fault::new(status, code, message);
    fault.retry_after = error.answer.as_ref().and_then(|answer| answer.retry_after);
    if error.why == Why::Full {
        fault.retry_after = Some(Duration::from_secs(1));
    }
    fault
}

impl fmt::Display for GatewayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchPath => f.write_str("there is nothing at this path"),
            Self::WrongMethod => f.write_str("this path does not take this method"),
            Self::NoWebSocket => f.write_str("WebSockets are not spoken here; use HTTP"),
            Self::Overloaded => {
                f.write_str("the gateway has as many calls as it may have; try again")
            }
            Self::NoKey => {
                f.write_str("no API key: send one as \"Authorization: Bearer\" or \"x-api-key\"")
            }
            Self::TwoKeys => f.write_str("two different API keys were sent; send one"),
            Self::BadKey(KeyFault::Expired) => f.write_str("this API key has expired"),
            Self::BadKey(KeyFault::Revoked) => f.write_str("this API key has been revoked"),
            Self::BadKey(KeyFault::Malformed | KeyFault::Unknown) => {
                f.write_str("this API key is not known")
            }
            Self::ForeignPage => f.write_str(
                "pages of other sites may not use a gateway that is open to this machine",
            ),
            Self::NotYours(what) => f.write_str(what),
            Self::BadHeader(name, why) => write!(f, "the header {name} cannot be used: {why}"),
            Self::TooLarge(limit) => write!(f, "the body is larger than {limit} bytes"),
            Self::TooSlow => f.write_str("the body did not arrive in time"),
            Self::NotJson => {
                f.write_str("the body must be JSON: send \"Content-Type: application/json\"")
            }
            Self::Encoded => f.write_str("the body must not be compressed"),
            Self::Broken(why) => write!(f, "the body broke off: {why}"),
            Self::BadCall(bad) => bad.fmt(f),
            Self::UnknownModel { asked, nearest } => {
                write!(
                    f,
                    "there is no model {:?}",
                    asked.chars().take(128).collect::<String>()
                )?;
                match nearest.as_slice() {
                    [] => Ok(()),
                    names => write!(f, "; did you mean {}?", names.join(" or ")),
                }
            }
            Self::NoRoute(rejected) => {
                f.write_str("no model may serve this call")?;
                rejected
                    .iter()
                    .enumerate()
                    .try_for_each(|(at, (model, why))| {
                        write!(f, "{} {model}: {why}", if at == 0 { ":" } else { ";" })
                    })
            }
            Self::NoAnswer(id) => write!(f, "Previous response with id '{id}' not found."),
            Self::NoSuchAnswer(id) => write!(f, "Response with id '{id}' not found."),
            Self::NoRecord => f.write_str("there is no such request of yours"),
            Self::Ledger(_) => f.write_str("the ledger takes no entry now; try again"),
            Self::Store(_) => f.write_str("this could not be written down; try again"),
            Self::Upstream(error) => f.write_str(&upstream(error).message),
            Self::Superseded => {
                f.write_str("a newer call of the same editor has taken this one's place")
            }
            Self::Panicked => f.write_str("the gateway failed; the fault is in its log"),
        }
    }
}

impl std::error::Error for GatewayError {}

impl From<UpstreamError> for GatewayError {
    fn from(error: UpstreamError) -> Self {
        Self::Upstream(Box::new(error))
    }
}

impl From<LedgerError> for GatewayError {
    fn from(error: LedgerError) -> Self {
        Self::Ledger(error)
    }
}

impl From<StoreError> for GatewayError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<BadCall> for GatewayError {
    fn from(bad: BadCall) -> Self {
        Self::BadCall(bad)
    }
}
