//! The tower for difficulty, fitted together with the abilities of models.
//!
//! A model passes a problem with the chance `sigmoid((ability - mean) / sqrt(1 + pi * variance / 8))`: one scale for all
//! models, a spread for each problem. The straight path is fitted first, to the end, and stays; the members learn what it
//! leaves.

use std::f64::consts::PI;

use candle_core::{D, DType, Device, IndexOp, Result, Tensor, Var};

use super::bag::{Batch, Standard};
use super::chance::Chance;
use super::line;
use super::pace::{Learner, Tell, Watch};
use super::set::Set;
use crate::classifier::features::DENSE;
use crate::classifier::net::{BOUND, Shape};
use crate::domain::facts::Task;

/// Problems a step.
const BATCH: usize = 128;
const PACE: f64 = 3e-3;
/// Pieces and hidden units that are left out by chance.
const DROP: f32 = 0.4;
const DROP_HIDDEN: f32 = 0.2;
/// How fast what belongs to pieces, and what does not, is forgotten.
const FORGET_PIECES: f64 = 0.3;
const FORGET: f64 = 0.03;
/// A large source counts more than a small one, but not by its size.
const BY_SIZE: f64 = -0.75;
/// How weakly the wish for means and spreads near the middle pulls.
const MIDDLE: f64 = 0.005;
/// How far a model's abilities at kinds of work may be from one another.
const APART: f64 = 0.7;

/// The tensors of the tower, and the abilities.
pub(super) struct Hard {
    shape: Shape,
    pub(super) table: Var,
    /// Of the straight path, which is fitted before: nothing is learned here.
    pub(super) straight_pieces: Tensor,
    pub(super) hidden: Var,
    pub(super) hidden_bias: Var,
    pub(super) out: Var,
    pub(super) straight: Tensor,
    pub(super) out_bias: Var,
    /// Each model's, on the whole.
    pub(super) overall: Var,
    /// How much more or less it is at each kind of work.
    pub(super) apart: Var,
}

impl Hard {
    fn new(
        shape: &Shape,
        set: &Set,
        places: &[usize],
        standards: &Standard,
        chance: &Chance,
    ) -> Result<Self> {
        let normal = |dims: &[usize], deviation| Var::from_tensor(&chance.tensor(dims, deviation)?);
        let inputs = shape.width + DENSE;
        let models = set.models.len();
        let hinted = set.places(|it| it.hint.is_some());
        let guess = first_guess(set, places);
        let line = line::fit(shape.rows, set, (places, &hinted), standards, guess, APART);
        let fitted = |numbers, dims: (usize, usize)| Tensor::from_vec(numbers, dims, &Device::Cpu);
        Ok(Self {
            shape: shape.clone(),
            table: Var::from_tensor(&known_only(
                &chance.tensor(&[shape.rows, shape.hard_width()], 0.3)?,
                set,
                places,
            )?)?,
            straight_pieces: fitted(line.pieces, (shape.rows, 2))?,
            hidden: normal(
                &[shape.members, inputs, shape.hidden],
                (inputs as f32).powf(-0.5),
            )?,
            hidden_bias: Var::zeros((shape.members, 1, shape.hidden), DType::F32, &Device::Cpu)?,
            out: normal(&[shape.members, shape.hidden, 2], 0.05)?,
            straight: fitted(line.dense, (DENSE, 2))?,
            out_bias: Var::from_vec(line.bias, 2, &Device::Cpu)?,
            overall: Var::from_tensor(&fitted(line.overall, (1, models))?)?,
            apart: Var::from_tensor(&fitted(line.apart, (Task::ALL.len(), models))?)?,
        })
    }

    /// What belongs to pieces forgets more.
    fn groups(&self) -> Vec<(Vec<Var>, f64, f64)> {
        let of = |vars: &[&Var]| vars.iter().map(|it| (*it).clone()).collect();
        vec![
            (of(&[&self.table]), 1.0, FORGET_PIECES),
            (of(&[&self.hidden, &self.out]), 1.0, FORGET),
            (
                of(&[
                    &self.hidden_bias,
                    &self.out_bias,
                    &self.overall,
                    &self.apart,
                ]),
                1.0,
                0.0,
            ),
        ]
    }

