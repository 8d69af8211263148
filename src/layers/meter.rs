//! Reads what an answer used in passing, and ends its attempt in the ledger, however it ends.
//!
//! An answer that is not a stream is held until its usage is read. A stream is let through from its first event on;
//! `relay` follows it.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{self, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use tower::{Layer, Service, ServiceExt};
use tracing::warn;

use crate::body::Body;
use crate::config::Durability;
use crate::domain::clock::Clock;
use crate::domain::dialect::Endpoint;
use crate::domain::flaw::{Fate, Flaw};
use crate::domain::wire::Wire;
use crate::error::GatewayError;
use crate::ledger::{End, Entered, Ledger};
use crate::protocol::background::Made;
use crate::protocol::{count, headers, usage};
use crate::stages::{Held, Outbound};
use crate::telemetry::{LedgerOp, Metrics};
use crate::upstream::error::{UpstreamError, Why};

use super::Waiting;
use super::bill::Bill;
use super::collect::collect;
use super::deadlines::Deadlines;
use super::inspect::{self, Caught};
use super::keeping::Keeping;
use super::later::Later;
use super::refused::refused;
use super::relay::Relay;
use super::translate;

/// The largest answer that is held.
const LARGEST: usize = 64 << 20;

/// Adds [`Meter`].
#[derive(Clone, Debug)]
pub struct MeterLayer {
    ledger: Ledger,
    durability: Durability,
    clock: Clock,
    metrics: Metrics,
    later: Later,
    stop: CancellationToken,
}

impl MeterLayer {
    /// Settles in `ledger`, and `later` what is made in the background; streams end when `stop` fires.
    pub fn new(
        (ledger, durability): (Ledger, Durability),
        later: Later,
        clock: Clock,
        metrics: Metrics,
        stop: CancellationToken,
    ) -> Self {
        Self {
            ledger,
            durability,
            clock,
            metrics,
            later,
            stop,
        }
    }
}

impl<S> Layer<S> for MeterLayer {
    type Service = Meter<S>;

    fn layer(&self, inner: S) -> Meter<S> {
        Meter {
            inner,
            parts: Arc::new(self.clone()),
        }
    }
}

/// Follows an attempt to its end.
#[derive(Clone, Debug)]
pub struct Meter<S> {
    inner: S,
    parts: Arc<MeterLayer>,
}

impl<S> Service<Held> for Meter<S>
where
    S: Service<Outbound, Response = Response<reqwest::Body>, Error = UpstreamError>
        + Clone
        + Send
        + 'static,
    S::Future: Send,
{
    type Response = Response<Body>;
    type Error = GatewayError;
    type Future = Waiting<Response<Body>, GatewayError>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), GatewayError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, held: Held) -> Self::Future {
        let parts = self.parts.clone();
        let inner = self.inner.clone();
        Box::pin(async move { parts.run(inner, held).await })
    }
}

impl MeterLayer {
    async fn run<S>(&self, inner: S, held: Held) -> Result<Response<Body>, GatewayError>
    where
        S: Service<Outbound, Response = Response<reqwest::Body>, Error = UpstreamError>,
    {
        let until = held.attempt.until;
        let mut bill = Bill::new(held, self.clock.clone(), self.metrics.clone());
        let model = bill.attempt.model.clone();
        let in_flight = self.metrics.in_flight(&model.target.id);
        let call = &bill.work.parsed.call;
        let asked = (call.endpoint, call.stream);
        let deadlines = Deadlines::new(&model.target, asked, until);
        let began = Instant::now();
        bill.sent();
        let outbound = Outbound {
            work: bill.work.clone(),
            id: bill.attempt.id,
            model: model.clone(),
            wire: bill.attempt.wire,
            upstream: bill.upstream.clone(),
        };
        let sent = timeout_at(deadlines.first, inner.oneshot(outbound));
        let answer = match self.stop.run_until_cancelled(sent).await {
            None => Err(stopping()),
            Some(Err(_)) => Err(UpstreamError::new(
                Why::FirstByteTimeout,
                "no answer in time",
            )),
            Some(Ok(result)) => result,
        };
        let answer = match answer {
            Ok(answer) => answer,
            Err(failed) => {
                match failed.not_sent() {
                    true => bill.void(End::NotSent),
                    false => bill.estimate(end_of(failed.why)),
                }
                return Err(failed.into());
            }
        };
        self.metrics
            .upstream_seconds(&model.target.id, began.elapsed());
        if !answer.status().is_success() {
            let failed = refused(answer, &bill, self.clock.now()).await;
            bill.void(End::Status);
            return Err(failed.into());
        }
        let stream = bill.work.parsed.call.stream;
        let response = match stream {
            true => self.stream(answer, bill, deadlines).await?,
            false => self.whole(answer, bill, deadlines).await?,
        };
        Ok(response.map(|body| body.keep(in_flight)))
    }

