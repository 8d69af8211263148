//! In which order candidates are tried.

use super::course::Rank;
use super::gate::Allowed;
use super::plan::{Candidate, Gain};
use super::rule::Objective;
use super::score::{place, score};
use crate::catalog::Model;
use crate::domain::clock::mix;
use crate::domain::dialect::{Endpoint, Hosting};
use crate::domain::facts::{Facts, Turn};
use crate::domain::money::NanoUsd;
use crate::domain::wire::Wire;

/// Makes the draw for learning another one than that of shares in rules.
const LEARNING: u64 = 0x6c65_6172_6e69_6e67;
/// Learning costs no more than this part of what a failure costs.
const DEAREST: i64 = 10;

/// A candidate and what rules make of it.
#[derive(Debug)]
pub(super) struct Ranked {
    pub(super) rank: Rank,
    pub(super) model: Allowed,
    pub(super) wire: Wire,
    pub(super) down: bool,
}

/// Candidates in the order in which they are tried, and how that came.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) candidates: Vec<Candidate>,
    pub(super) way: Way,
    /// The chance with which the first was to be the first.
    pub(super) propensity: f64,
    /// What the call would gain by a place at own machines.
    pub(super) gains: Vec<Gain>,
}

/// What put the first candidate where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// The smallest sum.
    Cost,
    /// The provider binds a tool's result to the model that called it.
    Bound,
    /// What is typed is completed at home: weighing would take longer.
    Home,
    /// Rules.
    Rules,
    /// Chance, to learn.
    Chance,
}

/// Puts candidates into the order in which they are tried: as rules want it, and then by what they cost. A result of a tool
/// stays with the model that called it, where the provider binds the two.
pub(super) fn order(ranked: Vec<Ranked>, facts: &Facts, objective: &Objective) -> Order {
    let models: Vec<&Model> = ranked.iter().map(|it| &**it.model).collect();
    let scores = score(&models, facts, objective);
    let standing = &facts.standing;
    let is_bound = |model: &Model| standing.bound && standing.current.as_ref() == Some(&model.id);
    let home = facts.endpoint == Endpoint::Completions;
    let sum = |model: &Model, total: NanoUsd| match (home, model.target.hosting) {
        (false, _) => total,
        (true, Hosting::Own) => NanoUsd(0),
        (true, Hosting::Vendor) => NanoUsd(1),
    };
    let mut all: Vec<_> = (ranked.into_iter().zip(scores))
        .map(|(ranked, score)| {
            let key = (
                !is_bound(&ranked.model),
                ranked.rank,
                sum(&ranked.model, score.total()),
            );
            let candidate = Candidate {
                prompt: facts.prompt_for(&ranked.model.id),
                model: ranked.model,
                wire: ranked.wire,
                down: ranked.down,
                score,
            };
            (key, candidate)
        })
        .collect();
    // Stable: of equals the one that was written first.
    all.sort_by_key(|(key, _)| *key);
    let way = match all.as_slice() {
        [((false, ..), _), ..] => Way::Bound,
        [(first, _), (second, _), ..] if first.1 < second.1 => Way::Rules,
        _ if home => Way::Home,
        _ => Way::Cost,
    };
    let near = match (way, facts.turn, all.first()) {
        (Way::Cost, Turn::First, Some((best, _))) => {
            let most = best.2 + NanoUsd(objective.failure.0 / DEAREST);
            let near = all
                .iter()
                .take_while(|(it, _)| it.1 == best.1 && it.2 <= most);
            near.count()
        }
        _ => 1,
    };
    let equals = all.iter().take_while(|(it, _)| it.1 == all[0].0.1);
    let equals = equals.map(|(_, candidate)| candidate);
    let gains = match way {
        Way::Cost => gains(equals, facts),
        // What cannot go elsewhere says nothing of what it would cost there.
        Way::Bound | Way::Home | Way::Rules | Way::Chance => Vec::new(),
    };
    let candidates = all.into_iter().map(|(_, candidate)| candidate).collect();
    Order {
        candidates,
        way,
        propensity: 1.0,
        gains,
    }
    .learn(near, facts, objective)
}

/// What the best model of each own machine saves beside the best that is elsewhere, not counting what the place is worth to
/// others. `candidates` stand in the order of their sums.
fn gains<'c>(candidates: impl Iterator<Item = &'c Candidate> + Clone, facts: &Facts) -> Vec<Gain> {
    let mut gains: Vec<Gain> = Vec::new();
    for own in candidates.clone() {
        let target = &own.model.target;
        if target.hosting != Hosting::Own || gains.iter().any(|it| it.target == target.id) {
            continue;
        }
        let elsewhere = candidates
            .clone()
            .find(|it| it.model.target.id != target.id);
        let Some(elsewhere) = elsewhere else {
            continue;
        };
        let held_ms = own.score.wait_ms;
        let paid = place(&own.model, facts, held_ms);
        let alone = own.score.total().saturating_sub(paid);
        gains.push(Gain {
            target: target.id.clone(),
            saved: elsewhere.score.total().saturating_sub(alone),
            held_ms,
        });
    }
    gains
}

impl Order {
    /// Some conversations begin with another model than the best, as long as it is hardly dearer: nothing else tells how good
    /// models are that are never chosen.
    fn learn(mut self, near: usize, facts: &Facts, objective: &Objective) -> Self {
        if near < 2 {
            return self;
        }
        let each = objective.explore.part() / near as f64;
        self.propensity = 1.0 - each * (near as f64 - 1.0);
        if objective.explore.takes(mix(facts.draw ^ LEARNING)) {
            let place = (mix(facts.draw.wrapping_add(LEARNING)) % near as u64) as usize;
            if place > 0 {
                self.candidates[..=place].rotate_right(1);
                self.propensity = each;
                self.way = Way::Chance;
            }
        }
        self
    }
}
