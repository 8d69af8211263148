//! OpenAI's Responses. Items have numbers, and so have their parts: events are put together by those, for some servers change ids on the
//! way. What was not said in pieces is taken from the event that ends it, as LM Studio sends it.

mod wire;

use std::borrow::Cow;

use serde_json::value::RawValue;

use self::wire::{Ending, Item, Told};
use super::super::limit;
use super::blocks::{Sink, Steps, TOO_MANY};
use super::chat::failure;
use super::cited;
use crate::domain::dialect::Dialect;
use crate::protocol::translate::answer::{Refused, Stop};
use crate::protocol::translate::block::Kind;
use crate::protocol::translate::dropped::{Field, Why};
use crate::protocol::translate::event::{Delta, Opened, Start};
use crate::protocol::translate::json::{Str, text};
use crate::protocol::translate::sealed::{Form, Sealed};
use crate::protocol::usage;

/// Between two parts of a thought's summary.
const GAP: &str = "\n\n";

/// Reads a stream of events.
#[derive(Debug, Default)]
pub(super) struct Responses {
    pub(super) steps: Steps,
    open: Vec<Open>,
    called: bool,
    refused: bool,
}

/// A block that is open.
#[derive(Debug)]
struct Open {
    /// The number of its item.
    item: u64,
    /// The part of the item that it is; of thoughts, the part that was said last.
    part: u64,
    what: What,
    index: u32,
    /// Something of it has been said.
    said: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum What {
    Text,
    Refusal,
    Summary,
    Thought,
    Call,
}

impl Responses {
    pub(super) fn event(&mut self, data: &[u8], each: Sink<'_>) {
        let Ok(event) = serde_json::from_slice::<Told<'_>>(data) else {
            return self.steps.unknown("event");
        };
        let kind = event.kind.and_then(text).unwrap_or_default();
        match kind.as_ref() {
            "response.created" | "response.in_progress" | "response.queued" => {
                self.begin(event.response.as_ref(), each);
            }
            "response.completed" | "response.incomplete" => self.end(event.response, each),
            "response.failed" => {
                let error = event.response.and_then(|response| response.error);
                self.steps
                    .fail(error.map(failure).unwrap_or_default(), each);
            }
            // Some nest it, OpenAI does not.
            "error" => {
                let mut told = event.error.map(failure).unwrap_or_default();
                if let Some(message) = event.message.and_then(text) {
                    told.message = message;
                    told.code = event.code.and_then(text).unwrap_or_default();
                }
                self.steps.fail(told, each);
            }
            _ => self.inside(&kind, &event, each),
        }
    }

    /// An event of an item.
    fn inside(&mut self, kind: &str, event: &Told<'_>, each: Sink<'_>) {
        match kind {
            "response.output_item.added" => self.item(event, each),
            "response.output_item.done" => self.item_done(event, each),
            "response.output_text.delta" => self.delta(What::Text, event, each),
            "response.refusal.delta" => self.delta(What::Refusal, event, each),
            "response.reasoning_summary_text.delta" => self.delta(What::Summary, event, each),
            "response.reasoning_text.delta" => self.delta(What::Thought, event, each),
            "response.function_call_arguments.delta" | "response.custom_tool_call_input.delta" => {
                self.delta(What::Call, event, each);
            }
            "response.output_text.done" => self.done(What::Text, event, event.text, each),
            "response.refusal.done" => self.done(What::Refusal, event, event.refusal, each),
            "response.function_call_arguments.done" => {
                self.rest(What::Call, event, event.arguments, each);
            }
            "response.custom_tool_call_input.done" => {
                self.rest(What::Call, event, event.input, each);
            }
            "response.reasoning_summary_text.done" => {
                self.rest(What::Summary, event, event.text, each);
            }
            "response.reasoning_text.done" => self.rest(What::Thought, event, event.text, each),
            "response.output_text.annotation.added" => {
                self.cite(event, each);
            }
            // They say nothing that the events around them do not.
            "response.content_part.added"
            | "response.content_part.done"
            | "response.reasoning_summary_part.added"
            | "response.reasoning_summary_part.done" => {}
            "keepalive" => self.steps.ping(each),
            other => self.steps.unknown(other),
        }
    }

