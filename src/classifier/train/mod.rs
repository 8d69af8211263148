//! Fits a net and the abilities of models to rows, on the processor: the straight path to difficulty by itself and to the
//! end, all else by candle's own gradients.
//!
//! The same rows, settings and seed give the same weights on one machine. Each of the two towers is fitted for itself:
//! difficulty to what models made of problems, together with their abilities; kinds of work, languages and lengths to
//! requests of which these are known. A tenth of those is held out until it is known how many passes are enough; then
//! nothing is. What the second tower says of kinds is the mean of it and of a logistic regression on the same pieces.

mod bag;
mod band;
mod chance;
mod compare;
mod descent;
pub mod evidence;
mod folds;
mod hard;
mod kind;
mod known;
mod line;
mod logistic;
mod pace;
mod reliability;
mod report;
mod run;
mod set;
#[cfg(test)]
mod tests;
mod words;

use std::fmt;

pub use compare::{Compared, compare};
pub use pace::Progress;
pub use report::{Report, report};
pub use run::{Fit, Held, cross_validate, fit};
pub use set::{Example, MADE, Set};

use super::net::Shape;

/// How it is trained. The defaults are the one configuration that the figures of the model card were made with.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The net's sizes.
    pub shape: Shape,
    /// What every chance is drawn from.
    pub seed: u64,
    /// Passes over the outcomes; the requests get two thirds as many at the most.
    pub epochs: usize,
    /// Parts of the cross-validation.
    pub folds: usize,
    /// Sources of which nothing may be in weights and abilities. They are judged all the same.
    pub exclude: Vec<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            shape: Shape::default(),
            seed: 1,
            epochs: 12,
            folds: 5,
            exclude: Vec::new(),
        }
    }
}

/// Why there are no weights.
#[derive(Debug)]
pub enum TrainError {
    /// The rows are too few, or tell nothing of what is asked.
    Rows(String),
    /// The arithmetic failed.
    Tensors(candle_core::Error),
}

impl fmt::Display for TrainError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rows(what) => f.write_str(what),
            Self::Tensors(error) => write!(f, "a tensor could not be reckoned: {error}"),
        }
    }
}

impl std::error::Error for TrainError {}

impl From<candle_core::Error> for TrainError {
    fn from(error: candle_core::Error) -> Self {
        Self::Tensors(error)
    }
}