    /// Mean and logarithm of the variance, before they are bounded: members by texts by two.
    fn raw(&self, batch: &Batch, chance: Option<&Chance>) -> Result<Tensor> {
        let Shape {
            members,
            width,
            hidden,
            ..
        } = self.shape;
        let bag = batch.sums(&self.table)?;
        let bag = bag
            .reshape((batch.count, members, width))?
            .transpose(0, 1)?;
        let dense = batch.dense.unsqueeze(0)?.repeat((members, 1, 1))?;
        let input = Tensor::cat(&[&bag.contiguous()?, &dense], D::Minus1)?;
        let units = input
            .matmul(&self.hidden)?
            .broadcast_add(&self.hidden_bias)?
            .tanh()?;
        let units = match chance {
            Some(chance) => (units * chance.mask(&[members, batch.count, hidden], DROP_HIDDEN)?)?,
            None => units,
        };
        let straight =
            (batch.sums(&self.straight_pieces)? + batch.dense.matmul(&self.straight)?)?;
        let straight = straight.broadcast_add(&self.out_bias)?;
        units.matmul(&self.out)?.broadcast_add(&straight)
    }

    /// Each model's ability at the kind of work of each problem: problems by models.
    fn abilities(&self, tasks: &Tensor) -> Result<Tensor> {
        self.apart
            .index_select(tasks, 0)?
            .broadcast_add(&self.overall)
    }

    /// What is wrong with the chances of the problems at these places, on the mean.
    fn loss(&self, raw: &Tensor, told: &Told) -> Result<Tensor> {
        let (mean, log_variance) = belief(raw)?;
        let narrow = narrowing(&log_variance)?;
        let gap = self
            .abilities(&told.tasks)?
            .unsqueeze(0)?
            .broadcast_sub(&mean.unsqueeze(2)?)?;
        let logit = gap.broadcast_mul(&narrow.unsqueeze(2)?)?;
        // -ln of the chance of what happened, without ever taking the logarithm of nothing.
        let wrong = (logit.relu()? - logit.broadcast_mul(&told.rates)?)?;
        let wrong = (wrong + ((logit.abs()?.neg()?.exp()? + 1.0)?.log()?))?;
        // Summed over the members, so that each learns as fast as it would alone.
        let outcome = (wrong.broadcast_mul(&told.weights)?.sum_all()? / told.sum)?;
        let members = raw.dim(0)? as f64;
        let middle = ((mean.sqr()? + log_variance.sqr()?)?.mean_all()? * (MIDDLE * members))?;
        outcome + middle
    }

    /// Abilities at kinds of work stay near each other; the fewer problems, the nearer.
    fn apart_loss(&self, problems: usize) -> Result<Tensor> {
        self.apart.sqr()?.sum_all()? * (0.5 / (APART * APART) / problems as f64)
    }
}

/// The rows of pieces that no text of the training has say nothing: what chance gave them would be noise in new texts.
fn known_only(table: &Tensor, set: &Set, places: &[usize]) -> Result<Tensor> {
    let mut known = vec![0.0_f32; table.dim(0)?];
    for features in set.features(places) {
        for row in &features.rows {
            known[*row as usize] = 1.0;
        }
    }
    let rows = known.len();
    table.broadcast_mul(&Tensor::from_vec(known, (rows, 1), &Device::Cpu)?)
}

/// Mean and logarithm of the variance, bounded.
fn belief(raw: &Tensor) -> Result<(Tensor, Tensor)> {
    let bounded = ((raw / BOUND)?.tanh()? * BOUND)?;
    Ok((bounded.i((.., .., 0))?, bounded.i((.., .., 1))?))
}

/// `1 / sqrt(1 + pi * variance / 8)`.
fn narrowing(log_variance: &Tensor) -> Result<Tensor> {
    ((log_variance.exp()? * (PI / 8.0))? + 1.0)?.sqrt()?.recip()
}

/// What is known of a batch of problems.
struct Told {
    tasks: Tensor,
    /// Problems by models.
    rates: Tensor,
    weights: Tensor,
    /// Of the weights: problems, on the mean.
    sum: f64,
}

impl Told {
    fn of(set: &Set, places: &[usize], weights: &[f64]) -> Result<Self> {
        let models = set.models.len();
        let (mut rates, mut counts) = (
            vec![0.0; places.len() * models],
            vec![0.0; places.len() * models],
        );
        let mut tasks = Vec::new();
        for (row, at) in places.iter().enumerate() {
            let example = &set.examples[*at];
            for (model, rate) in &example.outcomes {
                rates[row * models + model] = *rate;
                counts[row * models + model] = weights[*at] as f32;
            }
            tasks.push(number(example.task));
        }
        let dims = (places.len(), models);
        Ok(Self {
            tasks: Tensor::from_vec(tasks, places.len(), &Device::Cpu)?,
            rates: Tensor::from_vec(rates, dims, &Device::Cpu)?,
            weights: Tensor::from_vec(counts, dims, &Device::Cpu)?,
            sum: places.len() as f64,
        })
    }
}

fn number(task: Option<Task>) -> u32 {
    let place = Task::ALL.iter().position(|it| Some(*it) == task);
    place.unwrap_or(Task::ALL.len() - 1) as u32
}

