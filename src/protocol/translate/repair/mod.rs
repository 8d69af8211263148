//! A conversation as its target takes it. Providers refuse what they did not make themselves; these are the rules by which it is mended,
//! in this order. Each says the same at each turn, so that what was sent once stays the beginning of what is sent next.
//!
//! 1. *What only another can read* is left out: sealed state and thoughts that are not the target's own, blocks and files of another
//!    dialect, the line that Claude Code adds for its own provider's billing.
//! 2. *What the target cannot see* is said in words: a picture for a model without eyes, a document for one that reads none.
//! 3. *Empty texts* are left out, and so is a passage in which nothing is left. A person's passage that held something says so in words.
//! 4. *Instructions in the middle* stay in their place. A target that takes them only at the beginning gets them as words of the person
//!    in a frame; they are never moved to the front, for that would change all that is cached.
//! 5. *Each call has its results right behind it*, in one passage. A result that came late is moved there; a call without one gets one
//!    that says so; a result without its call becomes words of the person.
//! 6. *Ids of calls* are ones that the target takes, and none stands for two calls.
//! 7. *Speakers alternate* where the target wants it: neighbours who are the same become one.
//! 8. *The person speaks first*, where the target wants that, and *last*, where it does not go on with words of its own.

mod calls;
mod sight;

use super::asked::{Asked, Passage, Speaker};
use super::block::{Block, Text};
use super::dropped::{Dropped, Field, Why};
use super::manner::Manner;
use crate::domain::dialect::Dialect;

/// How the first text of Claude Code's system prompt begins, which tells its provider whom to bill and differs in each session.
const BILLING: &str = "x-anthropic-billing-header:";

/// A conversation as its target takes it.
#[derive(Debug)]
pub struct Mended<'a> {
    /// Who instructs, before anybody else speaks.
    pub system: Vec<Passage<'a>>,
    /// The conversation.
    pub passages: Vec<Passage<'a>>,
}

/// Mends the conversation of a request for a target.
pub fn mend<'a>(
    asked: &Asked<'a>,
    dialect: Dialect,
    manner: &Manner,
    dropped: &mut Dropped,
) -> Mended<'a> {
    let mut eye = sight::Sight {
        from: asked.from,
        dialect,
        manner,
        dropped,
    };
    let passages = asked.passages.iter().filter_map(|it| eye.passage(it));
    let mut system: Vec<_> = passages.collect();
    let first = system.iter().position(|it| !it.speaker.instructs());
    let mut passages = system.split_off(first.unwrap_or(system.len()));
    // Who speaks the dialect already knows what its targets take.
    if !manner.inline_system && asked.from != dialect {
        passages.iter_mut().for_each(fold);
    }
    let mut passages = calls::pair(passages, dialect, manner.call_ids);
    if manner.alternate {
        passages = joined(passages);
    }
    ends(&mut passages, manner);
    Mended { system, passages }
}

/// Instructions in the middle, for a target that does not take them there.
fn fold(passage: &mut Passage<'_>) {
    if !passage.speaker.instructs() {
        return;
    }
    passage.speaker = Speaker::Person;
    for block in &mut passage.blocks {
        if let Block::Text(Text { text, .. }) = block {
            *text = format!("<instructions>\n{text}\n</instructions>").into();
        }
    }
}

/// Neighbours who are the same become one.
fn joined(passages: Vec<Passage<'_>>) -> Vec<Passage<'_>> {
    let mut joined: Vec<Passage<'_>> = Vec::with_capacity(passages.len());
    for passage in passages {
        match joined.last_mut() {
            Some(last) if last.speaker == passage.speaker => last.blocks.extend(passage.blocks),
            _ => joined.push(passage),
        }
    }
    joined
}

/// The first word and the last.
fn ends(passages: &mut Vec<Passage<'_>>, manner: &Manner) {
    let words = |words: &'static str| Passage::new(Speaker::Person, vec![Block::text(words)]);
    let first = passages.first().map(|first| first.speaker);
    if passages.is_empty() || (manner.alternate && first != Some(Speaker::Person)) {
        passages.insert(0, words("(The conversation begins here.)"));
    }
    let ends = passages.last().map(|last| last.speaker) == Some(Speaker::Assistant);
    if ends && !manner.prefill {
        passages.push(words("Please go on."));
    }
}

/// A line for another provider's billing: the first of a system prompt.
fn is_billing(block: &Block<'_>) -> bool {
    matches!(block, Block::Text(text) if text.text.starts_with(BILLING))
}

fn note_billing(dropped: &mut Dropped) {
    dropped.note(Field::Billing, Why::Foreign);
}

#[cfg(test)]
mod tests;
