//! An answer that is told once more as a stream, event by event as its provider tells it. Where that breaks off, so does this: the
//! answer goes on there, and who wants the rest asks again.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::Frame;
use tokio::time::{Instant, Sleep, sleep_until};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tracing::debug;

use crate::catalog::Target;
use crate::domain::dialect::Dialect;
use crate::domain::ids::KeyId;
use crate::domain::tokens::TokenCount;
use crate::layers::joined::Joined;
use crate::layers::later::Later;
use crate::protocol::follow::{Follower, Step};
use crate::protocol::sse::Splitter;

/// So many tokens are told before whoever bills them is told again.
const STEP: u64 = 64;

/// Whose answer it is, and whom its end is told.
pub(super) struct Whose {
    pub(super) later: Later,
    pub(super) key: KeyId,
    pub(super) id: String,
}

/// The stream.
pub(super) struct Replay {
    /// `None` once it has ended.
    upstream: Option<reqwest::Body>,
    splitter: Splitter,
    follower: Follower,
    /// It has told that it failed.
    failed: bool,
    /// So much of its output is known to whoever bills it.
    known: TokenCount,
    target: Arc<Target>,
    whose: Whose,
    /// Rings after too long a silence.
    alarm: Pin<Box<Sleep>>,
    stop: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl Replay {
    pub(super) fn new(
        upstream: reqwest::Body,
        target: Arc<Target>,
        whose: Whose,
        stop: CancellationToken,
    ) -> Self {
        Self {
            upstream: Some(upstream),
            splitter: Splitter::default(),
            follower: Follower::new(Dialect::Responses, false),
            failed: false,
            known: TokenCount::default(),
            alarm: Box::pin(sleep_until(Instant::now() + target.timeouts.between_bytes)),
            target,
            whose,
            stop: Box::pin(stop.cancelled_owned()),
        }
    }

    /// The events that are whole with these bytes; nothing where the stream cannot go on.
    fn take(&mut self, bytes: Bytes) -> Option<Bytes> {
        let Self {
            splitter,
            follower,
            failed,
            target,
            ..
        } = self;
        let (mut out, mut told_key) = (Joined::default(), false);
        let split = splitter.push(bytes, |event| {
            // What a target says of itself may hold our key.
            told_key |= target.tells_key(&event.raw);
            if !told_key {
                *failed |= follower.event(event.data.as_ref()) == Step::Failed;
                out.push(event.raw);
            }
        });
        (split.is_ok() && !told_key).then(|| out.bytes())
    }

    fn end(&mut self) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.upstream = None;
        Poll::Ready(None)
    }

    /// What has been told is billed, whatever becomes of the rest.
    fn note(&mut self) {
        let relayed = self.follower.relayed();
        if relayed > self.known {
            let Whose { later, key, id } = &self.whose;
            later.relayed(key, id, relayed);
            self.known = relayed;
        }
    }

    /// Once all has been said, it is known what the answer used.
    fn settle(&mut self) {
        if self.follower.relayed().0 >= self.known.0 + STEP {
            self.note();
        }
        let told = self.follower.told();
        if self.follower.complete() || self.failed && told.is_some() {
            self.note();
            let Whose { later, key, id } = &self.whose;
            later.ended(key, id, told, self.follower.terms());
        }
    }
}

impl Drop for Replay {
    fn drop(&mut self) {
        self.note();
    }
}

impl http_body::Body for Replay {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let this = &mut *self;
        loop {
            let Some(upstream) = &mut this.upstream else {
                return Poll::Ready(None);
            };
            match http_body::Body::poll_frame(Pin::new(upstream), cx) {
                Poll::Ready(Some(Ok(frame))) => {
                    let patience = this.target.timeouts.between_bytes;
                    this.alarm.as_mut().reset(Instant::now() + patience);
                    let Ok(bytes) = frame.into_data() else {
                        continue;
                    };
                    let Some(events) = this.take(bytes) else {
                        return this.end();
                    };
                    this.settle();
                    if !events.is_empty() {
                        return Poll::Ready(Some(Ok(Frame::data(events))));
                    }
                }
                Poll::Ready(Some(Err(error))) => {
                    debug!(target = %this.target.id, %error, "an answer that was told once more broke off");
                    return this.end();
                }
                Poll::Ready(None) => return this.end(),
                Poll::Pending => break,
            }
        }
        let stopped = this.stop.as_mut().poll(cx).is_ready();
        match stopped || this.alarm.as_mut().poll(cx).is_ready() {
            true => this.end(),
            false => Poll::Pending,
        }
    }
}
