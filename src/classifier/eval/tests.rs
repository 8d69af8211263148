//! The figures are those of the reference script for the same files.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::*;
use crate::classifier::abilities::{Abilities, Ability, Known};
use crate::classifier::rows;
use crate::domain::facts::{Classification, Task};

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/eval")
        .join(name)
}

fn measured(settings: &Settings) -> Value {
    let rows = rows::read(&[file("data.jsonl")]).expect("rows");
    let pairs = Pairs::read(&file("pairs.json")).expect("pairs");
    let scores = scores(&file("scores.jsonl")).expect("scores");
    let told = |row: &rows::Row, pair: &str| scores.of(&row.id, pair);
    let all = summaries(&rows, &pairs, &told, settings).expect("measured");
    serde_json::to_value(all).expect("JSON")
}

/// Everything in `wanted` is in `found`, numbers within `within`.
fn same(wanted: &Value, found: &Value, within: f64, place: &str) {
    match (wanted, found) {
        (Value::Object(wanted), _) => {
            // Drawn by another chance; the others jump from threshold to threshold.
            let of_chance = place.ends_with("ci95");
            let smooth = |key: &str| ["APGR", "AUROC", "ECE"].contains(&key);
            for (key, wanted) in wanted.iter().filter(|(key, _)| !of_chance || smooth(key)) {
                let within = if of_chance { 0.05 } else { within };
                same(wanted, &found[key], within, &format!("{place}.{key}"));
            }
        }
        (Value::Array(wanted), Value::Array(found)) => {
            assert_eq!(wanted.len(), found.len(), "{place}");
            for (at, (wanted, found)) in wanted.iter().zip(found).enumerate() {
                same(wanted, found, within, &format!("{place}[{at}]"));
            }
        }
        (Value::Number(wanted), Value::Number(found)) => {
            let gap = wanted.as_f64().expect("a number") - found.as_f64().expect("a number");
            assert!(gap.abs() <= within, "{place}: {wanted} and {found}");
        }
        _ => assert_eq!(wanted, found, "{place}"),
    }
}

#[test]
fn the_figures_are_those_of_the_script_that_defined_them() {
    let text = std::fs::read(file("expected.json")).expect("there");
    let mut expected: Value = serde_json::from_slice(&text).expect("JSON");
    let settings = Settings {
        slices: true,
        frontier: true,
        ..Settings::default()
    };

    let found = measured(&settings);

    // The script rounds its frontier.
    for (expected, found) in expected
        .as_array_mut()
        .expect("a list")
        .iter_mut()
        .zip(found.as_array().expect("a list"))
    {
        let frontier = expected["frontier"].take();
        same(&frontier, &found["frontier"], 5.1e-5, "frontier");
        expected["frontier"] = found["frontier"].clone();
    }
    same(&expected, &found, 1e-9, "");
}

#[test]
fn the_same_seed_draws_the_same_intervals() {
    let of = |seed| {
        let settings = Settings {
            boot: 50,
            seed,
            ..Settings::default()
        };
        measured(&settings)
    };

    assert_eq!(of(1), of(1));
    assert_ne!(of(1)[0]["ci95"], of(2)[0]["ci95"]);
}

#[test]
fn a_row_without_a_score_is_named() {
    let rows = rows::read(&[file("data.jsonl")]).expect("rows");
    let pairs = Pairs::read(&file("pairs.json")).expect("pairs");

    let error = summaries(&rows, &pairs, &|_, _| None, &Settings::default()).expect_err("refused");

    assert_eq!(
        error,
        "there is no score for puzzles/0 (pair puzzles:small>large)"
    );
}

#[test]
fn what_the_strong_model_gains_decides_and_not_what_the_weak_one_can() {
    let pairs = Pairs::read(&file("pairs.json")).expect("pairs");
    let of = |ability| Known {
        overall: Ability {
            ability,
            spread: 0.1,
        },
        tasks: [(
            Task::Fix,
            Ability {
                ability,
                spread: 0.1,
            },
        )]
        .into(),
        sources: Vec::new(),
    };
    let models = [("small", -1.0), ("large", 1.0)].map(|(name, it)| (name.to_owned(), of(it)));
    let table = Abilities {
        models: models.into(),
        ..Abilities::default()
    };
    let judge = judge::Judge::new(&table, &pairs, &[]);
    let at = |difficulty| {
        judge.score(&Classification {
            task: Task::Fix,
            confidence: 1.0,
            difficulty,
            variance: 0.1,
            ..Classification::UNKNOWN
        })
    };

    let (easy, middle, hopeless) = (at(-3.0), at(0.0), at(3.0));

    assert!(easy.p_weak > middle.p_weak && middle.p_weak > hopeless.p_weak);
    assert!(middle.score < easy.score && middle.score < hopeless.score);
}

#[test]
fn equal_chances_are_binned_as_the_rows_stand_in_every_sample() {
    let count = 400;
    let half = |at: usize| if at < count / 2 { 0.2 } else { 0.8 };
    let flat = |number: f64| vec![number; count];
    let sample = metrics::Sample {
        score: flat(0.0),
        p_weak: flat(0.5),
        weak: (0..count).map(half).collect(),
        strong: flat(0.9),
        cost_weak: flat(1.0),
        cost_strong: flat(2.0),
        weight: flat(1.0),
        // Sorted by name, the groups of both halves lie among each other.
        group: (0..count).map(|at| format!("{:03}", at % 200)).collect(),
    };

    let summary = Summary::of("trial", &sample, &Settings::default());

    let found = summary.metrics.ece.expect("defined");
    let [low, high] = summary.ci95["ECE"];
    assert!((found - 0.3).abs() < 1e-9);
    assert!(
        low <= Some(found + 1e-9) && high >= Some(found - 1e-9),
        "{low:?} {high:?}"
    );
}
