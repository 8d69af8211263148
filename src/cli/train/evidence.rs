//! What the signs of conversations weigh: from files of rows, or from what this gateway has recorded.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};

use crate::classifier::abilities::{self, Abilities};
use crate::classifier::artifact::{self, EVIDENCE};
use crate::classifier::train::evidence::{self, Fitted, Moment, Row, Told};
use crate::cli::Outcome;
use crate::cli::books::{self, Books};
use crate::cli::output::complain;
use crate::config::{self, Sources};
use crate::domain::clock::{Clock, Timestamp};
use crate::domain::weights::Weights;
use crate::ledger::{Filter, Ledger};
use crate::replay;

/// The file that tells how good the weights are.
const REPORT: &str = "evidence.md";
/// Calls on one page of the record.
const PAGE: usize = 500;

#[derive(Args, Debug)]
pub(super) struct Conversations {
    /// Conversations of which the end is known, as JSON lines, packed (.gz) or not: what failing tests, complaints and other
    /// signs weigh is fitted to them. Without --data the classifier itself stays as it is
    #[arg(long, value_name = "FILE", num_args = 1..)]
    evidence: Vec<PathBuf>,
    /// The same from the conversations that this gateway has recorded
    #[arg(long)]
    recorded: bool,
    /// Of the record, what is not older than this date: 2026-11-21 or 2026-11-21T10:00:00Z
    #[arg(long, value_name = "DATE", requires = "recorded")]
    since: Option<String>,
    /// Where the conversations' rows are written to, to be looked at or trained on elsewhere
    #[arg(long, value_name = "FILE")]
    write_rows: Option<PathBuf>,
    /// The classifier that gets the weights where no --data makes a new one; the one that ships, where it is left out
    #[arg(long, value_name = "FOLDER", conflicts_with = "data")]
    classifier: Option<PathBuf>,
}

/// Files for a classifier's folder.
pub(super) struct Files {
    pub(super) weights: Vec<u8>,
    pub(super) report: String,
    pub(super) figures: BTreeMap<String, Value>,
}

impl Files {
    pub(super) fn list(&self) -> [(&str, &[u8]); 2] {
        [(EVIDENCE, &self.weights), (REPORT, self.report.as_bytes())]
    }
}

impl Conversations {
    /// Nothing is to be fitted.
    pub(super) fn is_empty(&self) -> bool {
        self.evidence.is_empty() && !self.recorded
    }

    /// Fits the weights, where that is asked for.
    pub(super) async fn fitted(
        &self,
        sources: &Sources,
        seed: u64,
    ) -> Result<Option<Files>, String> {
        if self.is_empty() {
            return Ok(None);
        }
        let abilities = self.abilities()?;
        let mut rows =
            evidence::read(&self.evidence, &abilities).map_err(|error| error.to_string())?;
        if self.recorded {
            rows.extend(self.recorded(sources).await?);
        }
        if let Some(file) = &self.write_rows {
            write(file, &rows)?;
        }
        let hand = Weights::default();
        let all: Vec<&Row> = rows.iter().collect();
        let failed = |error: crate::classifier::train::TrainError| error.to_string();
        let fitted: Fitted = evidence::fit(&all, &hand).map_err(failed)?;
        let Told { text, figures } =
            evidence::report(&rows, &fitted, &hand, seed).map_err(failed)?;
        let weights =
            serde_json::to_vec_pretty(&fitted.weights).map_err(|error| error.to_string())?;
        // What the gateway would refuse is not written.
        Weights::parse(&weights)?;
        Ok(Some(Files {
            weights,
            report: text,
            figures,
        }))
    }

    /// Puts the weights beside a classifier that is there.
    pub(super) fn extend(&self, out: &Path, name: String, files: &Files) -> Result<String, String> {
        let made = Clock::system().now().day();
        let base = self.classifier.as_deref();
        let manifest = artifact::extend(base, out, (name, made), &files.list(), &files.figures)
            .map_err(|error| format!("{error}; {}", error.mend()))?;
        Ok(manifest.name)
    }

    fn abilities(&self) -> Result<Abilities, String> {
        let Some(folder) = &self.classifier else {
            return Ok(abilities::shipped().clone());
        };
        let found = artifact::load(folder);
        let found = found.map_err(|error| format!("{error}; {}", error.mend()))?;
        match found.file(abilities::FILE) {
            Some(file) => Abilities::parse(file),
            None => Ok(abilities::shipped().clone()),
        }
    }

    /// The rows of this gateway's record. Models are as able as its configuration has them now.
    async fn recorded(&self, sources: &Sources) -> Result<Vec<Row>, String> {
        let since = self.since.as_deref();
        let read = |text: &str| {
            Timestamp::parse(text).ok_or_else(|| format!("--since: {text:?} is not a date"))
        };
        let since_at = since.map(read).transpose()?;
        let loaded = config::load(sources).map_err(|faults| faults.to_string())?;
        let models = &loaded.snapshot.catalog.models;
        let told = |_: Outcome| "the record could not be read".to_owned();
        let moments = match books::open(sources).await.map_err(told)? {
            Books::Here(here) => {
                let moments = in_store(&here.ledger, since_at).await;
                here.store.close().await;
                moments?
            }
            Books::There(there) => at_gateway(&there, since).await.map_err(told)?,
        };
        let rows = evidence::moments(moments, &|model, task| {
            Some(models.get(model)?.skills.at(task))
        });
        complain(&format!(
            "{} moments of the record tell of an end",
            rows.len()
        ));
        Ok(rows)
    }
}

async fn in_store(ledger: &Ledger, since: Option<Timestamp>) -> Result<Vec<Moment>, String> {
    let failed = |error: crate::ledger::LedgerError| error.to_string();
    let (mut moments, mut cursor) = (Vec::new(), None);
    loop {
        let filter = Filter {
            since,
            limit: PAGE,
            cursor,
            ..Filter::default()
        };
        let page = ledger.records(filter).await.map_err(failed)?;
        for call in page.requests.iter().filter(|it| it.session.is_some()) {
            let record = replay::told(ledger, call.request_id)
                .await
                .map_err(failed)?;
            moments.extend(Moment::read(&json!(record)));
        }
        cursor = page.cursor;
        if cursor.is_none() {
            return Ok(moments);
        }
    }
}

async fn at_gateway(there: &books::There, since: Option<&str>) -> Result<Vec<Moment>, Outcome> {
    let since = since.map_or_else(String::new, |since| format!("&since={since}"));
    let (mut moments, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = format!("/admin/v1/requests?limit={PAGE}{since}{cursor}");
        let page = there.get(&page).await?;
        let calls = page["requests"].as_array().into_iter().flatten();
        for call in calls.filter(|it| it["session"].is_string()) {
            let id = call["request_id"].as_str().unwrap_or_default();
            let record = there.get(&format!("/admin/v1/requests/{id}")).await?;
            moments.extend(Moment::read(&record));
        }
        let Some(next) = page["cursor"].as_str() else {
            return Ok(moments);
        };
        cursor = format!("&cursor={next}");
    }
}

fn write(file: &Path, rows: &[Row]) -> Result<(), String> {
    let line = |row: &Row| serde_json::to_string(row).map(|line| line + "\n");
    let lines: Result<String, _> = rows.iter().map(line).collect();
    let lines = lines.map_err(|error| error.to_string())?;
    std::fs::write(file, lines).map_err(|error| format!("{}: {error}", file.display()))
}
