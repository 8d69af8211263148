//! Reads the body within its limits, and what it says.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{self, HeaderMap};
use http::{Request, Response};
use http_body::Body as _;
use tokio::time::Instant;
use tower::{Layer, Service};

use crate::body::{Body, Inbound};
use crate::error::GatewayError;
use crate::protocol::call::Call;
use crate::server::Limits;
use crate::stages::{Admitted, Parsed, Route};
use crate::telemetry::{Metrics, Stage};

use super::Waiting;

/// Adds [`Parse`].
#[derive(Clone, Debug)]
pub struct ParseLayer {
    bytes: usize,
    depth: usize,
    within: Duration,
    metrics: Metrics,
}

impl ParseLayer {
    /// Keeps these limits.
    pub fn new(limits: &Limits, metrics: Metrics) -> Self {
        Self {
            bytes: limits.body_bytes,
            depth: limits.json_depth,
            within: limits.body_read,
            metrics,
        }
    }
}

impl<S> Layer<S> for ParseLayer {
    type Service = Parse<S>;

    fn layer(&self, inner: S) -> Parse<S> {
        Parse {
            inner,
            parts: Arc::new(self.clone()),
        }
    }
}

/// Turns a request into a call.
#[derive(Clone, Debug)]
pub struct Parse<S> {
    inner: S,
    parts: Arc<ParseLayer>,
}

impl<S> Service<Admitted> for Parse<S>
where
    S: Service<Parsed, Response = Response<Body>, Error = GatewayError> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = Response<Body>;
    type Error = GatewayError;
    type Future = Waiting<Response<Body>, GatewayError>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), GatewayError>> {
        self.inner.poll_ready(cx)
    }

    fn call(
        &mut self,
        Admitted {
            request,
            route,
            caller,
        }: Admitted,
    ) -> Self::Future {
        let Route::Ask(endpoint) = route else {
            return Box::pin(std::future::ready(Err(GatewayError::NoSuchPath)));
        };
        let parts = self.parts.clone();
        let idle = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, idle);
        Box::pin(async move {
            let began = Instant::now();
            let (headers, body) = read(request, &parts).await?;
            let read = Instant::now();
            let call = Call::read(endpoint, body, parts.depth)?;
            parts.metrics.overhead(Stage::Read, read - began);
            parts.metrics.overhead(Stage::Parse, read.elapsed());
            {
                let mut story = caller.trace.story();
                story.record.asked = Some(call.asked.chars().take(128).collect::<String>().into());
                story.record.stream = call.stream;
            }
            inner
                .call(Parsed {
                    headers,
                    call,
                    caller,
                    short: None,
                })
                .await
        })
    }
}

async fn read(
    request: Request<Inbound>,
    limits: &ParseLayer,
) -> Result<(HeaderMap, Bytes), GatewayError> {
    let (head, body) = request.into_parts();
    check(&head.headers)?;
    let size = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if size > limits.bytes {
        return Err(GatewayError::TooLarge(limits.bytes));
    }
    let read = tokio::time::timeout(limits.within, collect(body, limits.bytes));
    let bytes = read.await.map_err(|_| GatewayError::TooSlow)??;
    Ok((head.headers, bytes))
}

fn check(headers: &HeaderMap) -> Result<(), GatewayError> {
    let text = |name| {
        headers
            .get(name)
            .map(|value: &http::HeaderValue| value.to_str().unwrap_or("?"))
    };
    if text(header::CONTENT_ENCODING).is_some_and(|coding| !coding.eq_ignore_ascii_case("identity"))
    {
        return Err(GatewayError::Encoded);
    }
    // A caller that says nothing is taken at the body's word.
    let kind =
        text(header::CONTENT_TYPE).map(|kind| kind.split(';').next().unwrap_or_default().trim());
    match kind {
        None => Ok(()),
        Some(kind) if kind.eq_ignore_ascii_case("application/json") || kind.ends_with("+json") => {
            Ok(())
        }
        Some(_) => Err(GatewayError::NotJson),
    }
}

/// Collects the body. One that comes in a single piece is not copied.
async fn collect(mut body: Inbound, limit: usize) -> Result<Bytes, GatewayError> {
    let expected = usize::try_from(body.size_hint().lower()).unwrap_or(0);
    let mut first: Option<Bytes> = None;
    let mut rest = BytesMut::new();
    while let Some(frame) = poll_fn(|cx| Pin::as_mut(&mut body).poll_frame(cx)).await {
        let frame = frame.map_err(|broken| GatewayError::Broken(broken.0))?;
        let Ok(piece) = frame.into_data() else {
            continue;
        };
        let so_far = first.as_ref().map_or(0, Bytes::len).max(rest.len());
        if so_far + piece.len() > limit {
            return Err(GatewayError::TooLarge(limit));
        }
        match first.take() {
            None if rest.is_empty() => first = Some(piece),
            None => rest.extend_from_slice(&piece),
            Some(begin) => {
                rest.reserve(expected.clamp(begin.len() + piece.len(), limit));
                rest.extend_from_slice(&begin);
                rest.extend_from_slice(&piece);
            }
        }
    }
    Ok(first.unwrap_or_else(|| rest.freeze()))
}