    /// Holds a whole answer until its usage is read.
    async fn whole(
        &self,
        answer: Response<reqwest::Body>,
        mut bill: Bill,
        deadlines: Deadlines,
    ) -> Result<Response<Body>, GatewayError> {
        let (head, body) = answer.into_parts();
        let wire = bill.attempt.wire;
        let target = bill.attempt.model.target.clone();
        let collected = collect(body, LARGEST, target.timeouts.between_bytes);
        let collected = async {
            match deadlines.total {
                Some(total) => timeout_at(total, collected)
                    .await
                    .unwrap_or_else(|_| Err(total_timeout())),
                None => collected.await,
            }
        };
        let collected = self.stop.run_until_cancelled(collected).await;
        let body = match collected.unwrap_or_else(|| Err(stopping())) {
            Ok(body) => body,
            Err(failed) => {
                bill.estimate(end_of(failed.why));
                return Err(failed.into());
            }
        };
        let Some(read) = usage::whole(bill.attempt.wire, &body) else {
            bill.estimate(End::BadBody);
            return Err(UpstreamError::new(Why::BadBody, "the answer is not a JSON object").into());
        };
        if read.error && read.told.is_none() {
            bill.void(End::Status);
            // What it says is not ours to log: providers quote prompts and keys.
            return Err(UpstreamError::new(Why::ErrorInside, "the answer is an error").into());
        }
        bill.whole(&body);
        let kept = wire == Wire::own(Endpoint::Responses);
        let later = kept.then(|| Made::yet(&body)).flatten();
        // Of what has not been made yet nothing is wrong.
        let flaw = inspect::whole(&bill, &body).filter(|_| later.is_none());
        let Some(body) = self.told(&bill, body) else {
            bill.settle(read.told, &read.terms, End::BadBody);
            return Err(UpstreamError::new(Why::BadBody, "the answer cannot be translated").into());
        };
        if let Err(error) = self.synced(bill.entered()).await {
            bill.settle(read.told, &read.terms, End::Complete);
            return Err(error);
        }
        let waits = later.is_some();
        let caught = match later {
            Some(id) => {
                self.wait(&mut bill, id);
                http::Extensions::new()
            }
            None => self.settle(&mut bill, &read, flaw, head.status),
        };
        let mut response = Response::new(Body::whole(body));
        response.extensions_mut().extend(caught);
        *response.status_mut() = head.status;
        *response.headers_mut() = headers::incoming(&head.headers, wire);
        if wire.is_translated() {
            let kind = HeaderValue::from_static("application/json");
            response.headers_mut().insert(header::CONTENT_TYPE, kind);
        }
        let cost = bill.work.trace().story().record.cost;
        // A price that is not known is not nothing.
        if bill.is_priced()
            && !waits
            && let Ok(cost) = HeaderValue::try_from(cost.to_string())
        {
            response
                .headers_mut()
                .insert(HeaderName::from_static("x-tollgate-cost-usd"), cost);
        }
        Ok(response)
    }

    /// Leaves the attempt open until it is known what the answer of this name used.
    fn wait(&self, bill: &mut Bill, id: String) {
        bill.named(Some(&id));
        self.first_byte(bill);
        if let Some(due) = bill.due(End::UsageMissing) {
            let key = bill.work.parsed.caller.key.id.clone();
            self.later.wait(key, id, due);
        }
    }

    /// Ends the attempt of a whole answer. Where something is wrong with it and another could answer, that is told.
    fn settle(
        &self,
        bill: &mut Bill,
        read: &usage::Whole,
        flaw: Option<Flaw>,
        status: StatusCode,
    ) -> http::Extensions {
        let mut told = http::Extensions::new();
        let waits = bill.attempt.watch.is_some_and(|watch| watch.hold.is_some());
        if let Some(flaw) = flaw.filter(|_| waits) {
            bill.settle(read.told, &read.terms, End::Caught);
            told.insert(Caught {
                flaw,
                id: read.id.clone(),
                open: false,
                baseline: bill.would_have_cost(),
            });
            return told;
        }
        if let Some(flaw) = flaw {
            bill.flawed(flaw, Fate::Released);
        }
        bill.named(read.id.as_deref());
        self.first_byte(bill);
        bill.settle_last(read.told, &read.terms, status);
        told
    }

    /// An answer as its caller is told it: as it came, where its caller speaks the target's dialect.
    fn told(&self, bill: &Bill, body: Bytes) -> Option<Bytes> {
        let (wire, keeping) = (bill.attempt.wire, Keeping::of(bill));
        if wire.endpoint == Endpoint::CountTokens {
            let count = count::told(&body)?;
            return Some(match wire.is_translated() {
                true => count::answer(count).into(),
                false => body,
            });
        }
        if !wire.is_translated() {
            if let Some(keeping) = &keeping {
                keeping.whole(&body);
                keeping.told(&body);
            }
            return Some(body);
        }
        let echo = translate::echo(&bill.work, wire)?;
        let asked = (wire, translate::is_aloud(&bill.attempt.model, wire));
        match translate::answer(&body, asked, echo, translate::shown(bill), keeping.as_ref()) {
            Ok((body, dropped)) => {
                bill.work.trace().story().dropped(&dropped);
                if let Some(keeping) = &keeping {
                    keeping.told(&body);
                }
                Some(body)
            }
            Err(misread) => {
                warn!(attempt = %bill.attempt.id, error = %misread, "an answer cannot be translated");
                None
            }
        }
    }

