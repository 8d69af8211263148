//! A stream that waits until it is known to be good, or cannot be waited for any longer.

use std::task::{Context, Poll, ready};
use std::time::Duration;

use super::{Relay, State};
use crate::body::Body;
use crate::domain::dialect::Dialect;
use crate::domain::flaw::Flaw;
use crate::layers::inspect::Caught;
use crate::layers::meter::end_of;
use crate::ledger::End;
use crate::upstream::error::{UpstreamError, Why};

impl Relay {
    /// For how long the stream may be held back, where it is.
    pub(in crate::layers) fn patience(&mut self) -> Option<Duration> {
        let held = self.is_held();
        self.sight.as_ref().filter(|_| held)?.patience()
    }

    /// Waits until the stream may go out or something is found to be wrong with it. Until then another candidate may still answer.
    pub(in crate::layers) fn poll_fit(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), UpstreamError>> {
        while self.state == State::Open && self.is_held() {
            if self.sight.as_ref().is_some_and(|sight| sight.loops()) {
                self.caught = Some(Flaw::Repeats);
                break;
            }
            let finished = self.follower.finished();
            let closes = finished && self.bill.attempt.wire.dialect != Dialect::Responses;
            let failed = match ready!(self.poll_upstream(cx)) {
                Ok(Some(chunk)) => self.take(chunk).err(),
                Ok(None) if closes => {
                    self.closed();
                    None
                }
                Ok(None) => Some(UpstreamError::new(
                    Why::Truncated,
                    "the stream ended before it was complete",
                )),
                Err(failed) => Some(failed),
            };
            if let Some(failed) = failed {
                self.bill.estimate(end_of(failed.why));
                return Poll::Ready(Err(failed));
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Nobody waits any longer.
    pub(in crate::layers) fn let_go(&mut self) {
        if let Some(sight) = &mut self.sight {
            sight.let_go();
        }
    }

    /// All of the stream is here and waits.
    pub(super) fn is_held(&mut self) -> bool {
        let bytes = self.next.as_ref().map_or(0, |(bytes, _)| bytes.len());
        (self.sight.as_mut()).is_some_and(|sight| sight.holds(bytes))
    }

    /// What the end of a stream that is complete is called, by what is wrong with it.
    pub(super) fn judged(&mut self) -> End {
        let held = self.is_held();
        let Some(mut sight) = self.sight.take() else {
            return End::Complete;
        };
        match sight.judge(&self.bill) {
            None => End::Complete,
            Some(flaw) if held => {
                self.caught = Some(flaw);
                End::Caught
            }
            Some(flaw) => {
                self.bill.flawed(flaw, sight.late());
                End::Complete
            }
        }
    }

    /// The stream as a body; with what is wrong with it, where that was found before anything of it has gone out.
    pub(in crate::layers) fn into_body(mut self) -> (Body, Option<Caught>) {
        let Some(flaw) = self.caught else {
            self.bill.shows();
            return (Body::stream(self), None);
        };
        let id = self.follower.id().map(str::to_owned);
        let open = self.state == State::Open;
        let caught = Caught {
            flaw,
            id,
            open,
            baseline: self.bill.would_have_cost(),
        };
        if open {
            return (Body::stream(self), Some(caught));
        }
        let all = self.next.take().map(|(bytes, _)| bytes);
        (Body::whole(all.unwrap_or_default()), Some(caught))
    }

    /// Something is wrong with it, and nobody has seen any of it.
    pub(in crate::layers) fn is_caught(&self) -> bool {
        self.caught.is_some()
    }

    /// Somebody reads the stream after all.
    pub(super) fn released(&mut self) {
        if self.caught.take().is_some() {
            // What was wrong has been told.
            self.sight = None;
            self.bill.shows();
        }
    }
}