    fn begin(&mut self, response: Option<&Ending<'_>>, each: Sink<'_>) {
        if self.steps.begun() {
            return self.steps.ping(each);
        }
        let field = |raw: Option<&RawValue>| {
            let found = raw.and_then(text).unwrap_or_default();
            Str::Owned(found.into_owned())
        };
        let start = Start {
            id: field(response.and_then(|it| it.id)),
            model: field(response.and_then(|it| it.model)),
            created: response.and_then(|it| it.created_at).and_then(seconds),
            usage: None,
            tier: response
                .and_then(|it| it.service_tier)
                .and_then(text)
                .map(|it| Cow::Owned(it.into_owned())),
        };
        self.steps.begin(start, each);
    }

    /// An item begins: a call says at once what it calls.
    fn item(&mut self, event: &Told<'_>, each: Sink<'_>) {
        let (Some(place), Some(item)) = (event.output_index, event.item.as_ref()) else {
            return self.steps.unknown("response.output_item.added");
        };
        let kind = item.kind.and_then(text).unwrap_or_default();
        match kind.as_ref() {
            "function_call" | "custom_tool_call" => self.call(place, item, each),
            "message" | "reasoning" => {}
            other => self.steps.foreign(other),
        }
    }

    fn call(&mut self, place: u64, item: &Item<'_>, each: Sink<'_>) {
        self.called = true;
        let kind = match item.kind.and_then(text).as_deref() {
            Some("custom_tool_call") => Kind::Custom,
            _ => Kind::Function,
        };
        let id = item.call_id.or(item.id).and_then(text);
        let block = Opened::Use {
            id: id.unwrap_or_default(),
            name: item.name.and_then(text).unwrap_or_default(),
            space: item.namespace.and_then(text),
            kind,
        };
        self.open(place, 0, What::Call, block, each);
    }

    fn open(
        &mut self,
        item: u64,
        part: u64,
        what: What,
        block: Opened<'_>,
        each: Sink<'_>,
    ) -> usize {
        if self.open.len() >= limit::BLOCKS as usize {
            self.steps.fail(TOO_MANY, each);
            self.open.clear();
        }
        let index = self.steps.open(block, each);
        self.open.push(Open {
            item,
            part,
            what,
            index,
            said: false,
        });
        self.open.len() - 1
    }

    fn find(&self, what: What, event: &Told<'_>) -> Option<usize> {
        let (item, part) = (event.output_index?, event.part());
        let same = |open: &Open| {
            let parts = matches!(what, What::Text | What::Refusal);
            open.item == item && open.what == what && (!parts || open.part == part)
        };
        self.open.iter().position(same)
    }

    /// A piece of a block, which begins with its first.
    fn delta(&mut self, what: What, event: &Told<'_>, each: Sink<'_>) {
        let said = event.delta.and_then(text);
        self.say(what, event, said, each);
    }

    fn say(&mut self, what: What, event: &Told<'_>, said: Option<Str<'_>>, each: Sink<'_>) {
        let (Some(said), Some(item)) = (said.filter(|said| !said.is_empty()), event.output_index)
        else {
            return;
        };
        let at = match (self.find(what, event), what) {
            (Some(at), _) => at,
            // Of a call without a beginning nobody knows what it calls.
            (None, What::Call) => return self.steps.unknown("arguments"),
            (None, _) => self.begin_words(item, what, event, each),
        };
        let Some(open) = self.open.get_mut(at) else {
            return;
        };
        let part = event.part();
        let gap = open.said && open.part != part;
        (open.said, open.part) = (true, part);
        let index = open.index;
        if gap && matches!(what, What::Summary | What::Thought) {
            self.steps.add(index, Delta::Text(Cow::Borrowed(GAP)), each);
        }
        let delta = match what {
            What::Call => Delta::Input(said),
            What::Text | What::Refusal | What::Summary | What::Thought => Delta::Text(said),
        };
        self.steps.add(index, delta, each);
    }

    fn cite(&mut self, event: &Told<'_>, each: Sink<'_>) {
        match (self.find(What::Text, event), event.annotation) {
            (Some(at), Some(annotation)) => {
                let citation = cited::citation(Dialect::Responses, annotation);
                let index = self.open[at].index;
                self.steps.add(index, Delta::Citation(citation), each);
            }
            _ => self.steps.dropped.note(Field::Citation, Why::NoPlace),
        }
    }

    fn begin_words(&mut self, item: u64, what: What, event: &Told<'_>, each: Sink<'_>) -> usize {
        self.refused |= what == What::Refusal;
        let block = match what {
            What::Refusal => Opened::Refusal,
            What::Summary | What::Thought => Opened::Thought {
                summary: what == What::Summary,
                item: event.item_id.and_then(text),
            },
            What::Text | What::Call => Opened::Text,
        };
        self.open(item, event.part(), what, block, each)
    }

