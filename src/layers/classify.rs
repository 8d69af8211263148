//! Says what kind of work a call is. For now by the heuristic alone, which takes a microsecond.

use std::task::{Context, Poll};

use tokio::time::Instant;
use tower::{Layer, Service};

use crate::classifier::heuristic;
use crate::stages::{Classified, Recalled};
use crate::telemetry::{Metrics, Source};

/// Adds [`Classify`].
#[derive(Clone, Debug)]
pub struct ClassifyLayer {
    metrics: Metrics,
}

impl ClassifyLayer {
    /// Counts with `metrics`.
    pub fn new(metrics: Metrics) -> Self {
        Self { metrics }
    }
}

impl<S> Layer<S> for ClassifyLayer {
    type Service = Classify<S>;

    fn layer(&self, inner: S) -> Classify<S> {
        Classify {
            inner,
            metrics: self.metrics.clone(),
        }
    }
}

/// Fills in the classification.
#[derive(Clone, Debug)]
pub struct Classify<S> {
    inner: S,
    metrics: Metrics,
}

impl<S: Service<Classified>> Service<Recalled> for Classify<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, Recalled { parsed, mut facts }: Recalled) -> S::Future {
        let began = Instant::now();
        facts.class = heuristic::classify(
            facts.endpoint,
            &parsed.call.text,
            facts.prompt,
            facts.max_output,
        );
        self.metrics.classifier(Source::Heuristic, began.elapsed());
        self.metrics.difficulty(facts.class.difficulty);
        parsed.caller.trace.story().record.task = Some(facts.class.task);
        self.inner.call(Classified { parsed, facts })
    }
}
