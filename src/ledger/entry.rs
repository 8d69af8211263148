//! The entries: what is written down of a call and of each of its attempts.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::domain::clock::Timestamp;
use crate::domain::closed::closed;
use crate::domain::dialect::{Endpoint, Hosting};
use crate::domain::facts::Task;
use crate::domain::ids::{
    AttemptId, KeyId, ModelId, PolicyId, PriceId, RequestId, SessionId, TargetId, TenantId,
};
use crate::domain::money::NanoUsd;
use crate::domain::tokens::{TokenCount, Usage};

/// What is known of a call once it is decided.
#[derive(Clone, Debug, Deserialize)]
pub struct CallHead {
    /// The call. Its id tells when it came in, and the ledger sorts by it.
    pub request: RequestId,
    /// When it came in.
    pub at: Timestamp,
    /// Who pays.
    pub tenant: TenantId,
    /// By which key.
    pub key: KeyId,
    /// The key's and the caller's labels.
    pub tags: Vec<(String, String)>,
    /// The conversation, where one could be told.
    pub session: Option<SessionId>,
    /// The door.
    pub endpoint: Endpoint,
    /// The model name that the caller sent.
    pub asked: String,
    /// The policy that decided.
    pub policy: PolicyId,
    /// The rule that was decisive, where one was.
    pub rule: Option<String>,
    /// Why this model, in a word.
    pub reason: String,
    /// Kind of work.
    pub task: Task,
    /// The decision's record, as JSON.
    pub explanation: Box<RawValue>,
}

/// What an attempt used and what that cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Amount {
    /// Tokens by class.
    pub usage: Usage,
    /// `None` where no price is known: that is not nothing.
    pub cost: Option<NanoUsd>,
}

impl Amount {
    /// Nothing used, nothing to pay.
    pub const FREE: Self = Self {
        usage: Usage {
            input: TokenCount(0),
            cache_read: TokenCount(0),
            cache_write_short: TokenCount(0),
            cache_write_long: TokenCount(0),
            output: TokenCount(0),
            reasoning: TokenCount(0),
        },
        cost: Some(NanoUsd::ZERO),
    };
}

/// Opens an attempt, before its first byte goes out.
#[derive(Clone, Debug, Deserialize)]
pub struct Intent {
    /// The attempt.
    pub attempt: AttemptId,
    /// The call that it belongs to.
    pub head: Arc<CallHead>,
    /// The model that is asked.
    pub model: ModelId,
    /// Where it lives.
    pub target: TargetId,
    /// Who runs that.
    pub hosting: Hosting,
    /// The price that it will be billed by.
    pub price: Option<PriceId>,
    /// When.
    pub at: Timestamp,
    /// What a recovery settles before there is any progress.
    pub mark: Amount,
}

closed!(
    /// How an attempt ended.
    End {
        /// The answer came whole, with its usage.
        Complete = "complete",
        /// The answer came whole, without usage.
        UsageMissing = "usage_missing",
        /// The usage told cannot be.
        UsageRejected = "usage_rejected",
        /// The caller hung up.
        ClientGone = "client_gone",
        /// The answer broke off.
        Truncated = "truncated",
        /// No byte came for too long.
        IdleTimeout = "idle_timeout",
        /// The whole took too long.
        Timeout = "timeout",
        /// An error came inside the stream.
        ErrorEvent = "error_event",
        /// Nothing was sent: refused, or no connection.
        NotSent = "not_sent",
        /// Answered with 4xx or 5xx.
        Status = "status",
        /// The answer could not be read.
        BadBody = "bad_body",
        /// Sent, and the connection was lost before any answer.
        Lost = "lost",
        /// The process died; settled at the last mark on the next start.
        Recovered = "recovered",
        /// The call was dropped inside the gateway.
        Dropped = "dropped",
        /// The answer was plainly wrong, and held back from the caller.
        Caught = "caught",
    }
);

