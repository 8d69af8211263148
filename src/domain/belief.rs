//! What is believed of a place on the one scale that the difficulty of work and the ability of models share.

use std::f64::consts::PI;

use serde::{Deserialize, Serialize};

use super::facts::Task;

/// A normal belief: where, and how far off that may be.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Belief {
    /// Its middle.
    pub mean: f64,
    /// The square of its spread.
    pub variance: f64,
}

impl Belief {
    /// A belief of which nothing is known but the scale.
    pub const WIDE: Self = Self {
        mean: 0.0,
        variance: 4.0,
    };

    /// The chance that work as hard as `self` succeeds with a model of this ability. The less is known of either, the nearer
    /// to one half.
    pub fn passed_by(self, ability: Self) -> f64 {
        let variance = self.variance + ability.variance;
        let z = (ability.mean - self.mean) / (1.0 + PI * variance / 8.0).sqrt();
        1.0 / (1.0 + (-z).exp())
    }

    /// The belief after something was seen that moves its middle and adds to what is not known.
    #[must_use]
    pub fn moved(self, by: f64, wider: f64) -> Self {
        Self {
            mean: self.mean + by,
            variance: self.variance + wider,
        }
    }
}

/// What is believed of a model at each kind of work.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Skills([Belief; Task::ALL.len()]);

impl Skills {
    /// By kind of work.
    pub fn of(at: impl Fn(Task) -> Belief) -> Self {
        Self(std::array::from_fn(|place| at(Task::ALL[place])))
    }

    /// At one kind of work.
    pub fn at(&self, task: Task) -> Belief {
        // Kinds are numbered in the order of `ALL`.
        self.0[task as usize]
    }
}

/// Of a model that nobody knows.
impl Default for Skills {
    fn default() -> Self {
        Self::of(|_| Belief::WIDE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(mean: f64, variance: f64) -> Belief {
        Belief { mean, variance }
    }

    #[test]
    fn ability_helps_difficulty_hinders_and_doubt_draws_to_the_middle() {
        let work = at(0.0, 1.0);

        assert_eq!(work.passed_by(at(0.0, 3.0)), 0.5);
        assert!(work.passed_by(at(2.0, 0.5)) > work.passed_by(at(1.0, 0.5)));
        assert!(work.moved(0.5, 0.0).passed_by(at(1.0, 0.5)) < work.passed_by(at(1.0, 0.5)));
        assert!(work.moved(0.0, 2.0).passed_by(at(1.0, 0.5)) < work.passed_by(at(1.0, 0.5)));
        assert!(work.passed_by(at(-1.0, 9.0)) > work.passed_by(at(-1.0, 0.5)));
    }

    #[test]
    fn every_kind_of_work_has_its_own_skill() {
        let skills = Skills::of(|task| at(task as usize as f64, 1.0));

        for (place, task) in Task::ALL.iter().enumerate() {
            assert_eq!(skills.at(*task).mean, place as f64);
        }
    }
}
