//! A whole answer, whatever the dialect.

use super::block::Block;
use super::dropped::Dropped;
use super::json::Str;
use super::name;
use crate::domain::dialect::Dialect;
use crate::domain::tokens::Usage;

/// An answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer<'a> {
    /// Its id, as the target gave it; empty where it gave none and nobody has named it.
    pub id: Str<'a>,
    /// The model that answered, as the target calls it.
    pub model: Str<'a>,
    /// When it was made, in seconds since 1970, where that is said.
    pub created: Option<u64>,
    /// What the model said, thought and called.
    pub blocks: Vec<Block<'a>>,
    /// Why it stopped.
    pub stop: Stop<'a>,
    /// What it used, where that is told and can be.
    pub usage: Option<Usage>,
    /// The tier that it was served in, in the target's word.
    pub tier: Option<Str<'a>>,
    /// What the reader left out.
    pub dropped: Dropped,
}

impl Answer<'_> {
    /// Names what the target left without a name: the answer, and each call, so that its result can be told. No two answers may share a
    /// name, for clients take two that do for one: `unnamed` tells this one from all others.
    pub fn identify(&mut self, unnamed: &str) {
        if self.id.is_empty() {
            self.id = unnamed.to_owned().into();
        }
        for (at, block) in self.blocks.iter_mut().enumerate() {
            if let Block::Use(call) = block
                && call.id.is_empty()
            {
                let seeds = [&*self.id, &at.to_string(), &call.name];
                call.id = name::fresh(Dialect::Chat, &seeds).into();
            }
        }
    }
}

/// Why an answer stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop<'a> {
    /// All is said.
    Done,
    /// A text of the caller's that ends answers came.
    Sequence(Option<Str<'a>>),
    /// Tools are called, and their results awaited.
    Tools,
    /// The caller's limit is reached.
    Length,
    /// The model's window is full.
    Window,
    /// It will not, or may not.
    Refused(Refused<'a>),
    /// The provider paused; the same conversation goes on when it is sent again.
    Paused,
    /// The target failed after it had begun.
    Failed(Failure<'a>),
}

/// Why an answer was refused, as far as it is told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refused<'a> {
    /// A word for programs.
    pub category: Option<Str<'a>>,
    /// A sentence for people.
    pub explanation: Option<Str<'a>>,
}

/// What went wrong at the target.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Failure<'a> {
    /// A word for programs.
    pub code: Str<'a>,
    /// A sentence for people.
    pub message: Str<'a>,
}
