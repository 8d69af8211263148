//! Gathers what is known of the call into `Facts`, and opens its record.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::Response;
use tower::{Layer, Service};

use crate::body::Body;
use crate::catalog::Catalog;
use crate::domain::clock::Timestamp;
use crate::domain::facts::{Classification, Facts, Source};
use crate::domain::ids::TargetId;
use crate::error::GatewayError;
use crate::ledger::Ledger;
use crate::session::identity::identify;
use crate::stages::{Parsed, Recalled};
use crate::upstream::client::Upstreams;

use super::Waiting;

/// Adds [`Recall`].
#[derive(Clone, Debug)]
pub struct RecallLayer {
    ledger: Ledger,
    upstreams: Arc<Upstreams>,
}

impl RecallLayer {
    /// Keeps records in `ledger` and looks at the health of `upstreams`.
    pub fn new(ledger: Ledger, upstreams: Arc<Upstreams>) -> Self {
        Self { ledger, upstreams }
    }

    /// Targets that rest, or have as many calls as they may have.
    fn down(&self, catalog: &Catalog, now: Timestamp) -> BTreeSet<TargetId> {
        let usable = |id: &TargetId, most: Option<u32>| {
            let upstream = self.upstreams.get(id);
            upstream.health.is_up(now)
                && most.is_none_or(|most| upstream.load.running() < u64::from(most))
        };
        let targets = catalog.targets.values();
        targets
            .filter(|target| !usable(&target.id, target.max_in_flight))
            .map(|target| target.id.clone())
            .collect()
    }

    fn facts(&self, parsed: &Parsed) -> Facts {
        let Parsed {
            headers,
            call,
            caller,
        } = parsed;
        Facts {
            at: caller.trace.at,
            endpoint: call.endpoint,
            tenant: caller.key.tenant.clone(),
            key: caller.key.id.clone(),
            session: identify(headers, call.cache_key.as_deref(), call.user.as_deref()),
            prompt: call.prompt,
            max_output: call.max_output,
            tools: call.tools,
            images: call.images,
            fim: call.fim,
            class: Classification::UNKNOWN,
            source: Source::Heuristic,
            classifier: None,
            down: self.down(&caller.snapshot.catalog, caller.trace.at),
        }
    }
}

impl<S> Layer<S> for RecallLayer {
    type Service = Recall<S>;

    fn layer(&self, inner: S) -> Recall<S> {
        Recall {
            inner,
            parts: Arc::new(self.clone()),
        }
    }
}

/// Fills the facts.
#[derive(Clone, Debug)]
pub struct Recall<S> {
    inner: S,
    parts: Arc<RecallLayer>,
}

impl<S> Service<Parsed> for Recall<S>
where
    S: Service<Recalled, Response = Response<Body>, Error = GatewayError> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = Response<Body>;
    type Error = GatewayError;
    type Future = Waiting<Response<Body>, GatewayError>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), GatewayError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, parsed: Parsed) -> Self::Future {
        let parts = self.parts.clone();
        let idle = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, idle);
        Box::pin(async move {
            let facts = parts.facts(&parsed);
            let closing = parts.ledger.open_call().await?;
            {
                let mut story = parsed.caller.trace.story();
                story.record.session = facts.session.clone();
                story.closing = Some(closing);
            }
            inner.call(Recalled { parsed, facts }).await
        })
    }
}
