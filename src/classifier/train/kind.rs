//! The tower for kinds of work, languages and the lengths of answers.

use candle_core::{D, DType, Device, Result, Tensor, Var};

use super::bag::{Batch, Pieces, Standard};
use super::chance::Chance;
use super::pace::{Learner, Tell, Watch};
use super::set::{Example, MADE, Set};
use super::words::{self, Opinion};
use crate::classifier::features::{DENSE, Features};
use crate::classifier::net::{LENGTHS, OUT, STRAIGHT, Shape};
use crate::domain::facts::{Language, Task};

const BATCH: usize = 128;
const PACE: f64 = 4e-3;
const DROP: f32 = 0.25;
const DROP_HIDDEN: f32 = 0.3;
const FORGET: f64 = 0.03;
const FORGET_STRAIGHT: f64 = 0.003;
/// Requests that were made from frames are many and alike: each counts as this much of one that was written by itself.
const OF_MADE: f64 = 0.3;
/// How much the second kind of a request is believed that could be called by two.
const OF_SECOND: f64 = 0.25;
/// What language and length count beside the kind of work.
const OF_LANGUAGE: f64 = 0.4;
const OF_LENGTH: f64 = 0.4;
/// The quantiles that are told of the length.
const PARTS: [f64; LENGTHS] = [0.1, 0.5, 0.9];
/// Problems with outcomes are many and much alike: those of one source count as this share of all, at the most.
const SHARE: f64 = 0.02;

/// The tensors of the tower.
pub(super) struct Kind {
    pub(super) table: Var,
    /// What each piece says of the kinds of work and the languages by itself.
    pub(super) straight: Var,
    /// The same of the pieces of what is said in words.
    pub(super) prose: Var,
    pub(super) hidden: Var,
    pub(super) hidden_bias: Var,
    pub(super) out: Var,
    pub(super) out_bias: Var,
}

impl Kind {
    fn new(shape: &Shape, chance: &Chance) -> Result<Self> {
        let normal = |dims: &[usize], deviation| Var::from_tensor(&chance.tensor(dims, deviation)?);
        let zeros = |dims: &[usize]| Var::zeros(dims, DType::F32, &Device::Cpu);
        let inputs = shape.kind_width + DENSE;
        Ok(Self {
            table: normal(&[shape.rows, shape.kind_width], 0.3)?,
            straight: zeros(&[shape.rows, STRAIGHT])?,
            prose: zeros(&[shape.prose_rows(), STRAIGHT])?,
            hidden: normal(&[inputs, shape.kind_hidden], (inputs as f32).powf(-0.5))?,
            hidden_bias: zeros(&[shape.kind_hidden])?,
            out: normal(&[shape.kind_hidden, OUT], 0.1)?,
            out_bias: zeros(&[OUT])?,
        })
    }

    fn groups(&self) -> Vec<(Vec<Var>, f64, f64)> {
        let of = |vars: &[&Var]| vars.iter().map(|it| (*it).clone()).collect();
        vec![
            (of(&[&self.table]), 0.25, FORGET),
            (of(&[&self.straight, &self.prose]), 8.0, FORGET_STRAIGHT),
            (of(&[&self.hidden, &self.out]), 0.5, FORGET),
            (of(&[&self.hidden_bias, &self.out_bias]), 1.0, 0.0),
        ]
    }

    /// The last layer's numbers: texts by what is told.
    fn raw(&self, (batch, prose): &(Batch, Pieces), chance: Option<&Chance>) -> Result<Tensor> {
        let input = Tensor::cat(&[&batch.sums(&self.table)?, &batch.dense], D::Minus1)?;
        let units = input
            .matmul(&self.hidden)?
            .broadcast_add(&self.hidden_bias)?
            .tanh()?;
        let units = match chance {
            Some(chance) => (&units * chance.mask(units.dims(), DROP_HIDDEN)?)?,
            None => units,
        };
        let out = units.matmul(&self.out)?.broadcast_add(&self.out_bias)?;
        let straight = (batch.sums(&self.straight)? + prose.sums(&self.prose)?)?;
        let others = Tensor::zeros((batch.count, LENGTHS), DType::F32, &Device::Cpu)?;
        out + Tensor::cat(&[&straight, &others], D::Minus1)?
    }
}

impl Kind {
    /// The last layer's numbers of these examples.
    pub(super) fn says(
        &self,
        set: &Set,
        places: &[usize],
        standards: &Standard,
    ) -> Result<Vec<Vec<f32>>> {
        // Nothing is dropped, so no chance is drawn.
        let chance = Chance::new(0, 0);
        let mut all = Vec::with_capacity(places.len());
        for step in places.chunks(BATCH) {
            let read = read(&set.features(step), standards, 0.0, &chance)?;
            all.extend(self.raw(&read, None)?.to_vec2::<f32>()?);
        }
        Ok(all)
    }

