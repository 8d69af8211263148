//! The net beside what is simpler, in the same folds.

use std::collections::BTreeMap;

use super::bag::Standard;
use super::logistic;
use super::run::Held;
use super::set::{Example, Set};
use crate::classifier::eval::judge::Judge;
use crate::classifier::eval::pairs::rate;
use crate::classifier::eval::{self, Pairs, Score, Summary};
use crate::classifier::rows::Row;

/// What one way of routing said of each row, and how good that was.
#[derive(Debug)]
pub struct Compared {
    /// What it is.
    pub name: &'static str,
    /// By row.
    pub scores: Vec<Score>,
    /// By pair and mix.
    pub summaries: Vec<Summary>,
}

/// Measures the net and the simpler ways, each fitted without the fold that it is measured on.
pub fn compare(
    rows: &[Row],
    set: &Set,
    held: &Held,
    pairs: &Pairs,
    table: usize,
    settings: &eval::Settings,
) -> Result<Vec<Compared>, String> {
    let trial = Trial::new(rows, set, held, pairs);
    let ways: [(&'static str, Vec<Score>); 5] = [
        (
            "chance",
            vec![
                Score {
                    score: 0.0,
                    p_weak: 0.5
                };
                rows.len()
            ],
        ),
        ("length", lengths(rows)),
        ("table by kind of work", trial.table()),
        ("logistic regression", trial.logistic(table)),
        ("net", trial.net()),
    ];
    let places: BTreeMap<&str, usize> = rows
        .iter()
        .enumerate()
        .map(|(at, row)| (row.id.as_str(), at))
        .collect();
    let measured = ways.into_iter().map(|(name, scores)| {
        let told = |row: &Row, _: &str| places.get(row.id.as_str()).map(|at| scores[*at]);
        let summaries = eval::summaries(rows, pairs, &told, settings)?;
        Ok(Compared {
            name,
            scores,
            summaries,
        })
    });
    measured.collect()
}

/// The shorter, the easier.
fn lengths(rows: &[Row]) -> Vec<Score> {
    let mut order: Vec<usize> = (0..rows.len()).collect();
    order.sort_by_key(|at| std::cmp::Reverse(rows[*at].prompt.len()));
    let mut scores = vec![
        Score {
            score: 0.0,
            p_weak: 0.5
        };
        rows.len()
    ];
    for (rank, at) in order.into_iter().enumerate() {
        scores[at] = Score {
            score: -(rows[at].prompt.len() as f64),
            p_weak: (rank as f64 + 0.5) / rows.len() as f64,
        };
    }
    scores
}

struct Trial<'a> {
    rows: &'a [Row],
    set: &'a Set,
    held: &'a Held,
    pairs: &'a Pairs,
    /// What the weak and the strong side of the row's leading pair made of it.
    rates: Vec<Option<(f64, f64)>>,
}

impl<'a> Trial<'a> {
    fn new(rows: &'a [Row], set: &'a Set, held: &'a Held, pairs: &'a Pairs) -> Self {
        let mut leading: BTreeMap<&str, _> = BTreeMap::new();
        for pair in pairs.pairs.iter().chain(pairs.leading()) {
            leading.insert(&pair.benchmark, pair);
        }
        let of = |row: &Row| {
            let pair = leading.get(row.benchmark.as_str())?;
            Some((rate(row, &pair.weak)?, rate(row, &pair.strong)?))
        };
        Self {
            rows,
            set,
            held,
            pairs,
            rates: rows.iter().map(of).collect(),
        }
    }

    fn folds(&self) -> std::ops::Range<usize> {
        0..self.held.abilities.len()
    }

    /// The places whose rates are known, inside of a training without this fold, or in the fold.
    fn known(&self, fold: usize, inside: bool) -> impl Iterator<Item = (usize, (f64, f64))> {
        let all = self.rates.iter().enumerate();
        all.filter_map(move |(at, rates)| {
            let fits = (self.held.folds[at] == fold) != inside;
            rates.filter(|_| fits).map(|rates| (at, rates))
        })
    }

    /// Each kind's mean.
    fn table(&self) -> Vec<Score> {
        let mut scores = vec![
            Score {
                score: 0.0,
                p_weak: 0.5
            };
            self.rows.len()
        ];
        for fold in self.folds() {
            let mut sums: BTreeMap<&str, (f64, f64, f64)> = BTreeMap::new();
            for (at, (weak, strong)) in self.known(fold, true) {
                let sum = sums.entry(&self.rows[at].category).or_default();
                *sum = (sum.0 + weak, sum.1 + strong, sum.2 + 1.0);
            }
            for (at, _) in self.known(fold, false) {
                if let Some((weak, strong, count)) = sums.get(self.rows[at].category.as_str()) {
                    scores[at] = Score {
                        score: (weak - strong) / count,
                        p_weak: weak / count,
                    };
                }
            }
        }
        scores
    }

    /// A line for the weak side and one for the strong.
    fn logistic(&self, table: usize) -> Vec<Score> {
        let mut scores = vec![
            Score {
                score: 0.0,
                p_weak: 0.5
            };
            self.rows.len()
        ];
        for fold in self.folds() {
            let known: Vec<_> = self.known(fold, true).collect();
            let mut sizes = vec![0.0_f64; self.set.sources.len()];
            for (at, _) in &known {
                sizes[self.set.examples[*at].source] += 1.0;
            }
            let usual =
                known.len() as f64 / sizes.iter().filter(|it| **it > 0.0).count().max(1) as f64;
            let texts = known.iter().map(|(at, _)| &self.set.examples[*at].features);
            let standards = Standard::of(texts);
            let line = |of: fn(&(f64, f64)) -> f64| {
                let example = |(at, rates): &(usize, (f64, f64))| -> (&Example, f64, f64) {
                    let example = &self.set.examples[*at];
                    (example, of(rates), (usual / sizes[example.source]).sqrt())
                };
                let examples: Vec<_> = known.iter().map(example).collect();
                logistic::fit(&examples, table, &standards)
            };
            let (weak, strong) = (line(|it| it.0), line(|it| it.1));
            for (at, _) in self.known(fold, false) {
                let features = &self.set.examples[at].features;
                let p_weak = weak.chance(features, &standards);
                scores[at] = Score {
                    score: p_weak - strong.chance(features, &standards),
                    p_weak,
                };
            }
        }
        scores
    }

    fn net(&self) -> Vec<Score> {
        let judges: Vec<Judge<'_>> = (self.held.abilities.iter())
            .map(|abilities| Judge::new(abilities, self.pairs, self.rows))
            .collect();
        let all = self.held.classes.iter().zip(&self.held.folds);
        all.map(|(class, fold)| judges[*fold].score(class))
            .collect()
    }
}
