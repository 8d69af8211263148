//! `tollgate explain`: why a call was answered as it was, or what would become of one, with every term of every candidate.

use clap::Args;
use serde_json::{Map, Value, json};

use super::Outcome;
use super::books::{self, Books};
use super::dry;
use super::output::{self, Format, complain, say};
use crate::config::Sources;
use crate::domain::ids::RequestId;
use crate::replay;

#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// The call, by the id that its answer bears in x-tollgate-request-id
    #[arg(required_unless_present = "request", conflicts_with = "request")]
    id: Option<String>,
    #[command(flatten)]
    dry: dry::Arguments,
}

const CANDIDATES: &[(&str, &str)] = &[
    ("model", "model"),
    ("hosting", "hosting"),
    ("total_usd", "total"),
    ("now", "now"),
    ("later", "later"),
    ("gpu", "gpu"),
    ("waiting", "waiting"),
    ("failure", "failure"),
    ("switch", "switch"),
    ("succeeds", "success"),
    ("cached", "cached"),
    ("wait_ms", "wait"),
];

const REJECTED: &[(&str, &str)] = &[("kept out", "model"), ("why", "detail")];
const RULES: &[(&str, &str)] = &[("rule", "rule"), ("policy", "policy"), ("line", "line")];
const ATTEMPTS: &[(&str, &str)] = &[
    ("tried", "model"),
    ("target", "target"),
    ("state", "state"),
    ("input", "tokens.input"),
    ("cache_read", "tokens.cache_read"),
    ("output", "tokens.output"),
    ("cost_nano_usd", "cost_nano_usd"),
];

pub(super) async fn run(sources: &Sources, arguments: Arguments, format: Format) -> Outcome {
    let Arguments { id, dry } = arguments;
    let record = match dry.request.clone() {
        Some(file) => dry::ask(sources, &file, dry).await,
        None => past(sources, &id.unwrap_or_default()).await,
    };
    match record {
        Ok(record) => {
            print(&record, format);
            Outcome::Done
        }
        Err(outcome) => outcome,
    }
}

/// The record of a call that was made.
async fn past(sources: &Sources, id: &str) -> Result<Value, Outcome> {
    let Ok(id) = id.parse::<RequestId>() else {
        complain(&format!("{id:?} is not the id of a call"));
        return Err(Outcome::Refused);
    };
    match books::open(sources).await {
        Ok(Books::Here(here)) => {
            let record = replay::told(&here.ledger, id).await;
            here.store.close().await;
            match record {
                Ok(Some(record)) => Ok(json!(record)),
                Ok(None) => {
                    complain(&format!("no call {id} is in this ledger"));
                    Err(Outcome::Refused)
                }
                Err(error) => {
                    complain(&error.to_string());
                    Err(Outcome::Refused)
                }
            }
        }
        Ok(Books::There(there)) => there.get(&format!("/admin/v1/requests/{id}")).await,
        Err(outcome) => Err(outcome),
    }
}

fn print(record: &Value, format: Format) {
    let explained = &record["explanation"];
    let rows = |name: &str| explained[name].as_array().cloned().unwrap_or_default();
    let candidates: Vec<Value> = rows("candidates").iter().map(candidate).collect();
    if format != Format::Table {
        return output::rows(format, record, &candidates, CANDIDATES);
    }
    for line in told(record) {
        say(&line);
    }
    let tables = [
        (candidates, CANDIDATES),
        (rows("rejected"), REJECTED),
        (rows("rules"), RULES),
        (
            record["attempts"].as_array().cloned().unwrap_or_default(),
            ATTEMPTS,
        ),
    ];
    for (rows, columns) in tables.iter().filter(|(rows, _)| !rows.is_empty()) {
        say("");
        output::rows(format, record, rows, columns);
    }
}

