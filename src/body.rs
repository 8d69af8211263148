//! The body of an answer: bytes, or a stream, and whatever must last as long as it does.

use std::any::Any;
use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};

/// A request's body as it comes from the socket, or from a test.
pub type Inbound = Pin<Box<dyn http_body::Body<Data = Bytes, Error = BrokenBody> + Send>>;

/// The caller's body could not be read to its end: why.
#[derive(Debug)]
pub struct BrokenBody(pub String);

/// What streams its frames. It cannot fail: a break is told in the dialect's own words.
pub type Stream = Pin<Box<dyn http_body::Body<Data = Bytes, Error = Infallible> + Send>>;

/// An answer's body. What was given to [`Body::keep`] is dropped when the body is: at its end, or when the caller goes.
pub struct Body {
    // Dropped in this order: the stream settles before the guards let go.
    content: Content,
    guards: Vec<Box<dyn Any + Send>>,
}

enum Content {
    Whole(Bytes),
    Stream(Stream),
}

impl Body {
    /// A body that is there already.
    pub fn whole(bytes: impl Into<Bytes>) -> Self {
        Self {
            content: Content::Whole(bytes.into()),
            guards: Vec::new(),
        }
    }

    /// A body that comes bit by bit.
    pub fn stream(
        stream: impl http_body::Body<Data = Bytes, Error = Infallible> + Send + 'static,
    ) -> Self {
        Self {
            content: Content::Stream(Box::pin(stream)),
            guards: Vec::new(),
        }
    }

    /// Keeps `guard` until the body has ended.
    #[must_use]
    pub fn keep(mut self, guard: impl Any + Send) -> Self {
        self.guards.push(Box::new(guard));
        self
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.content {
            Content::Whole(bytes) => write!(f, "Body({} bytes)", bytes.len()),
            Content::Stream(_) => f.write_str("Body(stream)"),
        }
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match &mut self.content {
            Content::Stream(stream) => stream.as_mut().poll_frame(cx),
            Content::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Content::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.content {
            Content::Whole(bytes) => bytes.is_empty(),
            Content::Stream(stream) => stream.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Content::Stream(stream) => stream.size_hint(),
        }
    }
}
