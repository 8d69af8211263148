//! A layer of the net, reckoned by hand: an operation on tensors costs some microseconds whatever its size, and these are small.

use candle_core::{DType, Tensor};

/// Weights from every input to every output.
#[derive(Debug)]
pub(super) struct Layer {
    /// Input by input, the numbers of all outputs.
    weight: Vec<f32>,
    bias: Vec<f32>,
}

impl Layer {
    pub(super) fn new(weight: &Tensor, bias: &Tensor) -> candle_core::Result<Self> {
        Ok(Self {
            weight: plain(weight)?,
            bias: plain(bias)?,
        })
    }

    /// The outputs for inputs in several parts, one behind the other.
    pub(super) fn of(&self, parts: &[&[f32]]) -> Vec<f32> {
        let mut out = self.bias.clone();
        let inputs = parts.iter().copied().flatten();
        for (input, weights) in inputs.zip(self.weight.chunks_exact(self.bias.len())) {
            for (sum, weight) in out.iter_mut().zip(weights) {
                *sum += input * weight;
            }
        }
        out
    }

    /// The outputs, each bent by a `tanh`.
    pub(super) fn bent(&self, parts: &[&[f32]]) -> Vec<f32> {
        let mut out = self.of(parts);
        for number in &mut out {
            *number = number.tanh();
        }
        out
    }
}

/// The numbers of a tensor, row by row.
pub(super) fn plain(tensor: &Tensor) -> candle_core::Result<Vec<f32>> {
    tensor.to_dtype(DType::F32)?.flatten_all()?.to_vec1()
}
