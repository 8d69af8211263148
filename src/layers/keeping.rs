//! Remembers the state that an answer gives out: whose it is where the caller carries it, and the state itself where it cannot.

use crate::domain::dialect::Dialect;
use crate::protocol::seals;
use crate::protocol::translate::answer::Answer;
use crate::protocol::translate::aside::{self, Collector};
use crate::protocol::translate::echo::Echo;
use crate::protocol::translate::event::Event;
use crate::session::sealed::Seals;
use crate::upstream::manner::maker;

use super::bill::Bill;

/// The state of one answer.
pub(super) struct Keeping {
    seals: Seals,
    maker: String,
    dialect: Dialect,
    /// Gathers what the caller of a translated stream cannot carry.
    collector: Option<Collector>,
}

impl Keeping {
    /// For the answer to an attempt; `None` where nobody talks.
    pub(super) fn of(bill: &Bill) -> Option<Self> {
        let (work, wire) = (&bill.work, bill.attempt.wire);
        let translation = work.translation.as_ref().filter(|_| wire.is_translated());
        Some(Self {
            seals: work.talk.as_ref()?.seals(),
            maker: maker(&bill.attempt.model),
            dialect: wire.dialect,
            collector: translation.and_then(|it| Collector::of(&it.echo)),
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
