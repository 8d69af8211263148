//! Calls and spending over the admin API.

use http::Response;
use serde::Serialize;

use crate::body::Body;
use crate::domain::clock::Timestamp;
use crate::domain::ids::RequestId;
use crate::ledger::{By, Filter, SpendRow};
use crate::replay;
use crate::telemetry::LedgerOp;

use super::Parts;
use super::answer::{Refused, json, param};

#[derive(Serialize)]
struct Spend {
    by: String,
    rows: Vec<SpendRow>,
}

impl Parts {
    pub(super) async fn records(&self, query: &str) -> Result<Response<Body>, Refused> {
        let limit = param(query, "limit")
            .map(|text| parse(&text, "limit", "a count"))
            .transpose()?;
        let filter = Filter {
            since: date(query, "since")?,
            tenant: param(query, "tenant").map(|tenant| tenant.as_str().into()),
            limit: limit.unwrap_or(0),
            cursor: param(query, "cursor")
                .map(|text| parse(&text, "cursor", "the cursor of a page"))
                .transpose()?,
        };
        let began = tokio::time::Instant::now();
        let page = self.ledger.records(filter).await?;
        self.metrics.ledger(LedgerOp::Query, began.elapsed());
        Ok(json(&page))
    }

    pub(super) async fn record(&self, id: &str) -> Result<Response<Body>, Refused> {
        let id: RequestId = id.parse().map_err(|_| Refused::NotFound)?;
        let record = replay::told(&self.ledger, id).await?;
        let record = record.ok_or(Refused::NotFound)?;
        Ok(json(&record))
    }

    pub(super) async fn spend(&self, query: &str) -> Result<Response<Body>, Refused> {
        let by = param(query, "by").unwrap_or_else(|| "tenant".into());
        let grouped: By = by.parse().map_err(|()| {
            let known = "tenant, key, model, target, task, day or tag:NAME";
            Refused::BadRequest(format!("cannot group by {by:?}; choose {known}"))
        })?;
        let began = tokio::time::Instant::now();
        let rows = self
            .ledger
            .spend(grouped, date(query, "from")?, date(query, "to")?)
            .await?;
        self.metrics.ledger(LedgerOp::Query, began.elapsed());
        Ok(json(&Spend { by, rows }))
    }
}

fn date(query: &str, name: &'static str) -> Result<Option<Timestamp>, Refused> {
    let read = |text: String| {
        let wrong = || {
            Refused::BadRequest(format!(
                "{name}: {text:?} is not a date; write 2026-11-21 or 2026-11-21T10:00:00Z"
            ))
        };
        Timestamp::parse(&text).ok_or_else(wrong)
    };
    param(query, name).map(read).transpose()
}

fn parse<T: std::str::FromStr>(text: &str, name: &'static str, what: &str) -> Result<T, Refused> {
    text.parse()
        .map_err(|_| Refused::BadRequest(format!("{name}: {text:?} is not {what}")))
}
