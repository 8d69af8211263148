//! What the signs of a conversation weigh, fitted to conversations of which it is known how they ended.
//!
//! A row is a moment of a piece of work: what was believed of it when it began, which model was at it, what had been seen by
//! then, and whether that model got it done in the end. The weights are those that make the outcomes likeliest, held near
//! the ones that are set by hand: what hardly ever was seen stays as it is. The moments of one piece of work share its
//! outcome, so they count as one together.

mod recorded;
mod report;
mod solve;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::f64::consts::PI;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use self::solve::Matrix;
use super::TrainError;
use crate::classifier::abilities::Abilities;
use crate::classifier::rows::{self, RowsError};
use crate::domain::belief::Belief;
use crate::domain::facts::Task;
use crate::domain::sign::{Sign, Signs};
use crate::domain::weights::{Weight, Weights, times};
pub use recorded::{Moment, moments};
pub use report::{Told, report};

/// Fewer pieces of work than this fit nothing.
pub const FEWEST: usize = 50;
/// How far the weights that are set by hand may be off: of the mean, and of the logarithm of the variance.
const DOUBT: (f64, f64) = (0.3, 0.1);
/// Steps that are always enough.
const STEPS: usize = 60;
/// Signs there are.
const SIGNS: usize = Sign::ALL.len();

/// A moment of a piece of work.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// The piece of work: all its rows have the same word here.
    pub work: String,
    /// How hard it was thought to be when it began.
    pub prior: Belief,
    /// Kind of work.
    pub task: Task,
    /// The model that was at it.
    pub model: String,
    /// How able that is; where it is not told, as the classifier's table has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ability: Option<Belief>,
    /// What had been seen by then, and how often.
    pub signs: Signs,
    /// Whether that model got it done in the end.
    pub passed: bool,
}

impl Row {
    fn ability(&self) -> Belief {
        self.ability.unwrap_or(Belief::WIDE)
    }

    /// The chance that it is done in the end, if signs weigh so much.
    pub fn chance(&self, weights: &Weights) -> f64 {
        let shift = weights.shift(&self.signs);
        let belief = Belief {
            mean: self.prior.mean + f64::from(shift.mean),
            variance: self.prior.variance * f64::from(shift.variance).exp(),
        };
        belief.passed_by(self.ability())
    }
}

/// Reads rows, one JSON object a line, packed or not. Abilities that are not told are looked up.
pub fn read(files: &[PathBuf], abilities: &Abilities) -> Result<Vec<Row>, RowsError> {
    let mut all = Vec::new();
    for file in files {
        rows::lines(file, |_, line| {
            let mut row: Row = serde_json::from_str(line).map_err(|error| error.to_string())?;
            let ability = || abilities.of(&row.model, row.task).into();
            row.ability = Some(row.ability.unwrap_or_else(ability));
            let sound = |it: Belief| it.mean.is_finite() && (0.0..=100.0).contains(&it.variance);
            if !sound(row.prior) || !sound(row.ability()) {
                return Err("a belief has a mean and a variance from 0 to 100".to_owned());
            }
            all.push(row);
            Ok(())
        })?;
    }
    Ok(all)
}

/// Weights, and how sure they are.
#[derive(Clone, Debug)]
pub struct Fitted {
    /// The weights.
    pub weights: Weights,
    /// One standard error of each mean.
    pub errors: BTreeMap<Sign, f64>,
}

/// Fits weights to rows, near those of `prior`.
pub fn fit(rows: &[&Row], prior: &Weights) -> Result<Fitted, TrainError> {
    let mut moments: HashMap<&str, f64> = HashMap::new();
    for row in rows {
        *moments.entry(&row.work).or_default() += 1.0;
    }
    if moments.len() < FEWEST {
        let count = moments.len();
        let what = format!("{count} pieces of work have a known end; {FEWEST} are needed");
        return Err(TrainError::Rows(what));
    }
    let point = |row: &&Row| Point::of(row, 1.0 / moments[row.work.as_str()]);
    let points: Vec<Point> = rows.iter().map(point).collect();
    Ok(Fit::new(&points, prior).run())
}

/// A row as numbers.
struct Point {
    passed: f64,
    /// For how much it counts.
    counts: f64,
    /// By how much the ability is above the difficulty, before anything was seen.
    ahead: f64,
    /// The variance of the difficulty, before anything was seen; and that of the ability.
    of_work: f64,
    of_model: f64,
    /// The signs that were seen, and how often they count.
    seen: Vec<(usize, f64)>,
}

impl Point {
    fn of(row: &Row, counts: f64) -> Self {
        let seen = row.signs.iter();
        Self {
            passed: f64::from(u8::from(row.passed)),
            counts,
            ahead: row.ability().mean - row.prior.mean,
            of_work: row.prior.variance,
            of_model: row.ability().variance,
            seen: seen
                .map(|(sign, count)| (sign as usize, times(count).into()))
                .collect(),
        }
    }

