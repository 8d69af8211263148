//! Anthropic's events. They say when each block begins and ends; blocks of tools that the provider runs itself are left out.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::super::limit;
use super::blocks::{Sink, Steps, TOO_MANY, call, thought};
use super::cited;
use crate::domain::dialect::Dialect;
use crate::protocol::translate::answer::{Failure, Refused, Stop};
use crate::protocol::translate::event::{Delta, Opened, Start};
use crate::protocol::translate::json::{Str, text};
use crate::protocol::translate::sealed::{Form, Sealed};
use crate::protocol::usage::{self, AnthropicCounts, Told};

/// Reads a stream of events.
#[derive(Debug, Default)]
pub(super) struct Messages {
    pub(super) steps: Steps,
    counts: AnthropicCounts,
    /// A count that cannot be was told: the others are not believed either.
    rejected: bool,
    open: Vec<Block>,
}

/// A block that is open.
#[derive(Debug)]
struct Block {
    /// The target's number of it.
    place: u64,
    /// Ours; `None` for a block that is left out.
    index: Option<u32>,
    /// The input came whole at the start, as some proxies send it: pieces say it again.
    whole: bool,
}

impl Messages {
    pub(super) fn event(&mut self, data: &[u8], each: Sink<'_>) {
        let Ok(event) = serde_json::from_slice::<Frame<'_>>(data) else {
            return self.steps.unknown("event");
        };
        let kind = event.kind.and_then(text).unwrap_or_default();
        match kind.as_ref() {
            "message_start" => self.start(event.message.unwrap_or_default(), each),
            "content_block_start" => self.open(event.index, event.content_block, each),
            "content_block_delta" => self.delta(event.index, event.delta, each),
            "content_block_stop" => self.close(event.index, each),
            "message_delta" => self.end(event.delta, event.usage, each),
            "message_stop" => self.steps.end(each),
            "ping" => self.steps.ping(each),
            "error" => {
                let error = event.error.unwrap_or_default();
                let failure = Failure {
                    code: error.kind.and_then(text).unwrap_or_default(),
                    message: error.message.and_then(text).unwrap_or_default(),
                };
                self.steps.fail(failure, each);
            }
            other => self.steps.unknown(other),
        }
    }

    /// Some proxies begin twice: the second beginning says nothing.
    fn start(&mut self, message: Message<'_>, each: Sink<'_>) {
        if self.steps.begun() {
            return;
        }
        let told = self.count(message.usage);
        let start = Start {
            id: message.id.and_then(text).unwrap_or_default(),
            model: message.model.and_then(text).unwrap_or_default(),
            created: None,
            usage: match told {
                Some(Told::Usage(usage)) => Some(usage),
                Some(Told::Rejected) | None => None,
            },
            tier: self
                .counts
                .service_tier
                .as_deref()
                .map(|tier| Str::Owned(tier.into())),
        };
        self.steps.begin(start, each);
    }

    /// Counts are cumulative, and a later event tells a part of them.
    fn count(&mut self, raw: Option<&RawValue>) -> Option<Told> {
        match usage::anthropic(raw?) {
            Ok(later) => self.counts.update(later),
            Err(_) => self.rejected = true,
        }
        match self.rejected {
            true => Some(Told::Rejected),
            false => self.counts.told(),
        }
    }

    fn open(&mut self, place: Option<u64>, block: Option<&RawValue>, each: Sink<'_>) {
        let block = block.and_then(|raw| serde_json::from_str::<Begun<'_>>(raw.get()).ok());
        let (Some(place), Some(block)) = (place, block) else {
            return self.steps.unknown("content_block_start");
        };
        if self.open.len() >= limit::BLOCKS as usize {
            return self.steps.fail(TOO_MANY, each);
        }
        let said = block
            .text
            .or(block.thinking)
            .and_then(text)
            .unwrap_or_default();
        let kind = block.kind.and_then(text).unwrap_or_default();
        let (index, whole) = match kind.as_ref() {
            "text" => (Some(self.steps.open(Opened::Text, each)), false),
            "thinking" | "redacted_thinking" => {
                (Some(self.steps.open(thought(false), each)), false)
            }
            "tool_use" => {
                let id = block.id.and_then(text).unwrap_or_default();
                let name = block.name.and_then(text).unwrap_or_default();
                let whole = block.input.filter(|raw| !is_empty_object(raw));
                let index = self.steps.open(call(id, name), each);
                let input = whole.map_or("", RawValue::get);
                self.steps
                    .add(index, Delta::Input(Str::Borrowed(input)), each);
                (Some(index), whole.is_some())
            }
            other => {
                self.steps.foreign(other);
                (None, false)
            }
        };
        if let Some(index) = index {
            self.steps.add(index, Delta::Text(said), each);
            self.seal(index, Form::Redacted, block.data, each);
            self.seal(index, Form::Signature, block.signature, each);
        }
        self.open.push(Block {
            place,
            index,
            whole,
        });
    }

    fn seal(&self, index: u32, form: Form, data: Option<&RawValue>, each: Sink<'_>) {
        if let Some(data) = data.and_then(text).filter(|data| !data.is_empty()) {
            let sealed = Sealed::read(Dialect::Messages, form, data);
            self.steps.add(index, Delta::Sealed(sealed), each);
        }
    }

    fn delta(&mut self, place: Option<u64>, delta: Option<&RawValue>, each: Sink<'_>) {
        let at = self
            .open
            .iter()
            .position(|block| Some(block.place) == place);
        let delta = delta.and_then(|raw| serde_json::from_str::<Added<'_>>(raw.get()).ok());
        let (Some(at), Some(delta)) = (at, delta) else {
            return self.steps.unknown("content_block_delta");
        };
        let Some(index) = self.open[at].index else {
            return;
        };
        if let Some(words) = delta.text.or(delta.thinking).and_then(text) {
            self.steps.add(index, Delta::Text(words), each);
        }
        if let (Some(input), false) = (delta.partial_json.and_then(text), self.open[at].whole) {
            self.steps.add(index, Delta::Input(input), each);
        }
        self.seal(index, Form::Signature, delta.signature, each);
        if let Some(citation) = delta.citation {
            let citation = cited::citation(Dialect::Messages, citation);
            self.steps.add(index, Delta::Citation(citation), each);
        }
    }

    fn close(&mut self, place: Option<u64>, each: Sink<'_>) {
        let at = self
            .open
            .iter()
            .position(|block| Some(block.place) == place);
        if let Some(at) = at {
            let block = self.open.remove(at);
            block.close(&self.steps, each);
        }
    }

    fn end(&mut self, delta: Option<&RawValue>, usage: Option<&RawValue>, each: Sink<'_>) {
        for block in std::mem::take(&mut self.open) {
            block.close(&self.steps, each);
        }
        let ended = delta.and_then(|raw| serde_json::from_str::<Ended<'_>>(raw.get()).ok());
        let ended = ended.unwrap_or_default();
        if let Some(reason) = ended.stop_reason.and_then(text) {
            self.steps.stop(stop(&reason, &ended), each);
        }
        let told = self.count(usage);
        self.steps.usage(told, each);
    }
}

impl Block {
    fn close(self, steps: &Steps, each: Sink<'_>) {
        if let Some(index) = self.index {
            steps.close(index, each);
        }
    }
}

fn stop<'a>(reason: &str, ended: &Ended<'a>) -> Stop<'a> {
    match reason {
        "stop_sequence" => Stop::Sequence(ended.stop_sequence.and_then(text)),
        "tool_use" => Stop::Tools,
        "max_tokens" => Stop::Length,
        "model_context_window_exceeded" => Stop::Window,
        "pause_turn" => Stop::Paused,
        "refusal" => {
            let details = ended.stop_details.as_ref();
            Stop::Refused(Refused {
                category: details.and_then(|it| it.category).and_then(text),
                explanation: details.and_then(|it| it.explanation).and_then(text),
            })
        }
        _ => Stop::Done,
    }
}

