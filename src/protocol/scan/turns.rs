//! The elements of a conversation: who speaks, where the words stand, and what each comes to.

use std::borrow::Cow;

use super::{ScanError, Scanner, Span};
use crate::protocol::message::{Holds, Message, Role};
use crate::protocol::outline::{Outline, Share};
use crate::protocol::wraps;

/// More elements than this are no conversation, but a way to make us keep much for little.
const MOST: usize = 100_000;

/// What is read of an element. The words are raw, with their quotes.
#[derive(Default)]
struct Element<'a> {
    role: &'a str,
    kind: &'a str,
    content: Option<Span>,
    parts: Parts,
    tools: usize,
    calls: bool,
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
    calls: bool,
    said: usize,
    added: usize,
    results: usize,
}

impl Element<'_> {
    fn role(&self) -> Role {
        match self.role.trim_matches('"') {
            "user" => Role::Person,
            "assistant" | "model" => Role::Assistant,
            "system" | "developer" => Role::System,
            "tool" | "function" => Role::Tool,
            _ if self.kind.ends_with("_output\"") => Role::Tool,
            _ if self.is_call() || self.kind == "\"reasoning\"" => Role::Assistant,
            _ => Role::Other,
        }
    }

    fn is_call(&self) -> bool {
        self.kind.ends_with("_call\"")
    }

    fn holds(&self, role: Role, (images, papers): (bool, bool)) -> Holds {
        let parts = &self.parts;
        let results = match role {
            Role::Tool => true,
            Role::Person => parts.quotes || parts.results > 0,
            _ => false,
        };
        Holds {
            calls: self.calls || parts.calls || self.is_call(),
            results,
            images,
            papers,
            text: parts.texts > 0 && !parts.quotes,
            words: parts.words && !parts.quotes,
        }
    }

    fn share(&self, role: Role, size: usize) -> Share {
        let size = size.saturating_sub(self.tools);
        let parts = &self.parts;
        match role {
            Role::System => Share {
                system: size,
                ..Share::default()
            },
            Role::Assistant => Share {
                assistant: size,
                ..Share::default()
            },
            Role::Tool => Share {
                results: size,
                ..Share::default()
            },
            Role::Person if parts.quotes => Share {
                results: parts.said + parts.added + parts.results,
                ..Share::default()
            },
            Role::Person => Share {
                system: parts.added,
                person: parts.said,
                results: parts.results,
                ..Share::default()
            },
            Role::Other => Share::default(),
        }
    }
}

impl<'a> Scanner<'a> {
    /// An element of a conversation.
    pub(super) fn message(&mut self) -> Result<(), ScanError> {
        let (start, encoded) = (self.at, self.encoded);
        let Outline { images, papers, .. } = self.outline;
        let mut element = Element::default();
        match self.peek() {
            Some(b'{') => self.members(|scanner, key| scanner.of_message(&key, &mut element))?,
            // A text alone, as embeddings take it.
            Some(b'"') => {
                element.role = "user";
                self.said(&mut element)?;
            }
            // Numbers of tokens, or nothing that anyone could have said.
            _ => return self.value(),
        }
        if self.messages.len() == MOST {
            return Err(ScanError::TooMany(MOST));
        }
        let role = element.role();
        let attached = (self.outline.images > images, self.outline.papers > papers);
        let size = (self.at - start) - (self.encoded - encoded);
        self.outline.add(element.share(role, size));
        self.messages.push(Message {
            role,
            bytes: start..self.at,
            holds: element.holds(role, attached),
            content: element.content,
        });
        Ok(())
    }

    /// A prompt that is no conversation: a text, or a list of which the first is taken.
    pub(super) fn prompt(&mut self) -> Result<(), ScanError> {
        let start = self.at;
        let mut content = None;
        match self.peek() {
            Some(b'[') => self.elements(|scanner| {
                scanner.text_part(&mut |place| {
                    content.get_or_insert(place);
                })
            })?,
            _ => {
                self.string()?;
                content = Some(start..self.at);
            }
        }
        self.messages.push(Message::prompt(start..self.at, content));
        Ok(())
    }

    /// The value of a field of an element.
    fn of_message(&mut self, key: &str, element: &mut Element<'a>) -> Result<(), ScanError> {
        let start = self.at;
        match (key, self.peek()) {
            ("content", Some(b'"')) => self.said(element)?,
            ("content", Some(b'[')) => {
                self.elements(|scanner| scanner.part(&mut element.parts))?;
                element.content = Some(start..self.at);
            }
            ("output", Some(b'[')) => self.elements(Self::maybe_attached)?,
            ("tools", Some(b'[')) => {
                self.tools()?;
                element.tools = self.at - start;
                self.outline.tools += element.tools;
            }
            ("tool_calls", Some(b'[')) => {
                self.elements(|scanner| {
                    element.calls = true;
                    scanner.value()
                })?;
            }
            ("function_call", Some(b'{')) => {
                element.calls = true;
                self.value()?;
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
                    ("content", Some(b'[')) => scanner.elements(Self::maybe_attached)?,
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
        self.outline.papers += u32::from(is_paper(kind));
        parts.calls |= kind.ends_with("tool_use\"");
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
    fn maybe_attached(&mut self) -> Result<(), ScanError> {
        if self.peek() != Some(b'{') {
            return self.value();
        }
        self.members(|scanner, key| {
            let start = scanner.at;
            scanner.value()?;
            if key == "type" {
                let kind = &scanner.text[start..scanner.at];
                scanner.outline.images += u32::from(is_picture(kind));
                scanner.outline.papers += u32::from(is_paper(kind));
            }
            Ok(())
        })
    }

    /// A list of tools.
    pub(super) fn tools(&mut self) -> Result<(), ScanError> {
        self.elements(|scanner| {
            scanner.outline.tool_count += 1;
            match scanner.peek() {
                Some(b'{') => scanner.members(Self::tool),
                _ => scanner.value(),
            }
        })
    }

    /// A member of a tool.
    fn tool(&mut self, key: Cow<'_, str>) -> Result<(), ScanError> {
        let start = self.at;
        self.value()?;
        if key == "type" {
            let kind = &self.text[start..self.at];
            self.hosted |= !matches!(
                kind,
                "\"function\"" | "\"custom\"" | "\"namespace\"" | "null"
            );
        }
        Ok(())
    }
}

/// The kinds of parts that are pictures, in their quotes.
pub(in crate::protocol) fn is_picture(kind: &str) -> bool {
    matches!(
        kind,
        "\"image\"" | "\"image_url\"" | "\"input_image\"" | "\"computer_screenshot\""
    )
}

/// The kinds of parts that are documents, files, sounds or films, in their quotes.
fn is_paper(kind: &str) -> bool {
    matches!(
        kind,
        "\"document\""
            | "\"file\""
            | "\"input_file\""
            | "\"input_audio\""
            | "\"audio_url\""
            | "\"video_url\""
    )
}
