//! Outermost: finds the door, gives the call its id, says every refusal in the caller's words, tells the call's story.

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::header::{self, HeaderName, HeaderValue};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use tower::{Layer, Service};
use tracing::error;

use crate::body::{Body, Inbound};
use crate::domain::clock::{Clock, Entropy};
use crate::domain::dialect::{Dialect, Endpoint};
use crate::domain::ids::{ModelId, RequestId};
use crate::error::GatewayError;
use crate::protocol::fault::Fault;
use crate::stages::{Arrived, Route, Story, Trace, Wish};
use crate::telemetry::{Completion, Metrics};
use crate::upstream::error::Answer;

use super::Waiting;

/// The call's id, on every answer.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-tollgate-request-id");

/// What a call is recorded as whose caller hung up before there was an answer.
const GONE: u16 = 499;

/// Adds [`Respond`].
#[derive(Clone, Debug)]
pub struct RespondLayer {
    clock: Clock,
    entropy: Entropy,
    metrics: Metrics,
    doors: Arc<Doors>,
}

impl RespondLayer {
    /// Tells the time and counts with these.
    pub fn new(clock: Clock, entropy: Entropy, metrics: Metrics) -> Self {
        Self {
            clock,
            entropy,
            metrics,
            doors: Arc::new(Doors::new()),
        }
    }
}

impl<S> Layer<S> for RespondLayer {
    type Service = Respond<S>;

    fn layer(&self, inner: S) -> Respond<S> {
        Respond {
            inner,
            parts: Arc::new(self.clone()),
        }
    }
}

/// Answers every request, whatever happens further in.
#[derive(Clone, Debug)]
pub struct Respond<S> {
    inner: S,
    parts: Arc<RespondLayer>,
}

impl<S> Service<Request<Inbound>> for Respond<S>
where
    S: Service<Arrived, Response = Response<Body>, Error = GatewayError> + Clone + Send + 'static,
    S::Future: Send + Unpin,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Waiting<Response<Body>, Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // The layers within are ready or refuse by themselves: nobody queues in front of the gateway.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Inbound>) -> Self::Future {
        let parts = self.parts.clone();
        let mut inner = self.inner.clone();
        Box::pin(async move {
            let now = parts.clock.now();
            let trace = Trace::new(RequestId::new(now, &parts.entropy), now);
            let (door, dialect) = parts.doors.find(&request);
            let finish = Finish {
                trace: trace.clone(),
                clock: parts.clock.clone(),
                metrics: parts.metrics.clone(),
            };
            let result = match door {
                Door::Empty(status) => Ok(empty(status)),
                Door::Closed(error) => Err(error),
                Door::Open(route) => {
                    if let Route::Ask(endpoint) = route {
                        trace.story().record.endpoint = Some(endpoint);
                    }
                    Guarded(inner.call(Arrived {
                        request,
                        route,
                        trace: trace.clone(),
                    }))
                    .await
                }
            };
            let mut response = match result {
                Ok(response) => response,
                Err(error) => refuse(&error, dialect, &trace, &parts.metrics),
            };
            if let Ok(id) = HeaderValue::try_from(trace.request.to_string()) {
                response.headers_mut().insert(REQUEST_ID, id);
            }
            trace.story().record.status = response.status().as_u16();
            Ok(response.map(|body| body.keep(finish)))
        })
    }
}

/// What a request finds at its path.
enum Door {
    Open(Route),
    Closed(GatewayError),
    Empty(StatusCode),
}

/// Every path, with and without `/v1`.
#[derive(Debug)]
struct Doors(matchit::Router<Place>);

#[derive(Clone, Copy, Debug)]
enum Place {
    Ask(Endpoint),
    Models,
    Model,
    Record,
    Answer,
    Items,
    Cancel,
}

/// The paths that callers know, and what is there.
const PLACES: &[(&str, Place)] = &[
    ("/chat/completions", Place::Ask(Endpoint::Chat)),
    ("/responses", Place::Ask(Endpoint::Responses)),
    ("/messages", Place::Ask(Endpoint::Messages)),
    ("/messages/count_tokens", Place::Ask(Endpoint::CountTokens)),
    ("/completions", Place::Ask(Endpoint::Completions)),
    ("/embeddings", Place::Ask(Endpoint::Embeddings)),
    ("/models", Place::Models),
    // Names of models may hold slashes.
    ("/models/{*name}", Place::Model),
    ("/requests/{name}", Place::Record),
    ("/responses/{name}", Place::Answer),
    ("/responses/{name}/input_items", Place::Items),
    ("/responses/{name}/cancel", Place::Cancel),
];

impl Doors {
    fn new() -> Self {
        let mut router = matchit::Router::new();
        for (path, place) in PLACES {
            for path in [(*path).to_owned(), format!("/v1{path}")] {
                router
                    .insert(path, *place)
                    .expect("the paths are constants that do not clash");
            }
        }
        Self(router)
    }

