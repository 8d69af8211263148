//! How long prompts are for a model, learned from what was billed: tokens of its own for one of ours.
//!
//! What is learned is a mean and a spread of logarithms, so that twice as long and half as long are equally far off. It begins
//! with a guess that counts as much as two calls, forgets slowly, and takes long prompts for more than short ones: nobody asks
//! whether those fit.

use serde::{Deserialize, Serialize};

use super::written;
use crate::domain::outlook::Length;
use crate::domain::tokens::TokenCount;

/// How many calls the guess counts for.
const GUESS: f64 = 2.0;
/// Variance of the guess: with it, [`Length::GUESS`] is what nothing learned comes to.
const UNSURE: f64 = 0.008_455;
/// How many calls are remembered, on the whole.
const MEMORY: f64 = 50.0;
/// A prompt of so many tokens counts half: in a short one, what providers add by themselves is much.
const HALF: f64 = 2_000.0;
/// One call in a hundred lies further off than so many standard deviations, above.
const FAR: f64 = 2.33;
/// Nothing is known more exactly than this: the next call may be of another kind.
const FLOOR: f64 = 0.015;
/// No model makes four tokens of one: what looks like it is a mistake.
const MOST: f64 = 1.386;
/// What may be lost when the factor and its margin are written with few digits.
const ROUNDED: f64 = 0.001;
/// More often than this the same mistake is not taken in.
const TIMES: usize = 64;

/// What was learned of one model.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Learned {
    /// How many calls it rests on, old ones counted less.
    weight: f64,
    mean: f64,
    /// The sum of squares about the mean.
    square: f64,
}

impl Default for Learned {
    fn default() -> Self {
        Self {
            weight: GUESS,
            mean: 0.0,
            square: GUESS * UNSURE,
        }
    }
}

impl Learned {
    /// Learns from a prompt that we took for so many tokens, and that was billed as so many.
    pub fn learn(&mut self, taken_for: TokenCount, billed: TokenCount) {
        if let Some(off) = off(taken_for, billed) {
            self.add(off, said_by(billed));
        }
    }

    /// The same, where no bill is taken to be further off than so much, in logarithms, from what was learned.
    pub fn learn_within(&mut self, most: f64, taken_for: TokenCount, billed: TokenCount) {
        if let Some(off) = off(taken_for, billed) {
            let off = off.clamp(self.mean - most, self.mean + most);
            self.add(off, said_by(billed));
        }
    }

    /// As it is written where many lie beside each other.
    pub fn short(self) -> Self {
        Self {
            weight: written::short(self.weight),
            mean: written::short(self.mean),
            square: written::short(self.square),
        }
    }

    /// Learns that a prompt is longer than fits: it is so many tokens at the least. At once so much, that the margin allows for
    /// it: the same call is not sent there again.
    pub fn overflowed(&mut self, taken_for: TokenCount, at_least: TokenCount) {
        let Some(off) = off(taken_for, at_least) else {
            return;
        };
        for _ in 0..TIMES {
            if self.mean + FAR * self.spread() > off + ROUNDED {
                return;
            }
            self.add(off, 1.0);
        }
    }

    fn add(&mut self, off: f64, weight: f64) {
        let kept = 1.0 - weight / MEMORY;
        let (before, square) = (self.weight * kept, self.square * kept);
        let far = off - self.mean;
        self.weight = before + weight;
        self.mean += far * weight / self.weight;
        self.square = square + far * far * weight * before / self.weight;
    }

    /// Of the next call: how calls differ, and how little is known.
    fn spread(&self) -> f64 {
        let variance = self.variance() * (1.0 + 1.0 / self.weight);
        variance.sqrt().max(FLOOR)
    }

    /// How far calls are from what was learned of them.
    pub fn variance(&self) -> f64 {
        self.square / self.weight
    }

    /// What it comes to.
    pub fn length(&self) -> Length {
        Length {
            factor: short(self.mean.exp()),
            margin: short((FAR * self.spread()).exp()),
        }
    }

    /// Whether these are numbers that learning can come to: they may have been kept by another hand.
    pub fn is_sound(&self) -> bool {
        self.weight >= 1.0
            && self.weight.is_finite()
            && self.mean.abs() <= MOST
            && self.square >= 0.0
            && self.square.is_finite()
    }
}

/// How much a prompt of so many tokens says.
pub fn said_by(billed: TokenCount) -> f64 {
    let billed = billed.0 as f64;
    billed / (billed + HALF)
}

