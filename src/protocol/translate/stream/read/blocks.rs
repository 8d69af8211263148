//! What readers share: who is told of steps, and the numbers of blocks.

use serde_json::value::RawValue;

use super::super::limit;
use crate::domain::dialect::Dialect;
use crate::protocol::translate::answer::{Failure, Stop};
use crate::protocol::translate::block::Kind;
use crate::protocol::translate::dropped::{Dropped, Field, Why};
use crate::protocol::translate::event::{Delta, Event, Opened, Start};
use crate::protocol::translate::json::Str;
use crate::protocol::translate::name;
use crate::protocol::translate::sealed::Sealed;
use crate::protocol::usage::Told;

/// Who is told of steps.
pub(super) type Sink<'s> = &'s mut dyn FnMut(Event<'_>);

/// Bytes of a name that are kept.
const NAME: usize = 64;

/// A target that has called more tools, or said more parts, than any answer has.
pub(super) const TOO_MANY: Failure<'static> = Failure {
    code: Str::Borrowed("too_many_blocks"),
    message: Str::Borrowed("the target's answer has too many parts"),
};

/// How far the steps of an answer have come, and what was left out of them.
#[derive(Debug, Default)]
pub(super) struct Steps {
    begun: bool,
    stopped: bool,
    ended: bool,
    next: u32,
    /// The answer's id, for calls that have none of their own; until it is told, what stands for it.
    pub(super) id: String,
    pub(super) dropped: Dropped,
}

impl Steps {
    /// Tells how the answer begins, unless that has been told.
    pub(super) fn begin(&mut self, mut start: Start<'_>, each: Sink<'_>) {
        if !self.begun {
            self.begun = true;
            match start.id.is_empty() {
                true => start.id = self.id.clone().into(),
                false => self.id = start.id.clone().into_owned(),
            }
            each(Event::Start(start));
        }
    }

    pub(super) fn begun(&self) -> bool {
        self.begun
    }

    /// An id for the call that begins next, where the target gives it none.
    pub(super) fn call_id(&self) -> String {
        name::fresh(Dialect::Chat, &[&self.id, &self.next.to_string()])
    }

    /// Begins a block.
    pub(super) fn open(&mut self, block: Opened<'_>, each: Sink<'_>) -> u32 {
        let index = self.next;
        self.next += 1;
        if index >= limit::BLOCKS {
            self.fail(TOO_MANY, each);
        } else if self.runs() {
            each(Event::Open { index, block });
        }
        index
    }

    /// Adds to a block; nothing is no addition.
    pub(super) fn add(&self, index: u32, delta: Delta<'_>, each: Sink<'_>) {
        let empty = match &delta {
            Delta::Text(text) | Delta::Input(text) => text.is_empty(),
            Delta::Citation(_) | Delta::Sealed(_) => false,
        };
        if self.runs() && !empty {
            each(Event::Delta { index, delta });
        }
    }

    pub(super) fn close(&self, index: u32, each: Sink<'_>) {
        if self.runs() {
            each(Event::Close { index });
        }
    }

    /// A thought that nobody can read, whole.
    pub(super) fn sealed(&mut self, sealed: Sealed<'_>, each: Sink<'_>) {
        let index = self.open(thought(false), each);
        self.add(index, Delta::Sealed(sealed), each);
        self.close(index, each);
    }

    /// Tells why the answer stopped; the first word counts. All blocks are closed by now.
    pub(super) fn stop(&mut self, stop: Stop<'_>, each: Sink<'_>) {
        if self.runs() {
            self.stopped = true;
            each(Event::Stop(stop));
        }
    }

    pub(super) fn stopped(&self) -> bool {
        self.stopped
    }

    /// Tells what was used so far.
    pub(super) fn usage(&self, told: Option<Told>, each: Sink<'_>) {
        // What cannot be is not told on: the caller would count it.
        if let (Some(Told::Usage(usage)), true, false) = (told, self.begun, self.ended) {
            each(Event::Usage(usage));
        }
    }

    pub(super) fn ping(&self, each: Sink<'_>) {
        if !self.ended {
            each(Event::Ping);
        }
    }

    /// All has come, if it was told why it stopped; otherwise it was cut, which is for the gateway to say.
    pub(super) fn end(&mut self, each: Sink<'_>) {
        if self.stopped && !self.ended {
            self.ended = true;
            each(Event::End);
        }
    }

    /// The target says that it failed.
    pub(super) fn fail(&mut self, failure: Failure<'_>, each: Sink<'_>) {
        if !self.ended {
            (self.begun, self.stopped, self.ended) = (true, true, true);
            each(Event::Fault(failure));
        }
    }

    /// The stream has ended, well or not: nothing counts any more.
    pub(super) fn ended(&self) -> bool {
        self.ended
    }

    /// Blocks may still come.
    fn runs(&self) -> bool {
        self.begun && !self.stopped
    }

    /// Notes an event that we do not know.
    pub(super) fn unknown(&mut self, name: &str) {
        self.dropped
            .named(Field::Unknown, Why::Unknown, brief(name));
    }

    /// Notes a block that is for callers of the target's own dialect only.
    pub(super) fn foreign(&mut self, kind: &str) {
        self.dropped.named(Field::Block, Why::Foreign, brief(kind));
    }
}

/// As much of a name as is worth keeping.
fn brief(name: &str) -> &str {
    &name[..name.floor_char_boundary(NAME)]
}

/// A thought that begins.
pub(super) fn thought(summary: bool) -> Opened<'static> {
    Opened::Thought {
        summary,
        item: None,
    }
}

/// A call of an ordinary tool that begins.
pub(super) fn call<'a>(id: Str<'a>, name: Str<'a>) -> Opened<'a> {
    Opened::Use {
        id,
        name,
        space: None,
        kind: Kind::Function,
    }
}

/// A count; a wrong one is none.
pub(super) fn count(raw: &RawValue) -> Option<u64> {
    raw.get().parse().ok()
}
