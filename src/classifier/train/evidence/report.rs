//! How well the chance of success holds along conversations: without evidence, with the weights that are set by hand, and
//! with fitted ones on pieces of work that they were not fitted to.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{Fitted, Row, fit};
use crate::classifier::train::TrainError;
use crate::classifier::train::chance::Chance;
use crate::classifier::train::reliability::{Point, points, text};
use crate::domain::sign::Sign;
use crate::domain::weights::Weights;

/// Parts of the cross-validation.
const FOLDS: usize = 5;

/// A report, and its figures for the manifest.
#[derive(Clone, Debug)]
pub struct Told {
    /// For people.
    pub text: String,
    /// For programs: how far chances are off, before and after, and by how many pieces of work.
    pub figures: BTreeMap<String, Value>,
}

/// Chances told of all rows by one way.
struct Way {
    name: &'static str,
    told: Vec<f64>,
}

/// What was measured of a way.
struct Measured {
    loss: f64,
    off: f64,
    points: Vec<Point>,
}

/// Measures weights that were fitted to all rows by others that were fitted in the same way to four fifths.
pub fn report(
    rows: &[Row],
    fitted: &Fitted,
    prior: &Weights,
    seed: u64,
) -> Result<Told, TrainError> {
    let nothing = Weights {
        signs: BTreeMap::new(),
        most: 0.0,
    };
    let by = |weights: &Weights| rows.iter().map(|row| row.chance(weights)).collect();
    let ways = [
        Way {
            name: "without evidence",
            told: by(&nothing),
        },
        Way {
            name: "set by hand",
            told: by(prior),
        },
        Way {
            name: "fitted, held out",
            told: held_out(rows, prior, seed)?,
        },
    ];
    let counts = counts(rows);
    let measured = ways.map(|way| (way.name, measure(rows, &way.told, &counts)));
    let works: BTreeSet<&str> = rows.iter().map(|row| row.work.as_str()).collect();
    let off = |place: usize| json!((measured[place].1.off * 1e4).round() / 1e4);
    let figures = [
        ("works", json!(works.len())),
        ("evidence_ece_by_hand", off(1)),
        ("evidence_ece_fitted", off(2)),
    ];
    let mut text = format!(
        "# What signs weigh\n\n{} moments of {} pieces of work, {:.1} % of which got done. A piece of work counts once, \
         however many moments it has.\n\n",
        rows.len(),
        works.len(),
        100.0 * share(rows, &counts),
    );
    compared(&mut text, &measured);
    weighed(&mut text, rows, fitted, prior);
    Ok(Told {
        text,
        figures: figures.map(|(name, it)| (name.to_owned(), it)).into(),
    })
}

/// For how much each row counts.
fn counts(rows: &[Row]) -> Vec<f64> {
    let mut moments: BTreeMap<&str, f64> = BTreeMap::new();
    for row in rows {
        *moments.entry(&row.work).or_default() += 1.0;
    }
    let each = rows.iter().map(|row| 1.0 / moments[row.work.as_str()]);
    each.collect()
}

fn share(rows: &[Row], counts: &[f64]) -> f64 {
    let passed = rows.iter().zip(counts).filter(|(row, _)| row.passed);
    passed.map(|(_, count)| count).sum::<f64>() / counts.iter().sum::<f64>()
}

fn held_out(rows: &[Row], prior: &Weights, seed: u64) -> Result<Vec<f64>, TrainError> {
    let works: BTreeSet<&str> = rows.iter().map(|row| row.work.as_str()).collect();
    let mut works: Vec<&str> = works.into_iter().collect();
    Chance::new(seed, 17).shuffle(&mut works);
    let folds: BTreeMap<&str, usize> = works.into_iter().zip((0..FOLDS).cycle()).collect();
    let mut told = vec![0.0; rows.len()];
    for fold in 0..FOLDS {
        let here = |row: &Row| folds[row.work.as_str()] == fold;
        let learned: Vec<&Row> = rows.iter().filter(|row| !here(row)).collect();
        let weights = fit(&learned, prior)?.weights;
        for (row, told) in rows.iter().zip(&mut told).filter(|(row, _)| here(row)) {
            *told = row.chance(&weights);
        }
    }
    Ok(told)
}

fn measure(rows: &[Row], told: &[f64], counts: &[f64]) -> Measured {
    let happened: Vec<f64> = rows
        .iter()
        .map(|row| f64::from(u8::from(row.passed)))
        .collect();
    let points = points(told, &happened, counts);
    let off = points
        .iter()
        .map(|it| it.share * (it.told - it.true_share).abs());
    let loss = told
        .iter()
        .zip(&happened)
        .zip(counts)
        .map(|((told, came), count)| {
            let chance = if *came > 0.5 { *told } else { 1.0 - told };
            -count * chance.max(1e-12).ln()
        });
    Measured {
        loss: loss.sum::<f64>() / counts.iter().sum::<f64>(),
        off: off.sum(),
        points,
    }
}

fn compared(out: &mut String, measured: &[(&str, Measured)]) {
    out.push_str("| the chance of success | log loss | calibration error |\n|---|---|---|\n");
    for (name, it) in measured {
        let _ = writeln!(out, "| {name} | {:.4} | {:.4} |", it.loss, it.off);
    }
    for (name, it) in measured {
        let _ = write!(out, "\n## {name}\n\n{}", text(&it.points));
    }
}

fn weighed(out: &mut String, rows: &[Row], fitted: &Fitted, prior: &Weights) {
    out.push_str(
        "\n## Weights\n\nWhat a sign adds to the difficulty when it is seen once, and to the logarithm of its variance.\n\n\
         | sign | pieces of work | by hand | fitted | 95 % | variance, by hand | fitted |\n|---|---|---|---|---|---|---|\n",
    );
    for sign in Sign::ALL {
        let with = rows.iter().filter(|row| row.signs.count(*sign) > 0);
        let works: BTreeSet<&str> = with.map(|row| row.work.as_str()).collect();
        let hand = prior.signs.get(sign).copied().unwrap_or_default();
        let is = fitted.weights.signs.get(sign).copied().unwrap_or_default();
        let wide = 1.96 * fitted.errors.get(sign).copied().unwrap_or_default();
        let mean = f64::from(is.mean);
        let _ = writeln!(
            out,
            "| {sign} | {} | {:.2} | {mean:.2} | {:.2} to {:.2} | {:.2} | {:.2} |",
            works.len(),
            hand.mean,
            mean - wide,
            mean + wide,
            hand.variance,
            is.variance,
        );
    }
}
