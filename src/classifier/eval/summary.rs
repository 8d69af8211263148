//! The figures of each pair and mix, with their intervals.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::Serialize;

use super::curve::{Bin, Columns, Figures};
use super::pairs::Set;
use super::{EvalError, Guess, Pairs};
use crate::classifier::rows::Row;
use crate::domain::clock::Entropy;

/// Fewer problems say nothing.
const FEWEST: usize = 20;

/// Fewer groups are not drawn whole.
const FEWEST_GROUPS: usize = 40;

/// A draw in which both models are about as good tells nothing of the gap.
const LEAST_GAP: f64 = 0.02;

/// How much is worked out.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Draws behind each interval; none for no intervals.
    pub boot: u32,
    /// What the draws follow from.
    pub seed: u64,
    /// The parts of each benchmark alone, too.
    pub slices: bool,
    /// The curve itself, too.
    pub frontier: bool,
}

/// What one pair or mix comes to.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// Its name.
    pub pair: String,
    /// Problems.
    pub n: usize,
    /// Mean pass rate of the weak model.
    #[serde(rename = "Q_weak")]
    pub weak: f64,
    /// Mean pass rate of the strong model.
    #[serde(rename = "Q_strong")]
    pub strong: f64,
    /// Mean pass rate of a coin between them.
    #[serde(rename = "Q_random50")]
    pub random50: f64,
    /// Mean pass rate of who always knows which is better.
    #[serde(rename = "Q_oracle")]
    pub oracle50: f64,
    /// What the weak model costs in parts of the strong one.
    #[serde(rename = "cost_weak/strong")]
    pub cost_ratio: f64,
    /// The figures by name.
    #[serde(flatten)]
    pub figures: BTreeMap<&'static str, f64>,
    /// The same for who always knows.
    pub oracle: BTreeMap<&'static str, f64>,
    /// The same for a coin.
    pub random: BTreeMap<&'static str, f64>,
    /// Where each figure lies in 95 of 100 draws.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ci95: Option<BTreeMap<&'static str, [f64; 2]>>,
    /// Share of strong calls, quality and cost.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub frontier: Vec<(f64, f64, f64)>,
    /// What was said of the weak model and what was.
    pub reliability: Vec<Bin>,
    /// One pair, not several together.
    #[serde(skip)]
    pub single: bool,
}

/// Works out every pair and mix of which there are enough problems; `tell` hears of each before it begins.
///
/// # Errors
/// Where a problem has no guess or a model no price.
pub fn evaluate(
    rows: &[Row],
    pairs: &Pairs,
    guess: &dyn Fn(&Row, &str) -> Option<Guess>,
    options: Options,
    mut tell: impl FnMut(&str),
) -> Result<Vec<Summary>, EvalError> {
    let mut summaries = Vec::new();
    let mut sets: HashMap<&str, Set> = HashMap::new();
    for pair in &pairs.pairs {
        let set = pairs.set(pair, rows, guess)?;
        if set.columns.len() < FEWEST {
            continue;
        }
        tell(&pair.pair);
        summaries.push(summary(&pair.pair, &set, true, options));
        if options.slices {
            summaries.extend(slices(&pair.pair, &set, options));
        }
        sets.insert(&pair.pair, set);
    }
    for (name, members) in &pairs.mixes {
        let members: Vec<&Set> = members
            .iter()
            .filter_map(|member| sets.get(member.as_str()))
            .collect();
        if members.len() >= 2 {
            tell(name);
            summaries.push(summary(name, &mix(&members), false, options));
        }
    }
    Ok(summaries)
}

fn slices(name: &str, set: &Set, options: Options) -> Vec<Summary> {
    let names: BTreeSet<&String> = set
        .slices
        .iter()
        .flatten()
        .filter(|it| !it.is_empty())
        .collect();
    let part = |slice: &&String| {
        let places: Vec<usize> = (0..set.columns.len())
            .filter(|at| set.slices[*at].as_ref() == Some(*slice))
            .collect();
        (FEWEST..set.columns.len())
            .contains(&places.len())
            .then(|| {
                let part = Set {
                    columns: set.columns.pick(&places),
                    groups: places.iter().map(|at| set.groups[*at].clone()).collect(),
                    slices: Vec::new(),
                };
                summary(&format!("{name}[{slice}]"), &part, true, options)
            })
    };
    names.iter().filter_map(part).collect()
}

