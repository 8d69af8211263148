//! Sees to it that a count of tokens is always answered: by the target that would answer the call, where that can count; else
//! here. Clients count before they begin, and must not be stopped by a target that is down or has no door for it.

use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::Response;
use http::header::{self, HeaderName, HeaderValue};
use tokio::sync::Semaphore;
use tower::{Layer, Service};

use crate::body::Body;
use crate::catalog::Model;
use crate::config::Snapshot;
use crate::domain::dialect::{Dialect, Endpoint};
use crate::domain::ids::ModelId;
use crate::domain::need::Unmet;
use crate::domain::outlook::Length;
use crate::domain::tokens::TokenCount;
use crate::domain::wire::Wire;
use crate::error::GatewayError;
use crate::policy::Why;
use crate::protocol::count::{self, Family, Whose};
use crate::session::talk::Talks;
use crate::stages::{Classified, Trace};

use super::Waiting;

static COUNT: HeaderName = HeaderName::from_static("x-tollgate-count");
static MODEL: HeaderName = HeaderName::from_static("x-tollgate-model");
/// Counts at one time: clients send dozens at once, and each takes a core for itself.
const AT_ONCE: usize = 2;

/// Adds [`Count`].
#[derive(Clone, Debug)]
pub struct CountLayer {
    talks: Talks,
    places: Arc<Semaphore>,
}

impl CountLayer {
    /// Knows from `talks` how models count.
    pub fn new(talks: Talks) -> Self {
        Self {
            talks,
            places: Arc::new(Semaphore::new(AT_ONCE)),
        }
    }

    /// The count for the model that was asked in vain, or for none in particular.
    async fn count(&self, question: Question) -> Response<Body> {
        let Question {
            body,
            ours,
            trace,
            snapshot,
        } = question;
        let model = trace.story().record.model.clone();
        let whose = thought(&snapshot, model.as_ref());
        let place = self.places.clone().acquire_owned().await;
        let counted = tokio::task::spawn_blocking(move || {
            let _place = place;
            count::count(Dialect::Messages, &body)
        });
        let known = |model: &ModelId| self.talks.length(model);
        let tokens = match (counted.await.ok().flatten(), &model) {
            (Some(counted), Some(model)) => self.talks.counted(model, &counted, whose),
            (Some(counted), None) => counted.tokens(whose.family()),
            // What cannot be read can still be weighed.
            (None, model) => {
                let length = model.as_ref().and_then(known);
                length.unwrap_or(Length::GUESS).likely(ours)
            }
        };
        told(tokens, model.as_ref())
    }
}

/// What is needed to count here.
struct Question {
    body: Bytes,
    /// What we take it for.
    ours: TokenCount,
    trace: Trace,
    snapshot: Arc<Snapshot>,
}

impl Question {
    fn of(call: &Classified) -> Self {
        let parsed = &call.parsed;
        Self {
            body: parsed.call.body().clone(),
            ours: parsed.call.prompt,
            trace: parsed.caller.trace.clone(),
            snapshot: parsed.caller.snapshot.clone(),
        }
    }
}

/// Whose tokens a model has that is asked in a dialect, as far as that and its names tell.
pub(super) fn whose(model: &Model, dialect: Dialect) -> Whose {
    let names = [
        Some(&*model.name),
        model.like.as_deref(),
        Some(model.id.as_str()),
    ];
    Whose::of(names.into_iter().flatten(), dialect)
}

/// The same, of one that is still to be asked.
fn thought(snapshot: &Snapshot, model: Option<&ModelId>) -> Whose {
    let Some(model) = model.and_then(|id| snapshot.catalog.models.get(id)) else {
        return Whose::Likely(Family::OpenAi);
    };
    let spoken = &model.target.dialects;
    let wire = Wire::choose(Endpoint::CountTokens, spoken, &Unmet::default());
    whose(model, wire.map_or(Dialect::Messages, |wire| wire.dialect))
}

fn told(tokens: TokenCount, model: Option<&ModelId>) -> Response<Body> {
    let mut response = Response::new(Body::whole(count::answer(tokens)));
    let headers = response.headers_mut();
    let json = HeaderValue::from_static("application/json");
    headers.insert(header::CONTENT_TYPE, json);
    headers.insert(&COUNT, HeaderValue::from_static("local"));
    let model = model.and_then(|model| HeaderValue::from_str(model.as_str()).ok());
    if let Some(model) = model {
        headers.insert(&MODEL, model);
    }
    response
}

/// Whether the refusal of a count is one of the target's, or of the lack of one. What a data rule refuses stays refused.
fn is_for_want_of_a_target(error: &GatewayError) -> bool {
    match error {
        GatewayError::Upstream(_) => true,
        GatewayError::NoRoute(rejected) => {
            let guarded = |(_, why): &(ModelId, Why)| matches!(why, Why::Guarded(_));
            !rejected.iter().any(guarded)
        }
        _ => false,
    }
}

impl<S> Layer<S> for CountLayer {
    type Service = Count<S>;

    fn layer(&self, inner: S) -> Count<S> {
        Count {
            inner,
            parts: Arc::new(self.clone()),
        }
    }
}

/// Answers counts that nobody else answers.
#[derive(Clone, Debug)]
pub struct Count<S> {
    inner: S,
    parts: Arc<CountLayer>,
}

impl<S> Service<Classified> for Count<S>
where
    S: Service<
            Classified,
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

    fn call(&mut self, call: Classified) -> Self::Future {
        if call.parsed.call.endpoint != Endpoint::CountTokens {
            return self.inner.call(call);
        }
        let (parts, question) = (self.parts.clone(), Question::of(&call));
        let asked = self.inner.call(call);
        Box::pin(async move {
            match asked.await {
                Ok(mut response) => {
                    let target = HeaderValue::from_static("target");
                    response.headers_mut().insert(&COUNT, target);
                    Ok(response)
                }
                Err(error) if is_for_want_of_a_target(&error) => Ok(parts.count(question).await),
                Err(error) => Err(error),
            }
        })
    }
}
