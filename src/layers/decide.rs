//! Asks the policy who may answer, and writes down what it said. The decision itself is `policy::decide`.

use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use http::{HeaderMap, HeaderName, Response};
use serde_json::value::RawValue;
use tokio::time::Instant;
use tower::{Layer, Service};

use crate::body::Body;
use crate::domain::clock::Timestamp;
use crate::domain::facts::Facts;
use crate::domain::need::Need;
use crate::error::GatewayError;
use crate::ledger::CallHead;
use crate::policy::{self, Asked, Logged, Made, Plan, Policy, Refusal, Ruling, Why};
use crate::protocol::call::{BadCall, Call};
use crate::session::talk::Talk;
use crate::stages::{Classified, Parsed, Planned, Translation, Work};
use crate::telemetry::{Metrics, Stage};
use crate::upstream::client::Upstreams;

use super::Waiting;
use super::translate::Reading;

/// Adds [`Decide`].
#[derive(Clone, Debug)]
pub struct DecideLayer {
    upstreams: Option<Arc<Upstreams>>,
    metrics: Metrics,
}

impl DecideLayer {
    /// Tells `upstreams` what places at own machines are worth, and counts with `metrics`.
    pub fn new(upstreams: Arc<Upstreams>, metrics: Metrics) -> Self {
        Self {
            upstreams: Some(upstreams),
            metrics,
        }
    }

    /// The same for calls that are only decided: nobody learns from them.
    pub fn without_lesson(metrics: Metrics) -> Self {
        Self {
            upstreams: None,
            metrics,
        }
    }

    /// What the decision says of own machines, for those that come after.
    fn teach(&self, plan: &Plan, now: Timestamp) {
        let Some(upstreams) = &self.upstreams else {
            return;
        };
        for gain in &plan.gains {
            let upstream = upstreams.get(&gain.target);
            upstream.worth.learn(gain.saved, gain.held_ms, now);
        }
    }
}

impl<S> Layer<S> for DecideLayer {
    type Service = Decide<S>;

    fn layer(&self, inner: S) -> Decide<S> {
        Decide {
            inner,
            parts: self.clone(),
        }
    }
}

/// Makes the plan.
#[derive(Clone, Debug)]
pub struct Decide<S> {
    inner: S,
    parts: DecideLayer,
}

impl<S> Service<Classified> for Decide<S>
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

    fn call(
        &mut self,
        Classified {
            parsed,
            mut facts,
            talk,
        }: Classified,
    ) -> Self::Future {
        let began = Instant::now();
        let planned = plan(parsed, talk, &mut facts, &self.parts.metrics);
        self.parts.metrics.overhead(Stage::Decide, began.elapsed());
        match planned {
            Ok(planned) => {
                let first = planned.plan.first();
                self.parts.teach(&planned.plan, facts.at);
                self.parts.metrics.decision(
                    &first.model.id,
                    if first.down { "least_bad" } else { "first" },
                );
                self.inner.call(planned)
            }
            Err(error) => Box::pin(std::future::ready(Err(error))),
        }
    }
}

fn plan(
    parsed: Parsed,
    talk: Option<Box<Talk>>,
    facts: &mut Facts,
    metrics: &Metrics,
) -> Result<Planned, GatewayError> {
    let ruling = choose(&parsed)?;
    let policy = &*ruling.policy;
    let forced = may_ask(&parsed);
    let asked = forced.is_ok();
    let body = parsed.call.body().clone();
    let began = Instant::now();
    let seals = talk.as_ref().map(|talk| talk.seals());
    let read = || Reading::of(parsed.call.endpoint, &body, seals.as_ref());
    let (decided, read) = match forced {
        Ok(forced) => ruled(&parsed, facts, &ruling, forced, read),
        Err(error) => (Err(error), None),
    };
    let head = Arc::new(head(&parsed, facts, policy, asked, &decided));
    {
        let mut story = parsed.caller.trace.story();
        story.record.policy = Some(policy.id.clone());
        story.record.rule = head.rule.as_deref().map(Into::into);
        story.head = Some(head.clone());
    }
    let plan = decided?;
    let translation = OnceLock::new();
    let told = read.and_then(|(reading, read)| {
        let told = reading.told(plan.first());
        metrics.overhead(Stage::Translate, began.elapsed());
        translation.get_or_init(|| read);
        told
    });
    let catalog = &parsed.caller.snapshot.catalog;
    // Only a figure: nothing is sent there, so that no rule speaks of it.
    let baseline = policy::frontier(policy, catalog, facts.at);
    Ok(Planned {
        work: Arc::new(Work {
            parsed,
            head,
            baseline,
            talk,
            translation,
            told,
        }),
        plan,
    })
}

