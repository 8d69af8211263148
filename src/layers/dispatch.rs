//! Sends an attempt to its target and waits for the head of the answer.

use std::sync::Arc;
use std::task::{Context, Poll};

use tower::Service;

use crate::catalog::Model;
use crate::domain::dialect::{Endpoint, Hosting};
use crate::domain::wire::Wire;
use crate::protocol::call::Call;
use crate::protocol::edit::Pieces;
use crate::protocol::translate::dropped::{Dropped, Field, Why};
use crate::protocol::{count, fit, headers};
use crate::stages::{Outbound, Work};
use crate::upstream::client::{self, Upstreams};
use crate::upstream::error::UpstreamError;

use super::{Waiting, translate};

/// The innermost service.
#[derive(Clone, Debug)]
pub struct Dispatch {
    upstreams: Arc<Upstreams>,
}

impl Dispatch {
    /// Uses the connections of `upstreams`.
    pub fn new(upstreams: Arc<Upstreams>) -> Self {
        Self { upstreams }
    }
}

impl Service<Outbound> for Dispatch {
    type Response = http::Response<reqwest::Body>;
    type Error = UpstreamError;
    type Future = Waiting<http::Response<reqwest::Body>, UpstreamError>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), UpstreamError>> {
        Poll::Ready(Ok(()))
    }

    fn call(
        &mut self,
        Outbound {
            work,
            id,
            model,
            wire,
            upstream,
        }: Outbound,
    ) -> Self::Future {
        let upstreams = self.upstreams.clone();
        Box::pin(async move {
            let (call, target) = (&work.parsed.call, &model.target);
            let url = upstream.address(target, wire, &model.name, call.stream)?;
            let sent = headers::outgoing(
                &work.parsed.headers,
                wire,
                target.habits(),
                target.key.as_ref(),
                id,
            );
            let client = upstreams.client(target.timeouts.connect)?;
            let body = match translate::plain(&work, &model, wire) {
                Some(call) => as_it_came(&work, call, (&model, wire)),
                None => translated(&work, &model, wire)?,
            };
            client::send(&client, url, sent, body).await
        })
    }
}

/// The body as its caller wrote it, but for what the target has other words for, or must not see.
fn as_it_came(work: &Work, call: &Call, (model, wire): (&Model, Wire)) -> Pieces {
    let own = model.target.hosting == Hosting::Own;
    let without = own.then(|| fit::without_safeguards(call)).flatten();
    if without.is_some() {
        let mut dropped = Dropped::default();
        dropped.note(Field::Safeguards, Why::Unable);
        work.trace().story().translated = Some((wire.dialect, dropped));
    }
    call.outgoing(&model.name, model.target.habits(), without)
}

/// The body as it is written for the model, and in the call's story what was left out of it.
fn translated(work: &Work, model: &Model, wire: Wire) -> Result<Pieces, UpstreamError> {
    let (body, dropped) = translate::outgoing(work, model, wire)?;
    work.trace().story().translated = Some((wire.dialect, dropped));
    let body = match (wire.endpoint, std::str::from_utf8(&body)) {
        (Endpoint::CountTokens, Ok(text)) => count::asking(wire.dialect, text, &model.name).into(),
        _ => body,
    };
    Ok(Pieces::new(&body, Vec::new()))
}
