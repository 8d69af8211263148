//! Writes the intent before anything goes out: from here on the attempt is in the ledger, whatever happens.

use std::sync::Arc;
use std::task::{Context, Poll};

use http::Response;
use tokio::time::Instant;
use tower::{Layer, Service};

use crate::body::Body;
use crate::catalog::{Billed, Tariff};
use crate::domain::clock::{Clock, Timestamp};
use crate::domain::dialect::Endpoint;
use crate::domain::tokens::{TokenCount, Usage};
use crate::error::GatewayError;
use crate::ledger::{Amount, Intent, Ledger};
use crate::stages::{Attempt, Held};
use crate::telemetry::{LedgerOp, Metrics, Stage};

use super::Waiting;

/// Output that may be relayed before the first progress mark: short answers need none.
pub const FIRST_MARK: TokenCount = TokenCount(256);

/// Adds [`Reserve`].
#[derive(Clone, Debug)]
pub struct ReserveLayer {
    ledger: Ledger,
    clock: Clock,
    metrics: Metrics,
}

impl ReserveLayer {
    /// Writes to `ledger`.
    pub fn new(ledger: Ledger, clock: Clock, metrics: Metrics) -> Self {
        Self {
            ledger,
            clock,
            metrics,
        }
    }
}

impl<S> Layer<S> for ReserveLayer {
    type Service = Reserve<S>;

    fn layer(&self, inner: S) -> Reserve<S> {
        Reserve {
            inner,
            parts: Arc::new(self.clone()),
        }
    }
}

/// Gives every attempt its hold.
#[derive(Clone, Debug)]
pub struct Reserve<S> {
    inner: S,
    parts: Arc<ReserveLayer>,
}

impl<S> Service<Attempt> for Reserve<S>
where
    S: Service<Held, Response = Response<Body>, Error = GatewayError> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = Response<Body>;
    type Error = GatewayError;
    type Future = Waiting<Response<Body>, GatewayError>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), GatewayError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, attempt: Attempt) -> Self::Future {
        let parts = self.parts.clone();
        let idle = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, idle);
        Box::pin(async move {
            let began = Instant::now();
            let now = parts.clock.now();
            let tariff = attempt.candidate.model.tariff(now);
            let hold = parts.ledger.hold(intent(&attempt, &tariff, now)).await?;
            if !tariff.is_known() {
                parts.metrics.unpriced(&attempt.candidate.model.id);
            }
            let took = began.elapsed();
            parts.metrics.ledger(LedgerOp::Hold, took);
            parts.metrics.overhead(Stage::Reserve, took);
            inner
                .call(Held {
                    attempt,
                    hold,
                    tariff,
                })
                .await
        })
    }
}

fn intent(attempt: &Attempt, tariff: &Tariff, now: Timestamp) -> Intent {
    let model = &attempt.candidate.model;
    let call = &attempt.work.parsed.call;
    let output = match call.endpoint {
        Endpoint::CountTokens | Endpoint::Embeddings => TokenCount(0),
        _ => FIRST_MARK,
    };
    let usage = Usage {
        output,
        ..super::bill::at_least(attempt)
    };
    // A recovery knows nothing of the machine's time: it is taken for what a mark may hide.
    let billed = Billed {
        gpu_nanos: super::bill::MARKED_NANOS,
        ..Billed::plain(usage, now)
    };
    Intent {
        attempt: attempt.id,
        head: attempt.work.head.clone(),
        model: model.id.clone(),
        target: model.target.id.clone(),
        hosting: model.target.hosting,
        price: tariff.price_id(),
        at: now,
        mark: Amount {
            usage,
            cost: tariff.cost(&billed).ok().flatten(),
        },
    }
}
