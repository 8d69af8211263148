//! The figures are held against those that the reference script of the same definitions gave for the same files.

use std::path::PathBuf;

use serde_json::Value;

use super::*;

fn data(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/eval")
        .join(name)
}

fn given() -> (Vec<Row>, Pairs, Scores) {
    (
        rows::read(&[data("rows.jsonl")]).expect("rows"),
        Pairs::read(&data("pairs.json")).expect("pairs"),
        Scores::read(&data("scores.jsonl")).expect("scores"),
    )
}

fn options(boot: u32) -> Options {
    Options {
        boot,
        seed: 3,
        slices: true,
        frontier: true,
    }
}

fn summaries(boot: u32) -> Vec<Value> {
    let (rows, pairs, scores) = given();
    let guess = |row: &Row, pair: &str| scores.guess(row, pair);
    let summaries = evaluate(&rows, &pairs, &guess, options(boot), |_| ()).expect("figures");
    summaries
        .iter()
        .map(|it| serde_json::to_value(it).expect("JSON"))
        .collect()
}

fn expected() -> Vec<Value> {
    let text = std::fs::read_to_string(data("expected.json")).expect("there");
    // The script writes what is not a number in a way that JSON does not know.
    serde_json::from_str(&text.replace("NaN", "null")).expect("JSON")
}

/// The same names with the same values; intervals are drawn by other chance and looked at apart.
fn same(ours: &Value, theirs: &Value, place: &str, within: f64) {
    match (ours, theirs) {
        (Value::Object(ours), Value::Object(theirs)) => {
            for (name, theirs) in theirs.iter().filter(|(name, _)| *name != "ci95") {
                same(&ours[name], theirs, &format!("{place} {name}"), within);
            }
        }
        (Value::Array(ours), Value::Array(theirs)) => {
            assert_eq!(ours.len(), theirs.len(), "{place}");
            for (n, (ours, theirs)) in ours.iter().zip(theirs).enumerate() {
                same(ours, theirs, &format!("{place} {n}"), within);
            }
        }
        (Value::Number(ours), Value::Number(theirs)) => {
            let apart = ours.as_f64().expect("a number") - theirs.as_f64().expect("a number");
            assert!(apart.abs() <= within, "{place}: {ours} is not {theirs}");
        }
        _ => assert_eq!(ours, theirs, "{place}"),
    }
}

#[test]
fn every_figure_is_that_of_the_script() {
    let (ours, theirs) = (summaries(0), expected());

    assert_eq!(ours.len(), theirs.len());
    for (ours, mut theirs) in ours.into_iter().zip(theirs) {
        let name = theirs["pair"].to_string();
        // The script rounds its curve, and has none for a slice.
        let frontier = theirs["frontier"].take();
        if !frontier.is_null() {
            same(&ours["frontier"], &frontier, &name, 5.1e-5);
        }
        theirs["frontier"] = ours["frontier"].clone();
        same(&ours, &theirs, &name, 1e-9);
    }
}

#[test]
fn intervals_are_as_wide_as_the_scripts() {
    let all = summaries(1_000).into_iter().zip(expected());
    // Of fewer problems the tails hang on single draws.
    for (ours, theirs) in all.filter(|(ours, _)| ours["n"].as_u64() >= Some(40)) {
        for name in ["APGR", "AUROC", "ECE"] {
            let end = |all: &Value, at: usize| all["ci95"][name][at].as_f64().expect("a number");
            let width = end(&theirs, 1) - end(&theirs, 0);
            for at in [0, 1] {
                let apart = (end(&ours, at) - end(&theirs, at)).abs();
                assert!(
                    apart <= 0.2 * width,
                    "{} {name}: {apart} of {width}",
                    ours["pair"]
                );
            }
        }
    }
}

#[test]
fn a_problem_without_a_guess_and_a_model_without_a_price_are_named() {
    let (rows, mut pairs, scores) = given();
    let none = |row: &Row, _: &str| {
        (row.id != "puzzles/4")
            .then(|| scores.guess(row, ""))
            .flatten()
    };
    let error = evaluate(&rows, &pairs, &none, options(0), |_| ()).expect_err("refused");
    assert!(
        error
            .to_string()
            .contains("no score for \"puzzles/4\" (pair \"p:small>large\")"),
        "{error}"
    );

    pairs.unprice("large");
    let guess = |row: &Row, pair: &str| scores.guess(row, pair);
    let error = evaluate(&rows, &pairs, &guess, options(0), |_| ()).expect_err("refused");
    assert_eq!(error, EvalError::Unpriced("large".into()));
}

#[test]
fn scores_that_are_no_probabilities_have_no_calibration() {
    let (rows, pairs, _) = given();
    let guess = |row: &Row, _: &str| {
        Some(Guess {
            score: row.prompt.len() as f64,
            p_weak: -2.0,
        })
    };
    let summaries = evaluate(&rows, &pairs, &guess, options(0), |_| ()).expect("figures");

    assert!(
        summaries
            .iter()
            .all(|it| it.figures["ECE"].is_nan() && it.reliability.is_empty())
    );
    assert!(
        table(&summaries)[1].ends_with(" -"),
        "{:?}",
        table(&summaries)[1]
    );
}
