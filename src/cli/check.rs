//! `tollgate check`: reads everything that `serve` would read, and says every mistake at once. With `--probe` it goes on and asks the
//! targets.

use clap::Args;
use serde_json::{Value, json};

use super::Outcome;
use super::output::{Format, complain, rows, say};
use super::probe;
use crate::catalog::{Catalog, Target};
use crate::config::{self, Sources};

#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// Ask each target what it can do, and hold that against the configuration. The small calls cost next to nothing; what at most
    /// is said before, what they did cost after. No gateway makes them: they do not go into the ledger
    #[arg(long)]
    probe: bool,
    #[command(flatten)]
    asks: probe::Arguments,
}

pub(super) async fn run(sources: &Sources, arguments: Arguments, format: Format) -> Outcome {
    let loaded = match config::load(sources) {
        Ok(loaded) => loaded,
        Err(faults) => {
            match format {
                Format::Json => {
                    let lines: Vec<_> = faults.0.iter().map(ToString::to_string).collect();
                    say(&json!({ "ok": false, "faults": lines }).to_string());
                }
                Format::Table | Format::Csv => faults
                    .0
                    .iter()
                    .for_each(|fault| complain(&fault.to_string())),
            }
            return Outcome::Refused;
        }
    };
    if arguments.probe {
        return probe::run(sources, loaded, arguments.asks, format).await;
    }
    let (catalog, policies) = (&loaded.snapshot.catalog, &loaded.snapshot.policies);
    let (targets, models, rules) = (
        catalog.targets.len(),
        catalog.models.len(),
        policies.by_name().len(),
    );
    let classifier = loaded.snapshot.classifier_id();
    let kinds = kinds(catalog);
    match format {
        Format::Json => say(&json!({ "ok": true, "version": loaded.snapshot.version, "targets": targets, "models": models, "policies": rules, "classifier": classifier, "kinds": kinds, "faults": [] }).to_string()),
        Format::Table | Format::Csv => {
            say(&format!("good: {targets} targets, {models} models, {rules} policies, classifier {classifier} (version {})", loaded.snapshot.version));
            if !kinds.is_empty() {
                let columns = [("target", "target"), ("kind", "kind"), ("known by", "known_by")];
                rows(format, &Value::Null, &kinds, &columns);
            }
        }
    }
    Outcome::Done
}

/// What each target is taken for.
fn kinds(catalog: &Catalog) -> Vec<Value> {
    let targets = catalog.targets.values();
    targets.map(|target| kind(target)).collect()
}

fn kind(target: &Target) -> Value {
    json!({ "target": target.id, "kind": target.kind, "known_by": target.kind_by })
}
