//! The net: a bag of hashed pieces and a row of numbers, read by two towers.
//!
//! One says how hard the work is: several small members, each with its own view of the pieces, and a straight path beside
//! them; the mean of what they say is bounded, so that no text moves the belief without end. The other says what kind of
//! work it is, in which language, and how long the answer will be; for the kind of work, too, each piece also has a straight
//! say. Pairs of words that were not in the training widen the
//! belief: the less of a text is known, the less is claimed.

mod read;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fmt;

use candle_core::{Device, Tensor};
use serde::{Deserialize, Serialize};

use super::features::{DENSE, Features, Input, MARKS};
use crate::domain::facts::{Classification, Language, Task};
use read::read;

/// Quantiles of the answer's length: the low, the middle, the high one.
pub(super) const LENGTHS: usize = 3;
/// Kinds of work, languages, lengths.
pub(super) const OUT: usize = Task::ALL.len() + Language::ALL.len() + LENGTHS;
/// The mean of the difficulty and the logarithm of its variance stay within this of zero.
pub(super) const BOUND: f64 = 3.0;
/// How much a text of which nothing is known widens the belief.
const UNLIKE: f32 = 4.0;
/// Marks in one number of the tensor: whole numbers that f16 and f32 hold exactly.
pub(super) const MARKS_A_NUMBER: usize = 8;
/// Numbers that are more than this from the mean, in deviations, are taken for this.
pub(super) const CLIP: f32 = 3.0;

/// The sizes from which every tensor's name and dimensions follow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shape {
    /// Rows of hashed pieces: a power of two.
    pub rows: usize,
    /// Members of the tower for difficulty.
    pub members: usize,
    /// Numbers a row for each member.
    pub width: usize,
    /// Hidden units of each member.
    pub hidden: usize,
    /// Numbers a row for the kinds of work.
    pub kind_width: usize,
    /// Hidden units for the kinds of work.
    pub kind_hidden: usize,
}

impl Default for Shape {
    fn default() -> Self {
        Self {
            rows: 32_768,
            members: 3,
            width: 8,
            hidden: 16,
            kind_width: 16,
            kind_hidden: 48,
        }
    }
}

impl Shape {
    /// Every tensor's name and dimensions.
    pub fn tensors(&self) -> Vec<(String, Vec<usize>)> {
        let tensor = |name: &str, dims: &[usize]| (name.to_owned(), dims.to_vec());
        let (members, hidden) = (self.members, self.hidden);
        let sum = |a: usize, b: usize| a.saturating_add(b);
        vec![
            tensor("pieces.known", &[MARKS / MARKS_A_NUMBER]),
            tensor(
                "pieces.weight",
                &[
                    self.rows,
                    sum(
                        sum(self.hard_width(), 2),
                        sum(self.kind_width, Task::ALL.len()),
                    ),
                ],
            ),
            tensor("hard.mean", &[DENSE]),
            tensor("hard.scale", &[DENSE]),
            tensor("hard.hidden", &[members, sum(self.width, DENSE), hidden]),
            tensor("hard.hidden_bias", &[members, hidden]),
            tensor("hard.out", &[members, hidden, 2]),
            tensor("hard.straight", &[DENSE, 2]),
            tensor("hard.out_bias", &[2]),
            tensor("kind.mean", &[DENSE]),
            tensor("kind.scale", &[DENSE]),
            tensor(
                "kind.hidden",
                &[sum(self.kind_width, DENSE), self.kind_hidden],
            ),
            tensor("kind.hidden_bias", &[self.kind_hidden]),
            tensor("kind.out", &[self.kind_hidden, OUT]),
            tensor("kind.out_bias", &[OUT]),
        ]
    }

    pub(super) fn hard_width(&self) -> usize {
        self.members.saturating_mul(self.width)
    }
}

/// Why the net gave no answer.
#[derive(Debug)]
pub struct NetError(String);

impl fmt::Display for NetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NetError {}

impl From<candle_core::Error> for NetError {
    fn from(error: candle_core::Error) -> Self {
        Self(error.to_string())
    }
}

/// Weights in their places.
#[derive(Debug)]
pub struct Net {
    shape: Shape,
    /// Mean and scale of the numbers, as each tower sees them.
    hard_standard: (Vec<f32>, Vec<f32>),
    kind_standard: (Vec<f32>, Vec<f32>),
    known: Vec<u8>,
    /// Row by row: the rows of a text are summed by hand.
    pieces: Vec<f32>,
    columns: usize,
    /// All members side by side: what belongs to different ones is zero.
    hard_hidden: (Tensor, Tensor),
    hard_out: (Tensor, Tensor),
    kind_hidden: (Tensor, Tensor),
    kind_out: (Tensor, Tensor),
}

