//! What went wrong at a target, by what a retry and the ledger need to know: not sent, unanswered, answered.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};

use crate::domain::closed::closed;
use crate::domain::tokens::TokenCount;

closed!(
    /// Why an attempt failed, as a word for labels and logs.
    Why {
        /// Nobody listens there.
        Refused = "refused",
        /// The name is not known.
        Dns = "dns",
        /// No secure connection could be made.
        Tls = "tls",
        /// No connection in time.
        ConnectTimeout = "connect_timeout",
        /// The connection broke before an answer.
        Reset = "reset",
        /// No answer in time.
        FirstByteTimeout = "first_byte_timeout",
        /// Silence in the middle of an answer.
        IdleTimeout = "idle_timeout",
        /// The whole answer took too long.
        TotalTimeout = "total_timeout",
        /// The answer ended before it was complete.
        Truncated = "truncated",
        /// The answer cannot be read.
        BadBody = "bad_body",
        /// The answer is of another kind than was asked for.
        Shape = "shape_mismatch",
        /// An error in an answer whose status is good.
        ErrorInside = "error_inside",
        /// The answer points elsewhere: never followed.
        Redirect = "redirect",
        /// Our key is not taken there.
        Auth = "auth",
        /// Too many requests.
        RateLimited = "rate_limited",
        /// The target is overloaded.
        Overloaded = "overloaded",
        /// Any other failure of the target.
        ServerError = "server_error",
        /// The target says that the call is wrong.
        CallerError = "caller_error",
        /// The prompt is longer than the model's window.
        TooLong = "too_long",
        /// The target has nothing any more of what the call names.
        Forgotten = "forgotten",
        /// It has no door for this.
        NoDoor = "no_door",
        /// As many calls are there as it may have.
        Full = "full",
        /// The gateway itself stops.
        Stopping = "stopping",
    }
);

/// An attempt that failed.
#[derive(Debug)]
pub struct UpstreamError {
    /// In a word.
    pub why: Why,
    /// What the target answered, if it did.
    pub answer: Option<Box<Answer>>,
    /// How much fits, where that is what is wrong and the target says it.
    pub window: Option<TokenCount>,
    /// The cause, for the log.
    pub detail: String,
}

/// An answer that is no success.
#[derive(Debug)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers, as far as callers may see them.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
    /// When the target wants to be asked again.
    pub retry_after: Option<Duration>,
}

impl Answer {
    /// A page of some proxy on the way is not shown to a program.
    fn is_json(&self) -> bool {
        serde_json::from_slice::<serde::de::IgnoredAny>(&self.body).is_ok()
    }
}

impl UpstreamError {
    /// A failure without an answer.
    pub fn new(why: Why, detail: impl Into<String>) -> Self {
        Self {
            why,
            answer: None,
            window: None,
            detail: detail.into(),
        }
    }

    /// Nothing of the call reached the target.
    pub fn not_sent(&self) -> bool {
        matches!(
            self.why,
            Why::Refused | Why::Dns | Why::Tls | Why::ConnectTimeout | Why::Full | Why::NoDoor
        )
    }

    /// Another candidate may do better. The caller's own mistakes are theirs to mend, and who stops asks nobody else. Where a
    /// prompt is too long, only one with a larger window may.
    pub fn next_may_help(&self) -> bool {
        !matches!(self.why, Why::CallerError | Why::Stopping)
    }

    /// The target's own answer may be shown: it says what is wrong with the call, or when to come again.
    pub fn shows_answer(&self) -> bool {
        matches!(
            self.why,
            Why::CallerError
                | Why::TooLong
                | Why::Forgotten
                | Why::RateLimited
                | Why::Overloaded
                | Why::ServerError
        ) && self.answer.as_ref().is_some_and(|answer| answer.is_json())
    }

    /// The target itself is at fault, rather than the call or the crowd before it.
    pub fn blames_target(&self) -> bool {
        !matches!(
            self.why,
            Why::CallerError
                | Why::TooLong
                | Why::Forgotten
                | Why::RateLimited
                | Why::Full
                | Why::NoDoor
                | Why::Stopping
        )
    }
}

impl fmt::Display for UpstreamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.why, self.detail)
    }
}

impl std::error::Error for UpstreamError {}

/// Sorts an answer that is no success.
pub fn why(status: StatusCode) -> Why {
    match status.as_u16() {
        300..=399 => Why::Redirect,
        401..=403 | 407 => Why::Auth,
        429 => Why::RateLimited,
        503 | 529 => Why::Overloaded,
        408 | 425 | 500.. => Why::ServerError,
        _ => Why::CallerError,
    }
}
