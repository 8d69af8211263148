//! The decision: hard filters over the policy's models, in the policy's order.

use std::fmt;
use std::sync::Arc;

use super::plan::{Candidate, Noted, Plan, Why};
use super::rules::{Models, Policy};
use crate::catalog::{Billed, Catalog, Model};
use crate::domain::clock::Timestamp;
use crate::domain::dialect::{Ability, Endpoint, Hosting};
use crate::domain::facts::Facts;
use crate::domain::ids::ModelId;
use crate::domain::tokens::{TokenCount, Usage};

/// The name that always asks the policy, whatever it answers otherwise.
pub const AUTO: &str = "auto";

/// Why no plan could be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Nothing has this name, and the policy does not route it.
    UnknownModel {
        /// The name.
        asked: String,
        /// Names close to it that the key may use.
        nearest: Vec<String>,
    },
    /// The key may not use the model that it named.
    Forbidden {
        /// The model.
        model: ModelId,
    },
    /// No model may serve this call.
    NoRoute {
        /// Each candidate and what speaks against it.
        rejected: Vec<(ModelId, Why)>,
    },
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownModel { asked, nearest } => {
                write!(f, "no model is named {asked:?}")?;
                match nearest.first() {
                    Some(name) => write!(f, "; did you mean {name:?}?"),
                    None => Ok(()),
                }
            }
            Self::Forbidden { model } => write!(f, "this key may not use the model {model}"),
            Self::NoRoute { rejected } if rejected.is_empty() => {
                f.write_str("no model may serve this call: the policy has none")
            }
            Self::NoRoute { rejected } => {
                f.write_str("no model may serve this call")?;
                for (index, (model, why)) in rejected.iter().enumerate() {
                    let mark = if index == 0 { ": " } else { "; " };
                    write!(f, "{mark}{model}: {why}")?;
                }
                Ok(())
            }
        }
    }
}

impl std::error::Error for Refusal {}

/// Makes the plan for a call that asked for the model `asked`. `scope` says whether the caller's key may use a model.
pub fn decide(
    policy: &Policy,
    catalog: &Catalog,
    facts: &Facts,
    asked: &str,
    scope: &dyn Fn(&str) -> bool,
) -> Result<Plan, Refusal> {
    let routed = asked == AUTO || policy.answers.iter().any(|glob| glob.matches(asked));
    let mut sieve = Sieve::new(facts, policy.models.ids().len());
    if routed {
        for id in in_order(policy, catalog, asked) {
            match catalog.models.get(id) {
                Some(_) if !scope(id.as_str()) => sieve.reject(id, Why::Scope),
                Some(model) => sieve.take(model),
                None => sieve.reject(id, Why::Gone),
            }
        }
    } else {
        return force(policy, catalog, facts, asked, scope);
    }
    sieve.plan(policy, asked, routed)
}

/// Makes the plan for a call that gets the model `name` and no other, whatever the policy would route.
pub fn force(
    policy: &Policy,
    catalog: &Catalog,
    facts: &Facts,
    name: &str,
    scope: &dyn Fn(&str) -> bool,
) -> Result<Plan, Refusal> {
    let mut sieve = Sieve::new(facts, 1);
    sieve.take(named(catalog, name, scope)?);
    sieve.plan(policy, name, false)
}

/// The model that savings are measured against: of the policy's vendor models with a price, the dearest on a typical step.
pub fn frontier(policy: &Policy, catalog: &Catalog, at: Timestamp) -> Option<Arc<Model>> {
    let step = Usage {
        input: TokenCount(7_000),
        cache_read: TokenCount(147_000),
        output: TokenCount(500),
        ..Usage::default()
    };
    let vendor = policy
        .models
        .ids()
        .iter()
        .filter_map(|id| catalog.models.get(id));
    let vendor = vendor.filter(|model| model.target.hosting == Hosting::Vendor);
    let priced = vendor.filter_map(|model| {
        let cost = model
            .tariff(at)
            .cost(&Billed::plain(step, at))
            .ok()
            .flatten()?;
        Some((cost, model))
    });
    // Of equals the first: the operator's order says which is meant.
    let dearest = priced.reduce(|best, next| if next.0 > best.0 { next } else { best });
    dearest.map(|(_, model)| Arc::clone(model))
}

fn named<'a>(
    catalog: &'a Catalog,
    asked: &str,
    scope: &dyn Fn(&str) -> bool,
) -> Result<&'a Arc<Model>, Refusal> {
    let Some(model) = catalog.model(asked) else {
        // Names that the key may not use are not given away.
        let close = catalog.nearest(asked).into_iter();
        return Err(Refusal::UnknownModel {
            asked: shortened(asked),
            nearest: close
                .filter(|name| scope(name))
                .map(str::to_owned)
                .collect(),
        });
    };
    if !scope(asked) {
        return Err(Refusal::Forbidden {
            model: model.id.clone(),
        });
    }
    Ok(model)
}

