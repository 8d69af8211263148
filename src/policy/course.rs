//! What a policy's kinds of work and rules say of one call, read from the top.

use super::plan::Why;
use super::policies::{Models, Policy};
use super::rule::{Matched, Objective, Otherwise, Rule};
use crate::catalog::Model;
use crate::domain::facts::Facts;
use crate::domain::ids::{ModelId, PolicyId};

/// What is said of one call. Rules narrow together; in all else the later word counts.
#[derive(Debug)]
pub(super) struct Course<'a> {
    policy: &'a PolicyId,
    /// The models to choose from.
    pub(super) models: &'a Models,
    /// What failing, waiting and changing cost.
    pub(super) objective: Objective,
    /// The model that is asked as well.
    pub(super) shadow: Option<&'a ModelId>,
    spoke: Vec<&'a Rule>,
    prefer: Option<&'a Rule>,
    pin: Option<&'a Rule>,
}

/// Where a candidate stands before anything is weighed; the lowest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rank {
    /// How many rules that hold "anyway" would have it otherwise.
    against: usize,
    /// Its place among the pinned.
    pinned: usize,
    /// Its place among the preferred.
    preferred: usize,
}

impl Rank {
    /// Of a model of which no rule speaks.
    pub(super) const PLAIN: Self = Self {
        against: 0,
        pinned: 0,
        preferred: 0,
    };
}

impl<'a> Course<'a> {
    /// Reads kinds of work and rules. It costs an allocation only where one of them speaks of the call.
    pub(super) fn of(policy: &'a Policy, facts: &Facts) -> Self {
        let mut course = Self {
            policy: &policy.id,
            models: &policy.models,
            objective: policy.objective.clone(),
            shadow: None,
            spoke: Vec::new(),
            prefer: None,
            pin: None,
        };
        if let Some(task) = policy.task(facts.class.task) {
            course.models = task.models.as_ref().unwrap_or(course.models);
            course.hear(&task.rule);
        }
        for rule in policy.rules.iter().filter(|rule| rule.holds(facts)) {
            course.hear(rule);
            if rule.last {
                break;
            }
        }
        course
    }

    fn hear(&mut self, rule: &'a Rule) {
        rule.terms.replace(&mut self.objective);
        self.shadow = rule.shadow.as_ref().or(self.shadow);
        self.prefer = rule.prefer.as_ref().map(|_| rule).or(self.prefer);
        self.pin = rule.pin.as_ref().map(|_| rule).or(self.pin);
        self.spoke.push(rule);
    }

    /// Where a model stands, or which rule keeps it out.
    pub(super) fn rank(&self, model: &Model) -> Result<Rank, Why> {
        let mut rank = Rank::PLAIN;
        let narrowing = self.spoke.iter().map(|rule| (*rule, rule.leaves(model)));
        let pinning = self.pin.map(|rule| (rule, rule.pins(model)));
        for (rule, _) in narrowing.chain(pinning).filter(|(_, fits)| !fits) {
            if rule.otherwise != Otherwise::Anyway {
                return Err(Why::Rule(rule.name.clone()));
            }
            rank.against += 1;
        }
        let place = |selector: Option<&super::rule::Selector>| {
            selector.map_or(0, |it| it.place(model).unwrap_or(usize::MAX))
        };
        rank.pinned = place(self.pin.and_then(|rule| rule.pin.as_ref()));
        rank.preferred = place(self.prefer.and_then(|rule| rule.prefer.as_ref()));
        Ok(rank)
    }

    /// The rules that spoke, but for those that guard data: the gate tells of these.
    pub(super) fn matched(&self) -> impl Iterator<Item = Matched> {
        let spoke = self.spoke.iter().filter(|rule| !rule.guards());
        spoke.map(|rule| Matched::of(rule, self.policy))
    }

    /// The rule that put the first candidate where it is, where one did.
    pub(super) fn mover(&self) -> Option<&'a Rule> {
        self.pin.or(self.prefer)
    }
}