impl Net {
    /// Puts the tensors in their places.
    pub fn new(shape: &Shape, mut tensors: HashMap<String, Tensor>) -> Result<Self, NetError> {
        if !shape.rows.is_power_of_two() || shape.members == 0 {
            let what = "the rows must be a power of two, and there must be a member";
            return Err(NetError(what.to_owned()));
        }
        let mut take = |name: &str| {
            let tensor = tensors.remove(name);
            tensor.ok_or_else(|| NetError(format!("there is no tensor {name}")))
        };
        let pieces = take("pieces.weight")?;
        let columns = pieces.dim(1)?;
        let known = take("pieces.known")?.to_vec1::<f32>()?;
        let straight = take("hard.straight")?;
        let members = shape.members as f64;
        // The mean over the members is taken here, once.
        let out = (take("hard.out")?.flatten(0, 1)? / members)?;
        Ok(Self {
            hard_standard: (
                take("hard.mean")?.to_vec1()?,
                take("hard.scale")?.to_vec1()?,
            ),
            kind_standard: (
                take("kind.mean")?.to_vec1()?,
                take("kind.scale")?.to_vec1()?,
            ),
            known: known.iter().map(|it| *it as u8).collect(),
            pieces: pieces.flatten_all()?.to_vec1()?,
            columns,
            hard_hidden: (
                side_by_side(shape, &take("hard.hidden")?)?,
                take("hard.hidden_bias")?.flatten_all()?.unsqueeze(0)?,
            ),
            hard_out: (
                Tensor::cat(&[out, straight], 0)?,
                take("hard.out_bias")?.unsqueeze(0)?,
            ),
            kind_hidden: (
                take("kind.hidden")?,
                take("kind.hidden_bias")?.unsqueeze(0)?,
            ),
            kind_out: (take("kind.out")?, take("kind.out_bias")?.unsqueeze(0)?),
            shape: shape.clone(),
        })
    }

    /// The sizes that it was made of.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// Says what a call is.
    pub fn classify(&self, input: &Input<'_>) -> Result<Classification, NetError> {
        let features = Features::read(input, self.shape.rows);
        let class = self.answer(&features)?;
        Ok(class.within(input.max_output))
    }

    /// Says what a call is that was read before.
    pub fn answer(&self, features: &Features) -> Result<Classification, NetError> {
        let bag = self.bag(features);
        let standard =
            |(mean, scale): &(Vec<f32>, Vec<f32>)| standard(&features.dense, mean, scale);
        let dense = standard(&self.hard_standard);
        let hard = self.shape.hard_width();
        let (belief, kind) = bag.split_at(hard + 2);
        let straight = [belief[hard], belief[hard + 1]];
        let row = |parts: [&[f32]; 2]| {
            let numbers = parts.concat();
            let count = numbers.len();
            Tensor::from_vec(numbers, (1, count), &Device::Cpu)
        };
        let hidden = layer(&row([&belief[..hard], &dense])?, &self.hard_hidden)?.tanh()?;
        let hidden = Tensor::cat(&[hidden, row([&dense, &[]])?], 1)?;
        let belief = layer(&hidden, &self.hard_out)?
            .squeeze(0)?
            .to_vec1::<f32>()?;
        let dense = standard(&self.kind_standard);
        let (kind, straight_kinds) = kind.split_at(self.shape.kind_width);
        let hidden = layer(&row([kind, &dense])?, &self.kind_hidden)?.tanh()?;
        let mut kinds = layer(&hidden, &self.kind_out)?
            .squeeze(0)?
            .to_vec1::<f32>()?;
        for (sum, number) in kinds.iter_mut().zip(straight_kinds) {
            *sum += number;
        }
        let belief = [belief[0] + straight[0], belief[1] + straight[1]].map(bounded);
        let unlike = self.unlike(&features.pairs);
        let variance = belief[1].exp() + UNLIKE * unlike * unlike;
        Ok(read(belief[0], variance, &kinds))
    }

    /// The weighed sum of the pieces' rows.
    fn bag(&self, features: &Features) -> Vec<f32> {
        let mut bag = vec![0.0; self.columns];
        for (row, weight) in features.rows.iter().zip(&features.weights) {
            let start = *row as usize * self.columns;
            let Some(row) = self.pieces.get(start..start + self.columns) else {
                continue;
            };
            for (sum, number) in bag.iter_mut().zip(row) {
                *sum += weight * number;
            }
        }
        bag
    }

    /// The share of the pairs of words that were not in the training. A text of a few words tells little of itself.
    fn unlike(&self, pairs: &[u32]) -> f32 {
        let is_known = |pair: &&u32| {
            let (at, bit) = (
                **pair as usize / MARKS_A_NUMBER,
                **pair as usize % MARKS_A_NUMBER,
            );
            self.known.get(at).is_some_and(|it| it & (1 << bit) != 0)
        };
        let unknown = pairs.len() - pairs.iter().filter(is_known).count();
        (unknown as f32 + 1.0) / (pairs.len() as f32 + 4.0)
    }
}

fn layer(input: &Tensor, (weight, bias): &(Tensor, Tensor)) -> candle_core::Result<Tensor> {
    // Both have one row, so that nothing is broadcast.
    input.matmul(weight)? + bias
}

fn bounded(number: f32) -> f32 {
    let bound = BOUND as f32;
    bound * (number / bound).tanh()
}

/// Numbers in deviations from their mean. What the training did not vary has a scale of zero, and no say.
pub(super) fn standard(dense: &[f32; DENSE], mean: &[f32], scale: &[f32]) -> Vec<f32> {
    let all = dense.iter().zip(mean).zip(scale);
    all.map(|((number, mean), scale)| ((number - mean) * scale).clamp(-CLIP, CLIP))
        .collect()
}

/// The members' weights as one matrix: each sees its own part of the bag, and all see the numbers.
fn side_by_side(shape: &Shape, members: &Tensor) -> candle_core::Result<Tensor> {
    let columns = (0..shape.members).map(|member| {
        let weight = members.get(member)?;
        let zeros =
            |count| Tensor::zeros((count, shape.hidden), candle_core::DType::F32, &Device::Cpu);
        let before = zeros(member * shape.width)?;
        let after = zeros((shape.members - 1 - member) * shape.width)?;
        let own = weight.narrow(0, 0, shape.width)?;
        let dense = weight.narrow(0, shape.width, DENSE)?;
        Tensor::cat(&[before, own, after, dense], 0)
    });
    let columns: Vec<Tensor> = columns.collect::<candle_core::Result<_>>()?;
    Tensor::cat(&columns, 1)
}
