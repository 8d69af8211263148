//! Pairs of a weak and a strong model, and what each problem is to such a pair.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use super::curve::Columns;
use super::{EvalError, Guess};
use crate::classifier::rows::{Row, RowsError};

/// Which pairs are looked at, and what their models cost.
#[derive(Clone, Debug, Deserialize)]
pub struct Pairs {
    pub(super) pairs: Vec<Pair>,
    /// Pairs that are looked at together, each benchmark with the same weight.
    #[serde(default)]
    pub(super) mixes: BTreeMap<String, Vec<String>>,
    prices: BTreeMap<String, Price>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Pair {
    pub(super) pair: String,
    benchmark: String,
    weak: Models,
    strong: Models,
    cost_basis: Basis,
    #[serde(default)]
    est_in_tokens: Option<f64>,
    #[serde(default)]
    est_out_tokens: f64,
}

/// One model, or the mean of several.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum Models {
    One(String),
    Mean(Vec<String>),
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum Basis {
    MeasuredUsd,
    MeasuredTokens,
    ListPriceEqualTokens,
}

#[derive(Clone, Copy, Debug, Deserialize)]
struct Price {
    usd_per_mtok_in: f64,
    usd_per_mtok_out: f64,
}

impl Models {
    fn names(&self) -> &[String] {
        match self {
            Self::One(name) => std::slice::from_ref(name),
            Self::Mean(names) => names,
        }
    }

    fn passed(&self, row: &Row) -> Option<f64> {
        let rates: Option<Vec<f64>> = self
            .names()
            .iter()
            .map(|name| row.outcomes.get(name).copied())
            .collect();
        mean(rates?.into_iter())
    }
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (count, sum) = values.fold((0, 0.0), |(count, sum), value| (count + 1, sum + value));
    (count > 0).then(|| sum / f64::from(count))
}

/// The problems of one pair.
#[derive(Clone, Debug, Default)]
pub(super) struct Set {
    pub(super) columns: Columns,
    pub(super) groups: Vec<String>,
    pub(super) slices: Vec<Option<String>>,
}

impl Pairs {
    /// Reads the file.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn read(file: &Path) -> Result<Self, RowsError> {
        let text = std::fs::read_to_string(file).map_err(|error| RowsError::of(file, error))?;
        serde_json::from_str(&text).map_err(|error| RowsError::of(file, error))
    }

    #[cfg(test)]
    pub(super) fn unprice(&mut self, model: &str) {
        self.prices.remove(model);
    }

    /// The problems on which all models of the pair were tried.
    pub(super) fn set(
        &self,
        pair: &Pair,
        rows: &[Row],
        guess: &dyn Fn(&Row, &str) -> Option<Guess>,
    ) -> Result<Set, EvalError> {
        let mut set = Set::default();
        let columns = &mut set.columns;
        for row in rows.iter().filter(|row| row.benchmark == pair.benchmark) {
            let (Some(weak), Some(strong)) = (pair.weak.passed(row), pair.strong.passed(row))
            else {
                continue;
            };
            let guess = guess(row, &pair.pair).ok_or_else(|| EvalError::Unscored {
                id: row.id.clone(),
                pair: pair.pair.clone(),
            })?;
            columns.weak.push(weak);
            columns.strong.push(strong);
            columns.score.push(guess.score);
            columns.chance.push(guess.p_weak);
            columns.weight.push(1.0);
            columns.weak_cost.push(self.cost(pair, &pair.weak, row)?);
            columns
                .strong_cost
                .push(self.cost(pair, &pair.strong, row)?);
            set.groups.push(row.group().to_owned());
            set.slices.push(row.slice.clone());
        }
        fill(&mut columns.weak_cost);
        fill(&mut columns.strong_cost);
        Ok(set)
    }

    /// The mean cost of these models on this problem; not a number where none is known.
    fn cost(&self, pair: &Pair, models: &Models, row: &Row) -> Result<f64, EvalError> {
        let mut known = Vec::new();
        for model in models.names() {
            let price = || {
                let price = self.prices.get(model);
                price
                    .copied()
                    .ok_or_else(|| EvalError::Unpriced(model.clone()))
            };
            let of = |price: Price, input: f64, output: f64| {
                (input * price.usd_per_mtok_in + output * price.usd_per_mtok_out) / 1e6
            };
            let cost = match pair.cost_basis {
                Basis::MeasuredUsd => row.cost_usd.get(model).copied(),
                Basis::MeasuredTokens => {
                    let price = price()?;
                    row.tokens
                        .get(model)
                        .map(|[input, output]| of(price, *input, *output))
                }
                Basis::ListPriceEqualTokens => {
                    let input = pair.est_in_tokens.filter(|count| *count > 0.0);
                    let input = input.unwrap_or(row.prompt.chars().count() as f64 / 4.0);
                    Some(of(price()?, input, pair.est_out_tokens))
                }
            };
            known.extend(cost);
        }
        Ok(mean(known.into_iter()).unwrap_or(f64::NAN))
    }
}

/// What is not known is taken for the mean of what is.
fn fill(costs: &mut [f64]) {
    let mean = mean(costs.iter().copied().filter(|cost| !cost.is_nan())).unwrap_or(0.0);
    for cost in costs.iter_mut().filter(|cost| cost.is_nan()) {
        *cost = mean;
    }
}
