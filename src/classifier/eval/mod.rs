//! Holds a router's guesses against recorded outcomes: what share of the strong model's quality it keeps at which
//! share of its cost, and how well its probabilities hold.
//!
//! - **PGR** at a share of strong calls: the part of the gap between weak and strong quality that is won back.
//! - **APGR**: its mean over all shares; chance gives 0.5.
//! - **CPT50, CPT80**: the smallest share of strong calls that wins back 50 or 80 % of the gap.
//! - **save95, save99, save100**: the largest part of the always-strong cost that some threshold saves while quality
//!   stays at 95, 99 or 100 % of the strong model's. The threshold is read off the same problems: an upper bound.
//! - **AUROC** of the weak model's chance against whether it passed, **AUROCs** of the score against whether the weak
//!   model does as well as the strong one, **ECE**: the calibration error of the chance in ten bins of equal weight.
//!
//! Intervals: 95 %, by drawing whole groups again, or problems where there are few groups.

mod curve;
mod pairs;
mod report;
mod summary;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fmt;
use std::path::Path;

use serde::Deserialize;

use super::rows::{self, Row, RowsError};

pub use curve::Bin;
pub use pairs::Pairs;
pub use report::table;
pub use summary::{Options, Summary, evaluate};

/// What a router makes of a problem.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Guess {
    /// Higher is safer to give to the weak model; only its order counts.
    pub score: f64,
    /// The chance that the weak model passes.
    pub p_weak: f64,
}

/// Guesses from a file: for a problem, or for a problem and one pair, which counts more.
#[derive(Debug, Default)]
pub struct Scores(HashMap<(String, Option<String>), Guess>);

impl Scores {
    /// Reads `{"id", "score", "p_weak"?, "pair"?}`, one a line.
    ///
    /// # Errors
    /// Where the file cannot be used.
    pub fn read(file: &Path) -> Result<Self, RowsError> {
        #[derive(Deserialize)]
        struct Line {
            id: String,
            score: f64,
            p_weak: Option<f64>,
            pair: Option<String>,
        }
        let lines = rows::lines::<Line>(file)?.into_iter().map(|(_, line)| {
            let guess = Guess {
                score: line.score,
                p_weak: line.p_weak.unwrap_or(line.score),
            };
            ((line.id, line.pair), guess)
        });
        Ok(Self(lines.collect()))
    }

    /// The guess for this problem.
    pub fn guess(&self, row: &Row, pair: &str) -> Option<Guess> {
        let of = |pair: Option<String>| self.0.get(&(row.id.clone(), pair)).copied();
        of(Some(pair.to_owned())).or_else(|| of(None))
    }
}

/// Why outcomes and guesses do not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EvalError {
    /// A problem without a guess.
    Unscored {
        /// The problem.
        id: String,
        /// The pair that it is looked at for.
        pair: String,
    },
    /// A model without a price.
    Unpriced(String),
}

impl fmt::Display for EvalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unscored { id, pair } => {
                write!(
                    f,
                    "no score for {id:?} (pair {pair:?}); each problem of a pair needs one"
                )
            }
            Self::Unpriced(model) => write!(
                f,
                "no price for {model:?} in the pairs file; add it under \"prices\""
            ),
        }
    }
}

impl std::error::Error for EvalError {}