/// How much each outcome of an example counts: problems that many models tried count more, but not as many times more.
fn weights(set: &Set, places: &[usize]) -> Vec<f64> {
    let mut sizes = vec![0_usize; set.sources.len()];
    for at in places {
        sizes[set.examples[*at].source] += 1;
    }
    let raw = |at: usize| {
        let example = &set.examples[at];
        let tried = example.outcomes.len().max(1) as f64;
        (sizes[example.source].max(1) as f64).powf(BY_SIZE) * tried.powf(-0.5)
    };
    let whole = |at: &usize| raw(*at) * set.examples[*at].outcomes.len() as f64;
    let mean = places.iter().map(whole).sum::<f64>() / places.len().max(1) as f64;
    (0..set.examples.len()).map(|at| raw(at) / mean).collect()
}

/// Abilities by pass rates alone: on the whole, and apart from that at each kind of work.
fn first_guess(set: &Set, places: &[usize]) -> (Vec<f32>, Vec<f32>) {
    let models = set.models.len();
    let mut sums = vec![(0.0_f64, 0.0_f64); models * (Task::ALL.len() + 1)];
    for at in places {
        let example = &set.examples[*at];
        for (model, rate) in &example.outcomes {
            for row in [0, 1 + number(example.task) as usize] {
                let (passed, tried) = &mut sums[row * models + model];
                *passed += f64::from(*rate);
                *tried += 1.0;
            }
        }
    }
    let guess = |(passed, tried): (f64, f64)| {
        let rate = (passed + 1.0) / (tried + 2.0);
        (1.2 * (rate / (1.0 - rate)).ln()) as f32
    };
    let overall: Vec<f32> = sums[..models].iter().map(|it| guess(*it)).collect();
    let apart = sums[models..]
        .iter()
        .enumerate()
        .map(|(at, sum)| match sum.1 {
            0.0 => 0.0,
            _ => guess(*sum) - overall[at % models],
        });
    (overall.clone(), apart.collect())
}

/// Fits the tower to the outcomes at these places.
pub(super) fn fit(
    shape: &Shape,
    set: &Set,
    places: &[usize],
    standards: &Standard,
    (seed, epochs): (u64, usize),
    (part, tell): (&str, &Tell),
) -> Result<Hard> {
    let chance = Chance::new(seed, 1);
    let hard = Hard::new(shape, set, places, standards, &chance)?;
    let weights = weights(set, places);
    let size = BATCH.min(places.len());
    let steps = places.len() / size;
    let mut learner = Learner::new(hard.groups(), PACE, steps * epochs)?;
    let mut watch = Watch::new(part, epochs);
    let mut order = places.to_vec();
    loop {
        chance.shuffle(&mut order);
        let mut sum = 0.0;
        for step in order.chunks_exact(size) {
            let batch = Batch::new(&set.features(step), standards, DROP, &chance)?;
            let raw = hard.raw(&batch, Some(&chance))?;
            let outcome = hard.loss(&raw, &Told::of(set, step, &weights)?)?;
            let loss = (&outcome + hard.apart_loss(places.len())?)?;
            learner.step(&loss.backward()?)?;
            sum += f64::from(outcome.to_scalar::<f32>()?) / shape.members as f64;
        }
        if !watch.goes_on(sum / steps as f64, None, tell) {
            break;
        }
    }
    Ok(hard)
}

/// How much the outcomes at these places tell of each ability: kinds of work by models. The less, the wider it is.
pub(super) fn told_of_abilities(
    hard: &Hard,
    set: &Set,
    places: &[usize],
    standards: &Standard,
) -> Result<Vec<f64>> {
    let models = set.models.len();
    let mut told = vec![0.0; models * Task::ALL.len()];
    let ones = vec![1.0; set.examples.len()];
    for step in places.chunks(BATCH) {
        let batch = Batch::new(&set.features(step), standards, 0.0, &Chance::new(0, 0))?;
        let (mean, log_variance) = belief(&hard.raw(&batch, None)?.mean_keepdim(0)?)?;
        let (mean, narrow) = (
            mean.squeeze(0)?.unsqueeze(1)?,
            narrowing(&log_variance)?.squeeze(0)?.unsqueeze(1)?,
        );
        let of = Told::of(set, step, &ones)?;
        let logit = hard
            .abilities(&of.tasks)?
            .broadcast_sub(&mean)?
            .broadcast_mul(&narrow)?;
        let chance = candle_nn::ops::sigmoid(&logit)?;
        let each = ((&chance * (1.0 - &chance)?)?.broadcast_mul(&narrow.sqr()?)? * of.weights)?;
        for (row, at) in each.to_vec2::<f32>()?.iter().zip(step) {
            let task = number(set.examples[*at].task) as usize;
            for (model, part) in row.iter().enumerate() {
                told[task * models + model] += f64::from(*part);
            }
        }
    }
    Ok(told)
}
