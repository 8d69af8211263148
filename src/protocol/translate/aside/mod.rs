//! Sealed state that a caller has no place for: what the gateway keeps for it, and puts back when the conversation comes again.
//!
//! Chat has no field that clients return unchanged, and a caller that asked for no thoughts gives none back. So such state is laid aside
//! under a mark: what it stood at (a call by its id, or the answer's words), and what the answer came behind. Both come back with each
//! later turn, so the mark is found again without anything that the caller would have to carry.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::asked::{Asked, Passage, Speaker};
use super::block::{Block, Thought};
use super::json::Str;
use super::sealed::{Form, Owner, Sealed};
use crate::domain::dialect::Dialect;

mod collect;
#[cfg(test)]
mod tests;

pub use collect::{Collector, of_answer};

/// Under what state is laid aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Mark(pub [u8; 32]);

/// Behind what an answer comes: what was said last when it was asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Behind([u8; 32]);

impl Behind {
    /// Behind all that a request says.
    pub fn of(passages: &[Passage<'_>]) -> Self {
        let Some(last) = passages.last() else {
            return Self::default();
        };
        let mut hash = Sha256::new();
        blocks(&last.blocks, &mut hash);
        Self(hash.finalize().into())
    }

    fn call(&self, id: &str) -> Mark {
        self.mark(b"call", id)
    }

    /// Clients trim what they keep.
    fn words(&self, text: &str) -> Mark {
        self.mark(b"text", text.trim())
    }

    fn mark(&self, kind: &[u8], text: &str) -> Mark {
        let mut hash = Sha256::new();
        hash.update(self.0);
        hash.update(kind);
        hash.update(text);
        Mark(hash.finalize().into())
    }
}

/// Words and ids, which callers return as they were; not what they may write in another way.
fn blocks(blocks: &[Block<'_>], hash: &mut Sha256) {
    for block in blocks {
        match block {
            Block::Text(text) => hash.update(text.text.trim()),
            Block::Reply(reply) => {
                hash.update(&*reply.id);
                self::blocks(&reply.content, hash);
            }
            Block::Use(call) => hash.update(&*call.id),
            _ => {}
        }
        // Keeps neighbours apart.
        hash.update([0xff]);
    }
}

/// A thought as it is laid aside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    #[serde(rename = "t", default, skip_serializing_if = "String::is_empty")]
    text: String,
    #[serde(rename = "y", default, skip_serializing_if = "std::ops::Not::not")]
    summary: bool,
    #[serde(rename = "i", default, skip_serializing_if = "Option::is_none")]
    item: Option<String>,
    #[serde(rename = "o")]
    owner: Dialect,
    #[serde(rename = "m", default, skip_serializing_if = "Option::is_none")]
    maker: Option<String>,
    #[serde(rename = "f")]
    form: Form,
    #[serde(rename = "d")]
    data: String,
}

impl Kept {
    /// What only its owner can read of a thought; nothing where that is open to all.
    fn of(thought: &Thought<'_>) -> Option<Self> {
        let Thought {
            text,
            summary,
            sealed,
            item,
        } = thought;
        let Sealed { owner, form, data } = sealed.as_ref().filter(|it| it.form != Form::Plain)?;
        let owned = |text: &Str<'_>| text.clone().into_owned();
        Some(Self {
            text: owned(text),
            summary: *summary,
            item: item.as_ref().map(owned),
            owner: owner.dialect,
            maker: owner.maker.as_ref().map(owned),
            form: *form,
            data: owned(data),
        })
    }

    fn size(&self) -> usize {
        self.text.len() + self.data.len()
    }

    fn thought(self) -> Thought<'static> {
        Thought {
            text: self.text.into(),
            summary: self.summary,
            item: self.item.map(Into::into),
            sealed: Some(Sealed {
                owner: Owner {
                    dialect: self.owner,
                    maker: self.maker.map(Into::into),
                },
                form: self.form,
                data: self.data.into(),
            }),
        }
    }
}

/// All state that stood at one place of an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Aside {
    #[serde(rename = "b", default, skip_serializing_if = "Vec::is_empty")]
    before: Vec<Kept>,
    #[serde(rename = "a", default, skip_serializing_if = "Vec::is_empty")]
    after: Vec<Kept>,
}

impl Aside {
    fn is_empty(&self) -> bool {
        self.before.is_empty() && self.after.is_empty()
    }
}

/// Puts back what was laid aside, where `find` knows of it. State that the caller gives back itself stands already.
pub fn restore(asked: &mut Asked<'_>, mut find: impl FnMut(Mark) -> Option<Aside>) {
    for at in 0..asked.passages.len() {
        let (before, rest) = asked.passages.split_at_mut(at);
        let Some(passage) = rest.first_mut() else {
            return;
        };
        if passage.speaker == Speaker::Assistant && !passage.blocks.iter().any(is_sealed) {
            put_back(&mut passage.blocks, Behind::of(before), &mut find);
        }
    }
}

/// Says of all thoughts in an answer who thought them. One that is not sealed is then told from what lies at a provider.
pub fn claim(blocks: &mut [Block<'_>], dialect: Dialect, maker: &str) {
    for block in blocks {
        if let Block::Thought(thought) = block {
            let sealed = thought.sealed.get_or_insert_with(|| Sealed::plain(dialect));
            sealed.owner.claim(Some(maker));
        }
    }
}

fn is_sealed(block: &Block<'_>) -> bool {
    match block {
        Block::Thought(thought) => thought
            .sealed
            .as_ref()
            .is_some_and(|it| it.form != Form::Plain),
        _ => false,
    }
}

fn put_back(
    blocks: &mut Vec<Block<'_>>,
    behind: Behind,
    find: &mut impl FnMut(Mark) -> Option<Aside>,
) {
    let mut words = words(blocks).map(|(first, last, text)| {
        let found = find(behind.words(&text)).unwrap_or_default();
        (first, last, found)
    });
    let old = std::mem::take(blocks);
    for (at, block) in old.into_iter().enumerate() {
        let Aside { before, mut after } = match (&block, &mut words) {
            (Block::Use(call), _) => find(behind.call(&call.id)).unwrap_or_default(),
            (_, Some((first, last, found))) => Aside {
                before: match at == *first {
                    true => std::mem::take(&mut found.before),
                    false => Vec::new(),
                },
                after: match at == *last {
                    true => std::mem::take(&mut found.after),
                    false => Vec::new(),
                },
            },
            _ => Aside::default(),
        };
        let thought = |kept: Kept| Block::Thought(kept.thought());
        blocks.extend(before.into_iter().map(thought));
        blocks.push(block);
        blocks.extend(after.drain(..).map(thought));
    }
}

/// All words of an answer as one, and between which blocks they stand.
fn words(blocks: &[Block<'_>]) -> Option<(usize, usize, String)> {
    let is_words = |block: &Block<'_>| matches!(block, Block::Text(_));
    let first = blocks.iter().position(is_words)?;
    let last = blocks.iter().rposition(is_words)?;
    let text = blocks.iter().filter_map(|block| match block {
        Block::Text(text) => Some(&*text.text),
        _ => None,
    });
    Some((first, last, text.collect()))
}
