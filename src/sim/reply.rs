//! What every dialect needs to write a reply down, and the choice of the dialect.

use super::answer::Answer;
use super::tape::Tape;
use super::{chat, completions, messages, responses};
use crate::domain::clock::mix;
use crate::domain::dialect::Endpoint;
use crate::domain::tokens::Usage;

/// What the caller is told about usage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// The truth.
    True,
    /// Nothing.
    Nothing,
    /// Counts below zero.
    Negative,
    /// Counts that cannot be.
    Absurd,
}

impl Told {
    pub(super) fn count(self, tokens: u64) -> i64 {
        let tokens = i64::try_from(tokens).unwrap_or(i64::MAX);
        match self {
            Self::True | Self::Nothing => tokens,
            Self::Negative => -1 - tokens,
            Self::Absurd => tokens.saturating_add(1_000_000_000_000_000_000),
        }
    }
}

/// An answer with all that is needed to write it.
#[derive(Debug)]
pub(super) struct Reply<'a> {
    pub(super) endpoint: Endpoint,
    /// Unique among the replies of this target.
    pub(super) serial: u64,
    /// Seconds since 1970.
    pub(super) created: i64,
    pub(super) model: &'a str,
    pub(super) answer: &'a Answer,
    pub(super) usage: Usage,
    pub(super) told: Told,
    pub(super) usage_chunk: bool,
}

/// The id of a thing of this kind in the answer of this number.
pub(super) fn name(prefix: &str, serial: u64) -> String {
    format!("{prefix}{:016x}{:08x}", mix(serial), serial & 0xffff_ffff)
}

impl Reply<'_> {
    /// An id of this reply: unique, and the same each time it is asked for.
    pub(super) fn id(&self, prefix: &str) -> String {
        name(prefix, self.serial)
    }

    pub(super) fn stream(&self) -> Tape {
        match self.endpoint {
            Endpoint::Chat | Endpoint::Embeddings => chat::stream(self),
            Endpoint::Responses => responses::stream(self),
            Endpoint::Messages | Endpoint::CountTokens => messages::stream(self),
            Endpoint::Completions => completions::stream(self),
        }
    }

    pub(super) fn whole(&self) -> Tape {
        let body = match self.endpoint {
            Endpoint::Chat | Endpoint::Embeddings => chat::whole(self),
            Endpoint::Responses => responses::whole(self),
            Endpoint::Messages | Endpoint::CountTokens => messages::whole(self),
            Endpoint::Completions => completions::whole(self),
        };
        Tape::whole(body, self.answer.tokens())
    }
}
