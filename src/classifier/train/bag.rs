//! A batch of texts as tensors, and the weighed sums of their pieces' rows.

use candle_core::{Device, Tensor};

use super::chance::Chance;
use crate::classifier::features::{DENSE, Features};
use crate::classifier::net::standard;

/// Pieces of several texts, one behind the other, and the texts' numbers.
pub(super) struct Batch {
    pieces: Pieces,
    /// Texts by numbers.
    pub(super) dense: Tensor,
    /// Texts in it.
    pub(super) count: usize,
}

/// Rows of a table, how much each counts, and for which text.
pub(super) struct Pieces {
    rows: Tensor,
    weights: Tensor,
    text: Tensor,
    count: usize,
}

/// Mean and scale of the numbers.
#[derive(Clone, Debug)]
pub(super) struct Standard {
    pub(super) mean: Vec<f32>,
    pub(super) scale: Vec<f32>,
}

impl Standard {
    /// Of texts. A number that does not vary has a scale of zero: nothing can be learned of it.
    pub(super) fn of<'a>(texts: impl Iterator<Item = &'a Features> + Clone) -> Self {
        let count = texts.clone().count().max(1) as f64;
        let number = |at: usize| texts.clone().map(move |it| f64::from(it.dense[at]));
        let (mut mean, mut scale) = (Vec::new(), Vec::new());
        for at in 0..DENSE {
            let middle = number(at).sum::<f64>() / count;
            let square = number(at).map(|it| (it - middle).powi(2)).sum::<f64>() / count;
            mean.push(middle as f32);
            scale.push(if square > 1e-6 {
                1.0 / square.sqrt() as f32
            } else {
                0.0
            });
        }
        Self { mean, scale }
    }
}

impl Batch {
    /// Of these texts, `drop` of their pieces left out by chance, so that no piece is relied on.
    pub(super) fn new(
        texts: &[&Features],
        standards: &Standard,
        drop: f32,
        chance: &Chance,
    ) -> candle_core::Result<Self> {
        let dense: Vec<f32> = texts
            .iter()
            .flat_map(|features| standard(&features.dense, &standards.mean, &standards.scale))
            .collect();
        let pieces = texts.iter().map(|it| (&*it.rows, &*it.weights));
        Ok(Self {
            pieces: Pieces::new(pieces, drop, chance)?,
            dense: Tensor::from_vec(dense, (texts.len(), DENSE), &Device::Cpu)?,
            count: texts.len(),
        })
    }

    /// The weighed sum of each text's rows of a table.
    pub(super) fn sums(&self, table: &Tensor) -> candle_core::Result<Tensor> {
        self.pieces.sums(table)
    }
}

impl Pieces {
    /// What these texts say in words.
    pub(super) fn of_prose(
        texts: &[&Features],
        drop: f32,
        chance: &Chance,
    ) -> candle_core::Result<Self> {
        let prose = texts.iter().map(|it| (&*it.prose.0, &*it.prose.1));
        Self::new(prose, drop, chance)
    }

    fn new<'a>(
        texts: impl Iterator<Item = (&'a [u32], &'a [f32])>,
        drop: f32,
        chance: &Chance,
    ) -> candle_core::Result<Self> {
        let (mut rows, mut weights, mut text) = (Vec::new(), Vec::new(), Vec::new());
        let mut all = 0;
        for (own, counts) in texts {
            for (row, weight) in own.iter().zip(counts) {
                if drop == 0.0 || chance.share() >= drop {
                    rows.push(*row);
                    weights.push(weight / (1.0 - drop));
                    text.push(all as u32);
                }
            }
            all += 1;
        }
        if rows.is_empty() {
            // No tensor is without numbers.
            (rows, weights, text) = (vec![0], vec![0.0], vec![0]);
        }
        let count = rows.len();
        Ok(Self {
            rows: Tensor::from_vec(rows, count, &Device::Cpu)?,
            weights: Tensor::from_vec(weights, (count, 1), &Device::Cpu)?,
            text: Tensor::from_vec(text, count, &Device::Cpu)?,
            count: all,
        })
    }

    /// The weighed sum of each text's rows of a table.
    pub(super) fn sums(&self, table: &Tensor) -> candle_core::Result<Tensor> {
        let rows = table.index_select(&self.rows, 0)?;
        let weighed = rows.broadcast_mul(&self.weights)?;
        let nothing = Tensor::zeros((self.count, table.dim(1)?), table.dtype(), &Device::Cpu)?;
        nothing.index_add(&self.text, &weighed, 0)
    }
}
