//! An answer on its way out, watched where its reader shares the socket with others.

use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use http_body::{Frame, SizeHint};
use tokio::time::{Instant, sleep_until};
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

use crate::body::Body;

/// An answer that is being made; `watch` is set where its reader has to be watched.
pub(super) struct Answering<F> {
    pub(super) answer: F,
    pub(super) watch: Option<(Duration, TaskTracker)>,
}

impl<F> Future for Answering<F>
where
    F: Future<Output = Result<Response<Body>, Infallible>> + Unpin,
{
    type Output = Result<Response<Outgoing>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Ok(answer) = ready!(Pin::new(&mut self.answer).poll(cx));
        let watch = self.watch.take();
        Poll::Ready(Ok(answer.map(|body| match watch {
            Some((stall, tasks)) => Outgoing::watched(body, stall, &tasks),
            None => Outgoing::Plain(body),
        })))
    }
}

/// An answer's body as hyper takes it.
pub(super) enum Outgoing {
    Plain(Body),
    Watched {
        flow: Arc<Mutex<Flow>>,
        // Ends with the body.
        _watch: AbortOnDropHandle<()>,
    },
}

/// A body, and since when its last frame has not been followed by a wish for another.
pub(super) struct Flow {
    body: Option<Body>,
    handed: Option<Instant>,
}

impl Outgoing {
    fn watched(body: Body, stall: Duration, tasks: &TaskTracker) -> Self {
        let flow = Flow {
            body: Some(body),
            handed: None,
        };
        let flow = Arc::new(Mutex::new(flow));
        let watch = tasks.spawn(watch(flow.clone(), stall));
        Self::Watched {
            flow,
            _watch: AbortOnDropHandle::new(watch),
        }
    }
}

impl Flow {
    /// When its reader has to be looked at next; `Err` with the body where it has been still for too long.
    fn look(&mut self, stall: Duration) -> Result<Instant, Option<Body>> {
        let now = Instant::now();
        let due = self.handed.unwrap_or(now) + stall;
        if due > now {
            Ok(due)
        } else {
            Err(self.body.take())
        }
    }
}

/// Takes the body away from a caller that has taken nothing of it for so long: dropped, it settles and lets its target go.
async fn watch(flow: Arc<Mutex<Flow>>, stall: Duration) {
    loop {
        let looked = lock(&flow).look(stall);
        match looked {
            Ok(due) => sleep_until(due).await,
            Err(body) => return drop(body),
        }
    }
}

fn lock(flow: &Mutex<Flow>) -> MutexGuard<'_, Flow> {
    flow.lock().unwrap_or_else(PoisonError::into_inner)
}

impl http_body::Body for Outgoing {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let never = |frame: Option<Result<Frame<Bytes>, Infallible>>| {
            frame.map(|frame| frame.map_err(|never| match never {}))
        };
        match &mut *self {
            Self::Plain(body) => Pin::new(body).poll_frame(cx).map(never),
            Self::Watched { flow, .. } => {
                let mut flow = lock(flow);
                flow.handed = None;
                let Some(body) = &mut flow.body else {
                    return Poll::Ready(Some(Err(not_reading())));
                };
                let frame = ready!(Pin::new(body).poll_frame(cx));
                flow.handed = frame.is_some().then(Instant::now);
                Poll::Ready(never(frame))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Plain(body) => body.is_end_stream(),
            Self::Watched { flow, .. } => {
                let flow = lock(flow);
                flow.body.as_ref().is_some_and(|body| body.is_end_stream())
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Plain(body) => body.size_hint(),
            Self::Watched { flow, .. } => {
                let flow = lock(flow);
                flow.body
                    .as_ref()
                    .map_or_else(SizeHint::default, http_body::Body::size_hint)
            }
        }
    }
}

pub(super) fn not_reading() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "the caller does not read")
}