fn is_empty_object(raw: &RawValue) -> bool {
    let inside = raw.get().strip_prefix('{');
    let inside = inside.and_then(|rest| rest.strip_suffix('}'));
    inside.is_none_or(|inside| inside.trim().is_empty())
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Frame<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<&'a RawValue>,
    index: Option<u64>,
    #[serde(borrow)]
    message: Option<Message<'a>>,
    #[serde(borrow)]
    content_block: Option<&'a RawValue>,
    #[serde(borrow)]
    delta: Option<&'a RawValue>,
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<Broken<'a>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Message<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    model: Option<&'a RawValue>,
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Broken<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<&'a RawValue>,
    #[serde(borrow)]
    message: Option<&'a RawValue>,
}

/// A block as it begins.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Begun<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<&'a RawValue>,
    #[serde(borrow)]
    text: Option<&'a RawValue>,
    #[serde(borrow)]
    thinking: Option<&'a RawValue>,
    #[serde(borrow)]
    signature: Option<&'a RawValue>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    name: Option<&'a RawValue>,
    #[serde(borrow)]
    input: Option<&'a RawValue>,
}

/// What is added to a block.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Added<'a> {
    #[serde(borrow)]
    text: Option<&'a RawValue>,
    #[serde(borrow)]
    thinking: Option<&'a RawValue>,
    #[serde(borrow)]
    partial_json: Option<&'a RawValue>,
    #[serde(borrow)]
    signature: Option<&'a RawValue>,
    #[serde(borrow)]
    citation: Option<&'a RawValue>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Ended<'a> {
    #[serde(borrow)]
    stop_reason: Option<&'a RawValue>,
    #[serde(borrow)]
    stop_sequence: Option<&'a RawValue>,
    #[serde(borrow)]
    stop_details: Option<Details<'a>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Details<'a> {
    #[serde(borrow)]
    category: Option<&'a RawValue>,
    #[serde(borrow)]
    explanation: Option<&'a RawValue>,
}
