//! The elements of a conversation: who speaks, where the words stand, and what each comes to.

use super::{ScanError, Scanner, Span};
use crate::protocol::outline::Share;
use crate::protocol::wraps;

/// Who speaks in an element of a conversation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Speaker {
    /// The one who instructs: system or developer.
    System,
    /// The person, or a client on the person's behalf.
    Person,
    /// The model: words, thoughts, calls of tools.
    Model,
    /// A tool, with what it gave back.
    Tool,
    /// Someone we do not know.
    #[default]
    Unknown,
}

/// One element of a conversation: a message, or an item of another kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Turn {
    /// Who speaks.
    pub speaker: Speaker,
    /// Where that stands which is said.
    pub content: Option<Span>,
    /// Text is in it beside results of tools.
    pub text: bool,
    /// Text of the person's own is in it: neither results of tools, nor only what a client added.
    pub words: bool,
}

/// What is read of an element. The words are raw, with their quotes.
#[derive(Default)]
struct Element<'a> {
    role: &'a str,
    kind: &'a str,
    content: Option<Span>,
    parts: Parts,
    tools: usize,
}

/// What an element's content comes to.
#[derive(Default)]
struct Parts {
    texts: u32,
    words: bool,
    /// They are known not to be the person's, so that nobody need ask what is around them.
    others: bool,
    /// Its texts are results of tools, written as if the person had said them.
    quotes: bool,
    said: usize,
    added: usize,
    results: usize,
}

impl Element<'_> {
    fn speaker(&self) -> Speaker {
        let kind = self.kind.trim_matches('"');
        match self.role.trim_matches('"') {
            "user" => Speaker::Person,
            "assistant" | "model" => Speaker::Model,
            "system" | "developer" => Speaker::System,
            "tool" | "function" => Speaker::Tool,
            _ if kind.ends_with("_output") => Speaker::Tool,
            _ if kind.ends_with("_call") || kind == "reasoning" => Speaker::Model,
            _ => Speaker::Unknown,
        }
    }

    fn share(&self, speaker: Speaker, size: usize) -> Share {
        let size = size.saturating_sub(self.tools);
        let parts = &self.parts;
        match speaker {
            Speaker::System => Share {
                system: size,
                ..Share::default()
            },
            Speaker::Model => Share {
                assistant: size,
                ..Share::default()
            },
            Speaker::Tool => Share {
                results: size,
                ..Share::default()
            },
            Speaker::Person if parts.quotes => Share {
                results: parts.said + parts.added + parts.results,
                ..Share::default()
            },
            Speaker::Person => Share {
                system: parts.added,
                person: parts.said,
                results: parts.results,
                words: parts.words,
                ..Share::default()
            },
            Speaker::Unknown => Share::default(),
        }
    }
}

impl<'a> Scanner<'a> {
    /// An element of a conversation.
    pub(super) fn turn(&mut self) -> Result<(), ScanError> {
        let (start, encoded) = (self.at, self.encoded);
        let mut element = Element::default();
        match self.peek() {
            Some(b'{') => self.members(|scanner, key| scanner.of_turn(&key, &mut element))?,
            // A text alone, as embeddings take it.
            Some(b'"') => {
                element.role = "user";
                self.said(&mut element)?;
            }
            _ => self.value()?,
        }
        let speaker = element.speaker();
        let size = (self.at - start) - (self.encoded - encoded);
        self.beside = self.outline.add(element.share(speaker, size), self.beside);
        self.turns.push(Turn {
            speaker,
            content: element.content,
            text: element.parts.texts > 0 && !element.parts.quotes,
            words: element.parts.words && !element.parts.quotes,
        });
        Ok(())
    }