    fn find(&self, request: &Request<Inbound>) -> (Door, Dialect) {
        let plain = match request.headers().contains_key("anthropic-version") {
            true => Dialect::Messages,
            false => Dialect::Chat,
        };
        let method = request.method();
        if method == Method::OPTIONS || method == Method::HEAD {
            return (Door::Empty(StatusCode::NO_CONTENT), plain);
        }
        let Ok(found) = self.0.at(request.uri().path()) else {
            return (Door::Closed(GatewayError::NoSuchPath), plain);
        };
        let name = || found.params.get("name").unwrap_or_default().to_owned();
        let answer = |wish, method| (Route::Answer(name(), wish), method, Dialect::Responses);
        let (route, wanted, dialect) = match *found.value {
            Place::Ask(endpoint) => (Route::Ask(endpoint), Method::POST, endpoint.dialect()),
            Place::Models => (Route::Models, Method::GET, plain),
            Place::Model => (Route::Model(name()), Method::GET, plain),
            Place::Record => (Route::Record(name()), Method::GET, plain),
            Place::Answer if method == Method::DELETE => answer(Wish::Remove, Method::DELETE),
            Place::Answer => answer(Wish::See, Method::GET),
            Place::Items => answer(Wish::Items, Method::GET),
            Place::Cancel => answer(Wish::Cancel, Method::POST),
        };
        let door = match *method == wanted {
            true => Door::Open(route),
            // Codex tries a WebSocket first and falls back at once on this answer, on no other.
            false if request.headers().contains_key(header::UPGRADE) => {
                Door::Closed(GatewayError::NoWebSocket)
            }
            false => Door::Closed(GatewayError::WrongMethod),
        };
        (door, dialect)
    }
}

fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::whole(""));
    *response.status_mut() = status;
    response
}

/// Turns a refusal into the caller's words; an answer of the target that may be shown passes as it is.
fn refuse(
    error: &GatewayError,
    dialect: Dialect,
    trace: &Trace,
    metrics: &Metrics,
) -> Response<Body> {
    let fault = error.fault();
    trace.story().record.error = Some(fault.code);
    metrics.refused(fault.code);
    if let GatewayError::Upstream(failed) = error
        && let Some(answer) = failed.answer.as_deref().filter(|_| failed.shows_answer())
    {
        return pass(answer);
    }
    say(&fault, dialect, trace.request)
}

fn pass(answer: &Answer) -> Response<Body> {
    let mut response = Response::new(Body::whole(answer.body.clone()));
    *response.status_mut() = answer.status;
    *response.headers_mut() = answer.headers.clone();
    response
}

/// An error of ours as an answer.
pub fn say(fault: &Fault, dialect: Dialect, request: RequestId) -> Response<Body> {
    let mut response = Response::new(Body::whole(fault.body(dialect, request)));
    *response.status_mut() =
        StatusCode::from_u16(fault.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    if let Some(after) = fault.retry_after {
        headers.insert(
            header::RETRY_AFTER,
            HeaderValue::from(after.as_millis().div_ceil(1_000) as u64),
        );
    }
    if let Some(should) = fault.should_retry {
        let word = if should { "true" } else { "false" };
        headers.insert(
            HeaderName::from_static("x-should-retry"),
            HeaderValue::from_static(word),
        );
    }
    close_where_unread(fault.status, headers);
    response
}

/// The rest of a body that is too large or too slow is not read: the connection cannot be used again.
fn close_where_unread(status: u16, headers: &mut HeaderMap) {
    if matches!(status, 408 | 413) {
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
}

/// Turns a panic further in into an answer; holds have settled in their `Drop`.
struct Guarded<F>(F);

impl<F> Future for Guarded<F>
where
    F: Future<Output = Result<Response<Body>, GatewayError>> + Unpin,
{
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        match std::panic::catch_unwind(AssertUnwindSafe(|| Pin::new(&mut self.0).poll(cx))) {
            Ok(poll) => poll,
            Err(_) => {
                error!("a call panicked");
                Poll::Ready(Err(GatewayError::Panicked))
            }
        }
    }
}

/// Tells the call's story when its body has ended, or its caller has gone.
struct Finish {
    trace: Trace,
    clock: Clock,
    metrics: Metrics,
}

impl Drop for Finish {
    fn drop(&mut self) {
        let took = self.trace.started.elapsed();
        let mut story = self.trace.story();
        story.record.duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        if story.record.status == 0 {
            // Dropped without an answer: there was nobody left to give it to.
            story.record.status = GONE;
            story.record.client_gone = true;
        }
        story.record.log();
        self.count(&story, took);
        if let (Some(closing), Some(head)) = (story.closing.take(), story.head.take()) {
            let end = story.end(story.record.status, self.clock.now(), took);
            match story.record.attempts {
                0 => closing.refuse(head, end),
                _ => closing.close(self.trace.request, end),
            }
        }
    }
}

impl Finish {
    fn count(&self, story: &Story, took: std::time::Duration) {
        let record = &story.record;
        let Some(endpoint) = record.endpoint else {
            return;
        };
        let none = ModelId::from("none");
        let model = record.model.as_ref().unwrap_or(&none);
        let task = record.task.unwrap_or(crate::domain::facts::Task::Other);
        self.metrics
            .request(endpoint.dialect(), model, task, completion(story));
        if let Some((_, dropped)) = &story.translated {
            for loss in dropped.iter() {
                self.metrics
                    .dropped(loss.field.as_str(), loss.why.as_str(), loss.times);
            }
        }
        if record.client_gone {
            self.metrics.client_gone();
        }
        if record.model.is_some() {
            self.metrics.call_seconds(model, took);
        }
        if let (Some(tenant), Some(saved)) = (&record.tenant, record.saved) {
            self.metrics.saved(tenant, saved);
        }
    }
}

fn completion(story: &Story) -> Completion {
    let record = &story.record;
    match record.status {
        _ if record.client_gone => Completion::ClientGone,
        _ if story.cut => Completion::Cut,
        200..=299 => Completion::Answered,
        503 if record.attempts == 0 => Completion::Overloaded,
        400..=428 | 430..=499 if record.attempts > 0 => Completion::Rejected,
        429 | 500.. if record.attempts > 0 => Completion::TargetFailed,
        _ => Completion::Refused,
    }
}
