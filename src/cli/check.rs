//! `tollgate check`: reads everything that `serve` would read, and says every mistake at once.

use serde_json::json;

use super::Outcome;
use super::output::{Format, complain, say};
use crate::config::{self, Sources};

pub(super) fn run(sources: &Sources, format: Format) -> Outcome {
    match config::load(sources) {
        Ok(loaded) => {
            let (catalog, policies) = (&loaded.snapshot.catalog, &loaded.snapshot.policies);
            let (targets, models, rules) = (
                catalog.targets.len(),
                catalog.models.len(),
                policies.by_name().len(),
            );
            let classifier = loaded.snapshot.classifier_id();
            match format {
                Format::Json => say(&json!({ "ok": true, "version": loaded.snapshot.version, "targets": targets, "models": models, "policies": rules, "classifier": classifier, "faults": [] }).to_string()),
                Format::Table | Format::Csv => {
                    say(&format!("good: {targets} targets, {models} models, {rules} policies, classifier {classifier} (version {})", loaded.snapshot.version));
                }
            }
            Outcome::Done
        }
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
            Outcome::Refused
        }
    }
}
