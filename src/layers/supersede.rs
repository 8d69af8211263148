//! Ends a call for what is typed when a newer one of the same editor has come: nobody waits for the older answer any more,
//! and a small machine drowns in such calls.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::Response;
use http_body::Frame;
use tokio_util::sync::WaitForCancellationFutureOwned;
use tower::{Layer, Service};

use crate::body::Body;
use crate::domain::dialect::Endpoint;
use crate::error::GatewayError;
use crate::session::newest::{Editors, Place};
use crate::stages::{Planned, Work};
use crate::telemetry::Metrics;

use super::Waiting;

/// Adds [`Supersede`].
#[derive(Clone, Debug)]
pub struct SupersedeLayer {
    editors: Editors,
    metrics: Metrics,
}

impl SupersedeLayer {
    /// Knows the newest call of each of `editors`, and counts with `metrics`.
    pub fn new(editors: Editors, metrics: Metrics) -> Self {
        Self { editors, metrics }
    }

    fn enter(&self, work: &Work) -> Option<Place> {
        let call = &work.parsed.call;
        if call.endpoint != Endpoint::Completions || !call.asks.fills {
            return None;
        }
        let (trace, caller) = (work.trace(), &work.parsed.caller.key.id);
        let when = (trace.at, trace.request);
        self.editors.enter(&work.parsed.headers, caller, when)
    }
}

impl<S> Layer<S> for SupersedeLayer {
    type Service = Supersede<S>;

    fn layer(&self, inner: S) -> Supersede<S> {
        Supersede {
            inner,
            parts: self.clone(),
        }
    }
}

/// Passes calls on, and ends those that are superseded.
#[derive(Clone, Debug)]
pub struct Supersede<S> {
    inner: S,
    parts: SupersedeLayer,
}

impl<S> Service<Planned> for Supersede<S>
where
    S: Service<
            Planned,
            Response = Response<Body>,
            Error = GatewayError,
            Future = Waiting<Response<Body>, GatewayError>,
        >,
{
    type Response = Response<Body>;
    type Error = GatewayError;
    type Future = Waiting<Response<Body>, GatewayError>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), GatewayError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, planned: Planned) -> Self::Future {
        let Some(place) = self.parts.enter(&planned.work) else {
            return self.inner.call(planned);
        };
        let (work, metrics) = (planned.work.clone(), self.parts.metrics.clone());
        let answered = self.inner.call(planned);
        Box::pin(async move {
            // Dropped, the attempt ends as if its caller had hung up.
            let Some(answered) = place.over().run_until_cancelled(answered).await else {
                metrics.superseded();
                return Err(GatewayError::Superseded);
            };
            let response = answered?;
            if !work.parsed.call.stream {
                return Ok(response);
            }
            Ok(response.map(|body| Body::stream(Endable::new(body, place, work, metrics))))
        })
    }
}

/// A stream that may be ended from outside.
struct Endable {
    /// `None` once it was ended: dropped, it settles.
    body: Option<Body>,
    over: Pin<Box<WaitForCancellationFutureOwned>>,
    work: Arc<Work>,
    metrics: Metrics,
    /// Free again when the stream is.
    _place: Place,
}

impl Endable {
    fn new(body: Body, place: Place, work: Arc<Work>, metrics: Metrics) -> Self {
        Self {
            body: Some(body),
            over: Box::pin(place.over().clone().cancelled_owned()),
            work,
            metrics,
            _place: place,
        }
    }

    /// Ends the stream, and says so in the dialect's words.
    fn end(&mut self) -> Bytes {
        self.body = None;
        self.metrics.superseded();
        let fault = GatewayError::Superseded.fault();
        let trace = self.work.trace();
        trace.story().record.error = Some(fault.code);
        fault.event(self.work.dialect(), trace.request, 0)
    }
}

impl http_body::Body for Endable {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let this = &mut *self;
        let Some(body) = &mut this.body else {
            return Poll::Ready(None);
        };
        if !body.is_end_stream() && this.over.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Some(Ok(Frame::data(this.end()))));
        }
        Pin::new(body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body
            .as_ref()
            .is_none_or(http_body::Body::is_end_stream)
    }
}