    /// Takes the mean of what the tower and the opinion say of the kinds of work.
    pub(super) fn hear(&self, opinion: &Opinion) -> Result<()> {
        let kinds = Task::ALL.len();
        let mean = |own: &Var, other: &[f32]| -> Result<()> {
            let (rows, columns) = own.dims2()?;
            let (of_kinds, rest) = (
                own.narrow(1, 0, kinds)?,
                own.narrow(1, kinds, columns - kinds)?,
            );
            let other = Tensor::from_slice(other, (rows, kinds), &Device::Cpu)?;
            own.set(&Tensor::cat(&[&((of_kinds + other)? * 0.5)?, &rest], 1)?)
        };
        mean(&self.straight, &opinion.pieces)?;
        mean(&self.prose, &opinion.prose)?;
        mean(&self.out, &vec![0.0; self.out.dim(0)? * kinds])?;
        let bias = Var::from_tensor(&self.out_bias.as_tensor().unsqueeze(0)?)?;
        mean(&bias, &opinion.bias)?;
        self.out_bias.set(&bias.as_tensor().squeeze(0)?)
    }

    /// Moves the ends of the lengths outwards.
    pub(super) fn widen(&self, [low, high]: [f32; 2]) -> Result<()> {
        let mut bias = self.out_bias.to_vec1::<f32>()?;
        bias[STRAIGHT] += low;
        bias[STRAIGHT + 2] += high;
        self.out_bias.set(&Tensor::new(bias, &Device::Cpu)?)
    }
}

/// Texts as the tower reads them.
fn read(
    texts: &[&Features],
    standards: &Standard,
    drop: f32,
    chance: &Chance,
) -> Result<(Batch, Pieces)> {
    let batch = Batch::new(texts, standards, drop, chance)?;
    Ok((batch, Pieces::of_prose(texts, drop, chance)?))
}

/// What is known of a batch of requests, and how much each counts; what is not known has no weight.
struct Told {
    tasks: (Tensor, Tensor),
    languages: (Tensor, Tensor),
    lengths: (Tensor, Tensor),
}

impl Told {
    fn of(examples: &[&Example], weights: &Weights) -> Result<Self> {
        Ok(Self {
            tasks: known(examples, |it| weights.kinds(it))?,
            languages: known(examples, |it| {
                let at = it.language.and_then(|it| place(Language::ALL, it));
                [at.map(|at| (at as f32, weights.sources[it.source]))]
            })?,
            lengths: known(examples, |it| [it.length.map(|length| (length, 1.0))])?,
        })
    }
}

/// Numbers and weights, a row for each example.
fn known<const N: usize>(
    examples: &[&Example],
    of: impl Fn(&Example) -> [Option<(f32, f64)>; N],
) -> Result<(Tensor, Tensor)> {
    let all = examples.iter().flat_map(|it| of(it));
    let (what, weight): (Vec<f32>, Vec<f32>) = all
        .map(|it| it.unwrap_or((0.0, 0.0)))
        .map(|(what, weight)| (what, weight as f32))
        .unzip();
    let tensor = |list| Tensor::from_vec(list, (examples.len(), N), &Device::Cpu);
    Ok((tensor(what)?, tensor(weight)?))
}

fn place<T: PartialEq>(all: &[T], one: T) -> Option<usize> {
    all.iter().position(|it| *it == one)
}

/// How much examples count by their kind and source.
struct Weights {
    tasks: Vec<f64>,
    sources: Vec<f64>,
}

impl Weights {
    /// The kind, and beside it the one that it could as well be called.
    fn kinds(&self, example: &Example) -> [Option<(f32, f64)>; 2] {
        let at = |task: Option<Task>| task.and_then(|task| place(Task::ALL, task));
        let (first, second) = (at(example.task), at(example.second));
        let weight = |at: usize| self.tasks[at] * self.sources[example.source];
        let of_second = if second.is_some() { OF_SECOND } else { 0.0 };
        let both = [(first, 1.0 - of_second), (second, of_second)];
        both.map(|(at, share)| Some((at? as f32, share * weight(first?))))
    }

    fn of(set: &Set, places: &[usize]) -> Self {
        let mut sources = vec![0.0_f64; set.sources.len()];
        for at in places
            .iter()
            .filter(|at| !set.examples[**at].outcomes.is_empty())
        {
            sources[set.examples[*at].source] += 1.0;
        }
        let most = SHARE * places.len() as f64;
        let mut sources: Vec<f64> = sources
            .iter()
            .map(|count| (most / count.max(1.0)).min(1.0))
            .collect();
        if let Some(made) = set.sources.iter().position(|it| it == MADE) {
            sources[made] = OF_MADE;
        }
        let mut tasks = vec![0.0_f64; Task::ALL.len()];
        for at in places {
            let example = &set.examples[*at];
            if let Some(at) = example.task.and_then(|task| place(Task::ALL, task)) {
                tasks[at] += sources[example.source];
            }
        }
        // A rare kind counts more, but not as much more as it is rarer.
        let mean = tasks.iter().sum::<f64>() / tasks.len() as f64;
        let tasks = tasks
            .iter()
            .map(|count| (mean / count.max(1.0)).sqrt().clamp(0.25, 4.0));
        Self {
            tasks: tasks.collect(),
            sources,
        }
    }
}

