//! `tollgate spend`: what was spent, by whom and on what.

use clap::Args;
use serde_json::{Value, json};

use super::Outcome;
use super::books::{self, Books};
use super::output::{self, Format, complain};
use crate::config::Sources;
use crate::domain::clock::Timestamp;
use crate::ledger::{By, Ledger};

#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// Group by tenant, key, model, target, task, day or tag:NAME
    #[arg(long, default_value = "tenant")]
    by: String,
    /// From this date on: 2026-11-21 or 2026-11-21T10:00:00Z
    #[arg(long, value_name = "DATE")]
    from: Option<String>,
    /// Up to, but not including, this date
    #[arg(long, value_name = "DATE")]
    to: Option<String>,
}

const COLUMNS: &[(&str, &str)] = &[
    ("group", "group"),
    ("requests", "requests"),
    ("attempts", "attempts"),
    ("input", "tokens.input"),
    ("cache_read", "tokens.cache_read"),
    ("cache_write_5m", "tokens.cache_write_5m"),
    ("cache_write_1h", "tokens.cache_write_1h"),
    ("output", "tokens.output"),
    ("cost_usd", "cost_usd"),
    ("saved_usd", "saved_usd"),
    ("estimated_usd", "estimated_usd"),
    ("unpriced", "unpriced_attempts"),
];

pub(super) async fn run(sources: &Sources, arguments: Arguments, format: Format) -> Outcome {
    let rows = match books::open(sources).await {
        Ok(Books::Here(here)) => {
            let rows = in_store(&here.ledger, &arguments).await;
            here.store.close().await;
            rows
        }
        Ok(Books::There(there)) => {
            let date = |name, date: &Option<String>| {
                date.as_ref()
                    .map_or_else(String::new, |date| format!("&{name}={date}"))
            };
            let (from, to) = (date("from", &arguments.from), date("to", &arguments.to));
            there
                .get(&format!("/admin/v1/spend?by={}{from}{to}", arguments.by))
                .await
        }
        Err(outcome) => Err(outcome),
    };
    match rows {
        Ok(answer) => {
            output::rows(
                format,
                &answer,
                answer["rows"].as_array().map_or(&[], Vec::as_slice),
                COLUMNS,
            );
            Outcome::Done
        }
        Err(outcome) => outcome,
    }
}

async fn in_store(ledger: &Ledger, arguments: &Arguments) -> Result<Value, Outcome> {
    let refuse = |why: String| {
        complain(&why);
        Outcome::Refused
    };
    let by: By = arguments.by.parse().map_err(|()| {
        refuse(format!(
            "--by {:?}: choose tenant, key, model, target, task, day or tag:NAME",
            arguments.by
        ))
    })?;
    let date = |text: &Option<String>| {
        let parse = |text: &String| {
            Timestamp::parse(text)
                .ok_or_else(|| refuse(format!("{text:?} is not a date; write 2026-11-21")))
        };
        text.as_ref().map(parse).transpose()
    };
    let rows = ledger
        .spend(by, date(&arguments.from)?, date(&arguments.to)?)
        .await;
    let rows = rows.map_err(|error| refuse(error.to_string()))?;
    Ok(json!({ "by": arguments.by, "rows": rows }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::SpendRow;

    #[test]
    fn each_column_is_something_that_a_row_has() {
        let row = json!(SpendRow::default());

        for (title, path) in COLUMNS {
            let found = path
                .split('.')
                .try_fold(&row, |value, part| value.get(part));
            assert!(found.is_some(), "{title}: a row has no {path}");
        }
    }
}
