//! Remembers the state that an answer gives out: whose it is where the caller carries it, and the state itself where it cannot; and
//! the answer, where a later call may go on from it.

use std::sync::Arc;

use memchr::memmem;

use crate::domain::dialect::{Dialect, Endpoint};
use crate::domain::ids::TargetId;
use crate::protocol::scan::members;
use crate::protocol::seals;
use crate::protocol::translate::answer::Answer;
use crate::protocol::translate::aside::{self, Collector};
use crate::protocol::translate::echo::Echo;
use crate::protocol::translate::event::Event;
use crate::protocol::translate::sealed::is_carried;
use crate::session::sealed::Seals;
use crate::stages::Work;
use crate::upstream::manner::maker;

use super::bill::Bill;
use super::translate;

/// Stands in events that tell of thoughts.
const REASONING: &[u8] = b"\"reasoning\"";

/// The state of one answer.
pub(super) struct Keeping {
    seals: Seals,
    maker: String,
    dialect: Dialect,
    work: Arc<Work>,
    /// The target, where the answer has the name that it gave.
    native: Option<TargetId>,
    /// Gathers what the caller of a translated stream cannot carry.
    collector: Option<Collector>,
}

impl Keeping {
    /// For the answer to an attempt; `None` where nobody talks.
    pub(super) fn of(bill: &Bill) -> Option<Self> {
        let (work, wire) = (&bill.work, bill.attempt.wire);
        Some(Self {
            seals: work.talk.as_ref()?.seals(),
            maker: maker(&bill.attempt.model),
            dialect: wire.dialect,
            work: Arc::clone(work),
            native: (!wire.is_translated()).then(|| bill.attempt.model.target.id.clone()),
            collector: translate::echo(work, wire).and_then(Collector::of),
        })
    }

    /// An event that goes on as it came.
    pub(super) fn event(&self, data: Option<&[u8]>) {
        if let (Dialect::Messages | Dialect::Responses, Some(data)) = (self.dialect, data) {
            seals::of_event(self.dialect, data, |state| self.made(&state));
        }
    }

    /// A step of a stream that is translated.
    pub(super) fn step(&mut self, event: &Event<'_>) {
        if let Some(collector) = &mut self.collector {
            collector.event(event);
        }
    }

    /// A whole answer that goes on as it came.
    pub(super) fn whole(&self, body: &[u8]) {
        seals::of_answer(self.dialect, body, |state| self.made(&state));
    }

    /// A whole answer that is translated.
    pub(super) fn answer(&self, answer: &mut Answer<'_>, echo: &Echo) {
        aside::claim(&mut answer.blocks, self.dialect, &self.maker);
        self.seals.lay_aside(aside::of_answer(answer, echo));
    }

    /// The last event of a stream, as the caller is told it.
    pub(super) fn last(&self, data: &[u8]) {
        if !self.keeps() {
            return;
        }
        let Ok(event) = std::str::from_utf8(data) else {
            return;
        };
        members(event, |key, value| {
            if key == "response" {
                self.store(value);
            }
        });
    }

    /// Events of a stream that is translated, as the caller is told them. `ended`: the last of them ends it.
    pub(super) fn said(&self, events: &[u8], ended: bool) {
        const DATA: &[u8] = b"\ndata: ";
        if self.work.parsed.call.endpoint != Endpoint::Responses {
            return;
        }
        if memmem::find(events, REASONING).is_some() {
            // No line ends within JSON.
            let lines = events.split(|byte| *byte == b'\n');
            lines
                .filter_map(|line| line.strip_prefix(&DATA[1..]))
                .for_each(|data| seals::of_event(Dialect::Responses, data, |it| self.lent(&it)));
        }
        if let Some(at) = memmem::rfind(events, DATA).filter(|_| ended) {
            self.last(&events[at + DATA.len()..]);
        }
    }

    /// A whole answer, as the caller is told it.
    pub(super) fn told(&self, body: &[u8]) {
        if self.work.parsed.call.endpoint != Endpoint::Responses {
            return;
        }
        if self.native.is_none() {
            seals::of_answer(Dialect::Responses, body, |it| self.lent(&it));
        }
        if let (true, Ok(answer)) = (self.keeps(), std::str::from_utf8(body)) {
            self.store(answer);
        }
    }

    /// The caller may want to go on from the answer.
    fn keeps(&self) -> bool {
        let call = self.work.parsed.as_it_came();
        call.endpoint == Endpoint::Responses && call.asks.stores
    }

    /// The name of a thought that no provider knows by it: whoever is told it would look for it in vain.
    fn lent(&self, name: &str) {
        if !is_carried(name) {
            self.made(name);
        }
    }

    fn store(&self, answer: &str) {
        if let Some(talk) = &self.work.talk {
            let call = self.work.parsed.as_it_came();
            let native = self.native.as_ref();
            talk.answers().keep(call, answer, native, talk.given());
        }
    }

    fn made(&self, state: &str) {
        self.seals.made(state, &self.maker);
    }
}

impl Drop for Keeping {
    // However a stream ends: what has come of it may come back.
    fn drop(&mut self) {
        if let Some(collector) = self.collector.take() {
            self.seals.lay_aside(collector.finish());
        }
    }
}