    /// Lets a stream through from its first event on.
    async fn stream(
        &self,
        answer: Response<reqwest::Body>,
        mut bill: Bill,
        deadlines: Deadlines,
    ) -> Result<Response<Body>, GatewayError> {
        let (head, body) = answer.into_parts();
        let wire = bill.attempt.wire;
        let kind = head
            .headers
            .get(header::CONTENT_TYPE)
            .and_then(|kind| kind.to_str().ok())
            .unwrap_or_default();
        if !kind.starts_with("text/event-stream") {
            let read = collect(
                body,
                LARGEST,
                bill.attempt.model.target.timeouts.between_bytes,
            )
            .await;
            let read = read
                .ok()
                .and_then(|body| usage::whole(bill.attempt.wire, &body));
            match read {
                Some(read) if read.error && read.told.is_none() => bill.void(End::Status),
                Some(read) => bill.settle(read.told, &read.terms, End::BadBody),
                None => bill.estimate(End::BadBody),
            }
            return Err(UpstreamError::new(
                Why::Shape,
                format!("a stream was asked for, {kind:?} came"),
            )
            .into());
        }
        bill.made_in_background(&self.later);
        let mut relay = Relay::new(body, bill, deadlines.total, self.stop.clone());
        match timeout_at(deadlines.first, poll_fn(|cx| relay.poll_first(cx))).await {
            Ok(Ok(())) => {}
            Ok(Err(failed)) => return Err(failed.into()),
            Err(_) => {
                relay.bill().estimate(End::Timeout);
                return Err(UpstreamError::new(Why::FirstByteTimeout, "no event in time").into());
            }
        }
        relay.bill().began();
        if let Err(error) = self.synced(relay.bill().entered()).await {
            relay.bill().estimate(End::Dropped);
            return Err(error);
        }
        self.held(&mut relay).await?;
        if !relay.is_caught() {
            self.first_byte(relay.bill());
        }
        let (body, caught) = relay.into_body();
        let mut response = Response::new(body);
        if let Some(caught) = caught {
            response.extensions_mut().insert(caught);
        }
        *response.status_mut() = head.status;
        *response.headers_mut() = headers::incoming(&head.headers, wire);
        if wire.is_translated() {
            let kind = HeaderValue::from_static("text/event-stream; charset=utf-8");
            response.headers_mut().insert(header::CONTENT_TYPE, kind);
        }
        response
            .headers_mut()
            .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        response.headers_mut().insert(
            HeaderName::from_static("x-accel-buffering"),
            HeaderValue::from_static("no"),
        );
        Ok(response)
    }

    /// Waits while the stream is held back, for as long as it may be.
    async fn held(&self, relay: &mut Relay) -> Result<(), GatewayError> {
        let Some(patience) = relay.patience() else {
            return Ok(());
        };
        let fit = poll_fn(|cx| relay.poll_fit(cx));
        match tokio::time::timeout(patience, fit).await {
            Ok(fit) => Ok(fit?),
            Err(_) => {
                relay.let_go();
                Ok(())
            }
        }
    }

    /// With `durability: power` the intent is on the disk before the caller sees a byte, also where the attempt has ended by then.
    async fn synced(&self, intent: Entered) -> Result<(), GatewayError> {
        if self.durability == Durability::Power {
            let began = Instant::now();
            self.ledger.synced(intent).await?;
            self.metrics.ledger(LedgerOp::Sync, began.elapsed());
        }
        Ok(())
    }

    fn first_byte(&self, bill: &Bill) {
        let trace = bill.work.trace();
        let took = trace.started.elapsed();
        self.metrics.first_byte(&bill.attempt.model.id, took);
        trace.story().record.first_byte_ms =
            Some(u64::try_from(took.as_millis()).unwrap_or(u64::MAX));
    }
}

fn stopping() -> UpstreamError {
    UpstreamError::new(Why::Stopping, "the gateway stops")
}

fn total_timeout() -> UpstreamError {
    UpstreamError::new(Why::TotalTimeout, "the whole answer took too long")
}

/// What an attempt's end is called when its target failed like this after the request had gone out.
pub(super) fn end_of(why: Why) -> End {
    match why {
        Why::FirstByteTimeout | Why::TotalTimeout | Why::ConnectTimeout => End::Timeout,
        Why::IdleTimeout => End::IdleTimeout,
        Why::BadBody | Why::Shape => End::BadBody,
        Why::ErrorInside => End::ErrorEvent,
        Why::Refused | Why::Dns | Why::Tls | Why::Full | Why::NoDoor => End::NotSent,
        Why::Redirect
        | Why::Auth
        | Why::RateLimited
        | Why::Overloaded
        | Why::ServerError
        | Why::TooLong
        | Why::Forgotten
        | Why::CallerError => End::Status,
        Why::Reset => End::Lost,
        Why::Truncated | Why::Stopping => End::Truncated,
    }
}
