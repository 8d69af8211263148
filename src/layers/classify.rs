//! Says what a call is: from its shape where that is plain, from memory where the net was asked at an earlier call of the
//! turn, else by the net within its deadline, else by the heuristic. No call fails of it, and none waits longer.

use std::sync::Arc;
use std::task::{Context, Poll};

use http::Response;
use tokio::time::Instant;
use tower::{Layer, Service};

use crate::body::Body;
use crate::classifier::artifact::Artifact;
use crate::classifier::heuristic;
use crate::classifier::memory::{Memory, Turn, TurnHash};
use crate::classifier::worker::{Question, Worker};
use crate::domain::belief::Belief;
use crate::domain::dialect::Endpoint;
use crate::domain::facts::{Classification, Facts, Source};
use crate::error::GatewayError;
use crate::stages::{Classified, Parsed, Recalled};
use crate::telemetry::{Metrics, Stage};

use super::Waiting;

/// Adds [`Classify`].
#[derive(Clone, Debug)]
pub struct ClassifyLayer {
    worker: Arc<Worker>,
    memory: Memory,
    metrics: Metrics,
}

impl ClassifyLayer {
    /// Asks `worker`, which asks the net of the call's snapshot, and counts with `metrics`.
    pub fn new(worker: Arc<Worker>, metrics: Metrics) -> Self {
        Self {
            worker,
            memory: Memory::default(),
            metrics,
        }
    }

    /// What can be said at once; else whom to ask.
    fn look(
        &self,
        Recalled {
            parsed,
            facts,
            talk,
        }: &Recalled,
    ) -> Known {
        if let Some(shape) = talk.as_ref().and_then(|talk| talk.shape()) {
            return Known::Said(shape.class(), Source::Shape);
        }
        if is_plain(facts.endpoint) {
            return Known::Said(guess(parsed, facts), Source::Shape);
        }
        let Some(net) = parsed.caller.snapshot.classifier.clone() else {
            return Known::Said(guess(parsed, facts), Source::Heuristic);
        };
        let turn = self.memory.hash(&Turn {
            classifier: net.id(),
            endpoint: facts.endpoint,
            key: facts.key.as_str(),
            session: facts.session.as_ref().map(|it| it.as_str()),
            person_turns: parsed.call.outline.person_turns,
            text: &parsed.call.text,
        });
        match self.memory.recall(turn) {
            Some(class) => Known::Said(class, Source::Memory),
            None => Known::Ask(net, turn),
        }
    }

    async fn ask(
        &self,
        net: Arc<Artifact>,
        turn: TurnHash,
        parsed: &Parsed,
        facts: &Facts,
    ) -> (Classification, Source) {
        let question = Question {
            endpoint: facts.endpoint,
            text: parsed.call.text.as_str().into(),
            outline: parsed.call.outline,
            max_output: facts.max_output,
        };
        match self.worker.ask(net, question).await {
            Ok(class) => {
                self.memory.keep(turn, class);
                (class, Source::Net)
            }
            Err(why) => {
                self.metrics.fallback(why);
                (guess(parsed, facts), Source::Heuristic)
            }
        }
    }

    /// Writes it down.
    fn classified(
        &self,
        Recalled {
            parsed,
            mut facts,
            talk,
        }: Recalled,
        (class, source): (Classification, Source),
        began: Instant,
    ) -> Classified {
        facts.class = class.within(facts.max_output);
        facts.source = source;
        facts.standing.believe(Belief {
            mean: f64::from(facts.class.difficulty),
            variance: f64::from(facts.class.variance),
        });
        facts.classifier = match (&parsed.caller.snapshot.classifier, source) {
            (Some(net), Source::Net | Source::Memory) => Some(net.id().clone()),
            _ => None,
        };
        let took = began.elapsed();
        self.metrics.classifier(source, took);
        self.metrics.overhead(Stage::Classify, took);
        self.metrics.difficulty(facts.class.difficulty);
        parsed.caller.trace.story().record.task = Some(facts.class.task);
        Classified {
            parsed,
            facts,
            talk,
        }
    }
}

enum Known {
    Said(Classification, Source),
    Ask(Arc<Artifact>, TurnHash),
}

/// What has one kind of work by itself, or none.
fn is_plain(endpoint: Endpoint) -> bool {
    match endpoint {
        Endpoint::Completions | Endpoint::CountTokens | Endpoint::Embeddings => true,
        Endpoint::Chat | Endpoint::Responses | Endpoint::Messages => false,
    }
}

fn guess(parsed: &Parsed, facts: &Facts) -> Classification {
    heuristic::classify(
        facts.endpoint,
        &parsed.call.text,
        facts.prompt,
        facts.max_output,
    )
}

impl<S> Layer<S> for ClassifyLayer {
    type Service = Classify<S>;

    fn layer(&self, inner: S) -> Classify<S> {
        Classify {
            inner,
            parts: Arc::new(self.clone()),
        }
    }
}

/// Fills in the classification.
#[derive(Clone, Debug)]
pub struct Classify<S> {
    inner: S,
    parts: Arc<ClassifyLayer>,
}

impl<S> Service<Recalled> for Classify<S>
where
    S: Service<
            Classified,
            Response = Response<Body>,
            Error = GatewayError,
            Future = Waiting<Response<Body>, GatewayError>,
        > + Clone
        + Send
        + 'static,
{
    type Response = Response<Body>;
    type Error = GatewayError;
    type Future = Waiting<Response<Body>, GatewayError>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), GatewayError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, call: Recalled) -> Self::Future {
        let began = Instant::now();
        let (net, turn) = match self.parts.look(&call) {
            // Most calls: nothing is waited for, so nothing is boxed.
            Known::Said(class, source) => {
                let classified = self.parts.classified(call, (class, source), began);
                return self.inner.call(classified);
            }
            Known::Ask(net, turn) => (net, turn),
        };
        let parts = self.parts.clone();
        let idle = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, idle);
        Box::pin(async move {
            let said = parts.ask(net, turn, &call.parsed, &call.facts).await;
            inner.call(parts.classified(call, said, began)).await
        })
    }
}
