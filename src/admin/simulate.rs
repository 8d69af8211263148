//! Policies tried on the log, over the admin API.

use std::sync::Arc;

use http::{Request, Response};
use serde::Deserialize;

use crate::body::{Body, Inbound};
use crate::config::{Given, Trial};
use crate::replay::{self, Ask};

use super::Parts;
use super::answer::{Refused, body, json};

/// What is to be tried, and on which calls.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    policies: Vec<Given>,
    /// They stand in place of all policies.
    #[serde(default)]
    whole: bool,
    #[serde(default)]
    since: Option<String>,
    #[serde(default)]
    until: Option<String>,
    #[serde(default)]
    tenant: Option<String>,
}

impl Parts {
    pub(super) async fn simulate(
        &self,
        request: Request<Inbound>,
    ) -> Result<Response<Body>, Refused> {
        let wanted: Wanted = body(request).await?;
        if wanted.policies.is_empty() {
            return Err(Refused::BadRequest("policies: name one to be tried".into()));
        }
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let span = [text(&wanted.since), text(&wanted.until)];
        let (tenant, now) = (wanted.tenant.as_deref(), self.clock.now());
        let ask = Ask::read([&span[0], &span[1]], tenant, now).map_err(Refused::BadRequest)?;
        let snapshot = self.live.snapshot();
        let trial = Trial::read(wanted.policies, wanted.whole, &snapshot, &snapshot.catalog);
        let trial = Arc::new(trial.map_err(Refused::Faults)?);
        let report = replay::simulate(&self.ledger, trial, &ask, |_| ()).await?;
        Ok(json(&report))
    }
}