/// Several pairs as one: each weighs the same, and always asking its strong model costs 1.
fn mix(members: &[&Set]) -> Set {
    let mut mix = Set::default();
    for (n, set) in members.iter().enumerate() {
        let (from, into) = (&set.columns, &mut mix.columns);
        let count = from.len() as f64;
        let dear = from.strong_cost.iter().sum::<f64>() / count;
        into.score.extend(&from.score);
        into.chance.extend(&from.chance);
        into.weak.extend(&from.weak);
        into.strong.extend(&from.strong);
        into.weak_cost
            .extend(from.weak_cost.iter().map(|cost| cost / dear));
        into.strong_cost
            .extend(from.strong_cost.iter().map(|cost| cost / dear));
        into.weight.extend(from.weight.iter().map(|_| 1.0 / count));
        mix.groups
            .extend(set.groups.iter().map(|group| format!("{n}|{group}")));
    }
    mix
}

fn summary(name: &str, set: &Set, single: bool, options: Options) -> Summary {
    let columns = &set.columns;
    let named = |figures: &Figures, names: &[&'static str]| -> BTreeMap<&'static str, f64> {
        names
            .iter()
            .map(|name| (*name, figures.get(name)))
            .collect()
    };
    let known = &Figures::NAMES[..6];
    let (weak, strong) = (columns.weak_quality(), columns.strong_quality());
    let dear = columns.mean(|at| columns.strong_cost[at]);
    let cheap = columns.mean(|at| columns.weak_cost[at]);
    Summary {
        pair: name.to_owned(),
        n: columns.len(),
        weak,
        strong,
        random50: columns.mean(|at| f64::midpoint(columns.weak[at], columns.strong[at])),
        oracle50: columns.mean(|at| columns.weak[at].max(columns.strong[at])),
        cost_ratio: if dear > 0.0 { cheap / dear } else { f64::NAN },
        figures: named(&columns.figures(), &Figures::NAMES),
        oracle: named(&knowing(columns).figures(), known),
        random: named(&blind(columns).figures(), known),
        ci95: intervals(set, options),
        frontier: if options.frontier {
            columns.curve().frontier()
        } else {
            Vec::new()
        },
        reliability: columns.reliability(),
        single,
    }
}

/// The scores of who knows every outcome, and takes the cheaper model where both are as good.
fn knowing(columns: &Columns) -> Columns {
    let dearer = |at: usize| columns.weak_cost[at] - columns.strong_cost[at];
    let most = (0..columns.len())
        .map(|at| dearer(at).abs())
        .fold(1e-9, f64::max);
    let score = |at: usize| columns.weak[at] - columns.strong[at] - 1e-6 * dearer(at) / most;
    Columns {
        score: (0..columns.len()).map(score).collect(),
        ..columns.clone()
    }
}

/// Scores that tell nothing.
fn blind(columns: &Columns) -> Columns {
    Columns {
        score: vec![0.0; columns.len()],
        ..columns.clone()
    }
}

fn intervals(set: &Set, options: Options) -> Option<BTreeMap<&'static str, [f64; 2]>> {
    let mut groups: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (at, group) in set.groups.iter().enumerate() {
        groups.entry(group).or_default().push(at);
    }
    let members: Vec<Vec<usize>> = match groups.len() < FEWEST_GROUPS {
        true => (0..set.columns.len()).map(|at| vec![at]).collect(),
        false => groups.into_values().collect(),
    };
    let entropy = Entropy::seeded(options.seed);
    let mut draws: Vec<Figures> = Vec::new();
    for _ in 0..options.boot {
        let one = || &members[(entropy.u64() % members.len() as u64) as usize];
        let places: Vec<usize> = (0..members.len())
            .flat_map(|_| one().iter().copied())
            .collect();
        let drawn = set.columns.pick(&places);
        if (drawn.strong_quality() - drawn.weak_quality()).abs() >= LEAST_GAP {
            draws.push(drawn.figures());
        }
    }
    (draws.len() > 20).then(|| {
        let names = Figures::NAMES.iter().enumerate();
        names
            .map(|(at, name)| (*name, middle(draws.iter().map(|it| it.0[at]))))
            .collect()
    })
}

/// Between which values the middle 95 % lie.
fn middle(values: impl Iterator<Item = f64>) -> [f64; 2] {
    let mut values: Vec<f64> = values.filter(|value| !value.is_nan()).collect();
    values.sort_by(f64::total_cmp);
    [0.025, 0.975].map(|part| {
        let Some(last) = values.len().checked_sub(1) else {
            return f64::NAN;
        };
        let place = part * last as f64;
        let (low, high) = (place.floor() as usize, place.ceil() as usize);
        values[low] + (values[high] - values[low]) * (place - low as f64)
    })
}