closed!(
    /// Where an attempt stands.
    State {
        /// Under way; its amount is the last mark.
        Open = "open",
        /// Ended with the usage that the target told.
        Actual = "actual",
        /// Ended with an estimate, never below what was relayed.
        Estimated = "estimated",
        /// Ended without cost: never sent, or answered with an error.
        Void = "void",
    }
);

/// Ends a call.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct CallEnd {
    /// When.
    pub at: Timestamp,
    /// What the caller was told.
    pub status: u16,
    /// The model that answered.
    pub model: Option<ModelId>,
    /// Who runs it.
    pub hosting: Option<Hosting>,
    /// What the frontier would have cost, with caching.
    pub baseline: Option<NanoUsd>,
    /// Until the first byte of the answer.
    pub first_byte_ms: Option<u64>,
    /// Until the last.
    pub duration_ms: u64,
    /// The code of the error that the caller was told.
    pub error: Option<String>,
    /// The dialect that the last attempt was asked in, where that was not the caller's, and what was left out on the way: JSON.
    #[serde(default)]
    pub translation: Option<Box<str>>,
    /// What was wrong with answers, and what became of those: JSON.
    #[serde(default)]
    pub flaws: Option<Box<str>>,
}

/// One line of the journal. All are idempotent; the first end of an attempt, and of a call, stands.
#[derive(Clone, Debug, Deserialize)]
pub enum Entry {
    /// Opens an attempt, and its call where that is new.
    Intent(Box<Intent>),
    /// What a recovery settles from now on.
    Progress {
        /// The call.
        request: RequestId,
        /// The attempt.
        attempt: AttemptId,
        /// Used so far.
        mark: Amount,
    },
    /// Ends an attempt with what it used.
    Settle {
        /// The call.
        request: RequestId,
        /// The attempt.
        attempt: AttemptId,
        /// What it used.
        amount: Amount,
        /// Told by the target, or else estimated.
        actual: bool,
        /// When the request went out.
        sent: Option<Timestamp>,
        /// How it ended.
        end: End,
        /// When.
        at: Timestamp,
    },
    /// Ends an attempt without cost.
    Void {
        /// The call.
        request: RequestId,
        /// The attempt.
        attempt: AttemptId,
        /// When the request went out, if it did.
        sent: Option<Timestamp>,
        /// How it ended.
        end: End,
        /// When.
        at: Timestamp,
    },
    /// Ends a call, also one that no attempt was made for.
    Close {
        /// The call.
        request: RequestId,
        /// What its row needs, where no attempt has written it.
        head: Option<Arc<CallHead>>,
        /// Its end.
        end: CallEnd,
    },
}

/// The end of an attempt, as [`Entry::Settle`] and [`Entry::Void`] tell it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ending {
    pub(super) request: RequestId,
    pub(super) attempt: AttemptId,
    pub(super) state: State,
    pub(super) amount: Amount,
    pub(super) sent: Option<Timestamp>,
    pub(super) end: End,
    pub(super) at: Timestamp,
}

impl Entry {
    /// The call that it is about.
    pub(super) fn request(&self) -> RequestId {
        match self {
            Self::Intent(intent) => intent.head.request,
            Self::Progress { request, .. }
            | Self::Settle { request, .. }
            | Self::Void { request, .. }
            | Self::Close { request, .. } => *request,
        }
    }

    /// The end that this entry brings, if it brings one. What is void costs nothing.
    pub(super) fn ending(&self) -> Option<Ending> {
        let (request, attempt, state, amount, sent, end, at) = match *self {
            Self::Settle {
                request,
                attempt,
                amount,
                actual,
                sent,
                end,
                at,
            } => {
                let state = if actual {
                    State::Actual
                } else {
                    State::Estimated
                };
                (request, attempt, state, amount, sent, end, at)
            }
            Self::Void {
                request,
                attempt,
                sent,
                end,
                at,
            } => (request, attempt, State::Void, Amount::FREE, sent, end, at),
            _ => return None,
        };
        Some(Ending {
            request,
            attempt,
            state,
            amount,
            sent,
            end,
            at,
        })
    }
}