/// A name as it is kept and shown: what a caller sends may be of any length.
fn shortened(name: &str) -> String {
    name.chars().take(200).collect()
}

/// The policy's models in the order in which this call tries them. A listed order is the operator's and stays; `all` puts own
/// models first, then the one that was asked for, then the others.
fn in_order<'a>(
    policy: &'a Policy,
    catalog: &'a Catalog,
    asked: &'a str,
) -> impl Iterator<Item = &'a ModelId> {
    let all = matches!(policy.models, Models::All(_));
    let rank = move |id: &ModelId| match catalog.models.get(id) {
        _ if !all => 0,
        Some(model) if model.target.hosting == Hosting::Own => 0,
        _ if id.as_str() == asked => 1,
        _ => 2,
    };
    let ids = policy.models.ids();
    (0..3_u8).flat_map(move |round| ids.iter().filter(move |id| rank(id) == round))
}

/// Lets through what can answer; keeps the rest with what speaks against it.
struct Sieve<'a> {
    facts: &'a Facts,
    candidates: Vec<Candidate>,
    resting: Vec<Candidate>,
    rejected: Vec<(ModelId, Why)>,
}

impl<'a> Sieve<'a> {
    fn new(facts: &'a Facts, models: usize) -> Self {
        Self {
            facts,
            candidates: Vec::with_capacity(models),
            resting: Vec::new(),
            rejected: Vec::new(),
        }
    }

    fn reject(&mut self, id: &ModelId, why: Why) {
        self.rejected.push((id.clone(), why));
    }

    fn take(&mut self, model: &Arc<Model>) {
        if let Some(why) = against(model, self.facts) {
            return self.reject(&model.id, why);
        }
        let down = self.facts.down.contains(&model.target.id);
        let candidate = Candidate {
            model: Arc::clone(model),
            down,
        };
        if down {
            self.resting.push(candidate);
        } else {
            self.candidates.push(candidate);
        }
    }

    fn plan(mut self, policy: &Policy, asked: &str, routed: bool) -> Result<Plan, Refusal> {
        // What is down may be up again by now; it is the better answer where the other is none.
        if self.candidates.is_empty() {
            self.candidates = self.resting;
        } else {
            let down = |c: Candidate| (c.model.id.clone(), Why::Down(c.model.target.id.clone()));
            self.rejected.extend(self.resting.into_iter().map(down));
        }
        let Some(first) = self.candidates.first() else {
            return Err(Refusal::NoRoute {
                rejected: self.rejected,
            });
        };
        Ok(Plan {
            reason: reason(first, self.candidates.len(), routed),
            candidates: self.candidates,
            rejected: self.rejected,
            rule: None,
            policy: policy.id.clone(),
            failover: routed,
            asked: shortened(asked),
            noted: Noted::of(self.facts),
        })
    }
}

fn reason(first: &Candidate, count: usize, routed: bool) -> String {
    let model = &first.model.id;
    if first.down {
        format!("{model}: every target is down, trying anyway")
    } else if routed {
        format!("{model}: first of {count} that may answer")
    } else {
        format!("{model}: asked by name")
    }
}

/// What speaks against a model for good, whatever the state of its target.
fn against(model: &Model, facts: &Facts) -> Option<Why> {
    if !facts.endpoint.served_by(&model.target.dialects) {
        return Some(Why::Dialect {
            target: model.target.id.clone(),
            endpoint: facts.endpoint,
        });
    }
    let needed = [
        (facts.tools, Ability::Tools),
        (facts.images, Ability::Images),
        (facts.fim, Ability::Fim),
        (facts.endpoint == Endpoint::Embeddings, Ability::Embeddings),
    ];
    for (needs, ability) in needed {
        // An empty list means that nobody said, not that it can do nothing.
        if needs && !model.can.is_empty() && !model.can.contains(&ability) {
            return Some(Why::Ability(ability));
        }
    }
    let window = model.window?;
    let needed = facts.prompt + room(model, facts);
    (needed > window).then_some(Why::Window { window, needed })
}

/// Tokens to keep free for the answer.
fn room(model: &Model, facts: &Facts) -> TokenCount {
    let no_answer = matches!(facts.endpoint, Endpoint::CountTokens | Endpoint::Embeddings);
    if no_answer || !model.shared_window {
        return TokenCount(0);
    }
    let asked = facts.max_output.unwrap_or(facts.class.output);
    model.max_output.map_or(asked, |most| asked.min(most))
}
