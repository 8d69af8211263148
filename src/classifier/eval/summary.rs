//! The numbers of every pair, slice and mix, with what chance would have made of another sample of the same kind.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::judge::Score;
use super::metrics::{Curve, Metrics, Sample};
use super::pairs::{self, Pairs};
use crate::classifier::rows::Row;
use crate::domain::clock::Entropy;

/// A sample of fewer problems tells nothing.
const FEWEST: usize = 20;
/// Fewer groups than this are too few to draw from; then problems are drawn.
const FEWEST_GROUPS: usize = 40;
/// Between models that are as good as each other, no gain can be recovered.
const LEAST_GAP: f64 = 0.02;

/// How it is measured.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Samples drawn for the intervals; none without.
    pub boot: usize,
    /// What they are drawn by.
    pub seed: u64,
    /// The curves are told at eleven shares.
    pub frontier: bool,
    /// Slices are also measured alone.
    pub slices: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            boot: 400,
            seed: 0,
            frontier: false,
            slices: false,
        }
    }
}

/// The numbers of a pair or mix.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// Its name.
    pub pair: String,
    /// Problems.
    pub n: usize,
    /// Pass rate of the weak side.
    #[serde(rename = "Q_weak")]
    pub weak: f64,
    /// Of the strong side.
    #[serde(rename = "Q_strong")]
    pub strong: f64,
    /// With half of the calls sent to each by chance.
    #[serde(rename = "Q_random50")]
    pub half: f64,
    /// With the better one taken each time.
    #[serde(rename = "Q_oracle")]
    pub best: f64,
    /// Cost of the weak side as a part of the strong one's.
    #[serde(rename = "cost_weak/strong")]
    pub cost: Option<f64>,
    /// Its numbers.
    #[serde(flatten)]
    pub metrics: Metrics,
    /// Those of one who knows what will happen.
    pub oracle: Metrics,
    /// Those of chance.
    pub random: Metrics,
    /// 95 % of other samples would lie between these.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub ci95: BTreeMap<&'static str, [Option<f64>; 2]>,
    /// Share of the strong model, quality, cost.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub frontier: Vec<[f64; 3]>,
}

/// Measures every pair, and then every mix of those that could be measured.
pub fn summaries(
    rows: &[Row],
    pairs: &Pairs,
    scores: &dyn Fn(&Row, &str) -> Option<Score>,
    settings: &Settings,
) -> Result<Vec<Summary>, String> {
    let mut all = Vec::new();
    let mut kept: BTreeMap<&str, Sample> = BTreeMap::new();
    for pair in &pairs.pairs {
        let (sample, slices) = pairs::sample(pairs, pair, rows, scores)?;
        if sample.len() < FEWEST {
            continue;
        }
        all.push(Summary::of(&pair.name, &sample, settings));
        if settings.slices {
            all.extend(of_slices(&pair.name, &sample, &slices, settings));
        }
        kept.insert(&pair.name, sample);
    }
    for (name, members) in &pairs.mixes {
        let members = members.iter().filter_map(|name| kept.get(name.as_str()));
        let members: Vec<&Sample> = members.collect();
        if members.len() > 1 {
            all.push(Summary::of(name, &pairs::mixed(&members), settings));
        }
    }
    Ok(all)
}

fn of_slices(
    name: &str,
    sample: &Sample,
    slices: &[Option<&str>],
    settings: &Settings,
) -> Vec<Summary> {
    // A part has too few problems for a curve.
    let settings = &Settings {
        frontier: false,
        ..*settings
    };
    let names: BTreeSet<&str> = slices.iter().copied().flatten().collect();
    let of = |slice: &str| {
        let places = (0..sample.len()).filter(|at| slices[*at] == Some(slice));
        let places: Vec<usize> = places.collect();
        let part = Sample {
            group: places.iter().map(|at| sample.group[*at].clone()).collect(),
            ..sample.at(&places)
        };
        let fits = (FEWEST..sample.len()).contains(&part.len());
        fits.then(|| Summary::of(&format!("{name}[{slice}]"), &part, settings))
    };
    names.into_iter().filter_map(of).collect()
}

impl Summary {
    /// Measures a sample.
    pub fn of(name: &str, sample: &Sample, settings: &Settings) -> Self {
        let (weak, strong) = (sample.mean(&sample.weak), sample.mean(&sample.strong));
        let better: Vec<f64> = sample
            .weak
            .iter()
            .zip(&sample.strong)
            .map(|(a, b)| a.max(*b))
            .collect();
        let full = sample.mean(&sample.cost_strong);
        Self {
            pair: name.to_owned(),
            n: sample.len(),
            weak,
            strong,
            half: f64::midpoint(weak, strong),
            best: sample.mean(&better),
            cost: (full > 0.0).then(|| sample.mean(&sample.cost_weak) / full),
            metrics: Metrics::of(sample),
            oracle: Metrics::of(&sample.of_oracle()),
            random: Metrics::of(&sample.of_chance()),
            ci95: intervals(sample, settings),
            frontier: match settings.frontier {
                true => frontier(sample),
                false => Vec::new(),
            },
        }
    }
}

fn frontier(sample: &Sample) -> Vec<[f64; 3]> {
    let curve = Curve::of(sample);
    let at = |tenth: u32| {
        let share = f64::from(tenth) / 10.0;
        [
            share,
            curve.read(&curve.quality, share),
            curve.read(&curve.cost, share),
        ]
    };
    (0..=10).map(at).collect()
}

/// Draws other samples, whole groups at a time, and says between what 95 % of their numbers lie.
fn intervals(sample: &Sample, settings: &Settings) -> BTreeMap<&'static str, [Option<f64>; 2]> {
    let groups = groups(sample);
    let chance = Entropy::seeded(settings.seed);
    let mut drawn: Vec<[Option<f64>; 9]> = Vec::new();
    for _ in 0..settings.boot {
        let draws = groups
            .iter()
            .map(|_| (chance.u64() as u128 * groups.len() as u128) >> 64);
        let mut places: Vec<usize> = draws
            .flat_map(|at| groups[at as usize].iter().copied())
            .collect();
        // Equal chances are binned in the order of the rows: in another one, the error would be that of other bins.
        places.sort_unstable();
        let other = sample.at(&places);
        if (other.mean(&other.strong) - other.mean(&other.weak)).abs() >= LEAST_GAP {
            drawn.push(Metrics::of(&other).list());
        }
    }
    if drawn.len() <= FEWEST {
        return BTreeMap::new();
    }
    let of = |at: usize| {
        let mut known: Vec<f64> = drawn.iter().filter_map(|list| list[at]).collect();
        known.sort_by(f64::total_cmp);
        [0.025, 0.975].map(|part| quantile(&known, part))
    };
    let names = Metrics::NAMES.into_iter().enumerate();
    names.map(|(at, name)| (name, of(at))).collect()
}

fn groups(sample: &Sample) -> Vec<Vec<usize>> {
    let mut groups: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (at, group) in sample.group.iter().enumerate() {
        groups.entry(group).or_default().push(at);
    }
    match groups.len() < FEWEST_GROUPS {
        true => (0..sample.len()).map(|at| vec![at]).collect(),
        false => groups.into_values().collect(),
    }
}

/// Of a sorted list, between its two nearest.
fn quantile(sorted: &[f64], part: f64) -> Option<f64> {
    let place = part * sorted.len().checked_sub(1)? as f64;
    let (low, high) = (
        sorted.get(place.floor() as usize)?,
        sorted.get(place.ceil() as usize)?,
    );
    Some(low + (high - low) * place.fract())
}
