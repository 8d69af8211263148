//! Data rules: what a call's text may never reach. Whatever asks a model passes here first, and only what passed can be
//! a candidate or a shadow: there is no other way to make one.

use std::ops::Deref;
use std::sync::Arc;

use super::plan::Why;
use super::policies::Ruling;
use super::rule::{Matched, Rule};
use crate::catalog::Model;
use crate::domain::facts::Facts;
use crate::domain::ids::PolicyId;

/// The data rules that speak of one call, of every policy that binds it.
#[derive(Debug)]
pub(super) struct Gate<'a> {
    closed: Vec<(&'a Rule, &'a PolicyId)>,
}

impl<'a> Gate<'a> {
    /// Finds them. It costs an allocation only where there are some.
    pub(super) fn of(ruling: &'a Ruling, facts: &Facts) -> Self {
        let mut closed = Vec::new();
        for policy in ruling.binding() {
            let rules = policy.rules.iter();
            let guards = rules.filter(|rule| rule.guards() && rule.holds(facts));
            closed.extend(guards.map(|rule| (rule, &policy.id)));
        }
        Self { closed }
    }

    /// Lets a model through, or says which rule keeps it out.
    pub(super) fn admit(&self, model: &Arc<Model>) -> Result<Allowed, Why> {
        let mut closed = self.closed.iter();
        match closed.find(|(rule, _)| !(rule.leaves(model) && rule.pins(model))) {
            None => Ok(Allowed(Arc::clone(model))),
            Some((rule, _)) => Err(Why::Guarded(Arc::clone(&rule.name))),
        }
    }

    /// Its rules, for the record.
    pub(super) fn matched(&self) -> impl Iterator<Item = Matched> {
        let closed = self.closed.iter();
        closed.map(|(rule, policy)| Matched::of(rule, policy))
    }
}

/// A model that no data rule keeps from the call. Only a gate makes one.
#[derive(Clone, Debug)]
pub struct Allowed(Arc<Model>);

impl Allowed {
    /// The model, to be asked.
    pub fn into_model(self) -> Arc<Model> {
        self.0
    }
}

impl Deref for Allowed {
    type Target = Arc<Model>;

    fn deref(&self) -> &Arc<Model> {
        &self.0
    }
}
