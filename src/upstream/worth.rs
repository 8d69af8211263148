//! What a place at an own machine is worth to the calls that want one: learned from what they would have cost elsewhere.
//!
//! A machine that is nearly full can take a call only by sending another away. What that costs is known from the decisions
//! themselves: each says how much more the call would have come to at the next best model. Divided by the time for which it
//! holds its place, that is what the call would pay for a second. The price of a second is the lowest at which just so many
//! calls leave as the machine is busy beyond [`BUSY`]: none at that load, half of them half way to full, all but the very
//! best when it is full. So the calls to which the machine is worth least leave first, whatever the prices and the objective
//! are, and there is one load at which what comes is what stays.
//!
//! It does not swing. More load lets fewer calls in, fewer calls make less load; calls differ in what they gain, so a little
//! more load sends a few away and not all at once; our own calls count the moment they begin; what a machine's own page says,
//! which is late, is smoothed before it gets here; and what is learned is worth of calls and not load, so it hardly moves.

use std::sync::{Mutex, PoisonError};

use crate::domain::clock::Timestamp;
use crate::domain::money::NanoUsd;

/// Below this load a place is worth nothing to others: there is room for them.
pub const BUSY: f64 = 0.7;
/// After so many milliseconds what was learned counts half.
const HALF_LIFE: f64 = 600_000.0;
/// Worth by size: in nano-dollars for a second, each bucket wider by this factor than the one before.
const STEP: f64 = 1.3;
const LEAST: f64 = 100.0;
/// Up to some ten dollars for a second.
const BUCKETS: usize = 72;

/// How much of the machine's time was wanted, by what it was worth.
#[derive(Debug)]
struct Wanted {
    millis: [f64; BUCKETS],
    all: f64,
    at: Timestamp,
}

/// What places at one machine are worth.
#[derive(Debug)]
pub struct Worth(Mutex<Wanted>);

impl Default for Worth {
    fn default() -> Self {
        Self(Mutex::new(Wanted {
            millis: [0.0; BUCKETS],
            all: 0.0,
            at: Timestamp::from_millis(0),
        }))
    }
}

impl Worth {
    /// A call would hold a place for so long, and saves so much by it beside what it would cost elsewhere. One that saves
    /// nothing wants no place.
    pub fn learn(&self, saved: NanoUsd, held_ms: f64, now: Timestamp) {
        if saved <= NanoUsd::ZERO || held_ms.is_nan() || held_ms <= 0.0 {
            return;
        }
        let second = saved.0 as f64 / held_ms * 1e3;
        let place = (second / LEAST).max(1.0).ln() / STEP.ln();
        let place = (place.ceil() as usize).min(BUCKETS - 1);
        let mut wanted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        wanted.fade(now);
        wanted.millis[place] += held_ms;
        wanted.all += held_ms;
    }

    /// What a second of a place costs at this load, from 0 to 1.
    pub fn second(&self, load: f64) -> NanoUsd {
        let leave = ((load - BUSY) / (1.0 - BUSY)).clamp(0.0, 1.0);
        let wanted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if leave <= 0.0 || wanted.all <= 0.0 {
            return NanoUsd::ZERO;
        }
        NanoUsd(wanted.quantile(leave).round() as i64)
    }
}

impl Wanted {
    fn fade(&mut self, now: Timestamp) {
        let passed = now.millis().saturating_sub(self.at.millis()).max(0);
        self.at = self.at.max(now);
        let by = 0.5_f64.powf(passed as f64 / HALF_LIFE);
        for millis in &mut self.millis {
            *millis *= by;
        }
        self.all = self.millis.iter().sum();
    }

    /// The worth below which this part of the time was wanted. Between the bounds of a bucket it rises evenly, so that no
    /// price jumps.
    fn quantile(&self, part: f64) -> f64 {
        let mut left = part * self.all;
        let mut highest = 0.0;
        for (place, millis) in self.millis.iter().enumerate() {
            if *millis <= 0.0 {
                continue;
            }
            if left <= *millis {
                return LEAST * STEP.powf(place as f64 - 1.0 + left / millis);
            }
            left -= millis;
            highest = LEAST * STEP.powi(place as i32);
        }
        // What rounding left over.
        highest
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000)
    }

    fn cents(cents: i64) -> NanoUsd {
        NanoUsd(cents * 10_000_000)
    }

    fn near(is: NanoUsd, should: NanoUsd) {
        let off = is.0 as f64 / should.0 as f64;
        assert!((0.76..1.31).contains(&off), "{is} is not {should}");
    }

    #[test]
    fn the_price_rises_from_nothing_to_what_the_best_call_saves() {
        let worth = Worth::default();
        assert_eq!(worth.second(1.0), NanoUsd::ZERO, "nothing is known yet");
        // Each holds its place for ten seconds.
        for saved in 1..=100 {
            worth.learn(cents(saved), 10_000.0, at(saved));
        }

        assert_eq!(worth.second(0.3), NanoUsd::ZERO);
        assert_eq!(worth.second(BUSY), NanoUsd::ZERO);
        near(worth.second(0.85), NanoUsd(cents(50).0 / 10));
        near(worth.second(1.0), NanoUsd(cents(100).0 / 10));
    }

    #[test]
    fn what_is_elsewhere_no_dearer_teaches_nothing_and_the_old_is_forgotten() {
        let worth = Worth::default();
        worth.learn(cents(-5), 1_000.0, at(0));
        worth.learn(NanoUsd::ZERO, 1_000.0, at(0));
        worth.learn(cents(5), 0.0, at(0));
        let nothing = worth.second(1.0);
        (0..10).for_each(|_| worth.learn(cents(100), 1_000.0, at(0)));
        let before = worth.second(0.9);
        // Three hours later the machine is worth a hundredth.
        worth.learn(cents(1), 1_000.0, at(3 * 3_600));
        // A clock that is set back forgets nothing more.
        worth.learn(cents(1), 1_000.0, at(0));
        let after = worth.second(0.9);

        assert_eq!(nothing, NanoUsd::ZERO);
        near(before, cents(100));
        near(after, cents(1));
    }

    #[test]
    fn long_calls_count_for_as_much_time_as_they_hold() {
        let worth = Worth::default();
        // A hundred short calls to which a second is worth a dollar, one long one to which it is worth a cent.
        (0..100).for_each(|_| worth.learn(cents(10), 100.0, at(0)));
        worth.learn(cents(90), 90_000.0, at(0));

        near(worth.second(0.95), cents(1));
    }

    proptest! {
        #[test]
        fn more_load_is_never_cheaper(calls in proptest::collection::vec((1_i64..10_000_000_000, 1.0..100_000.0), 1..40), load in 0.0..1.0, more in 0.0..0.5) {
            let worth = Worth::default();
            for (saved, held) in calls {
                worth.learn(NanoUsd(saved), held, at(1));
            }

            prop_assert!(worth.second(load + more) >= worth.second(load));
        }
    }
}