/// The plan. Most calls go out as they came; only one that is to be asked in another dialect is read for it, and is decided once
/// more without those who have no words for what it needs. Had they been left out at once, whoever goes first would be the same.
fn ruled<'b>(
    parsed: &Parsed,
    facts: &mut Facts,
    ruling: &Ruling,
    forced: Option<&str>,
    read: impl FnOnce() -> Reading<'b>,
) -> (
    Result<Plan, GatewayError>,
    Option<(Reading<'b>, Translation)>,
) {
    let decided = decide(parsed, facts, ruling, forced);
    if !matches!(&decided, Ok(plan) if plan.first().wire.is_translated()) {
        return (decided, None);
    }
    let reading = read();
    let translation = reading.translation();
    facts.unmet = translation.unmet.clone();
    let decided = match facts.unmet.is_empty() {
        true => decided,
        false => decide(parsed, facts, ruling, forced)
            .map_err(|error| told(error, &parsed.call, &reading)),
    };
    (decided, Some((reading, translation)))
}

/// Where nobody may answer because the body could not be read, or names an answer that nobody has, that is the caller's to know.
fn told(error: GatewayError, call: &Call, reading: &Reading<'_>) -> GatewayError {
    let GatewayError::NoRoute(rejected) = &error else {
        return error;
    };
    if let Some(bad) = reading.misread() {
        return bad.into();
    }
    let lacks = |lacking: Need| {
        let is = |why: &Why| matches!(why, Why::Unsaid { need, .. } if *need == lacking);
        rejected.iter().any(|(_, why)| is(why))
    };
    match &call.asks.previous {
        Some(id) if lacks(Need::StoredState) => {
            GatewayError::NoAnswer(id.chars().take(200).collect())
        }
        // By this word Claude Code knows that it has to watch itself.
        _ if lacks(Need::Safeguards) => GatewayError::BadCall(BadCall {
            code: "unsupported_field",
            param: Some("safeguards"),
            message: "safeguards: no model that may answer this call has them".into(),
        }),
        _ => error,
    }
}

fn choose(parsed: &Parsed) -> Result<Ruling, GatewayError> {
    let key = &parsed.caller.key;
    let asked = header(&parsed.headers, &POLICY)?;
    if let Some(name) = asked.filter(|name| !key.policies.iter().any(|allowed| allowed == name)) {
        return Err(GatewayError::NotYours(format!(
            "this key may not choose the policy {name:?}"
        )));
    }
    let policies = &parsed.caller.snapshot.policies;
    policies
        .ruling(&key.tenant, &key.id, asked)
        .map_err(|unknown| GatewayError::BadHeader(POLICY.as_str(), unknown.to_string()))
}

/// The model that the caller forces, where the key may do so, and speak this dialect at all.
fn may_ask(parsed: &Parsed) -> Result<Option<&str>, GatewayError> {
    let (key, dialect) = (&parsed.caller.key, parsed.call.endpoint.dialect());
    if !key.may_speak(dialect) {
        return Err(GatewayError::NotYours(format!(
            "this key may not use {dialect}"
        )));
    }
    let forced = header(&parsed.headers, &MODEL)?;
    if forced.is_some() && !key.force {
        return Err(GatewayError::NotYours(
            "this key may not force a model".into(),
        ));
    }
    Ok(forced)
}

fn decide(
    parsed: &Parsed,
    facts: &Facts,
    ruling: &Ruling,
    forced: Option<&str>,
) -> Result<Plan, GatewayError> {
    let caller = &parsed.caller;
    let scope = |model: &str| caller.key.may_use(model);
    let catalog = &caller.snapshot.catalog;
    let plan = match forced {
        Some(name) => policy::force(ruling, catalog, facts, name, &scope),
        None => policy::decide(ruling, catalog, facts, &scope),
    };
    plan.map_err(|refusal| match refusal {
        Refusal::UnknownModel { asked, nearest } => GatewayError::UnknownModel { asked, nearest },
        Refusal::NoRoute { rejected } => GatewayError::NoRoute(rejected),
        Refusal::Forbidden { model } => {
            GatewayError::NotYours(format!("this key may not use the model {model}"))
        }
    })
}

static POLICY: HeaderName = HeaderName::from_static("x-tollgate-policy");
static MODEL: HeaderName = HeaderName::from_static("x-tollgate-model");

fn header<'a>(
    headers: &'a HeaderMap,
    name: &'static HeaderName,
) -> Result<Option<&'a str>, GatewayError> {
    let Some(value) = headers.get(name) else {
        return Ok(None);
    };
    value
        .to_str()
        .map(Some)
        .map_err(|_| GatewayError::BadHeader(name.as_str(), "it is not plain text".into()))
}

/// The decision as it is made again later: the facts, and the plan or why there is none.
fn log(
    parsed: &Parsed,
    facts: &Facts,
    kept: &str,
    policy: &Policy,
    (asked, decided): (bool, &Result<Plan, GatewayError>),
) -> Box<RawValue> {
    // A header that is no text has refused the call already.
    let said = |name: &'static HeaderName| header(&parsed.headers, name).ok().flatten();
    let headers = Asked {
        policy: said(&POLICY),
        forced: said(&MODEL),
        scope: parsed.caller.key.models.as_deref(),
    };
    let setting = &parsed.caller.snapshot.setting;
    let write = |made| Logged::of(setting, facts, kept, &headers, made).text();
    match decided {
        Ok(plan) => write(Made::Plan(plan, &policy.objective)),
        Err(error) if asked => write(Made::Refused(&error.to_string())),
        Err(error) => write(Made::Unasked(&error.to_string())),
    }
}

fn head(
    parsed: &Parsed,
    facts: &Facts,
    policy: &Policy,
    asked_models: bool,
    decided: &Result<Plan, GatewayError>,
) -> CallHead {
    let Parsed { call, caller, .. } = parsed;
    // From outside, and kept: no name is longer.
    let asked: String = call.asked.chars().take(128).collect();
    let explanation = log(parsed, facts, &asked, policy, (asked_models, decided));
    CallHead {
        request: caller.trace.request,
        at: caller.trace.at,
        tenant: facts.tenant.clone(),
        key: facts.key.clone(),
        tags: facts.tags.clone(),
        session: facts.session.clone(),
        endpoint: call.endpoint,
        asked,
        policy: policy.id.clone(),
        rule: decided.as_ref().ok().and_then(|plan| plan.rule.clone()),
        reason: match decided {
            Ok(plan) => plan.reason.clone(),
            Err(error) => error.fault().code.to_owned(),
        },
        task: facts.class.task,
        explanation,
    }
}