/// The mean over what is known of `-ln` of the chance told.
fn cross_entropy(logits: &Tensor, (classes, weights): &(Tensor, Tensor)) -> Result<Tensor> {
    let chances = candle_nn::ops::log_softmax(logits, D::Minus1)?;
    let told = chances.gather(&classes.to_dtype(DType::U32)?, 1)?;
    weighed(&told.neg()?, weights)
}

fn weighed(each: &Tensor, weights: &Tensor) -> Result<Tensor> {
    let all = f64::from(weights.sum_all()?.to_scalar::<f32>()?).max(1e-6);
    each.broadcast_mul(weights)?.sum_all()? / all
}

/// What is wrong with the quantiles told, on the mean.
fn quantiles(out: &Tensor, (lengths, weights): &(Tensor, Tensor)) -> Result<Tensor> {
    let column = |at: usize| out.narrow(1, at, 1);
    let soft =
        |it: Tensor| -> Result<Tensor> { it.relu()? + (it.abs()?.neg()?.exp()? + 1.0)?.log()? };
    let middle = (column(1)? + 6.0)?;
    let told = [
        (&middle - soft(column(0)?)?)?,
        middle.clone(),
        (&middle + soft(column(2)?)?)?,
    ];
    let mut sum = Tensor::zeros(lengths.dims(), DType::F32, &Device::Cpu)?;
    for (told, part) in told.iter().zip(PARTS) {
        let off = (lengths - told)?;
        sum = (sum + (&off * part)?.maximum(&(&off * (part - 1.0))?)?)?;
    }
    weighed(&sum, weights)
}

fn loss(raw: &Tensor, told: &Told) -> Result<Tensor> {
    let (tasks, languages) = (Task::ALL.len(), Language::ALL.len());
    let kind = cross_entropy(&raw.narrow(1, 0, tasks)?, &told.tasks)?;
    let language = cross_entropy(&raw.narrow(1, tasks, languages)?, &told.languages)?;
    let length = quantiles(&raw.narrow(1, tasks + languages, LENGTHS)?, &told.lengths)?;
    (kind + (language * OF_LANGUAGE)?)? + (length * OF_LENGTH)?
}

/// What pieces say of the kinds of work of the examples at these places, each counting as it does for the tower.
pub(super) fn opinion(shape: &Shape, set: &Set, places: &[usize]) -> Opinion {
    let weights = Weights::of(set, places);
    let wanted = |at: &usize| {
        let mut wanted = [0.0; Task::ALL.len()];
        for (kind, weight) in weights.kinds(&set.examples[*at]).into_iter().flatten() {
            wanted[kind as usize] += weight;
        }
        wanted
    };
    let wanted: Vec<_> = places.iter().map(wanted).collect();
    words::fit(shape.rows, set, places, &wanted)
}

/// Fits the tower to the examples at these places, and says how many passes are enough for those that are watched.
pub(super) fn fit(
    shape: &Shape,
    set: &Set,
    (places, watched): (&[usize], &[usize]),
    standards: &Standard,
    (seed, epochs): (u64, usize),
    (part, tell): (&str, &Tell),
) -> Result<(Kind, usize)> {
    let chance = Chance::new(seed, 2);
    let kind = Kind::new(shape, &chance)?;
    let weights = Weights::of(set, places);
    let size = BATCH.min(places.len());
    let steps = places.len() / size;
    let mut learner = Learner::new(kind.groups(), PACE, steps * epochs)?;
    let mut watch = Watch::new(part, epochs);
    let mut order = places.to_vec();
    let told = |places: &[usize]| {
        let examples: Vec<&Example> = places.iter().map(|at| &set.examples[*at]).collect();
        Told::of(&examples, &weights)
    };
    let read = |places: &[usize], drop| read(&set.features(places), standards, drop, &chance);
    loop {
        chance.shuffle(&mut order);
        let mut sum = 0.0;
        for step in order.chunks_exact(size) {
            let loss = loss(&kind.raw(&read(step, DROP)?, Some(&chance))?, &told(step)?)?;
            learner.step(&loss.backward()?)?;
            sum += f64::from(loss.to_scalar::<f32>()?);
        }
        let mut held_out = 0.0;
        for step in watched.chunks(BATCH) {
            let loss = loss(&kind.raw(&read(step, 0.0)?, None)?, &told(step)?)?;
            held_out += f64::from(loss.to_scalar::<f32>()?) * step.len() as f64;
        }
        let held_out = (!watched.is_empty()).then(|| held_out / watched.len() as f64);
        if !watch.goes_on(sum / steps as f64, held_out, tell) {
            break;
        }
    }
    Ok((kind, watch.best()))
}
