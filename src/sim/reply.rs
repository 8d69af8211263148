//! What every dialect needs to write a reply down, and the choice of the dialect.

use super::answer::{Answer, Thinking};
use super::door::Door;
use super::profile::Thoughts;
use super::seal::{Kind, Seals};
use super::tape::Tape;
use super::{chat, completions, gemini, messages, responses};
use crate::domain::clock::mix;
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
    pub(super) door: Door,
    /// Unique among the replies of this target.
    pub(super) serial: u64,
    /// Seconds since 1970.
    pub(super) created: i64,
    pub(super) model: &'a str,
    pub(super) answer: &'a Answer,
    pub(super) usage: Usage,
    pub(super) told: Told,
    pub(super) usage_chunk: bool,
    pub(super) seals: &'a Seals,
    /// The provider keeps the answer.
    pub(super) kept: bool,
    /// The caller wants the reasoning, sealed.
    pub(super) sealed: bool,
    /// Where the Chat dialect shows thoughts.
    pub(super) thoughts: Thoughts,
    /// The Chat dialect names calls by their place.
    pub(super) counts_calls: bool,
}

impl Reply<'_> {
    /// An id of this reply: unique, and the same each time it is asked for.
    pub(super) fn id(&self, prefix: &str) -> String {
        let serial = self.serial;
        format!("{prefix}{:016x}{:08x}", mix(serial), serial & 0xffff_ffff)
    }

    /// The id of the answer as a provider that may keep it calls it, or of a part of it.
    pub(super) fn kept_id(&self, prefix: &str) -> String {
        let kind = match self.kept {
            true => Kind::Kept,
            false => Kind::Passing,
        };
        self.seals.id(prefix, kind, self.serial, 0)
    }

    /// The id of a call, by its place among those of the answer.
    pub(super) fn call_id(&self, prefix: &str, at: usize) -> String {
        let kind = match self.answer.thinking {
            Thinking::No => Kind::Call,
            Thinking::Hidden | Thinking::Shown => Kind::CallAfterThought,
        };
        self.seals.id(prefix, kind, self.serial, at)
    }

    /// The same in the Chat dialect, for a call of this tool.
    pub(super) fn chat_call_id(&self, tool: &str, at: usize) -> String {
        match self.counts_calls {
            true => format!("functions.{tool}:{at}"),
            false => self.call_id("call_", at),
        }
    }

    pub(super) fn seal(&self, kind: Kind, bound: &str) -> String {
        self.seals.seal(kind, bound, self.serial)
    }

    pub(super) fn stream(&self) -> Tape {
        match self.door {
            Door::Chat | Door::Embeddings => chat::stream(self),
            Door::Responses => responses::stream(self),
            Door::Messages | Door::CountTokens => messages::stream(self),
            Door::Completions => completions::stream(self),
            Door::Generate | Door::GenerateCount => gemini::stream(self),
        }
    }

    pub(super) fn whole(&self) -> Tape {
        let body = match self.door {
            Door::Chat | Door::Embeddings => chat::whole(self),
            Door::Responses => responses::whole(self),
            Door::Messages | Door::CountTokens => messages::whole(self),
            Door::Completions => completions::whole(self),
            Door::Generate | Door::GenerateCount => gemini::whole(self),
        };
        Tape::whole(body, self.answer.tokens())
    }
}