    /// The log-odds of passing by these weights, and what they change with, by the place of the weight.
    fn odds(&self, at: &[f64], most: f64, slopes: &mut Vec<(usize, f64)>) -> f64 {
        let sum = |from: usize| -> f64 {
            let each = self
                .seen
                .iter()
                .map(|(sign, times)| at[from + sign] * times);
            each.sum()
        };
        let (mean, variance) = (sum(0), sum(SIGNS));
        let wide = self.of_work * variance.exp();
        let square = 1.0 + PI * (wide + self.of_model) / 8.0;
        let root = square.sqrt();
        let odds = (self.ahead - mean.clamp(-most, most)) / root;
        slopes.clear();
        for (sign, times) in &self.seen {
            if mean.abs() < most {
                slopes.push((*sign, -times / root));
            }
            let of_variance = -odds * PI * wide * times / (16.0 * square);
            slopes.push((SIGNS + sign, of_variance));
        }
        odds
    }
}

fn chance(odds: f64) -> f64 {
    1.0 / (1.0 + (-odds).exp())
}

/// The search for the likeliest weights: means, then variances.
struct Fit<'p> {
    points: &'p [Point],
    prior: Vec<f64>,
    most: f32,
}

impl<'p> Fit<'p> {
    fn new(points: &'p [Point], prior: &Weights) -> Self {
        let of = |sign: &Sign| prior.signs.get(sign).copied().unwrap_or_default();
        let means = Sign::ALL.iter().map(|sign| f64::from(of(sign).mean));
        let variances = Sign::ALL.iter().map(|sign| f64::from(of(sign).variance));
        Self {
            points,
            prior: means.chain(variances).collect(),
            most: prior.most,
        }
    }

    /// How much a weight's distance from what is set by hand counts.
    fn hold(place: usize) -> f64 {
        let doubt = if place < SIGNS { DOUBT.0 } else { DOUBT.1 };
        1.0 / (doubt * doubt)
    }

    /// The logarithm of how likely outcomes and weights are together.
    fn likely(&self, at: &[f64]) -> f64 {
        let mut slopes = Vec::new();
        let of_rows = self.points.iter().map(|point| {
            let odds = point.odds(at, self.most.into(), &mut slopes);
            // The chance of what came, without rounding it to nothing.
            let side = if point.passed > 0.5 { -odds } else { odds };
            -point.counts * (side.max(0.0) + (-side.abs()).exp().ln_1p())
        });
        let of_rows: f64 = of_rows.sum();
        let apart = at.iter().zip(&self.prior).enumerate();
        let held = apart.map(|(place, (at, prior))| Self::hold(place) * (at - prior).powi(2) / 2.0);
        of_rows - held.sum::<f64>()
    }

    /// Where it rises to, and how curved it is there.
    fn slope(&self, at: &[f64]) -> (Vec<f64>, Matrix) {
        let mut rise = vec![0.0; at.len()];
        let mut bend = Matrix::zero(at.len());
        for (place, (is, prior)) in at.iter().zip(&self.prior).enumerate() {
            rise[place] = -Self::hold(place) * (is - prior);
            bend.add(place, place, Self::hold(place));
        }
        let mut slopes = Vec::new();
        for point in self.points {
            let told = chance(point.odds(at, self.most.into(), &mut slopes));
            let curved = point.counts * told * (1.0 - told);
            for (row, slope) in &slopes {
                rise[*row] += point.counts * (point.passed - told) * slope;
                for (column, other) in &slopes {
                    bend.add(*row, *column, curved * slope * other);
                }
            }
        }
        (rise, bend)
    }

    fn run(&self) -> Fitted {
        let mut at = self.prior.clone();
        let mut likely = self.likely(&at);
        for _ in 0..STEPS {
            let (rise, bend) = self.slope(&at);
            let step = bend.solve(&rise);
            let mut part = 1.0;
            let better = loop {
                let next: Vec<f64> = at
                    .iter()
                    .zip(&step)
                    .map(|(at, step)| at + part * step)
                    .collect();
                let there = self.likely(&next);
                if there > likely {
                    break Some((next, there));
                }
                part /= 2.0;
                if part < 1e-6 {
                    break None;
                }
            };
            let Some((next, there)) = better else { break };
            let gained = there - likely;
            (at, likely) = (next, there);
            if gained < 1e-9 {
                break;
            }
        }
        self.told(&at)
    }

    fn told(&self, at: &[f64]) -> Fitted {
        let (_, bend) = self.slope(at);
        let error = |place: usize| {
            let mut one = vec![0.0; at.len()];
            one[place] = 1.0;
            bend.solve(&one)[place].max(0.0).sqrt()
        };
        let weight = |place: usize| Weight {
            mean: at[place] as f32,
            variance: at[SIGNS + place] as f32,
        };
        let signs = || Sign::ALL.iter().copied().enumerate();
        Fitted {
            weights: Weights {
                signs: signs().map(|(place, sign)| (sign, weight(place))).collect(),
                most: self.most,
            },
            errors: signs().map(|(place, sign)| (sign, error(place))).collect(),
        }
    }
}
