//! Passes a stream on, event by event, and follows it: what it used, whether it is complete, whether it still moves.
//!
//! Output beyond the last progress mark is kept back until the next mark is in the ledger, so that a recovery never
//! settles below what was relayed. Marks are asked for ahead of time: in the usual case nothing waits.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::Frame;
use tokio::time::{Instant, Sleep, sleep_until};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tracing::warn;

use crate::domain::dialect::Dialect;
use crate::domain::flaw::Flaw;
use crate::domain::tokens::TokenCount;
use crate::error::GatewayError;
use crate::ledger::{End, LedgerError};
use crate::protocol::follow::{Follower, Step};
use crate::protocol::sse::{Event, Splitter};
use crate::protocol::translate::stream::Translator;
use crate::upstream::client::chain;
use crate::upstream::error::{UpstreamError, Why};

use super::bill::Bill;
use super::inspect::Sight;
use super::joined::Joined;
use super::keeping::Keeping;
use super::meter::end_of;
use super::reserve::FIRST_MARK;
use super::translate;

mod held;
mod marks;

/// How long the target may take to close a stream that is complete: its connection can then be used again.
const CLOSING: Duration = Duration::from_secs(1);

/// A stream on its way to the caller.
pub(super) struct Relay {
    bill: Bill,
    upstream: reqwest::Body,
    splitter: Splitter,
    follower: Follower,
    /// Says events in the caller's words, where the target's are others.
    translator: Option<Box<Translator>>,
    /// Remembers the state that is given out.
    keeping: Option<Keeping>,
    /// Looks the stream over, until it has been judged.
    sight: Option<Box<Sight>>,
    /// What is wrong with it, as long as nobody has seen any of it.
    caught: Option<Flaw>,
    /// What may go out next, and how much output will have been relayed with it.
    next: Option<(Bytes, TokenCount)>,
    /// How much output the ledger knows of.
    marked: TokenCount,
    marking: Option<(TokenCount, Marking)>,
    between: Duration,
    total: Option<Instant>,
    moved: Instant,
    alarm: Pin<Box<Sleep>>,
    events: u64,
    state: State,
    stop: Pin<Box<WaitForCancellationFutureOwned>>,
}

type Marking = Pin<Box<dyn Future<Output = Result<(), LedgerError>> + Send>>;

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    /// The target speaks.
    Open,
    /// All has been said; the target has yet to close.
    Closing,
    /// Nothing more comes.
    Ended,
}

impl Relay {
    pub(super) fn new(
        upstream: reqwest::Body,
        bill: Bill,
        total: Option<Instant>,
        stop: CancellationToken,
    ) -> Self {
        let call = &bill.work.parsed.call;
        let wire = bill.attempt.wire;
        let hides = call.hide_usage && !wire.is_translated();
        let follower = Follower::new(wire.dialect, hides);
        let between = bill.attempt.model.target.timeouts.between_bytes;
        let now = Instant::now();
        let due = now + between;
        let due = total.map_or(due, |total| total.min(due));
        Self {
            follower,
            translator: translate::stream(&bill),
            keeping: Keeping::of(&bill),
            sight: Sight::of(&bill),
            caught: None,
            upstream,
            splitter: Splitter::default(),
            next: None,
            marked: FIRST_MARK,
            marking: None,
            between,
            total,
            moved: now,
            alarm: Box::pin(sleep_until(due)),
            events: 0,
            state: State::Open,
            stop: Box::pin(stop.cancelled_owned()),
            bill,
        }
    }

    pub(super) fn bill(&mut self) -> &mut Bill {
        &mut self.bill
    }

    /// Waits for the first event that says something. Until then another candidate may still answer.
    pub(super) fn poll_first(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), UpstreamError>> {
        loop {
            match ready!(self.poll_upstream(cx)) {
                Ok(Some(chunk)) => {
                    let said = self.take(chunk);
                    if let Err(failed) = said {
                        match failed.why {
                            Why::ErrorInside if self.events <= 1 => self.bill.void(End::Status),
                            why => self.bill.estimate(end_of(why)),
                        }
                        return Poll::Ready(Err(failed));
                    }
                    if self.events > 0 {
                        return Poll::Ready(Ok(()));
                    }
                }
                Ok(None) => {
                    self.bill.estimate(End::Truncated);
                    return Poll::Ready(Err(UpstreamError::new(
                        Why::Truncated,
                        "the stream ended before its first event",
                    )));
                }
                Err(failed) => {
                    self.bill.estimate(end_of(failed.why));
                    return Poll::Ready(Err(failed));
                }
            }
        }
    }

