//! Small questions to a seeded sequence.

use crate::domain::clock::Entropy;

/// A seeded sequence.
#[derive(Debug)]
pub(super) struct Chance(Entropy);

impl Chance {
    pub(super) fn new(seed: u64) -> Self {
        Self(Entropy::seeded(seed))
    }

    /// A number below `end`; zero where `end` is zero.
    pub(super) fn below(&self, end: usize) -> usize {
        let end = u64::try_from(end).unwrap_or(u64::MAX).max(1);
        usize::try_from((self.0.u64() >> 11) % end).unwrap_or(0)
    }

    /// From 0 to below 1.
    pub(super) fn unit(&self) -> f32 {
        let bits = u16::try_from(self.0.u64() >> 48).unwrap_or(0);
        f32::from(bits) / 65_536.0
    }

    pub(super) fn happens(&self, share: f32) -> bool {
        self.unit() < share
    }

    /// Nearly normal, of mean 0 and spread 1: twelve coins, so that no logarithm of some machine takes part.
    pub(super) fn normal(&self) -> f32 {
        (0..12).map(|_| self.unit()).sum::<f32>() - 6.0
    }

    pub(super) fn pick<'a, T>(&self, from: &'a [T]) -> Option<&'a T> {
        from.get(self.below(from.len()))
    }
}
