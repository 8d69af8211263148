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
use crate::layers::joined::Joined;
use crate::layers::later::Later;
use crate::protocol::follow::{Follower, Step};
use crate::protocol::sse::Splitter;

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

    /// Once all has been said, it is known what the answer used.
    fn settle(&self) {
        let Whose { later, key, id } = &self.whose;
        let told = self.follower.told();
        if self.follower.complete() || self.failed && told.is_some() {
            later.ended(key, id, told, self.follower.terms());
        }
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
