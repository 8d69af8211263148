//! Follows a stream in passing: what it used, how much of it has been relayed, whether it is complete.
//!
//! Nothing is changed here. The follower reads the few fields it needs and says what to do with each event.

use std::borrow::Cow;
use std::ops::Range;

use bytes::Bytes;
use serde_json::value::RawValue;

use super::usage::{self, AnthropicCounts, Terms, Told};
use crate::domain::dialect::Dialect;
use crate::domain::tokens::{TokenCount, Usage};
use alike::Alike;
use wire::{Choice, Chunk, Google, MessageEvent, Response, ResponseEvent};

mod alike;
mod wire;

/// A model's token is seldom shorter than this many bytes of code.
const BYTES_PER_TOKEN: u64 = 3;

/// What to do with an event.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// Pass it on.
    Relay,
    /// Pass it on, but it is no sign of progress: a comment, a ping.
    Idle,
    /// Keep it from the caller, who did not ask for it.
    Hide,
    /// Pass it on: with it the stream is complete.
    Last,
    /// The target says that it failed.
    Failed,
}

/// Follows one stream.
#[derive(Debug)]
pub struct Follower {
    dialect: Dialect,
    hide_usage: bool,
    told: Option<Told>,
    counts: AnthropicCounts,
    terms: Terms,
    /// What a provider that keeps answers calls this one.
    id: Option<String>,
    events: u64,
    bytes: u64,
    /// An event of any kind has been seen.
    begun: bool,
    finished: bool,
    complete: bool,
    /// The texts of the event that is read.
    texts: Texts,
    /// The event before.
    before: Alike,
}

/// The texts of one event.
#[derive(Clone, Copy, Debug, Default)]
enum Texts {
    #[default]
    None,
    /// Where its JSON begins in memory, and how long it is.
    One(usize, usize),
    More,
}

impl Follower {
    /// Follows a stream of a target that speaks `dialect`. `hide_usage`: usage was asked for by us, not by the caller.
    pub fn new(dialect: Dialect, hide_usage: bool) -> Self {
        Self {
            dialect,
            hide_usage,
            told: None,
            counts: AnthropicCounts::default(),
            terms: Terms::default(),
            id: None,
            events: 0,
            bytes: 0,
            begun: false,
            finished: false,
            complete: false,
            texts: Texts::None,
            before: Alike::default(),
        }
    }

    /// Looks at the data of the next event.
    pub fn event(&mut self, data: Option<&Bytes>) -> Step {
        self.seen(data).0
    }

    /// The same; for an event that is the same as the one before but for its text also where in it that text stands, its quotes
    /// included.
    pub fn seen(&mut self, data: Option<&Bytes>) -> (Step, Option<Range<usize>>) {
        let Some(data) = data else {
            return (Step::Idle, None);
        };
        if let Some(place) = self.before.text(data) {
            self.said(place.len());
            return (Step::Relay, Some(place));
        }
        self.texts = Texts::None;
        let step = self.read(data);
        match (&step, self.texts) {
            // Whatever else it tells, it has told.
            (Step::Relay, Texts::One(start, length)) => {
                let start = start - data.as_ptr().addr();
                self.before.learn(data, &(start..start + length));
            }
            _ => self.before.forget(),
        }
        (step, None)
    }

    fn read(&mut self, data: &Bytes) -> Step {
        let step = match self.dialect {
            Dialect::Messages => self.messages(data),
            Dialect::Responses => self.responses(data),
            Dialect::Chat | Dialect::Completions => self.chat(data),
            Dialect::Gemini => self.gemini(data),
        };
        self.begun = true;
        step
    }

    /// The usage that the target told, once it is final.
    pub fn told(&self) -> Option<Told> {
        match self.dialect {
            // Counts at the start of a message are not its bill, nor are Google's on the way: the end tells them again.
            Dialect::Messages | Dialect::Gemini if !self.finished => None,
            _ => self.told,
        }
    }

    /// The answer's id at a provider that keeps answers.
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// What the answer was served as.
    pub fn terms(&self) -> &Terms {
        &self.terms
    }

    /// The stream said that it is complete.
    pub fn complete(&self) -> bool {
        self.complete
    }

    /// The model has finished and told its usage: only the closing mark may be missing.
    pub fn finished(&self) -> bool {
        self.finished && self.told.is_some()
    }

    /// Output tokens relayed so far, by our own count: at least one an event, and one for each three bytes.
    pub fn relayed(&self) -> TokenCount {
        TokenCount(self.events.max(self.bytes.div_ceil(BYTES_PER_TOKEN)))
    }

    /// The usage to settle by when the target does not tell it: input as told at the start, else as estimated.
    pub fn estimate(&self, input: TokenCount) -> Usage {
        let mut usage = match (self.told, self.counts.told()) {
            (Some(Told::Usage(usage)), _) | (_, Some(Told::Usage(usage))) => usage,
            _ => Usage {
                input,
                ..Usage::default()
            },
        };
        usage.output = usage.output.max(self.relayed());
        usage
    }

    fn wrote(&mut self, text: &RawValue) {
        let text = text.get();
        if text == "null" {
            return;
        }
        self.said(text.len());
        self.texts = match self.texts {
            Texts::None if text.starts_with('"') => Texts::One(text.as_ptr().addr(), text.len()),
            _ => Texts::More,
        };
    }

    /// A JSON text is two quotes longer than what it says; `""` says nothing.
    fn said(&mut self, quoted: usize) {
        let length = quoted.saturating_sub(2);
        if length > 0 {
            self.events += 1;
            self.bytes += u64::try_from(length).unwrap_or(u64::MAX);
        }
    }

