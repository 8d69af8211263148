//! Tries the candidates of the plan in order until one begins to answer. Nothing has reached the caller before that.

use std::sync::Arc;
use std::task::{Context, Poll};

use http::Response;
use http::header::{HeaderName, HeaderValue};
use tower::{Layer, Service, ServiceExt};
use tracing::{error, warn};

use crate::body::Body;
use crate::domain::clock::{Clock, Entropy};
use crate::domain::dialect::Endpoint;
use crate::domain::ids::AttemptId;
use crate::domain::tokens::TokenCount;
use crate::error::GatewayError;
use crate::policy::{Candidate, Plan};
use crate::stages::{Attempt, Planned, Work};
use crate::telemetry::Metrics;
use crate::upstream::client::Upstreams;
use crate::upstream::error::{UpstreamError, Why};
use crate::upstream::retry::Budget;

use super::Waiting;

static MODEL: HeaderName = HeaderName::from_static("x-tollgate-model");
static HOSTING: HeaderName = HeaderName::from_static("x-tollgate-hosting");
static RULE: HeaderName = HeaderName::from_static("x-tollgate-rule");
static REASON: HeaderName = HeaderName::from_static("x-tollgate-reason");
static SIMULATED: HeaderName = HeaderName::from_static("x-tollgate-simulated");

/// Adds [`Failover`].
#[derive(Clone, Debug)]
pub struct FailoverLayer {
    upstreams: Arc<Upstreams>,
    budget: Arc<Budget>,
    clock: Clock,
    entropy: Entropy,
    metrics: Metrics,
}

impl FailoverLayer {
    /// Knows the targets through `upstreams`.
    pub fn new(
        upstreams: Arc<Upstreams>,
        clock: Clock,
        entropy: Entropy,
        metrics: Metrics,
    ) -> Self {
        Self {
            upstreams,
            budget: Arc::default(),
            clock,
            entropy,
            metrics,
        }
    }
}

impl<S> Layer<S> for FailoverLayer {
    type Service = Failover<S>;

    fn layer(&self, inner: S) -> Failover<S> {
        Failover {
            inner,
            parts: Arc::new(self.clone()),
        }
    }
}

/// Makes attempts of a plan.
#[derive(Clone, Debug)]
pub struct Failover<S> {
    inner: S,
    parts: Arc<FailoverLayer>,
}

impl<S> Service<Planned> for Failover<S>
where
    S: Service<Attempt, Response = Response<Body>, Error = GatewayError> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = Response<Body>;
    type Error = GatewayError;
    type Future = Waiting<Response<Body>, GatewayError>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), GatewayError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, Planned { work, plan }: Planned) -> Self::Future {
        let parts = self.parts.clone();
        let inner = self.inner.clone();
        Box::pin(async move { parts.run(inner, work, plan).await })
    }
}

impl FailoverLayer {
    async fn run<S>(
        &self,
        inner: S,
        work: Arc<Work>,
        plan: Plan,
    ) -> Result<Response<Body>, GatewayError>
    where
        S: Service<Attempt, Response = Response<Body>, Error = GatewayError> + Clone,
    {
        if work.parsed.call.endpoint == Endpoint::CountTokens {
            return self.count(inner, work, plan).await;
        }
        self.budget.deposit();
        let mut left = plan.candidates.iter();
        let mut candidate = plan.first().clone();
        left.next();
        let mut id = AttemptId::new(self.clock.now(), &self.entropy);
        loop {
            let tried = self.attempt(inner.clone(), &work, candidate.clone(), id);
            let failed = match tried.await {
                Ok(response) => return Ok(announce(response, &candidate, &plan)),
                Err(GatewayError::Upstream(failed)) => failed,
                Err(other) => return Err(other),
            };
            let window = candidate.model.window;
            let next = left
                .find(|next| failed.why != Why::TooLong || is_larger(next, window))
                .filter(|_| plan.failover && failed.next_may_help());
            let Some(next) = next else {
                return Err(GatewayError::Upstream(failed));
            };
            if !self.budget.withdraw() {
                self.metrics.retry_denied();
                return Err(GatewayError::Upstream(failed));
            }
            self.metrics
                .failover(&candidate.model.target.id, failed.why.as_str());
            candidate = next.clone();
            // Attempts are told in the order of their ids, also those of one millisecond.
            let later = AttemptId(id.0.saturating_add(1));
            id = AttemptId::new(self.clock.now(), &self.entropy).max(later);
        }
    }