/// How far off, in logarithms; `None` where that tells nothing.
fn off(taken_for: TokenCount, truly: TokenCount) -> Option<f64> {
    if taken_for.0 == 0 || truly.0 == 0 {
        return None;
    }
    let off = (truly.0 as f64 / taken_for.0 as f64).ln();
    Some(off.clamp(-MOST, MOST))
}

/// More digits tell nothing, and every call's record has them.
fn short(number: f64) -> f64 {
    (number * 1e4).round() / 1e4
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn learned(calls: impl IntoIterator<Item = (u64, u64)>) -> Learned {
        let mut learned = Learned::default();
        for (ours, billed) in calls {
            learned.learn(TokenCount(ours), TokenCount(billed));
        }
        learned
    }

    #[test]
    fn nothing_learned_is_the_guess() {
        assert_eq!(learned([]).length(), Length::GUESS);
        assert_eq!(learned([(0, 9), (9, 0)]).length(), Length::GUESS);
    }

    #[test]
    fn the_margin_shrinks_as_calls_tell_the_same() {
        let after = |calls| learned((0..calls).map(|_| (60_000, 75_000))).length();

        let (few, some, many) = (after(3), after(20), after(200));

        assert!(
            few.factor > 1.1 && (some.factor - 1.25).abs() < 0.03,
            "{some:?}"
        );
        assert!((many.factor - 1.25).abs() < 0.005, "{many:?}");
        assert!(few.margin > some.margin && some.margin > many.margin);
        assert!(some.margin < 1.2 && many.margin < 1.06, "{some:?} {many:?}");
        // What is never known more exactly.
        assert!(after(5_000).margin > 1.03);
    }

    #[test]
    fn calls_that_differ_keep_it_wide() {
        let calls = |call: u32| {
            if call.is_multiple_of(2) {
                (50_000, 40_000)
            } else {
                (50_000, 62_500)
            }
        };

        let length = learned((0..300).map(calls)).length();

        assert!((length.factor - 1.0).abs() < 0.02, "{length:?}");
        assert!(length.margin > 1.25 * 1.25, "{length:?}");
    }

    #[test]
    fn short_prompts_say_little() {
        let length = learned((0..20).map(|_| (20, 60))).length();

        assert!(length.factor < 1.3, "{length:?}");
    }

    #[test]
    fn another_model_behind_the_same_name_is_learned_anew() {
        let before = (0..500).map(|_| (60_000, 60_000));
        let after = (0..250).map(|_| (60_000, 80_000));

        let length = learned(before.chain(after)).length();

        assert!((length.factor - 4.0 / 3.0).abs() < 0.01, "{length:?}");
    }

    #[test]
    fn what_did_not_fit_is_allowed_for_at_once_and_forgotten_in_time() {
        let mut learned = learned((0..300).map(|_| (60_000, 60_000)));

        learned.overflowed(TokenCount(90_000), TokenCount(131_073));

        let length = learned.length();
        assert!(
            length.most(TokenCount(90_000)) >= TokenCount(131_072),
            "{length:?}"
        );
        // One odd prompt does not make all of them long.
        assert!(length.factor < 1.2, "{length:?}");
        for _ in 0..200 {
            learned.learn(TokenCount(60_000), TokenCount(60_000));
        }
        assert!(learned.length().margin < 1.1, "{:?}", learned.length());
    }

    #[test]
    fn what_another_hand_kept_is_not_believed() {
        let odd = |weight, mean, square| {
            Learned {
                weight,
                mean,
                square,
            }
            .is_sound()
        };

        assert!(odd(2.0, 0.3, 0.1));
        assert!(!odd(0.0, 0.3, 0.1) && !odd(f64::NAN, 0.0, 0.0) && !odd(2.0, 9.0, 0.1));
        assert!(!odd(2.0, 0.0, -1.0) && !odd(2.0, 0.0, f64::INFINITY));
    }

    proptest! {
        #[test]
        fn whatever_comes_the_numbers_stay_numbers(calls in proptest::collection::vec((any::<u64>(), any::<u64>(), any::<bool>()), 0..60)) {
            let mut learned = Learned::default();
            for (ours, billed, overflows) in calls {
                let (ours, billed) = (TokenCount(ours), TokenCount(billed));
                match overflows {
                    true => learned.overflowed(ours, billed),
                    false => learned.learn(ours, billed),
                }
                let length = learned.length();
                prop_assert!(learned.is_sound(), "{:?}", learned);
                prop_assert!((0.2..5.0).contains(&length.factor) && length.margin >= 1.03, "{:?}", length);
            }
        }
    }
}