    /// The next bytes of the target; silence is an error.
    fn poll_upstream(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Bytes>, UpstreamError>> {
        loop {
            match http_body::Body::poll_frame(Pin::new(&mut self.upstream), cx) {
                Poll::Ready(None) => return Poll::Ready(Ok(None)),
                Poll::Ready(Some(Err(error))) => {
                    return Poll::Ready(Err(UpstreamError::new(Why::Truncated, chain(&error))));
                }
                Poll::Ready(Some(Ok(frame))) => {
                    if let Ok(chunk) = frame.into_data() {
                        return Poll::Ready(Ok(Some(chunk)));
                    }
                }
                Poll::Pending => break,
            }
        }
        if self.stop.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Err(UpstreamError::new(Why::Stopping, "the gateway stops")));
        }
        self.poll_silence(cx).map(Err)
    }

    /// The alarm is set again only when it rings, not for each event.
    fn poll_silence(&mut self, cx: &mut Context<'_>) -> Poll<UpstreamError> {
        loop {
            ready!(self.alarm.as_mut().poll(cx));
            let now = Instant::now();
            if self.total.is_some_and(|total| total <= now) {
                return Poll::Ready(UpstreamError::new(
                    Why::TotalTimeout,
                    "the stream took too long",
                ));
            }
            let patience = if self.state == State::Closing {
                CLOSING
            } else {
                self.between
            };
            if self.moved + patience <= now {
                return Poll::Ready(UpstreamError::new(
                    Why::IdleTimeout,
                    "silence in the middle of the stream",
                ));
            }
            let due = self.moved + patience;
            self.alarm
                .as_mut()
                .reset(self.total.map_or(due, |total| total.min(due)));
        }
    }

    /// Follows the events of a chunk and keeps what is to go out.
    fn take(&mut self, chunk: Bytes) -> Result<(), UpstreamError> {
        let Self {
            follower,
            translator,
            keeping,
            sight,
            splitter,
            events,
            moved,
            state,
            bill,
            ..
        } = self;
        let target = &bill.attempt.model.target;
        let mut out = Joined::default();
        let mut failed = None;
        let mut gave_up = false;
        let split = splitter.push(chunk, |event| {
            if *state != State::Open || failed.is_some() {
                return;
            }
            let (step, place) = follower.seen(event.data.as_ref());
            if step != Step::Idle {
                *moved = Instant::now();
                *events += 1;
            }
            let Some(translator) = translator else {
                if let Some(keeping) = keeping {
                    keeping.event(event.data.as_deref());
                }
                if let Some(sight) = sight {
                    sight.event(event.data.as_deref(), place);
                }
                match step {
                    Step::Relay | Step::Idle => out.push(event.raw),
                    Step::Hide => {}
                    Step::Last => {
                        if let (Some(keeping), Some(data)) = (&keeping, &event.data) {
                            keeping.last(data);
                        }
                        out.push(event.raw);
                        *state = State::Closing;
                    }
                    Step::Failed => failed = Some(event),
                }
                return;
            };
            // What a target says of itself may end the stream in any event: none of them may hold our key.
            if step == Step::Failed || target.tells_key(&event.raw) {
                failed = Some(event);
                return;
            }
            let before = out.rest.len();
            translator.feed_and(event.data.as_deref(), &mut out.rest, &mut |step| {
                if let Some(keeping) = keeping {
                    keeping.step(step);
                }
                if let Some(sight) = sight {
                    sight.step(step);
                }
            });
            if let Some(keeping) = &keeping {
                keeping.said(&out.rest[before..], translator.ended());
            }
            match (step, translator.ended()) {
                (Step::Last, _) => *state = State::Closing,
                (_, true) => gave_up = true,
                (_, false) => {}
            }
        });
        if split.is_err() {
            return Err(UpstreamError::new(
                Why::BadBody,
                "an event of the stream is too long",
            ));
        }
        if let Some(event) = failed {
            return self.target_failed(event, out);
        }
        self.keep(out.bytes());
        if gave_up && self.state == State::Open && self.is_held() {
            // Nobody has seen a byte of it. The target has worked for it, so that it is not told as an error before all else.
            let why = "a stream could not be translated to its end";
            return Err(UpstreamError::new(Why::BadBody, why));
        }
        if gave_up && self.state == State::Open {
            // The caller has been told why: an error of the target's, or more than can be kept.
            warn!(attempt = %self.bill.attempt.id, "a stream could not be translated to its end");
            self.cut(End::ErrorEvent);
            return Ok(());
        }
        if self.state == State::Closing {
            self.complete();
            // The alarm was set for a target that still speaks.
            self.alarm.as_mut().reset(Instant::now() + CLOSING);
        }
        Ok(())
    }

    /// The target's own error event: before all else it is a failed attempt; later it is passed on and ends the stream.
    fn target_failed(&mut self, event: Event, mut out: Joined) -> Result<(), UpstreamError> {
        if self.events <= 1 && self.next.is_none() || self.is_held() {
            return Err(UpstreamError::new(
                Why::ErrorInside,
                "the stream begins with an error",
            ));
        }
        if self.bill.attempt.model.target.tells_key(&event.raw) {
            self.keep(out.bytes());
            return Err(UpstreamError::new(
                Why::ErrorInside,
                "the target's error holds our key",
            ));
        }
        // What it says is not ours to log: providers quote prompts.
        warn!(attempt = %self.bill.attempt.id, "the target failed in the middle of a stream");
        match &mut self.translator {
            None => out.push(event.raw),
            Some(translator) => {
                translator.feed(event.data.as_deref(), &mut out.rest);
                let failed = UpstreamError::new(Why::ErrorInside, "the target failed");
                translator.fail(&GatewayError::from(failed).fault(), &mut out.rest);
            }
        }
        self.keep(out.bytes());
        self.bill.upstream.health.failed(self.bill.work.trace().at);
        self.cut(End::ErrorEvent);
        Ok(())
    }

    fn keep(&mut self, bytes: Bytes) {
        let used = self.follower.estimate(self.bill.attempt.prompt);
        self.bill.so_far(used, self.follower.terms());
        self.bill.begun(self.follower.id());
        if bytes.is_empty() {
            return;
        }
        let before = self.next.take().map(|(bytes, _)| bytes);
        let bytes = match before {
            None => bytes,
            Some(before) => {
                let mut all = before.try_into_mut().unwrap_or_else(BytesMut::from);
                all.extend_from_slice(&bytes);
                all.freeze()
            }
        };
        self.next = Some((bytes, self.follower.relayed()));
    }

    fn complete(&mut self) {
        let (told, terms) = (self.follower.told(), self.follower.terms().clone());
        self.tell_dropped();
        // The caller's next call may come at once.
        self.keeping = None;
        let end = self.judged();
        if end == End::Complete {
            self.bill.named(self.follower.id());
        }
        self.bill.settle(told, &terms, end);
        self.bill.upstream.health.succeeded();
    }

    /// Adds what the translation left out to the call's story, once.
    fn tell_dropped(&mut self) {
        if let Some(translator) = self.translator.take() {
            let mut story = self.bill.work.trace().story();
            story.dropped(&translator.dropped());
        }
    }

    /// Ends the stream and its attempt as broken.
    fn cut(&mut self, end: End) {
        let (told, terms) = (self.follower.told(), self.follower.terms().clone());
        self.tell_dropped();
        self.bill.settle(told, &terms, end);
        self.bill.work.trace().story().cut = true;
        self.state = State::Ended;
    }

    /// The target has closed.
    fn closed(&mut self) {
        let dialect = self.bill.attempt.wire.dialect;
        if self.state == State::Closing {
            self.state = State::Ended;
        } else if self.follower.finished() && dialect != Dialect::Responses {
            // All was said but the closing mark: the caller gets it from us.
            let closing = match &mut self.translator {
                Some(translator) => {
                    let mut closing = BytesMut::new();
                    translator.close(&mut closing);
                    if let Some(keeping) = &self.keeping {
                        keeping.said(&closing, true);
                    }
                    closing.freeze()
                }
                None if dialect == Dialect::Messages => Bytes::from_static(
                    b"event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
                ),
                None => Bytes::from_static(b"data: [DONE]\n\n"),
            };
            self.keep(closing);
            self.complete();
            self.state = State::Ended;
        } else {
            self.broken(UpstreamError::new(
                Why::Truncated,
                "the stream ended before it was complete",
            ));
        }
    }

    /// The stream cannot go on: the caller is told so in its dialect's own words.
    fn broken(&mut self, failed: UpstreamError) {
        if self.state == State::Closing {
            self.state = State::Ended;
            return;
        }
        warn!(attempt = %self.bill.attempt.id, error = %failed, "a stream broke off");
        let end = end_of(failed.why);
        if failed.blames_target() {
            self.bill.upstream.health.failed(self.bill.work.trace().at);
        }
        let fault = GatewayError::from(failed).fault();
        self.bill.work.trace().story().record.error = Some(fault.code);
        let event = match &mut self.translator {
            Some(translator) => {
                let mut event = BytesMut::new();
                translator.fail(&fault, &mut event);
                event.freeze()
            }
            None => fault.event(
                self.bill.work.dialect(),
                self.bill.work.trace().request,
                self.events,
            ),
        };
        self.cut(end);
        self.keep(event);
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        match self.caught {
            None => self.tell_dropped(),
            // Nobody has seen it, and the story may be that of another's answer by now.
            Some(_) => self.bill.estimate(End::Caught),
        }
    }
}

impl http_body::Body for Relay {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let this = &mut *self;
        this.released();
        this.bill.reader.asks(Instant::now());
        loop {
            if let Some(bytes) = ready!(this.poll_release(cx)) {
                this.bill.reader.gives(Instant::now());
                return Poll::Ready(Some(Ok(Frame::data(bytes))));
            }
            if this.state == State::Ended {
                return Poll::Ready(None);
            }
            match ready!(this.poll_upstream(cx)) {
                Ok(Some(chunk)) => {
                    if let Err(failed) = this.take(chunk) {
                        this.broken(failed);
                    }
                }
                Ok(None) => this.closed(),
                Err(failed) => this.broken(failed),
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.state == State::Ended && self.next.is_none()
    }
}
