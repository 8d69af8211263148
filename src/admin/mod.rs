//! The operator's listener: health, metrics, and the API behind the admin token.

mod answer;
mod explain;
mod keys;
mod records;
mod simulate;
mod state;

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use http::header::{self, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use subtle::ConstantTimeEq;
use tower::Service;

use crate::body::{Body, Inbound};
use crate::domain::clock::Clock;
use crate::domain::secret::Secret;
use crate::ledger::Ledger;
use crate::live::Live;
use crate::stages::{Rehearse, Waiting};
use crate::store::Health;
use crate::telemetry::Metrics;
use crate::tenant::Directory;
use crate::upstream::client::Upstreams;

use answer::{Refused, refused};
pub use explain::Asked;
pub use keys::Wanted;

/// What the operator is answered from.
#[derive(Clone, Debug)]
pub struct Admin(Arc<Parts>);

/// The parts of [`Admin`].
#[derive(Debug)]
pub struct Parts {
    /// What the operator has to show.
    pub token: Secret,
    /// False before the start is done and from the first sign of a stop.
    pub ready: Arc<AtomicBool>,
    /// Time of day.
    pub clock: Clock,
    /// The snapshot in force.
    pub live: Live,
    /// The keys.
    pub directory: Directory,
    /// The ledger.
    pub ledger: Ledger,
    /// The targets.
    pub upstreams: Arc<Upstreams>,
    /// The counters.
    pub metrics: Metrics,
    /// Decides what nobody has asked.
    pub rehearse: Rehearse,
}

impl Admin {
    /// Answers from these parts.
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }
}

impl Service<Request<Inbound>> for Admin {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Waiting<Response<Body>, Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Inbound>) -> Self::Future {
        let parts = self.0.clone();
        Box::pin(async move {
            Ok(parts
                .answer(request)
                .await
                .unwrap_or_else(|error| refused(&error)))
        })
    }
}

impl Parts {
    async fn answer(&self, request: Request<Inbound>) -> Result<Response<Body>, Refused> {
        let path = request.uri().path().to_owned();
        let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
        match parts.as_slice() {
            ["healthz"] => Ok(word(StatusCode::OK, "ok\n")),
            ["readyz"] => Ok(self.readiness()),
            ["metrics"] => Ok(self.exposition()),
            ["admin", "v1", rest @ ..] => {
                self.authorise(&request)?;
                self.api(rest, request).await
            }
            _ => Err(Refused::NotFound),
        }
    }

    /// The token is compared in constant time.
    fn authorise(&self, request: &Request<Inbound>) -> Result<(), Refused> {
        let shown = request
            .headers()
            .get(header::AUTHORIZATION)
            .map(HeaderValue::as_bytes);
        let shown = shown
            .and_then(|value| value.strip_prefix(b"Bearer "))
            .unwrap_or_default();
        match bool::from(shown.ct_eq(self.token.expose().as_bytes())) {
            true => Ok(()),
            false => Err(Refused::Unauthorised),
        }
    }

    async fn api(
        &self,
        path: &[&str],
        request: Request<Inbound>,
    ) -> Result<Response<Body>, Refused> {
        let query = request.uri().query().unwrap_or_default().to_owned();
        match (request.method(), path) {
            (&Method::GET, ["keys"]) => Ok(self.list_keys()),
            (&Method::POST, ["keys"]) => self.create_key(request).await,
            (&Method::POST, ["keys", id, "revoke"]) => self.revoke_key(id).await,
            (&Method::POST, ["keys", id, "rotate"]) => self.rotate_key(id, &query).await,
            (&Method::GET, ["requests"]) => self.records(&query).await,
            (&Method::GET, ["requests", id]) => self.record(id).await,
            (&Method::GET, ["spend"]) => self.spend(&query).await,
            (&Method::GET, ["targets"]) => Ok(self.targets()),
            (&Method::GET, ["models"]) => Ok(self.models()),
            (&Method::GET, ["policies"]) => Ok(self.policies()),
            (&Method::POST, ["explain"]) => self.explain(request).await,
            (&Method::POST, ["policies", "simulate"]) => self.simulate(request).await,
            (&Method::POST, ["reload"]) => self.reload().await,
            (
                _,
                [
                    "keys" | "requests" | "spend" | "targets" | "models" | "policies" | "reload"
                    | "explain",
                    ..,
                ],
            ) => Err(Refused::WrongMethod),
            _ => Err(Refused::NotFound),
        }
    }

    fn readiness(&self) -> Response<Body> {
        let health = self.ledger.health();
        match (self.ready.load(Ordering::Relaxed), health == Health::Ok) {
            (true, true) => word(StatusCode::OK, "ready\n"),
            (true, false) => word(
                StatusCode::SERVICE_UNAVAILABLE,
                &format!("store: {}\n", health.as_str()),
            ),
            (false, _) => word(
                StatusCode::SERVICE_UNAVAILABLE,
                "not ready: starting or draining\n",
            ),
        }
    }

    fn exposition(&self) -> Response<Body> {
        self.observe();
        let mut response = word(StatusCode::OK, &self.metrics.render());
        let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        response
    }
}

fn word(status: StatusCode, text: &str) -> Response<Body> {
    let mut response = Response::new(Body::whole(text.to_owned()));
    *response.status_mut() = status;
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    response
}
