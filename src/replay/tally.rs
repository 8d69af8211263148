//! Sums over calls that are decided once more: what they cost, how often they are thought to fail, how long they wait, then and
//! with the policies that are tried; and how sure the difference is.
//!
//! Calls of one conversation go together, so conversations are what is drawn again: each of [`DRAWS`] draws takes a conversation
//! so many times as a Poisson number says that is made from its name. So a log of any length needs no more room.

use std::collections::BTreeMap;

use crate::domain::clock::mix;
use crate::domain::ids::ModelId;
use crate::domain::money::NanoUsd;

/// How often all conversations are drawn again.
pub(super) const DRAWS: usize = 200;
/// Of the draws, so many at each end lie outside of the interval: nine in ten lie within.
const OUTSIDE: usize = DRAWS / 20;

/// Sums of one thing: the whole, and of each draw.
#[derive(Clone, Debug)]
pub(super) struct Drawn {
    all: f64,
    each: Box<[f64; DRAWS]>,
}

impl Default for Drawn {
    fn default() -> Self {
        Self {
            all: 0.0,
            each: Box::new([0.0; DRAWS]),
        }
    }
}

impl Drawn {
    fn add(&mut self, amount: f64, draws: &Draws) {
        self.all += amount;
        for (sum, times) in self.each.iter_mut().zip(&draws.0) {
            *sum += amount * f64::from(*times);
        }
    }

    /// Adds another's sums, each times a factor.
    fn join(&mut self, other: &Self, factor: f64) {
        self.all += other.all * factor;
        for (sum, more) in self.each.iter_mut().zip(&*other.each) {
            *sum += more * factor;
        }
    }

    pub(super) fn change(&self) -> Change {
        let mut each = *self.each;
        each.sort_by(f64::total_cmp);
        Change {
            by: self.all,
            low: each[OUTSIDE],
            high: each[DRAWS - 1 - OUTSIDE],
        }
    }
}

/// A difference, and between what nine draws in ten lie.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Change {
    pub(super) by: f64,
    pub(super) low: f64,
    pub(super) high: f64,
}

/// How many times each draw takes a conversation.
#[derive(Debug)]
pub(super) struct Draws([u8; DRAWS]);

impl Draws {
    /// The same conversation is always drawn alike.
    pub(super) fn of(conversation: u64) -> Self {
        Self(std::array::from_fn(|draw| {
            poisson(mix(conversation ^ mix(draw as u64)))
        }))
    }
}

/// The chances that a Poisson number of mean one is not larger than 0, 1, 2 and so on.
const POISSON: [f64; 9] = [
    0.367_879_441_171,
    0.735_758_882_343,
    0.919_698_602_929,
    0.981_011_843_124,
    0.996_340_153_173,
    0.999_405_815_182,
    0.999_916_758_851,
    0.999_989_750_803,
    0.999_998_874_797,
];

/// A Poisson number of mean one, by where 53 bits lie among its chances.
fn poisson(bits: u64) -> u8 {
    let place = (bits >> 11) as f64 / (1_u64 << 53) as f64;
    POISSON.iter().map(|reach| u8::from(place > *reach)).sum()
}

/// What one way of deciding makes of a call.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Outcome {
    /// The bill that is expected, before it is measured against real ones.
    pub(super) expected: f64,
    /// The chance that it fails.
    pub(super) failure: f64,
    /// Milliseconds that it waits.
    pub(super) wait_ms: f64,
    /// No model answers.
    pub(super) refused: bool,
}

/// A call that goes elsewhere.
#[derive(Debug)]
pub(super) struct Moved<'a> {
    /// Where to; `None` where no model answers.
    pub(super) to: Option<&'a ModelId>,
    pub(super) tried: Outcome,
    pub(super) draws: &'a Draws,
}

/// Calls that belong together: all, or those of a tenant or a kind of work.
#[derive(Clone, Debug, Default)]
pub(super) struct Group {
    pub(super) calls: u64,
    pub(super) moved: u64,
    pub(super) refused: (u64, u64),
    pub(super) billed: NanoUsd,
    failures: f64,
    wait_ms: f64,
    fewer: Drawn,
    sooner: Drawn,
    /// What moved calls were billed.
    given_up: Drawn,
    /// What moved calls are expected to be billed, by model.
    taken_on: BTreeMap<ModelId, Drawn>,
}

impl Group {
    /// Adds a call, and where it goes elsewhere, what becomes of it there.
    pub(super) fn add(&mut self, billed: NanoUsd, then: &Outcome, moved: Option<&Moved<'_>>) {
        self.calls += 1;
        self.billed = self.billed + billed;
        self.failures += then.failure;
        self.wait_ms += then.wait_ms;
        self.refused.0 += u64::from(then.refused);
        let refused = moved.map_or(then.refused, |moved| moved.tried.refused);
        self.refused.1 += u64::from(refused);
        let Some(Moved { to, tried, draws }) = moved else {
            return;
        };
        self.moved += 1;
        self.fewer.add(tried.failure - then.failure, draws);
        self.sooner.add(tried.wait_ms - then.wait_ms, draws);
        self.given_up.add(-(billed.0 as f64), draws);
        if let Some(model) = to {
            let sums = self.taken_on.entry((*model).clone()).or_default();
            sums.add(tried.expected, draws);
        }
    }

    pub(super) fn failures(&self) -> (f64, Change) {
        (self.failures, self.fewer.change())
    }

    pub(super) fn wait_ms(&self) -> (f64, Change) {
        (self.wait_ms, self.sooner.change())
    }

    /// What the bill changes by, in billionths of a dollar: what moved calls are expected to cost, measured by `factor` against
    /// real bills of each model, less what they did cost.
    pub(super) fn money(&self, factor: impl Fn(&ModelId) -> f64) -> Change {
        let mut sum = self.given_up.clone();
        for (model, expected) in &self.taken_on {
            sum.join(expected, factor(model));
        }
        sum.change()
    }
}

/// What a model's calls were billed, beside what had been expected.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Measured {
    pub(super) calls: u64,
    billed: f64,
    expected: f64,
}

impl Measured {
    pub(super) fn add(&mut self, billed: NanoUsd, expected: f64) {
        self.calls += 1;
        self.billed += billed.0 as f64;
        self.expected += expected;
    }

    /// By how much bills are larger than expected; `None` where nothing tells.
    pub(super) fn factor(&self) -> Option<f64> {
        (self.expected > 0.0).then(|| self.billed / self.expected)
    }
}