    fn chat(&mut self, data: &Bytes) -> Step {
        if data.as_ref() == b"[DONE]" {
            self.complete = true;
            return Step::Last;
        }
        let Ok(chunk) = serde_json::from_slice::<Chunk<'_>>(data) else {
            return Step::Relay;
        };
        if chunk.error.is_some_and(|raw| raw.get() != "null") {
            return Step::Failed;
        }
        if let Some(tier) = chunk.service_tier {
            self.terms.tier = Some(tier.as_ref().into());
        }
        let told = chunk
            .usage
            .filter(|raw| raw.get() != "null")
            .and_then(usage::openai);
        if told.is_some() {
            self.told = told;
        }
        let only_usage = chunk.choices.is_empty() && told.is_some();
        for choice in chunk.choices {
            self.choice(choice);
        }
        match only_usage && self.hide_usage {
            true => Step::Hide,
            false => Step::Relay,
        }
    }

    fn choice(&mut self, choice: Choice<'_>) {
        // Some servers say at each step that it has no reason to be the last.
        let ends = choice.finish_reason.map(RawValue::get);
        self.finished |= ends.is_some_and(|reason| !matches!(reason, "null" | "\"\""));
        let delta = choice.delta.unwrap_or_default();
        let texts = [
            choice.text,
            delta.content,
            delta.reasoning_content,
            delta.reasoning,
            delta.refusal,
        ];
        texts
            .into_iter()
            .flatten()
            .for_each(|text| self.wrote(text));
        for call in delta.tool_calls.unwrap_or_default() {
            if let Some(arguments) = call.function.and_then(|function| function.arguments) {
                self.wrote(arguments);
            }
        }
    }

    fn messages(&mut self, data: &Bytes) -> Step {
        let Ok(event) = serde_json::from_slice::<MessageEvent<'_>>(data) else {
            return Step::Relay;
        };
        match event.kind.as_ref() {
            "message_start" => {
                let told = event.message.and_then(|message| message.usage);
                self.anthropic(told);
                Step::Relay
            }
            "content_block_delta" => {
                let delta = event.delta.unwrap_or_default();
                let texts = [delta.text, delta.partial_json, delta.thinking];
                texts
                    .into_iter()
                    .flatten()
                    .for_each(|text| self.wrote(text));
                Step::Relay
            }
            "message_delta" => {
                self.finished = true;
                self.anthropic(event.usage);
                Step::Relay
            }
            "message_stop" => {
                self.complete = true;
                Step::Last
            }
            "ping" => Step::Idle,
            "error" => Step::Failed,
            _ => Step::Relay,
        }
    }

    fn anthropic(&mut self, told: Option<&RawValue>) {
        match told.map(usage::anthropic) {
            None => {}
            Some(Err(_)) => self.told = Some(Told::Rejected),
            Some(Ok(later)) => {
                self.counts.update(later);
                self.terms = self.counts.terms();
                if self.told != Some(Told::Rejected) {
                    self.told = self.counts.told();
                }
            }
        }
    }

    fn responses(&mut self, data: &Bytes) -> Step {
        let Ok(event) = serde_json::from_slice::<ResponseEvent<'_>>(data) else {
            return Step::Relay;
        };
        match event.kind.as_ref() {
            "response.completed" | "response.incomplete" => {
                self.response(event.response);
                self.finished = true;
                self.complete = true;
                Step::Last
            }
            "response.failed" => {
                self.response(event.response);
                Step::Failed
            }
            "response.created" => {
                self.id = event.response.and_then(|it| it.id).map(Cow::into_owned);
                Step::Relay
            }
            // Before all else it is a failed attempt.
            "error" if !self.begun => Step::Failed,
            // OpenAI sends `error` and then `response.failed`: the second closes the stream.
            "error" => Step::Relay,
            kind if kind.ends_with(".delta") => {
                if let Some(text) = event.delta {
                    self.wrote(text);
                }
                Step::Relay
            }
            _ => Step::Relay,
        }
    }

    /// Google's stream has no mark at its end: once a reason to finish was told, the target may close. The counts of an event
    /// stand for all before it.
    fn gemini(&mut self, data: &Bytes) -> Step {
        let Ok(event) = serde_json::from_slice::<Google<'_>>(data) else {
            return Step::Relay;
        };
        if event.error.is_some_and(is_told) {
            return Step::Failed;
        }
        let told = event.usage.and_then(usage::google);
        if self.told != Some(Told::Rejected) {
            self.told = told.or(self.told);
        }
        let blocked = event.prompt_feedback.and_then(|it| it.block_reason);
        self.finished |= blocked.is_some_and(is_told);
        for candidate in event.candidates.unwrap_or_default() {
            self.finished |= candidate.finish_reason.is_some_and(is_told);
            let content = candidate.content.unwrap_or_default();
            for part in content.parts.unwrap_or_default() {
                let args = part.function_call.and_then(|call| call.args);
                part.text
                    .into_iter()
                    .chain(args)
                    .for_each(|it| self.wrote(it));
            }
        }
        Step::Relay
    }

    fn response(&mut self, response: Option<Response<'_>>) {
        let Some(response) = response else { return };
        if let Some(tier) = response.service_tier {
            self.terms.tier = Some(tier.as_ref().into());
        }
        self.id = response.id.map(Cow::into_owned);
        self.told = response
            .usage
            .filter(|raw| raw.get() != "null")
            .and_then(usage::openai)
            .or(self.told);
    }
}

fn is_told(raw: &RawValue) -> bool {
    raw.get() != "null"
}

#[cfg(test)]
mod tests;
