//! Tries the candidates of the plan in order until one begins to answer. Nothing has reached the caller before that. An answer that
//! is plainly wrong is kept while somebody else is asked, and given where nobody does better.

use std::sync::Arc;
use std::task::{Context, Poll};

use http::Response;
use http::header::{HeaderName, HeaderValue};
use tower::{Layer, Service, ServiceExt};
use tracing::{error, warn};

use crate::body::Body;
use crate::domain::clock::{Clock, Entropy};
use crate::domain::dialect::Endpoint;
use crate::domain::flaw::Fate;
use crate::domain::ids::AttemptId;
use crate::error::GatewayError;
use crate::policy::{Candidate, Plan};
use crate::session::keep::End;
use crate::stages::{Attempt, Flawed, Planned, Work};
use crate::telemetry::Metrics;
use crate::upstream::client::Upstreams;
use crate::upstream::error::{UpstreamError, Why};
use crate::upstream::retry::Budget;

use super::Waiting;
use tries::{Now, Tries};

mod tries;

static MODEL: HeaderName = HeaderName::from_static("x-tollgate-model");
static HOSTING: HeaderName = HeaderName::from_static("x-tollgate-hosting");
static RULE: HeaderName = HeaderName::from_static("x-tollgate-rule");
static REASON: HeaderName = HeaderName::from_static("x-tollgate-reason");
static COST: HeaderName = HeaderName::from_static("x-tollgate-cost-usd");
static SIMULATED: HeaderName = HeaderName::from_static("x-tollgate-simulated");

/// Adds [`Failover`].
#[derive(Clone, Debug)]
pub struct FailoverLayer {
    upstreams: Arc<Upstreams>,
    budget: Arc<Budget>,
    /// For answers that are wrong: a model that is wrong each time must not use up what failures are saved by.
    repairs: Arc<Budget>,
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
            repairs: Arc::default(),
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
        self.repairs.deposit();
        let mut tries = Tries::new(&plan, &work);
        let mut id = AttemptId::new(self.clock.now(), &self.entropy);
        loop {
            let tried = self.attempt(inner.clone(), &work, tries.now(), id).await;
            let failed = match tried {
                Ok(response) => match tries.keep(&work, response) {
                    None => None,
                    Some(response) => {
                        let reason = tries.reason(&tries.candidate, false);
                        return Ok(announce(response, &tries.candidate, &plan, &reason));
                    }
                },
                Err(GatewayError::Upstream(failed)) => Some(failed),
                Err(other) => return self.give(&work, &plan, tries, Some(other)),
            };
            let next = match &failed {
                Some(failed) => self.after_failure(&mut tries, failed),
                None => self.after_flaw(&mut tries, &work),
            };
            let Some(next) = next else {
                return self.give(&work, &plan, tries, failed.map(GatewayError::Upstream));
            };
            tries.candidate = next;
            // Attempts are told in the order of their ids, also those of one millisecond.
            let later = AttemptId(id.0.saturating_add(1));
            id = AttemptId::new(self.clock.now(), &self.entropy).max(later);
        }
    }

    fn after_failure(&self, tries: &mut Tries<'_>, failed: &UpstreamError) -> Option<Candidate> {
        let target = tries.candidate.model.target.id.clone();
        let next = tries.after_failure(failed)?;
        // Nothing is wrong with the target.
        if failed.why != Why::Forgotten {
            self.may_try(&self.budget)?;
        }
        self.metrics.failover(&target, failed.why.as_str());
        Some(next)
    }

    /// Says what was wrong with the last answer, and who is tried next.
    fn after_flaw(&self, tries: &mut Tries<'_>, work: &Work) -> Option<Candidate> {
        let kept = tries.kept.as_ref()?;
        let (model, flaw) = (kept.candidate.model.id.clone(), kept.caught.flaw);
        if let Some(talk) = &work.talk {
            talk.heard(flaw.sign(), false);
        }
        let next = tries
            .after_flaw(flaw)
            .filter(|_| self.may_try(&self.repairs).is_some());
        let fate = next.as_ref().map_or(Fate::Released, |(_, fate)| *fate);
        self.metrics.flaw(&model, flaw, fate);
        let flawed = Flawed { model, flaw, fate };
        work.trace().story().flaws.push(flawed);
        next.map(|(next, _)| next)
    }

    /// Takes one more try out of a budget, if there is one left.
    fn may_try(&self, budget: &Budget) -> Option<()> {
        let may = budget.withdraw();
        if !may {
            self.metrics.retry_denied();
        }
        may.then_some(())
    }

    /// Nobody else can answer: an answer that was caught is better than none.
    fn give(
        &self,
        work: &Work,
        plan: &Plan,
        mut tries: Tries<'_>,
        failed: Option<GatewayError>,
    ) -> Result<Response<Body>, GatewayError> {
        let reason = (tries.kept.as_ref()).map(|kept| tries.reason(&kept.candidate, true));
        let (Some(kept), Some(reason)) = (tries.kept.take(), reason) else {
            let lost = UpstreamError::new(Why::Truncated, "there is no answer left").into();
            return Err(failed.unwrap_or(lost));
        };
        kept.tell(work);
        let model = &kept.candidate.model;
        if let Some(talk) = &work.talk {
            talk.shown();
            if !kept.caught.open {
                let id = kept.caught.id.as_deref();
                talk.ended(
                    (model, kept.candidate.wire.dialect),
                    None,
                    End::Answered,
                    id,
                );
            }
        }
        let trace = work.trace();
        let took = trace.started.elapsed();
        self.metrics.first_byte(&model.id, took);
        let mut story = trace.story();
        story.record.first_byte_ms = u64::try_from(took.as_millis()).ok();
        if let Some(flawed) = story.flaws.iter_mut().rfind(|it| it.model == model.id) {
            flawed.fate = Fate::Released;
        }
        let mut response = announce(kept.response, &kept.candidate, plan, &reason);
        if response.headers().contains_key(&COST)
            && let Ok(cost) = HeaderValue::try_from(story.record.cost.to_string())
        {
            response.headers_mut().insert(&COST, cost);
        }
        Ok(response)
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
        let now = Now::plain(candidate.clone());
        let counted = self.attempt(inner, &work, now, id).await;
        counted.map(|response| announce(response, candidate, &plan, &plan.reason))
    }

    /// One try. What it says of the target's health is kept here.
    async fn attempt<S>(
        &self,
        inner: S,
        work: &Arc<Work>,
        now: Now,
        id: AttemptId,
    ) -> Result<Response<Body>, GatewayError>
    where
        S: Service<Attempt, Response = Response<Body>, Error = GatewayError>,
    {
        let Now {
            candidate,
            watch,
            until,
        } = now;
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
            watch,
            until,
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
            Why::CallerError | Why::TooLong | Why::Forgotten | Why::Full | Why::NoDoor => {}
            _ => warn!(%attempt, %target, model = %model.id, error = %failed, "an attempt failed"),
        }
    }
}

/// Says in headers who answers, and why.
fn announce(
    mut response: Response<Body>,
    candidate: &Candidate,
    plan: &Plan,
    reason: &str,
) -> Response<Body> {
    let model = &candidate.model;
    let mut put = |name: &HeaderName, text: &str| {
        if let Ok(value) = HeaderValue::from_str(text) {
            response.headers_mut().insert(name, value);
        }
    };
    put(&MODEL, model.id.as_str());
    put(&HOSTING, model.target.hosting.as_str());
    put(&RULE, plan.rule.as_deref().unwrap_or("none"));
    put(&REASON, reason);
    if model.target.simulated {
        put(&SIMULATED, "true");
    }
    response
}
