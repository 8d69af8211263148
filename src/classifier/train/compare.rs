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

/// The line that also learned from what is excluded: what this costs.
const SAW_ALL: &str = "logistic regression, nothing excluded";

/// Measures the net and the simpler ways, each fitted to the same rows, without the fold that it is measured on.
pub fn compare(
    rows: &[Row],
    set: &Set,
    held: &Held,
    pairs: &Pairs,
    table: usize,
    settings: &eval::Settings,
) -> Result<Vec<Compared>, String> {
    let trial = Trial::new(rows, set, held, pairs);
    let mut ways: Vec<(&'static str, Vec<Score>)> = vec![
        ("chance", vec![UNKNOWN; rows.len()]),
        ("length", lengths(rows)),
        ("table by kind of work", trial.table()),
        ("logistic regression", trial.logistic(table, Trial::known)),
        ("net", trial.net()),
    ];
    if held.learned.contains(&false) {
        ways.push((SAW_ALL, trial.logistic(table, Trial::all_but)));
    }
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

/// What is said where nothing is known.
const UNKNOWN: Score = Score {
    score: 0.0,
    p_weak: 0.5,
};

/// The shorter, the easier.
fn lengths(rows: &[Row]) -> Vec<Score> {
    let mut order: Vec<usize> = (0..rows.len()).collect();
    order.sort_by_key(|at| std::cmp::Reverse(rows[*at].prompt.len()));
    let mut scores = vec![UNKNOWN; rows.len()];
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

    /// The places in a fold whose rates are known.
    fn inside(&self, fold: usize) -> Vec<(usize, (f64, f64))> {
        let all = self.rates.iter().enumerate();
        let inside = all.filter(|(at, _)| self.held.folds[*at] == fold);
        inside
            .filter_map(|(at, rates)| rates.map(|rates| (at, rates)))
            .collect()
    }

    /// Those outside of it.
    fn all_but(&self, fold: usize) -> Vec<(usize, (f64, f64))> {
        let others = self.folds().filter(|it| *it != fold);
        others.flat_map(|it| self.inside(it)).collect()
    }

    /// Those outside of it that may be learned from.
    fn known(&self, fold: usize) -> Vec<(usize, (f64, f64))> {
        let mut all = self.all_but(fold);
        all.retain(|(at, _)| self.held.learned[*at]);
        all
    }

    /// Each kind's mean; for a kind that is not known, that of all.
    fn table(&self) -> Vec<Score> {
        let mut scores = vec![UNKNOWN; self.rows.len()];
        for fold in self.folds() {
            let mut sums: BTreeMap<&str, (f64, f64, f64)> = BTreeMap::new();
            let mut all = (0.0, 0.0, 0.0);
            for (at, (weak, strong)) in self.known(fold) {
                let sum = sums.entry(&self.rows[at].category).or_default();
                for sum in [sum, &mut all] {
                    *sum = (sum.0 + weak, sum.1 + strong, sum.2 + 1.0);
                }
            }
            for (at, _) in self.inside(fold) {
                let of_kind = sums.get(self.rows[at].category.as_str());
                let (weak, strong, count) = *of_kind.unwrap_or(&all);
                if count > 0.0 {
                    scores[at] = Score {
                        score: (weak - strong) / count,
                        p_weak: weak / count,
                    };
                }
            }
        }
        scores
    }

    /// A line for the weak side and one for the strong, fitted to what `learned` gives for each fold.
    fn logistic(
        &self,
        table: usize,
        learned: impl Fn(&Self, usize) -> Vec<(usize, (f64, f64))>,
    ) -> Vec<Score> {
        let mut scores = vec![UNKNOWN; self.rows.len()];
        for fold in self.folds() {
            let known = learned(self, fold);
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
            for (at, _) in self.inside(fold) {
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
