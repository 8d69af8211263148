//! Rows as they are trained on: read once, models and sources by number.

use std::collections::BTreeMap;

use super::TrainError;
use crate::classifier::features::Features;
use crate::classifier::rows::Row;
use crate::domain::facts::{Language, Task};

/// Fewer groups than this are too few to fold by; then rows are.
const FEWEST_GROUPS: usize = 40;

/// The source of requests that were made from frames.
pub const MADE: &str = "made";

/// A row, read.
#[derive(Clone, Debug)]
pub struct Example {
    /// As the net sees it.
    pub features: Features,
    /// Kind of work.
    pub task: Option<Task>,
    /// Another kind that one could as well call it.
    pub second: Option<Task>,
    /// Language of the code.
    pub language: Option<Language>,
    /// Logarithm of the answer's tokens.
    pub length: Option<f32>,
    /// A weak hint of the difficulty.
    pub hint: Option<f32>,
    /// Models by number, and how often each passes.
    pub outcomes: Vec<(usize, f32)>,
    /// Its source by number.
    pub source: usize,
    /// Rows of one key stay in one fold.
    pub key: String,
}

/// All rows, read.
#[derive(Clone, Debug, Default)]
pub struct Set {
    /// In the order of the rows.
    pub examples: Vec<Example>,
    /// Every model that a row has an outcome of, by name.
    pub models: Vec<String>,
    /// Every source, by name.
    pub sources: Vec<String>,
}

impl Set {
    /// Reads rows for a table of so many rows of pieces.
    pub fn of(rows: &[Row], table: usize) -> Result<Self, TrainError> {
        let models = numbered(
            rows.iter()
                .flat_map(|row| row.outcomes.keys().map(String::as_str)),
        );
        let sources = numbered(rows.iter().map(|row| row.benchmark.as_str()));
        let by_group = groups(rows);
        let read = |(at, row): (usize, &Row)| {
            let features = row.features(table).ok_or_else(|| {
                let what = "its features are broken, or of another version or table";
                TrainError::Rows(format!("{}: {what}", row.id))
            })?;
            let grouped = by_group.get(row.benchmark.as_str()) >= Some(&FEWEST_GROUPS);
            let key = match &row.group {
                Some(group) if grouped => format!("{}/{group}", row.benchmark),
                _ => format!("{}#{at}", row.benchmark),
            };
            Ok::<_, TrainError>(Example {
                features,
                task: row.task(),
                second: row.second,
                language: row.language(),
                length: row.output.map(|tokens| (tokens.max(1) as f32).ln()),
                hint: row.difficulty.filter(|_| row.outcomes.is_empty()),
                outcomes: (row.outcomes.iter())
                    .map(|(model, rate)| (models[model.as_str()], *rate as f32))
                    .collect(),
                source: sources[row.benchmark.as_str()],
                key,
            })
        };
        Ok(Self {
            examples: rows
                .iter()
                .enumerate()
                .map(read)
                .collect::<Result<_, _>>()?,
            models: models.keys().map(|it| (*it).to_owned()).collect(),
            sources: sources.keys().map(|it| (*it).to_owned()).collect(),
        })
    }

    /// The places of those that have outcomes.
    pub(super) fn with_outcomes(&self) -> Vec<usize> {
        self.places(|it| !it.outcomes.is_empty() && it.task.is_some())
    }

    /// The places of those of this kind.
    pub(super) fn places(&self, is: impl Fn(&Example) -> bool) -> Vec<usize> {
        let all = 0..self.examples.len();
        all.filter(|at| is(&self.examples[*at])).collect()
    }

    /// What the net sees of these.
    pub(super) fn features(&self, places: &[usize]) -> Vec<&Features> {
        places
            .iter()
            .map(|at| &self.examples[*at].features)
            .collect()
    }
}

/// Names in their order, each with its number.
fn numbered<'a>(names: impl Iterator<Item = &'a str>) -> BTreeMap<&'a str, usize> {
    let mut all: BTreeMap<&str, usize> = names.map(|name| (name, 0)).collect();
    for (at, number) in all.values_mut().enumerate() {
        *number = at;
    }
    all
}

/// How many groups each source has.
fn groups(rows: &[Row]) -> BTreeMap<&str, usize> {
    let mut all: BTreeMap<(&str, &str), ()> = BTreeMap::new();
    for row in rows {
        if let Some(group) = &row.group {
            all.insert((&row.benchmark, group), ());
        }
    }
    let mut counts = BTreeMap::new();
    for (source, _) in all.keys() {
        *counts.entry(*source).or_insert(0) += 1;
    }
    counts
}
