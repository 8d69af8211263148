//! Chance that is the same on every machine and for every strategy: a number follows from where it is drawn, not from when.

use tollgate::domain::clock::mix;

/// A place to draw at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(mix(seed))
    }

    /// A place of its own, by a number.
    pub(crate) fn at(self, place: u64) -> Self {
        Self(mix(self.0 ^ mix(place.wrapping_add(0x51ed))))
    }

    /// From 0 up to 1.
    pub(crate) fn share(self) -> f64 {
        (mix(self.0) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// From `least` to `most`.
    pub(crate) fn whole(self, least: u64, most: u64) -> u64 {
        least + mix(self.0) % (most - least + 1)
    }

    pub(crate) fn one_of<T: Copy>(self, list: &[T]) -> T {
        list[self.whole(0, list.len() as u64 - 1) as usize]
    }

    /// Normal, with middle 0 and spread 1.
    pub(crate) fn normal(self) -> f64 {
        let (angle, length) = (self.at(1).share(), self.at(2).share());
        (-2.0 * (1.0 - length).ln()).sqrt() * (std::f64::consts::TAU * angle).cos()
    }
}

/// The part of a normal distribution below `x`, to seven digits (Abramowitz and Stegun, 26.2.17).
pub(crate) fn below(x: f64) -> f64 {
    let t = 1.0 / (1.0 + 0.231_641_9 * x.abs());
    let terms = [
        0.319_381_530,
        -0.356_563_782,
        1.781_477_937,
        -1.821_255_978,
        1.330_274_429,
    ];
    let sum: f64 = terms.iter().rev().fold(0.0, |sum, term| (sum + term) * t);
    let tail = sum * (-x * x / 2.0).exp() / std::f64::consts::TAU.sqrt();
    if x < 0.0 { tail } else { 1.0 - tail }
}
