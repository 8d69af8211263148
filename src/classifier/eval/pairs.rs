//! Which weak model is measured against which strong one, on what, at which prices; and the samples that come of it.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use serde::Deserialize;

use super::judge::Score;
use super::metrics::Sample;
use crate::classifier::rows::Row;

/// The pairs of a file.
#[derive(Clone, Debug, Deserialize)]
pub struct Pairs {
    /// Each alone.
    pub pairs: Vec<Pair>,
    /// Several together, each of them with the same weight.
    #[serde(default)]
    pub mixes: BTreeMap<String, Vec<String>>,
    /// By model.
    #[serde(default)]
    pub prices: HashMap<String, Price>,
}

/// A weak and a strong side.
#[derive(Clone, Debug, Deserialize)]
pub struct Pair {
    /// What it is called.
    #[serde(rename = "pair")]
    pub name: String,
    /// The rows that it is measured on.
    pub benchmark: String,
    /// The models of the weak side; of several the mean counts.
    pub weak: Side,
    /// The models of the strong side.
    pub strong: Side,
    #[serde(default)]
    cost_basis: Basis,
    #[serde(default)]
    est_in_tokens: Option<f64>,
    #[serde(default)]
    est_out_tokens: f64,
}

/// One model or several.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum Side {
    /// One.
    One(String),
    /// Several.
    Many(Vec<String>),
}

impl Side {
    /// The models.
    pub fn models(&self) -> &[String] {
        match self {
            Self::One(model) => std::slice::from_ref(model),
            Self::Many(models) => models,
        }
    }
}

/// Where costs come from.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum Basis {
    /// What the row says that it cost.
    MeasuredUsd,
    /// The tokens that the row says, at the list price.
    MeasuredTokens,
    /// Tokens as estimated, at the list price.
    #[default]
    #[serde(other)]
    ListPrice,
}

/// A list price.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Price {
    usd_per_mtok_in: f64,
    usd_per_mtok_out: f64,
}

impl Pairs {
    /// Reads a file of pairs.
    pub fn read(file: &Path) -> Result<Self, String> {
        let name = file.display();
        let text = std::fs::read_to_string(file).map_err(|error| format!("{name}: {error}"))?;
        serde_json::from_str(&text).map_err(|error| format!("{name}: {error}"))
    }

    /// The pairs that stand for their benchmark where a router is not told the pair: those of the mixes, else all.
    pub fn leading(&self) -> Vec<&Pair> {
        let named = |pair: &&Pair| self.mixes.values().flatten().any(|name| *name == pair.name);
        match self.pairs.iter().filter(named).collect::<Vec<_>>() {
            none if none.is_empty() => self.pairs.iter().collect(),
            leading => leading,
        }
    }

    fn cost(&self, pair: &Pair, row: &Row, model: &str) -> Result<Option<f64>, String> {
        let price = || {
            let price = self.prices.get(model);
            price.ok_or_else(|| format!("pair {}: there is no price of {model}", pair.name))
        };
        let at = |price: &Price, input: f64, output: f64| {
            Some((input * price.usd_per_mtok_in + output * price.usd_per_mtok_out) / 1e6)
        };
        Ok(match pair.cost_basis {
            Basis::MeasuredUsd => row.cost_usd.get(model).copied(),
            Basis::MeasuredTokens => match row.tokens.get(model) {
                Some((input, output)) => at(price()?, *input, *output),
                None => None,
            },
            Basis::ListPrice => {
                let guess = || row.prompt.chars().count() as f64 / 4.0;
                let input = pair
                    .est_in_tokens
                    .filter(|it| *it != 0.0)
                    .unwrap_or_else(guess);
                at(price()?, input, pair.est_out_tokens)
            }
        })
    }

    fn side_cost(&self, pair: &Pair, row: &Row, side: &Side) -> Result<f64, String> {
        let mut known = Vec::new();
        for model in side.models() {
            known.extend(self.cost(pair, row, model)?);
        }
        Ok(mean(&known).unwrap_or(f64::NAN))
    }
}

fn mean(list: &[f64]) -> Option<f64> {
    (!list.is_empty()).then(|| list.iter().sum::<f64>() / list.len() as f64)
}

/// What is not known costs what the known ones do on the average.
fn filled(costs: &mut [f64]) {
    let known: Vec<f64> = costs.iter().copied().filter(|it| !it.is_nan()).collect();
    let usual = mean(&known).unwrap_or(0.0);
    for cost in costs.iter_mut().filter(|it| it.is_nan()) {
        *cost = usual;
    }
}

/// A model's mean pass rate over a side; `None` if a model of it was not tried.
pub(crate) fn rate(row: &Row, side: &Side) -> Option<f64> {
    let rates = side
        .models()
        .iter()
        .map(|model| row.outcomes.get(model).copied());
    mean(&rates.collect::<Option<Vec<_>>>()?)
}

/// The sample of a pair, and the slice of each problem in it.
pub(super) fn sample<'a>(
    pairs: &Pairs,
    pair: &Pair,
    rows: &'a [Row],
    scores: &dyn Fn(&Row, &str) -> Option<Score>,
) -> Result<(Sample, Vec<Option<&'a str>>), String> {
    let (mut sample, mut slices) = (Sample::default(), Vec::new());
    for row in rows.iter().filter(|row| row.benchmark == pair.benchmark) {
        let (Some(weak), Some(strong)) = (rate(row, &pair.weak), rate(row, &pair.strong)) else {
            continue;
        };
        let score = scores(row, &pair.name)
            .ok_or_else(|| format!("there is no score for {} (pair {})", row.id, pair.name))?;
        sample.score.push(score.score);
        sample.p_weak.push(score.p_weak);
        sample.weak.push(weak);
        sample.strong.push(strong);
        sample
            .cost_weak
            .push(pairs.side_cost(pair, row, &pair.weak)?);
        sample
            .cost_strong
            .push(pairs.side_cost(pair, row, &pair.strong)?);
        sample.weight.push(1.0);
        let group = row.group.as_ref().filter(|it| !it.is_empty());
        sample.group.push(group.unwrap_or(&row.id).clone());
        slices.push(row.slice.as_deref().filter(|it| !it.is_empty()));
    }
    filled(&mut sample.cost_weak);
    filled(&mut sample.cost_strong);
    Ok((sample, slices))
}

/// Samples as one, each with the same weight and the same cost of its strong side.
pub(super) fn mixed(members: &[&Sample]) -> Sample {
    let mut all = Sample::default();
    for (at, member) in members.iter().enumerate() {
        let count = member.len() as f64;
        let usual = member.cost_strong.iter().sum::<f64>() / count;
        all.score.extend(&member.score);
        all.p_weak.extend(&member.p_weak);
        all.weak.extend(&member.weak);
        all.strong.extend(&member.strong);
        all.cost_weak
            .extend(member.cost_weak.iter().map(|it| it / usual));
        all.cost_strong
            .extend(member.cost_strong.iter().map(|it| it / usual));
        all.weight.extend(member.score.iter().map(|_| 1.0 / count));
        all.group
            .extend(member.group.iter().map(|it| format!("{at}|{it}")));
    }
    all
}
