//! One reader for whatever dialect the target speaks.

use super::blocks::{Sink, Steps};
use super::chat::Chat;
use super::gemini::Gemini;
use super::messages::Messages;
use super::responses::Responses;
use crate::domain::dialect::Dialect;
use crate::protocol::translate::dropped::Dropped;

/// Reads one stream.
#[derive(Debug)]
pub struct Reader(Spoken);

#[derive(Debug)]
enum Spoken {
    Chat(Chat),
    Responses(Responses),
    Messages(Messages),
    Gemini(Gemini),
}

impl Reader {
    /// Reads a stream of a target that speaks `dialect`. `None` for one that is not translated: the older completions.
    pub fn new(dialect: Dialect) -> Option<Self> {
        let spoken = match dialect {
            Dialect::Chat => Spoken::Chat(Chat::default()),
            Dialect::Responses => Spoken::Responses(Responses::default()),
            Dialect::Messages => Spoken::Messages(Messages::default()),
            Dialect::Gemini => Spoken::Gemini(Gemini::default()),
            Dialect::Completions => return None,
        };
        Some(Self(spoken))
    }

    /// The same of a server that may tell thoughts among the words, between `<think>` and `</think>`.
    #[must_use]
    pub fn thinking_aloud(self) -> Self {
        match self.0 {
            Spoken::Chat(reader) => Self(Spoken::Chat(reader.thinking_aloud())),
            other => Self(other),
        }
    }

    /// The same; `id` stands for the answer's where the target gives none.
    #[must_use]
    pub fn unnamed(mut self, id: String) -> Self {
        self.steps_mut().id = id;
        self
    }

    /// Reads the next event: what stands behind `data:`; `None` is a comment.
    pub fn event(&mut self, data: Option<&[u8]>, each: Sink<'_>) {
        if self.ended() {
            return;
        }
        match (&mut self.0, data) {
            (Spoken::Chat(reader), Some(data)) => reader.event(data, each),
            (Spoken::Responses(reader), Some(data)) => reader.event(data, each),
            (Spoken::Messages(reader), Some(data)) => reader.event(data, each),
            (Spoken::Gemini(reader), Some(data)) => reader.event(data, each),
            (_, None) => self.steps().ping(each),
        }
    }

    /// The target has closed. Where its dialect has no mark for the end, or only the mark is missing, the answer is whole by now.
    pub fn close(&mut self, each: Sink<'_>) {
        match &mut self.0 {
            Spoken::Chat(reader) => reader.steps.end(each),
            // Its end tells the usage and the state: without it nothing is whole.
            Spoken::Responses(_) => {}
            Spoken::Messages(reader) => reader.steps.end(each),
            Spoken::Gemini(reader) => reader.close(each),
        }
    }

    /// The answer has ended, well or not: what still comes says nothing.
    pub fn ended(&self) -> bool {
        self.steps().ended()
    }

    /// What was left out so far.
    pub fn dropped(&self) -> &Dropped {
        &self.steps().dropped
    }

    fn steps_mut(&mut self) -> &mut Steps {
        match &mut self.0 {
            Spoken::Chat(reader) => &mut reader.steps,
            Spoken::Responses(reader) => &mut reader.steps,
            Spoken::Messages(reader) => &mut reader.steps,
            Spoken::Gemini(reader) => &mut reader.steps,
        }
    }

    fn steps(&self) -> &Steps {
        match &self.0 {
            Spoken::Chat(reader) => &reader.steps,
            Spoken::Responses(reader) => &reader.steps,
            Spoken::Messages(reader) => &reader.steps,
            Spoken::Gemini(reader) => &reader.steps,
        }
    }
}
