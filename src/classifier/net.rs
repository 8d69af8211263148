//! The net: a bag of hashed words and a few numbers, one hidden layer, and a head for each answer.

use std::collections::HashMap;
use std::fmt;

use candle_core::{D, Device, Tensor};
use serde::{Deserialize, Serialize};

use super::features::{self, DENSE, Input};
use crate::domain::facts::{Classification, Language, Task};
use crate::domain::tokens::TokenCount;

/// The sizes from which every tensor's name and dimensions follow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shape {
    /// Rows of hashed words.
    pub rows: usize,
    /// Numbers a row.
    pub width: usize,
    /// Hidden units.
    pub hidden: usize,
}

/// Kinds of work, difficulty with its spread, three lengths, languages.
const OUT: usize = Task::ALL.len() + 2 + 3 + Language::ALL.len();

impl Shape {
    /// Every tensor's name and dimensions.
    pub fn tensors(&self) -> Vec<(String, Vec<usize>)> {
        let tensor = |name: &str, dims: &[usize]| (name.to_owned(), dims.to_vec());
        vec![
            tensor("pieces.weight", &[self.rows, self.width]),
            tensor(
                "hidden.weight",
                &[self.width.saturating_add(DENSE), self.hidden],
            ),
            tensor("hidden.bias", &[self.hidden]),
            tensor("heads.weight", &[self.hidden, OUT]),
            tensor("heads.bias", &[OUT]),
        ]
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
    rows: usize,
    pieces: Tensor,
    hidden: (Tensor, Tensor),
    heads: (Tensor, Tensor),
}

impl Net {
    /// Puts the tensors in their places.
    pub fn new(shape: &Shape, mut tensors: HashMap<String, Tensor>) -> Result<Self, NetError> {
        let mut take = |name: &str| {
            let tensor = tensors.remove(name);
            tensor.ok_or_else(|| NetError(format!("there is no tensor {name}")))
        };
        Ok(Self {
            rows: shape.rows,
            pieces: take("pieces.weight")?,
            hidden: (take("hidden.weight")?, take("hidden.bias")?),
            heads: (take("heads.weight")?, take("heads.bias")?),
        })
    }

    /// Says what a call is.
    pub fn classify(&self, input: &Input<'_>) -> Result<Classification, NetError> {
        let rows = features::pieces(input.text, self.rows);
        let (count, width) = (rows.len(), self.pieces.dim(1)?);
        let bag = if count == 0 {
            Tensor::zeros((1, width), candle_core::DType::F32, &Device::Cpu)?
        } else {
            let rows = Tensor::from_vec(rows, count, &Device::Cpu)?;
            let share = (count as f64).sqrt();
            (self.pieces.index_select(&rows, 0)?.sum_keepdim(0)? / share)?
        };
        let dense = Tensor::new(&[features::dense(input)], &Device::Cpu)?;
        let all = Tensor::cat(&[bag, dense], D::Minus1)?;
        let hidden = all.matmul(&self.hidden.0)?.broadcast_add(&self.hidden.1)?;
        let out = hidden.tanh()?.matmul(&self.heads.0)?;
        let out = out.broadcast_add(&self.heads.1)?.squeeze(0)?;
        Ok(read(&out.to_vec1::<f32>()?))
    }
}

/// Reads the heads.
fn read(out: &[f32]) -> Classification {
    let (tasks, rest) = out.split_at(Task::ALL.len());
    let (belief, rest) = rest.split_at(2);
    let (lengths, languages) = rest.split_at(3);
    let mut order: Vec<usize> = (0..tasks.len()).collect();
    order.sort_by(|a, b| tasks[*b].total_cmp(&tasks[*a]));
    let whole: f32 = tasks.iter().map(|it| (it - tasks[order[0]]).exp()).sum();
    let language = (0..languages.len()).max_by(|a, b| languages[*a].total_cmp(&languages[*b]));
    let low = (4.0 + lengths[0]).clamp(0.0, 12.0);
    let middle = low + lengths[1].clamp(0.0, 4.0);
    let high = middle + lengths[2].clamp(0.0, 4.0);
    let tokens = |log: f32| TokenCount(log.exp() as u64);
    Classification {
        task: Task::ALL[order[0]],
        second: Task::ALL[order[1]],
        confidence: 1.0 / whole,
        difficulty: belief[0].clamp(-3.0, 3.0),
        variance: belief[1].clamp(-3.0, 3.0).exp(),
        output: tokens(middle),
        output_low: tokens(low),
        output_high: tokens(high),
        language: Language::ALL[language.unwrap_or(0)],
    }
}
