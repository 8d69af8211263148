//! Which pairs of words the training knows: those that stand in two of its texts at least.

use candle_core::{Device, Result, Tensor};

use super::set::Set;
use crate::classifier::features::MARKS;
use crate::classifier::net::MARKS_A_NUMBER;

/// One text alone may be anybody's.
const LEAST: u8 = 2;

/// The marks as the net keeps them.
pub(super) fn known(set: &Set, places: &[usize]) -> Result<Tensor> {
    let mut texts = vec![0_u8; MARKS];
    for at in places {
        // Each pair is there once a text.
        for pair in &set.examples[*at].features.pairs {
            if let Some(count) = texts.get_mut(*pair as usize) {
                *count = count.saturating_add(1);
            }
        }
    }
    let packed = texts.chunks(MARKS_A_NUMBER).map(|marks| {
        let bits = marks
            .iter()
            .enumerate()
            .filter(|(_, count)| **count >= LEAST);
        bits.map(|(bit, _)| (1_u32 << bit) as f32).sum::<f32>()
    });
    Tensor::from_iter(packed, &Device::Cpu)
}