    /// What was not said in pieces.
    fn rest(&mut self, what: What, event: &Told<'_>, whole: Option<&RawValue>, each: Sink<'_>) {
        let parts = matches!(what, What::Summary | What::Thought);
        let said = |open: &Open| open.said && (!parts || open.part == event.part());
        let said = self
            .find(what, event)
            .is_some_and(|at| said(&self.open[at]));
        if !said {
            self.say(what, event, whole.and_then(text), each);
        }
    }

    /// A part of a message is whole.
    fn done(&mut self, what: What, event: &Told<'_>, whole: Option<&RawValue>, each: Sink<'_>) {
        self.rest(what, event, whole, each);
        if let Some(at) = self.find(what, event) {
            let open = self.open.remove(at);
            self.steps.close(open.index, each);
        }
    }

    /// An item is whole, and with it all its blocks.
    fn item_done(&mut self, event: &Told<'_>, each: Sink<'_>) {
        let (Some(place), Some(item)) = (event.output_index, event.item.as_ref()) else {
            return self.steps.unknown("response.output_item.done");
        };
        let kind = item.kind.and_then(text).unwrap_or_default();
        match kind.as_ref() {
            "reasoning" => self.thought_done(place, item, each),
            "function_call" => self.rest(What::Call, event, item.arguments, each),
            "custom_tool_call" => self.rest(What::Call, event, item.input, each),
            _ => {}
        }
        self.close(|open| open.item == place, each);
    }

    fn thought_done(&mut self, place: u64, item: &Item<'_>, each: Sink<'_>) {
        let sealed = item.encrypted_content.and_then(text);
        let sealed = sealed.filter(|sealed| !sealed.is_empty());
        let at = self.open.iter().position(|open| open.item == place);
        let (at, shown) = match (at, &sealed) {
            (Some(at), _) => (at, true),
            (None, None) if item.shown().next().is_none() => return,
            (None, _) => {
                let block = Opened::Thought {
                    summary: true,
                    item: item.id.and_then(text),
                };
                (self.open(place, 0, What::Summary, block, each), false)
            }
        };
        let Some(index) = self.open.get(at).map(|open| open.index) else {
            return;
        };
        if !shown {
            for (number, words) in item.shown().enumerate() {
                let gap = if number > 0 { GAP } else { "" };
                self.steps.add(index, Delta::Text(Cow::Borrowed(gap)), each);
                self.steps.add(index, Delta::Text(words), each);
            }
        }
        if let Some(sealed) = sealed {
            let sealed = Sealed::read(Dialect::Responses, Form::Encrypted, sealed);
            self.steps.add(index, Delta::Sealed(sealed), each);
        }
    }

    fn close(&mut self, which: impl Fn(&Open) -> bool, each: Sink<'_>) {
        let steps = &self.steps;
        self.open.retain(|open| {
            let closes = which(open);
            if closes {
                steps.close(open.index, each);
            }
            !closes
        });
    }

    fn end(&mut self, response: Option<Ending<'_>>, each: Sink<'_>) {
        self.begin(response.as_ref(), &mut |event| {
            // Only a beginning that was never told: a ping would say nothing.
            if !matches!(event, crate::protocol::translate::event::Event::Ping) {
                each(event);
            }
        });
        self.close(|_| true, each);
        let response = response.unwrap_or_default();
        let stop = self.stop(&response);
        self.steps.stop(stop, each);
        self.steps
            .usage(response.usage.and_then(usage::openai), each);
        self.steps.end(each);
    }

    fn stop(&self, response: &Ending<'_>) -> Stop<'static> {
        let details = response.incomplete_details.as_ref();
        let reason = details.and_then(|details| details.reason).and_then(text);
        match reason.as_deref() {
            Some("content_filter") => Stop::Refused(Refused {
                category: Some(Cow::Borrowed("content_filter")),
                explanation: None,
            }),
            Some(_) => Stop::Length,
            None if self.called => Stop::Tools,
            None if self.refused => Stop::Refused(Refused::default()),
            None => Stop::Done,
        }
    }
}

/// Seconds since 1970; some servers write a fraction.
fn seconds(raw: &RawValue) -> Option<u64> {
    raw.get().split('.').next()?.parse().ok()
}