    /// Asks the target of the first candidate to count. Another one's count would be of no use: tokens are not the same there.
    async fn count<S>(
        &self,
        inner: S,
        work: Arc<Work>,
        plan: Plan,
    ) -> Result<Response<Body>, GatewayError>
    where
        S: Service<Attempt, Response = Response<Body>, Error = GatewayError> + Clone,
    {
        let candidate = plan.first();
        let target = &candidate.model.target;
        let door = target.habits().counting.door(candidate.wire.dialect);
        if candidate.down || door.is_none() {
            work.trace().story().record.model = Some(candidate.model.id.clone());
            return Err(UpstreamError::new(Why::NoDoor, "nobody there counts").into());
        }
        let id = AttemptId::new(self.clock.now(), &self.entropy);
        let counted = self.attempt(inner, &work, candidate.clone(), id).await;
        counted.map(|response| announce(response, candidate, &plan))
    }

    /// One try. What it says of the target's health is kept here.
    async fn attempt<S>(
        &self,
        inner: S,
        work: &Arc<Work>,
        candidate: Candidate,
        id: AttemptId,
    ) -> Result<Response<Body>, GatewayError>
    where
        S: Service<Attempt, Response = Response<Body>, Error = GatewayError>,
    {
        let model = candidate.model.clone();
        let target = &model.target;
        let upstream = self.upstreams.get(&target.id);
        let Some(share) = upstream.load.enter(target.max_in_flight) else {
            return Err(UpstreamError::new(Why::Full, "as many calls as it may have").into());
        };
        {
            let mut story = work.trace().story();
            story.record.attempts += 1;
            story.translated = None;
            story.record.model = Some(model.id.clone());
            story.record.target = Some(target.id.clone());
            story.record.hosting = Some(target.hosting);
        }
        let attempt = Attempt {
            work: work.clone(),
            id,
            candidate,
            upstream: upstream.clone(),
            share,
        };
        let result = inner.oneshot(attempt).await;
        match &result {
            // Whoever cannot count may answer well, and the other way round.
            _ if work.parsed.call.endpoint == Endpoint::CountTokens => {}
            // A stream has only begun: its end says whether it went well.
            Ok(_) if work.parsed.call.stream => {}
            Ok(_) => upstream.health.succeeded(),
            Err(GatewayError::Upstream(failed)) => self.note(&upstream.health, &model, id, failed),
            Err(_) => {}
        }
        result
    }

    fn note(
        &self,
        health: &crate::upstream::health::Health,
        model: &crate::catalog::Model,
        attempt: AttemptId,
        failed: &UpstreamError,
    ) {
        let (now, target) = (self.clock.now(), &model.target.id);
        if failed.blames_target() {
            health.failed(now);
        }
        if let Some(after) = failed.answer.as_ref().and_then(|answer| answer.retry_after) {
            health.cool(now, after);
        }
        match failed.why {
            Why::Auth => {
                self.metrics.upstream_auth_failure(target);
                error!(%attempt, %target, error = %failed, "the target refuses our key");
            }
            Why::CallerError | Why::TooLong | Why::Full | Why::NoDoor => {}
            _ => warn!(%attempt, %target, model = %model.id, error = %failed, "an attempt failed"),
        }
    }
}

/// Whether more may fit into a candidate's window than into this one.
fn is_larger(candidate: &Candidate, window: Option<TokenCount>) -> bool {
    match (candidate.model.window, window) {
        (Some(next), Some(window)) => next > window,
        // Who does not know may try.
        (None, _) | (_, None) => true,
    }
}

/// Says in headers who answers, and why.
fn announce(mut response: Response<Body>, candidate: &Candidate, plan: &Plan) -> Response<Body> {
    let model = &candidate.model;
    let mut put = |name: &HeaderName, text: &str| {
        if let Ok(value) = HeaderValue::from_str(text) {
            response.headers_mut().insert(name, value);
        }
    };
    put(&MODEL, model.id.as_str());
    put(&HOSTING, model.target.hosting.as_str());
    put(&RULE, plan.rule.as_deref().unwrap_or("none"));
    put(&REASON, &plan.reason_for(candidate));
    if model.target.simulated {
        put(&SIMULATED, "true");
    }
    response
}
