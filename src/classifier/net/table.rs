//! The table of the pieces: a row of numbers each, of half size as they are stored. Only the rows of a text are widened, when they
//! are summed: the whole table in full size would be twice as much memory, and no quicker.

use candle_core::{CpuStorage, DType, Storage, Tensor};

/// Rows by columns.
#[derive(Debug)]
pub(super) struct Table {
    halves: Tensor,
    columns: usize,
}

impl Table {
    pub(super) fn new(tensor: &Tensor) -> candle_core::Result<Self> {
        Ok(Self {
            halves: tensor.to_dtype(DType::F16)?.contiguous()?,
            columns: tensor.dim(1)?,
        })
    }

    /// The weighed sum of some rows.
    pub(super) fn sum(&self, rows: &[u32], weights: &[f32]) -> Vec<f32> {
        let mut sums = vec![0.0; self.columns];
        let (storage, layout) = self.halves.storage_and_layout();
        let Storage::Cpu(CpuStorage::F16(halves)) = &*storage else {
            unreachable!("it was made of halves, for the processor");
        };
        let halves = &halves[layout.start_offset()..];
        for (row, weight) in rows.iter().zip(weights) {
            let start = *row as usize * self.columns;
            let Some(row) = halves.get(start..start + self.columns) else {
                continue;
            };
            for (sum, half) in sums.iter_mut().zip(row) {
                *sum += weight * widened(half.to_bits());
            }
        }
        sums
    }
}

/// A finite half as the same number in full size. Without a branch, so that many are widened in one step.
pub(super) fn widened(half: u16) -> f32 {
    // What the exponents of the two sizes count from differs by this much.
    const SHIFT: u32 = (127 - 15) << 23;
    const SMALLEST: f32 = f32::from_bits(SHIFT + (1 << 23));
    let magnitude = (u32::from(half & 0x7fff) << 13) + SHIFT;
    let number = if half & 0x7c00 == 0 {
        // Below the smallest exponent there is no leading one: it is added and taken away again.
        (f32::from_bits(magnitude + (1 << 23)) - SMALLEST).to_bits()
    } else {
        magnitude
    };
    f32::from_bits(number | (u32::from(half & 0x8000) << 16))
}
