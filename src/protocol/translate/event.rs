//! One step of a streamed answer, whatever the dialect.
//!
//! Readers make them in this order, writers may count on it:
//!
//! 1. [`Event::Start`], once.
//! 2. For each block [`Event::Open`], any number of [`Event::Delta`], [`Event::Close`]. Indexes count from zero in the order in which blocks
//!    are opened and are never used twice. Several blocks may be open at a time; a writer whose dialect has one at a time keeps the later ones.
//! 3. [`Event::Usage`] and [`Event::Ping`] anywhere between; of usage the last word counts, and each word is the whole.
//! 4. All blocks closed, [`Event::Stop`], once; usage may still follow; then [`Event::End`].
//! 5. [`Event::Fault`] ends the stream wherever it comes. A stream that stops without either was cut.

use super::answer::{Failure, Stop};
use super::block::{Citation, Foreign, Kind};
use super::json::Str;
use super::sealed::Sealed;
use crate::domain::tokens::Usage;

/// A step of a streamed answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Event<'a> {
    /// The answer begins.
    Start(Start<'a>),
    /// A block begins.
    Open {
        /// Which.
        index: u32,
        /// What it is.
        block: Opened<'a>,
    },
    /// A block goes on.
    Delta {
        /// Which.
        index: u32,
        /// What is added.
        delta: Delta<'a>,
    },
    /// A block is whole.
    Close {
        /// Which.
        index: u32,
    },
    /// What was used, as far as it is known.
    Usage(Usage),
    /// Nothing new, but alive.
    Ping,
    /// Why it stopped.
    Stop(Stop<'a>),
    /// All has come.
    End,
    /// The target broke off and says so.
    Fault(Failure<'a>),
}

/// How an answer begins.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Start<'a> {
    /// The answer's id, as the target gave it; empty where it gave none.
    pub id: Str<'a>,
    /// The model that answers, as the target calls it.
    pub model: Str<'a>,
    /// When it was made, in seconds since 1970, where that is said.
    pub created: Option<u64>,
    /// The prompt's counts, where they are told at the start.
    pub usage: Option<Usage>,
    /// The tier that it is served in, in the target's word.
    pub tier: Option<Str<'a>>,
}

/// What a block is, when it begins.
#[derive(Clone, Debug, PartialEq)]
pub enum Opened<'a> {
    /// Words.
    Text,
    /// A thought.
    Thought {
        /// It is a summary and not the thought itself.
        summary: bool,
        /// The id of the item that it comes in.
        item: Option<Str<'a>>,
    },
    /// A call of a tool.
    Use {
        /// Its id.
        id: Str<'a>,
        /// The tool.
        name: Str<'a>,
        /// The group that the tool is in.
        space: Option<Str<'a>>,
        /// In whose words.
        kind: Kind,
    },
    /// The model will not.
    Refusal,
    /// What only one dialect knows, whole.
    Foreign(Foreign<'a>),
}

/// What is added to a block.
#[derive(Clone, Debug, PartialEq)]
pub enum Delta<'a> {
    /// To words, to what may be read of a thought, or to a refusal.
    Text(Str<'a>),
    /// To the input of a call: a piece of JSON text, or of the tool's own language.
    Input(Str<'a>),
    /// Where the words come from.
    Citation(Citation<'a>),
    /// The whole state of a thought. It replaces what came before.
    Sealed(Sealed<'a>),
}
