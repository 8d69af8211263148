//! Chance of a seed: the same on every machine.

use candle_core::{Device, Tensor};

use crate::domain::clock::{Entropy, mix};

/// A sequence of numbers that look random.
pub(super) struct Chance(Entropy);

impl Chance {
    /// The sequence of a seed and a purpose: no two purposes share one.
    pub(super) fn new(seed: u64, purpose: u64) -> Self {
        // A sequence is a counter whose steps are all alike: what starts near another only runs behind it. So the
        // start is stirred, by seed and by purpose.
        Self(Entropy::seeded(mix(mix(seed) ^ purpose)))
    }

    /// From 0 to 1, 1 not included.
    pub(super) fn share(&self) -> f32 {
        (self.0.u64() >> 40) as f32 / (1 << 24) as f32
    }

    /// Below `most`, which is not zero.
    pub(super) fn below(&self, most: usize) -> usize {
        ((u128::from(self.0.u64()) * most as u128) >> 64) as usize
    }

    /// Of mean 0 and deviation 1: the sum of twelve is close enough to the bell.
    fn normal(&self) -> f32 {
        (0..12).map(|_| self.share()).sum::<f32>() - 6.0
    }

    pub(super) fn shuffle<T>(&self, list: &mut [T]) {
        for at in (1..list.len()).rev() {
            list.swap(at, self.below(at + 1));
        }
    }

    /// A tensor of normal numbers of this deviation.
    pub(super) fn tensor(&self, dims: &[usize], deviation: f32) -> candle_core::Result<Tensor> {
        let count = dims.iter().product();
        let numbers: Vec<f32> = (0..count).map(|_| self.normal() * deviation).collect();
        Tensor::from_vec(numbers, dims, &Device::Cpu)
    }

    /// A tensor of zeros, and of what keeps the mean at one: `drop` of them are zero.
    pub(super) fn mask(&self, dims: &[usize], drop: f32) -> candle_core::Result<Tensor> {
        let count = dims.iter().product();
        let one = |_| {
            if self.share() < drop {
                0.0
            } else {
                1.0 / (1.0 - drop)
            }
        };
        Tensor::from_vec(
            (0..count).map(one).collect::<Vec<f32>>(),
            dims,
            &Device::Cpu,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_seeds_or_purposes_share_a_stretch_of_their_sequences() {
        let sequence = |seed, purpose| {
            let chance = Chance::new(seed, purpose);
            (0..64).map(|_| chance.0.u64()).collect::<Vec<u64>>()
        };
        let all: Vec<u64> = (0..16)
            .flat_map(|seed| (0..6).flat_map(move |purpose| sequence(seed, purpose)))
            .collect();

        let distinct: std::collections::BTreeSet<u64> = all.iter().copied().collect();

        assert_eq!(distinct.len(), all.len());
    }
}
