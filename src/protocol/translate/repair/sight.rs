//! What of a passage a target can see and read (rules 1 to 3).

use super::super::asked::{Passage, Speaker};
use super::super::block::{Block, Citation, Document, Source, Text, Thought, ToolReply};
use super::super::dropped::{Dropped, Field, Why};
use super::super::json::Str;
use super::super::manner::{Manner, Thoughts};
use super::super::sealed::Form;
use super::{is_billing, note_billing};
use crate::domain::dialect::Dialect;

/// Looks at passages as a target would.
pub(super) struct Sight<'s> {
    pub(super) from: Dialect,
    pub(super) dialect: Dialect,
    pub(super) manner: &'s Manner,
    pub(super) dropped: &'s mut Dropped,
}

impl Sight<'_> {
    /// What is left of a passage; nothing where nothing is left that anybody said.
    pub(super) fn passage<'a>(&mut self, passage: &Passage<'a>) -> Option<Passage<'a>> {
        let Passage { speaker, blocks } = passage;
        let mut seen = self.blocks(*speaker, blocks);
        if seen.is_empty() {
            self.dropped.note(Field::Empty, Why::Idle);
            // The person's turn counts even if it cannot be seen.
            if *speaker != Speaker::Person || blocks.is_empty() {
                return None;
            }
            seen.push(Block::text("(empty)"));
        }
        Some(Passage::new(*speaker, seen))
    }

    fn blocks<'a>(&mut self, speaker: Speaker, blocks: &[Block<'a>]) -> Vec<Block<'a>> {
        let seen = blocks.iter().filter_map(|block| {
            if speaker.instructs() && self.dialect != Dialect::Messages && is_billing(block) {
                note_billing(self.dropped);
                return None;
            }
            self.block(block)
        });
        seen.collect()
    }

    fn block<'a>(&mut self, block: &Block<'a>) -> Option<Block<'a>> {
        match block {
            Block::Text(text) => self.text(text),
            Block::Refusal(text) => self.refusal(text),
            Block::Thought(thought) => self.thought(thought),
            Block::Image(image) => Some(match self.hides(&image.source) {
                _ if !self.manner.images => self.unseen("image", None, Field::Image, Why::Unable),
                true => self.unseen("image", None, Field::Image, Why::Foreign),
                false => block.clone(),
            }),
            Block::Document(document) => Some(self.document(document)),
            Block::Use(_) => Some(block.clone()),
            Block::Reply(reply) => {
                let content = self.blocks(Speaker::Tools, &reply.content);
                Some(Block::Reply(ToolReply {
                    content,
                    ..reply.clone()
                }))
            }
            Block::Foreign(foreign) if foreign.from == self.dialect => Some(block.clone()),
            Block::Foreign(foreign) => {
                self.dropped
                    .named(Field::Block, Why::Foreign, &foreign.kind);
                None
            }
        }
    }

    fn text<'a>(&mut self, text: &Text<'a>) -> Option<Block<'a>> {
        if text.text.trim().is_empty() {
            self.dropped.note(Field::Empty, Why::Idle);
            return None;
        }
        let mut text = text.clone();
        let all = text.citations.len();
        // Where old words came from is told only to those who know it already.
        text.citations
            .retain(|it| matches!(it, Citation::Foreign(from, _) if *from == self.dialect));
        let lost = text.citations.len() < all;
        self.dropped.note_if(lost, Field::Citation, Why::Idle);
        Some(Block::Text(text))
    }

    fn refusal<'a>(&mut self, text: &Str<'a>) -> Option<Block<'a>> {
        if text.trim().is_empty() {
            return None;
        }
        Some(match self.dialect {
            Dialect::Chat | Dialect::Responses => Block::Refusal(text.clone()),
            Dialect::Messages | Dialect::Gemini | Dialect::Completions => Block::text(text.clone()),
        })
    }

    fn document<'a>(&mut self, document: &Document<'a>) -> Block<'a> {
        let name = document.name.as_deref();
        match &document.source {
            Source::Words(_) => Block::Document(document.clone()),
            _ if !self.manner.documents => {
                self.unseen("document", name, Field::Document, Why::Unable)
            }
            source if self.lies_elsewhere(source) => {
                self.unseen("document", name, Field::Document, Why::Foreign)
            }
            _ => Block::Document(document.clone()),
        }
    }

    /// A picture lies elsewhere, or has no place in the dialect: Chat shows none that was uploaded.
    fn hides(&self, source: &Source<'_>) -> bool {
        let uploaded = matches!(source, Source::File { .. });
        self.lies_elsewhere(source) || (uploaded && self.dialect == Dialect::Chat)
    }

    fn lies_elsewhere(&self, source: &Source<'_>) -> bool {
        match source {
            Source::File { keeper, .. } => !same_house(*keeper, self.dialect),
            Source::Data { .. } | Source::Words(_) | Source::Url(_) => false,
        }
    }

    fn unseen(&mut self, what: &str, name: Option<&str>, field: Field, why: Why) -> Block<'static> {
        self.dropped.note(field, why);
        let name = name.map(|name| format!(" \"{name}\"")).unwrap_or_default();
        Block::text(format!("[{what}{name}: this model cannot be shown it]"))
    }

    fn thought<'a>(&mut self, thought: &Thought<'a>) -> Option<Block<'a>> {
        let keeps = match &thought.sealed {
            Some(sealed) if !self.manner.owner.reads(&sealed.owner) => false,
            Some(sealed) if sealed.form == Form::Plain => self.takes_plain(),
            Some(_) => true,
            None if self.from != self.dialect => false,
            // What nobody has signed is an own server's, and no vendor would take it.
            None if self.dialect == Dialect::Messages => self.takes_plain(),
            // A stored item is known to its keeper by its id.
            None => thought.item.is_some() && self.dialect == Dialect::Responses,
        };
        if keeps {
            return Some(Block::Thought(thought.clone()));
        }
        let (field, why) = match &thought.sealed {
            Some(sealed) if sealed.form != Form::Plain => (Field::Sealed, Why::Foreign),
            Some(sealed) if self.manner.owner.reads(&sealed.owner) => (Field::Thought, Why::Unable),
            Some(_) | None => (Field::Thought, Why::Foreign),
        };
        self.dropped.note(field, why);
        None
    }

    fn takes_plain(&self) -> bool {
        match self.dialect {
            Dialect::Chat | Dialect::Messages => {
                !matches!(self.manner.thoughts, Thoughts::Ignored | Thoughts::Refused)
            }
            Dialect::Responses => true,
            Dialect::Gemini | Dialect::Completions => false,
        }
    }
}

/// OpenAI keeps the same files for both of its dialects.
fn same_house(one: Dialect, other: Dialect) -> bool {
    let openai = |dialect| matches!(dialect, Dialect::Chat | Dialect::Responses);
    one == other || (openai(one) && openai(other))
}
