//! The net: a bag of hashed pieces and a row of numbers, read by two towers.
//!
//! One says how hard the work is: several small members, each with its own view of the pieces, and a straight path beside
//! them; the mean of what they say is bounded, so that no text moves the belief without end. The other says what kind of
//! work it is, in which language, and how long the answer will be; for kind and language, too, each piece also has a straight
//! say, and so has each piece of what is said in words. Pairs of words that were not in the training draw the belief
//! to the middle and widen it: the less of a text is known, the less is claimed.

mod layer;
mod read;
mod table;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fmt;

use candle_core::{DType, Device, Tensor};
use serde::{Deserialize, Serialize};

use super::features::{DENSE, Features, Input, MARKS, PROSE};
use crate::domain::facts::{Classification, Language, Task};
use layer::{Layer, plain};
use read::read;
use table::Table;

/// Quantiles of the answer's length: the low, the middle, the high one.
pub(super) const LENGTHS: usize = 3;
/// Kinds of work, languages, lengths.
pub(super) const OUT: usize = STRAIGHT + LENGTHS;
/// What pieces say by themselves: kinds of work, languages.
pub(super) const STRAIGHT: usize = Task::ALL.len() + Language::ALL.len();
/// The mean of the difficulty and the logarithm of its variance stay within this of zero.
pub(super) const BOUND: f64 = 3.0;
/// The variance of what is claimed of a text of which nothing is known. Whole benchmarks that were kept out of a training
/// were told too boldly with a wider belief alone: what is learned of some texts hardly carries over to others.
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
            kind_width: 8,
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
                    sum(sum(self.hard_width(), 2), sum(self.kind_width, STRAIGHT)),
                ],
            ),
            tensor("prose.weight", &[self.prose_rows(), STRAIGHT]),
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

    /// Rows of what is said in words.
    pub(super) fn prose_rows(&self) -> usize {
        self.rows.saturating_mul(PROSE)
    }

    pub(super) fn hard_width(&self) -> usize {
        self.members.saturating_mul(self.width)
    }
}

/// Why tensors make no net.
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
    pieces: Table,
    /// Of what is said in words.
    prose: Table,
    /// All members side by side: what belongs to different ones is zero.
    hard_hidden: Layer,
    hard_out: Layer,
    kind_hidden: Layer,
    kind_out: Layer,
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
        let full = |tensor: Tensor| tensor.to_dtype(DType::F32);
        let members = shape.members as f64;
        // The mean over the members is taken here, once.
        let out = (full(take("hard.out")?)?.flatten(0, 1)? / members)?;
        let out = Tensor::cat(&[out, full(take("hard.straight")?)?], 0)?;
        let hidden = side_by_side(shape, &full(take("hard.hidden")?)?)?;
        let known = plain(&take("pieces.known")?)?;
        Ok(Self {
            hard_standard: (plain(&take("hard.mean")?)?, plain(&take("hard.scale")?)?),
            kind_standard: (plain(&take("kind.mean")?)?, plain(&take("kind.scale")?)?),
            known: known.iter().map(|it| *it as u8).collect(),
            pieces: Table::new(&take("pieces.weight")?)?,
            prose: Table::new(&take("prose.weight")?)?,
            hard_hidden: Layer::new(&hidden, &take("hard.hidden_bias")?)?,
            hard_out: Layer::new(&out, &take("hard.out_bias")?)?,
            kind_hidden: Layer::new(&take("kind.hidden")?, &take("kind.hidden_bias")?)?,
            kind_out: Layer::new(&take("kind.out")?, &take("kind.out_bias")?)?,
            shape: shape.clone(),
        })
    }

    /// The sizes that it was made of.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// Says what a call is.
    pub fn classify(&self, input: &Input<'_>) -> Classification {
        let features = Features::read(input, self.shape.rows);
        self.answer(&features).within(input.max_output)
    }

    /// Says what a call is that was read before.
    pub fn answer(&self, features: &Features) -> Classification {
        let bag = self.pieces.sum(&features.rows, &features.weights);
        let hard = self.shape.hard_width();
        let (belief, kind) = bag.split_at(hard + 2);
        let (belief, straight) = belief.split_at(hard);
        let (mean, scale) = &self.hard_standard;
        let dense = standard(&features.dense, mean, scale);
        let hidden = self.hard_hidden.bent(&[belief, &dense]);
        let belief = self.hard_out.of(&[&hidden, &dense]);
        let (mean, scale) = &self.kind_standard;
        let dense = standard(&features.dense, mean, scale);
        let (kind, straight_kinds) = kind.split_at(self.shape.kind_width);
        let hidden = self.kind_hidden.bent(&[kind, &dense]);
        let mut kinds = self.kind_out.of(&[&hidden]);
        let prose = self.prose.sum(&features.prose.0, &features.prose.1);
        for (sum, (pieces, prose)) in kinds.iter_mut().zip(straight_kinds.iter().zip(prose)) {
            *sum += pieces + prose;
        }
        let belief = [belief[0] + straight[0], belief[1] + straight[1]].map(bounded);
        let unlike = self.unlike(&features.pairs);
        let doubt = UNLIKE * unlike * unlike;
        let difficulty = belief[0] * claimed(doubt);
        read(difficulty, belief[1].exp() + doubt, &kinds)
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

/// How much of a claim is left when it is set against what is known of any text: that it is in the middle, give or take
/// one. Claim and middle count by how exact they are.
fn claimed(doubt: f32) -> f32 {
    1.0 / (1.0 + doubt)
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
