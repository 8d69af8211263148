//! A call that is decided and not made: the layers of the stack down to the decision, and nothing behind them. What it says is
//! what the gateway would do, for nothing here decides a second time.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Response;
use serde_json::{Value, json};
use tower::{Layer, Service, ServiceExt};

use crate::body::Body;
use crate::classifier::worker::{self, Worker};
use crate::domain::clock::{Clock, Entropy};
use crate::domain::dialect::Endpoint;
use crate::domain::ids::RequestId;
use crate::error::GatewayError;
use crate::layers::classify::ClassifyLayer;
use crate::layers::decide::DecideLayer;
use crate::layers::recall::RecallLayer;
use crate::ledger::CallHead;
use crate::policy::{Beside, Logged, Setting};
use crate::protocol::call::{BadCall, Call};
use crate::protocol::guess;
use crate::session::talk::Talks;
use crate::stages::{Caller, Parsed, Planned, Question, Rehearse, Trace, Waiting};
use crate::telemetry::Metrics;
use crate::upstream::client::Upstreams;

/// Nobody waits for such an answer to be quick; that the net says it counts for more.
const PATIENCE: Duration = Duration::from_secs(5);

/// What is not known where no gateway runs.
const UNKNOWN: [&str; 4] = [
    "health",
    "load",
    "pace",
    "conversation and what is cached of it",
];

/// Stands where attempts would begin.
#[derive(Clone, Copy, Debug)]
struct Stop;

impl Service<Planned> for Stop {
    type Response = Response<Body>;
    type Error = GatewayError;
    type Future = Waiting<Response<Body>, GatewayError>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), GatewayError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Planned) -> Self::Future {
        Box::pin(std::future::ready(Ok(Response::new(Body::whole("")))))
    }
}

/// What a decision is made from.
#[derive(Clone, Debug)]
pub struct Parts {
    /// Time of day.
    pub clock: Clock,
    /// Chance.
    pub entropy: Entropy,
    /// The conversations. They are looked at, never changed.
    pub talks: Talks,
    /// The targets, of which none is asked.
    pub upstreams: Arc<Upstreams>,
    /// How deep a body may be nested.
    pub depth: usize,
    /// They are those of a gateway that runs.
    pub live: bool,
}

/// Makes the rehearsal.
pub fn rehearse(parts: Parts) -> Rehearse {
    Rehearse::new(move |question| {
        let parts = parts.clone();
        Box::pin(async move {
            let decided = parts.decide(question).await;
            decided.map_err(|error| error.fault())
        })
    })
}

impl Parts {
    async fn decide(&self, question: Question) -> Result<Value, GatewayError> {
        let Question {
            endpoint,
            headers,
            body,
            key,
            snapshot,
        } = question;
        let door = match endpoint.or_else(|| guess::endpoint(&body, self.depth)) {
            Some(door) => door,
            // Where it cannot be read at all, the reader says why.
            None => match Call::read(Endpoint::Chat, body.clone(), self.depth) {
                Err(bad) if bad.param.is_none() => return Err(bad.into()),
                _ => return Err(nothing_tells().into()),
            },
        };
        let call = Call::read(door, body, self.depth)?;
        let now = self.clock.now();
        let trace = Trace::new(RequestId::new(now, &self.entropy), now);
        let setting = snapshot.setting.clone();
        let caller = Caller {
            trace: trace.clone(),
            snapshot,
            key,
        };
        let parsed = Parsed {
            headers,
            call,
            caller,
            short: None,
        };
        let decided = self.ask(parsed).await;
        let head = trace.story().head.take();
        let Some(head) = head else {
            return Err(decided.err().unwrap_or(GatewayError::Panicked));
        };
        Ok(self.told(&head, &setting, endpoint.is_none(), decided.err()))
    }

    /// Goes the call's way, as far as the decision.
    async fn ask(&self, parsed: Parsed) -> Result<(), GatewayError> {
        // Counted for nobody.
        let metrics = Metrics::new();
        let worker = Arc::new(Worker::new(worker::Settings {
            deadline: PATIENCE,
            ..worker::Settings::default()
        }));
        let layers = (
            RecallLayer::without_ledger(self.upstreams.clone(), self.talks.clone(), &self.entropy),
            ClassifyLayer::new(worker.clone(), metrics.clone()),
            DecideLayer::without_lesson(metrics),
        );
        let decided = layers.layer(Stop).oneshot(parsed).await;
        worker.close().await;
        decided.map(|_| ())
    }

    /// In the words of a record; what only a call that was made has is left out.
    fn told(
        &self,
        head: &CallHead,
        setting: &Setting,
        guessed: bool,
        refused: Option<GatewayError>,
    ) -> Value {
        let explanation = Logged::read(head.explanation.get())
            .and_then(|logged| logged.explanation(&beside(head), setting))
            .and_then(|text| serde_json::from_str(text.get()).ok());
        let explanation: Value = explanation.unwrap_or_default();
        let first = explanation["candidates"][0].clone();
        let fault = refused.map(|error| error.fault());
        let unknown = match self.live {
            true => &[][..],
            false => &UNKNOWN,
        };
        json!({
            "dry_run": true, "time": head.at, "endpoint": head.endpoint, "endpoint_guessed": guessed,
            "tenant": head.tenant, "key_id": head.key, "session": head.session, "asked": head.asked,
            "model": first["model"], "hosting": first["hosting"], "policy": head.policy, "rule": head.rule,
            "reason": head.reason, "status": fault.as_ref().map(|it| it.status), "refused": fault.map(|it| it.message),
            "unknown": unknown, "explanation": explanation,
        })
    }
}

/// What the ledger's columns would say of the call.
fn beside(head: &CallHead) -> Beside {
    Beside {
        at: head.at,
        endpoint: head.endpoint,
        tenant: head.tenant.clone(),
        key: head.key.clone(),
        asked: head.asked.as_str().into(),
        tags: head.tags.clone(),
        session: head.session.clone(),
        task: head.task,
        policy: head.policy.clone(),
        rule: head.rule.clone(),
        reason: head.reason.clone(),
    }
}

fn nothing_tells() -> BadCall {
    BadCall {
        code: "unknown_endpoint",
        param: None,
        message: "nothing in the body tells which endpoint it is for: it has neither \"messages\", \"input\" nor \"prompt\""
            .into(),
    }
}