/// What is told before the tables: each a name and what it is.
fn told(record: &Value) -> Vec<String> {
    let explained = &record["explanation"];
    let facts = &explained["facts"];
    let word = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Null => "-".to_owned(),
        other => other.to_string(),
    };
    let belief = &facts["standing"]["belief"];
    let spread = belief["variance"].as_f64().unwrap_or(0.0).sqrt();
    let difficulty = format!(
        "{:.2} +- {spread:.2}",
        belief["mean"].as_f64().unwrap_or(0.0)
    );
    let model = format!("{} ({})", word(&record["model"]), word(&record["hosting"]));
    let mut lines = match record["dry_run"] == true {
        true => dry_run(record, model),
        false => vec![
            (
                "call",
                format!(
                    "{} at {}",
                    word(&record["request_id"]),
                    word(&record["time"])
                ),
            ),
            ("answered", model),
            ("cost_usd", word(&record["cost_usd"])),
        ],
    };
    lines.extend([
        ("asked", word(&record["asked"])),
        ("because", word(&record["reason"])),
        (
            "policy",
            format!(
                "{}, rule {}",
                word(&record["policy"]),
                word(&record["rule"])
            ),
        ),
        (
            "work",
            format!(
                "{}, difficulty {difficulty} ({})",
                word(&facts["task"]),
                word(&facts["source"])
            ),
        ),
    ]);
    let signs = facts["standing"]["signs"]
        .as_array()
        .map_or(&[][..], Vec::as_slice);
    let seen: Vec<String> = signs
        .iter()
        .map(|sign| format!("{} {}", word(&sign[0]), word(&sign[1])))
        .collect();
    if !seen.is_empty() {
        lines.push(("seen", seen.join(", ")));
    }
    let flaws = record["flaws"].as_array().map_or(&[][..], Vec::as_slice);
    let flawed: Vec<String> = flaws
        .iter()
        .map(|it| {
            let [model, flaw, fate] = ["model", "flaw", "fate"].map(|name| word(&it[name]));
            format!("{model}: {flaw} ({fate})")
        })
        .collect();
    if !flawed.is_empty() {
        lines.push(("flawed", flawed.join(", ")));
    }
    let line = |(name, text): (&str, String)| format!("{name:<9} {text}");
    lines.into_iter().map(line).collect()
}

/// What is told of a call that was not made.
fn dry_run(record: &Value, model: String) -> Vec<(&'static str, String)> {
    let word = |name: &str| record[name].as_str().unwrap_or("-").to_owned();
    let guessed = match record["endpoint_guessed"] == true {
        true => " (by its looks; --endpoint says otherwise)",
        false => "",
    };
    let mut lines = vec![
        ("dry run", "nothing is sent, nothing is recorded".to_owned()),
        ("endpoint", word("endpoint") + guessed),
    ];
    lines.push(match record["refused"].as_str() {
        Some(why) => ("refused", format!("{}: {why}", record["status"])),
        None => ("goes to", model),
    });
    let unknown = record["unknown"].as_array().map_or(&[][..], Vec::as_slice);
    let unknown: Vec<&str> = unknown.iter().filter_map(Value::as_str).collect();
    if !unknown.is_empty() {
        let unknown = format!("{}: no gateway runs here", unknown.join(", "));
        lines.push(("unknown", unknown));
    }
    lines
}

/// A candidate with its terms in dollars.
fn candidate(it: &Value) -> Value {
    let score = &it["score"];
    let mut row = Map::new();
    for name in ["model", "hosting"] {
        row.insert(name.to_owned(), it[name].clone());
    }
    row.insert("total".to_owned(), usd(&it["total_nano_usd"]));
    for name in ["now", "later", "gpu", "waiting", "failure", "switch"] {
        row.insert(name.to_owned(), usd(&score[format!("{name}_nano_usd")]));
    }
    let success = score["success"].as_f64().unwrap_or(0.0);
    row.insert("success".to_owned(), format!("{success:.2}").into());
    row.insert("cached".to_owned(), score["cached_tokens"].clone());
    row.insert("wait".to_owned(), score["wait_ms"].clone());
    Value::Object(row)
}

/// To a millionth of a dollar; what is not written down is nothing.
fn usd(nano: &Value) -> Value {
    match nano.as_i64().unwrap_or(0) {
        0 => "0".into(),
        nano => format!("{:.6}", nano as f64 / 1e9).into(),
    }
}