    /// The value of a field of an element.
    fn of_turn(&mut self, key: &str, element: &mut Element<'a>) -> Result<(), ScanError> {
        let start = self.at;
        match (key, self.peek()) {
            ("content", Some(b'"')) => self.said(element)?,
            ("content", Some(b'[')) => {
                self.elements(|scanner| scanner.part(&mut element.parts))?;
                element.content = Some(start..self.at);
            }
            ("output", Some(b'[')) => self.elements(Self::maybe_picture)?,
            ("tools", Some(b'[')) => {
                self.tools()?;
                element.tools = self.at - start;
                self.outline.tools += element.tools;
            }
            _ => self.value()?,
        }
        match key {
            "role" => {
                element.role = &self.text[start..self.at];
                element.parts.others = element.role != "\"user\"";
            }
            "type" => element.kind = &self.text[start..self.at],
            _ => {}
        }
        Ok(())
    }

    /// A content that is one text.
    fn said(&mut self, element: &mut Element<'a>) -> Result<(), ScanError> {
        let (start, encoded) = (self.at, self.encoded);
        self.string()?;
        let size = (self.at - start) - (self.encoded - encoded);
        element.content = Some(start..self.at);
        self.text(&mut element.parts, &self.text[start..self.at], size);
        Ok(())
    }

    /// A part of a content.
    fn part(&mut self, parts: &mut Parts) -> Result<(), ScanError> {
        let (start, encoded) = (self.at, self.encoded);
        let (mut kind, mut text) = ("", None);
        match self.peek() {
            Some(b'{') => self.members(|scanner, key| {
                let start = scanner.at;
                match (key.as_ref(), scanner.peek()) {
                    ("content", Some(b'[')) => scanner.elements(Self::maybe_picture)?,
                    _ => scanner.value()?,
                }
                let value = &scanner.text[start..scanner.at];
                match key.as_ref() {
                    "type" => kind = value,
                    "text" if value.starts_with('"') => text = Some(value),
                    _ => {}
                }
                Ok(())
            })?,
            Some(b'"') => {
                self.string()?;
                text = Some(&self.text[start..self.at]);
            }
            _ => self.value()?,
        }
        let size = (self.at - start) - (self.encoded - encoded);
        self.outline.images += u32::from(is_picture(kind));
        match text {
            _ if kind.ends_with("tool_result\"") => parts.results += size,
            Some(text) => self.text(parts, text, size),
            None => parts.said += size,
        }
        Ok(())
    }

    /// Counts a text in; `size` is that of the part around it.
    fn text(&mut self, parts: &mut Parts, quoted: &str, size: usize) {
        parts.quotes |= parts.texts == 0 && wraps::is_result(quoted);
        parts.texts += 1;
        match !parts.others && wraps::is_wrapped(quoted, &mut self.scratch) {
            true => parts.added += size,
            false => {
                parts.words = true;
                parts.said += size;
            }
        }
    }

    /// Reads an element of a content, and gives `each` the place of its text.
    pub(super) fn text_part(&mut self, each: &mut impl FnMut(Span)) -> Result<(), ScanError> {
        let start = self.at;
        match self.peek() {
            Some(b'{') => self.members(|scanner, key| {
                let start = scanner.at;
                scanner.value()?;
                if key == "text" && scanner.bytes[start] == b'"' {
                    each(start..scanner.at);
                }
                Ok(())
            }),
            Some(b'"') => {
                self.string()?;
                each(start..self.at);
                Ok(())
            }
            _ => self.value(),
        }
    }

    /// A part of a tool's result.
    fn maybe_picture(&mut self) -> Result<(), ScanError> {
        if self.peek() != Some(b'{') {
            return self.value();
        }
        self.members(|scanner, key| {
            let start = scanner.at;
            scanner.value()?;
            if key == "type" {
                let picture = is_picture(&scanner.text[start..scanner.at]);
                scanner.outline.images += u32::from(picture);
            }
            Ok(())
        })
    }

    /// A list of tools.
    pub(super) fn tools(&mut self) -> Result<(), ScanError> {
        self.elements(|scanner| {
            scanner.outline.tool_count += 1;
            scanner.value()
        })
    }
}

/// The kinds of parts that are pictures, in their quotes.
fn is_picture(kind: &str) -> bool {
    matches!(
        kind,
        "\"image\"" | "\"image_url\"" | "\"input_image\"" | "\"computer_screenshot\""
    )
}
