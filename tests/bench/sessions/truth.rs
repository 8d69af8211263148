//! What is true of the work and of the models, and what no strategy is told.
//!
//! Where the numbers come from is in this folder's README. A step of work passes with the chance
//! `sigmoid(ability - difficulty)`. Whether it does is drawn by thresholds that belong to the step, so that every strategy
//! meets the same luck: a part of the threshold belongs to the turn and is the same for all models and attempts, a part to
//! the model, a part to the attempt.

use crate::dice::{Dice, below};

/// Who answers: the own model or the frontier's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Own,
    Frontier,
}

/// A team's work and its models.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Population {
    pub(crate) name: &'static str,
    /// True abilities, on the scale of difficulty, whose middle is 0.
    own: f64,
    frontier: f64,
    /// What the operator says that the own model is like.
    pub(crate) like: &'static str,
    /// The part of a threshold's variance that belongs to the model: the more, the more each fails at other things.
    of_model: f64,
}

const QWEN: &str = "qwen3-coder-30b";

/// The operator says the same of the own model each time.
pub(crate) const POPULATIONS: [Population; 4] = [
    Population {
        name: "middling own model",
        own: 0.00,
        frontier: 1.60,
        like: QWEN,
        of_model: 0.2,
    },
    Population {
        name: "strong own model",
        own: 0.30,
        frontier: 1.60,
        like: QWEN,
        of_model: 0.2,
    },
    Population {
        name: "weak own model",
        own: -0.35,
        frontier: 1.60,
        like: QWEN,
        of_model: 0.2,
    },
    Population {
        name: "middling own model, each fails at other things",
        own: 0.00,
        frontier: 1.60,
        like: QWEN,
        of_model: 0.45,
    },
];

/// The spread of difficulty among turns.
const SPREAD: f64 = 1.2;
/// How much of the difficulty the person's words tell, as a correlation: gives an AUROC of about .65.
const TOLD: f64 = 0.65;
/// The part of a threshold's variance that belongs to the attempt; what is left of it belongs to the turn.
const OF_ATTEMPT: f64 = 0.4;

/// How hard a turn is, and the luck in it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Truth {
    difficulty: f64,
    dice: Dice,
}

impl Truth {
    /// Of a turn whose words look so hard: 0 is the middle of all texts, 1 their spread.
    pub(crate) fn draw(looks: f64, dice: Dice) -> Self {
        let rest = (1.0 - TOLD * TOLD).sqrt() * dice.at(0).normal();
        Self {
            difficulty: SPREAD * (TOLD * looks + rest),
            dice: dice.at(1),
        }
    }

    /// Whether an attempt of this turn passes, the first being 0.
    pub(crate) fn passes(&self, population: &Population, side: Side, attempt: u32) -> bool {
        let (ability, model) = match side {
            Side::Own => (population.own, 1),
            Side::Frontier => (population.frontier, 2),
        };
        let of_turn = 1.0 - OF_ATTEMPT - population.of_model;
        let luck = of_turn.sqrt() * self.dice.at(0).normal()
            + population.of_model.sqrt() * self.dice.at(model).normal()
            + OF_ATTEMPT.sqrt() * self.dice.at(10 + u64::from(attempt)).normal();
        let chance = 1.0 / (1.0 + (self.difficulty - ability).exp());
        chance > below(luck)
    }
}
