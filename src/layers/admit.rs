//! Lets in as many calls as may be under way, and fixes the rules for each: an overloaded gateway refuses cheaply.

use std::sync::Arc;
use std::task::{Context, Poll};

use http::Response;
use tokio::sync::Semaphore;
use tower::{Layer, Service};

use crate::body::Body;
use crate::error::GatewayError;
use crate::live::Live;
use crate::stages::{Arrived, Entered};

use super::Waiting;

/// Adds [`Admit`].
#[derive(Clone, Debug)]
pub struct AdmitLayer {
    live: Live,
    room: Arc<Semaphore>,
}

impl AdmitLayer {
    /// Has room for so many calls.
    pub fn new(live: Live, in_flight: usize) -> Self {
        Self {
            live,
            room: Arc::new(Semaphore::new(in_flight.min(Semaphore::MAX_PERMITS))),
        }
    }
}

impl<S> Layer<S> for AdmitLayer {
    type Service = Admit<S>;

    fn layer(&self, inner: S) -> Admit<S> {
        Admit {
            inner,
            parts: Arc::new(self.clone()),
        }
    }
}

/// Holds a permit until the answer's body has ended: a stream is still work after its head has gone.
#[derive(Clone, Debug)]
pub struct Admit<S> {
    inner: S,
    parts: Arc<AdmitLayer>,
}

impl<S> Service<Arrived> for Admit<S>
where
    S: Service<Entered, Response = Response<Body>, Error = GatewayError> + Clone + Send + 'static,
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
        Arrived {
            request,
            route,
            trace,
        }: Arrived,
    ) -> Self::Future {
        let Ok(permit) = self.parts.room.clone().try_acquire_owned() else {
            return Box::pin(std::future::ready(Err(GatewayError::Overloaded)));
        };
        let snapshot = self.parts.live.snapshot();
        let answered = self.inner.call(Entered {
            request,
            route,
            trace,
            snapshot,
        });
        Box::pin(async move {
            answered
                .await
                .map(|response| response.map(|body| body.keep(permit)))
        })
    }
}
