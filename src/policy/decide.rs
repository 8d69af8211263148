//! The decision: hard filters over the policy's models, and then the smallest expected cost.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::course::{Course, Rank};
use super::fit::Fit;
use super::gate::{Allowed, Gate};
use super::order::{Order, Ranked, Way, order};
use super::plan::{Plan, Why};
use super::policies::{Models, Policy, Ruling};
use super::rule::Matched;
use super::score::is_slow;
use crate::catalog::{Billed, Catalog, Model};
use crate::domain::clock::Timestamp;
use crate::domain::dialect::{Ability, Endpoint, Hosting};
use crate::domain::facts::Facts;
use crate::domain::ids::ModelId;
use crate::domain::money::NanoUsd;
use crate::domain::outlook::Standing;
use crate::domain::tokens::{TokenCount, Usage};
use crate::domain::wire::{Mute, Wire};

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

/// Makes the plan for a call, by the model that it asked for. `scope` says whether the caller's key may use a model.
pub fn decide(
    ruling: &Ruling,
    catalog: &Catalog,
    facts: &Facts,
    scope: &dyn Fn(&str) -> bool,
) -> Result<Plan, Refusal> {
    let (policy, asked) = (&*ruling.policy, &*facts.asked);
    let routed = asked == AUTO || policy.answers.iter().any(|glob| glob.matches(asked));
    if !routed {
        return force(ruling, catalog, facts, asked, scope);
    }
    let course = Course::of(policy, facts);
    let mut sieve = Sieve::new(ruling, facts, Some(&course));
    sieve.stay(catalog, scope)?;
    let stays = sieve.up.first().map(|it| it.model.id.clone());
    for id in in_order(course.models, catalog, asked).filter(|id| Some(*id) != stays.as_ref()) {
        match catalog.models.get(id) {
            Some(_) if !scope(id.as_str()) => sieve.reject(id, Why::Scope),
            Some(model) => sieve.take(model),
            None => sieve.reject(id, Why::Gone),
        }
    }
    let shadow = course.shadow.and_then(|id| catalog.models.get(id));
    let shadow = shadow.filter(|model| scope(model.id.as_str()));
    let shadow = shadow.and_then(|model| sieve.pass(model).ok());
    let shadow = shadow.map(|(model, _)| model);
    let mut plan = sieve.plan(policy, asked, true)?;
    plan.shadow = shadow.filter(|shadow| shadow.id != plan.first().model.id);
    Ok(plan)
}

/// Makes the plan for a call that gets the model `name` and no other, whatever the policy would route. Data rules bind it
/// like any other.
pub fn force(
    ruling: &Ruling,
    catalog: &Catalog,
    facts: &Facts,
    name: &str,
    scope: &dyn Fn(&str) -> bool,
) -> Result<Plan, Refusal> {
    let mut sieve = Sieve::new(ruling, facts, None);
    sieve.take(named(catalog, name, scope)?);
    sieve.plan(&ruling.policy, name, false)
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

/// The models in the order in which they are looked at. A listed order is the operator's and stays; `all` puts own models
/// first, then the one that was asked for, then the others.
fn in_order<'a>(
    models: &'a Models,
    catalog: &'a Catalog,
    asked: &'a str,
) -> impl Iterator<Item = &'a ModelId> {
    let all = matches!(models, Models::All(_));
    let rank = move |id: &ModelId| match catalog.models.get(id) {
        _ if !all => 0,
        Some(model) if model.target.hosting == Hosting::Own => 0,
        _ if id.as_str() == asked => 1,
        _ => 2,
    };
    let ids = models.ids();
    (0..3_u8).flat_map(move |round| ids.iter().filter(move |id| rank(id) == round))
}

/// Lets through what can answer; keeps the rest with what speaks against it. The gate stands first.
struct Sieve<'a> {
    gate: Gate<'a>,
    facts: &'a Facts,
    /// What rules say, where the policy routes the call.
    course: Option<&'a Course<'a>>,
    up: Vec<Ranked>,
    slow: Vec<(Ranked, Duration)>,
    tight: Vec<(Ranked, Why)>,
    resting: Vec<Ranked>,
    rejected: Vec<(ModelId, Why)>,
}

impl<'a> Sieve<'a> {
    fn new(ruling: &'a Ruling, facts: &'a Facts, course: Option<&'a Course<'a>>) -> Self {
        Self {
            gate: Gate::of(ruling, facts),
            facts,
            course,
            up: Vec::with_capacity(course.map_or(1, |course| course.models.ids().len())),
            slow: Vec::new(),
            tight: Vec::new(),
            resting: Vec::new(),
            rejected: Vec::new(),
        }
    }

    fn reject(&mut self, id: &ModelId, why: Why) {
        self.rejected.push((id.clone(), why));
    }

    /// What no rule but one that guards data, and nothing in the model itself, keeps from the call.
    fn pass(&self, model: &Arc<Model>) -> Result<(Allowed, Wire), Why> {
        let allowed = self.gate.admit(model)?;
        let wire = wire(model, self.facts)?;
        against(model, self.facts).map_or(Ok((allowed, wire)), Err)
    }

    /// Keeps a result of a tool at the model that called it, where the provider binds the two. No rule that merely prefers moves
    /// it, and no load; where the model's thoughts are sealed, nothing else either: then a target that is down says so itself,
    /// and what a data rule forbids is refused, for elsewhere the conversation would break.
    fn stay(&mut self, catalog: &Catalog, scope: &dyn Fn(&str) -> bool) -> Result<(), Refusal> {
        let Standing {
            bound,
            sealed,
            current: Some(current),
            ..
        } = &self.facts.standing
        else {
            return Ok(());
        };
        if !bound {
            return Ok(());
        }
        let found = match catalog.models.get(current) {
            Some(_) if !scope(current.as_str()) => Err(Why::Scope),
            // It has answered the conversation so far: whether this still fits is for its provider to say.
            Some(model) if *sealed => {
                (self.gate.admit(model)).and_then(|allowed| Ok((allowed, wire(model, self.facts)?)))
            }
            Some(model) => self.pass(model),
            None => Err(Why::Gone),
        };
        match found {
            Ok((model, wire)) => {
                let down = self.facts.down.contains(&model.target.id);
                let rank = Rank::PLAIN;
                if *sealed || !down {
                    self.up.push(Ranked {
                        rank,
                        model,
                        wire,
                        down,
                    });
                }
                Ok(())
            }
            Err(why) if *sealed => Err(self.shut(current, why)),
            Err(_) => Ok(()),
        }
    }

    /// The only model that could go on may not.
    fn shut(&self, current: &ModelId, why: Why) -> Refusal {
        let models = self.course.map_or(&[][..], |course| course.models.ids());
        let others = models.iter().filter(|id| *id != current);
        let bound = others.map(|id| (id.clone(), Why::Bound(current.clone())));
        Refusal::NoRoute {
            rejected: std::iter::once((current.clone(), why))
                .chain(bound)
                .collect(),
        }
    }

    /// The target that alone has what the call goes on from, where that is not the model's.
    fn elsewhere(&self, model: &Model) -> Option<Why> {
        self.course?;
        let lies_at = self.facts.standing.lies_at.as_ref()?;
        (*lies_at != model.target.id).then(|| Why::Elsewhere(lies_at.clone()))
    }

    /// The time in which an answer has to begin, where a model that the policy routes to is known to take longer.
    fn too_slow(&self, model: &Model) -> Option<Duration> {
        let limit = self.course.and_then(|course| course.objective.first_byte);
        limit.filter(|limit| is_slow(model, self.facts, *limit))
    }

    fn take(&mut self, model: &Arc<Model>) {
        let rank = self.course.map_or(Ok(Rank::PLAIN), |it| it.rank(model));
        let here = self.elsewhere(model).map_or(Ok(()), Err);
        let passed = here.and_then(|()| self.pass(model));
        let passed = passed.and_then(|passed| Ok((passed, rank?)));
        let ((allowed, wire), rank) = match passed {
            Ok(passed) => passed,
            Err(why) => return self.reject(&model.id, why),
        };
        let down = self.facts.down.contains(&model.target.id);
        let ranked = Ranked {
            rank,
            model: allowed,
            wire,
            down,
        };
        match (down, Fit::of(model, self.facts), self.too_slow(model)) {
            (true, ..) => self.resting.push(ranked),
            (false, Fit::Tight(why) | Fit::Never(why), _) => self.tight.push((ranked, why)),
            (false, Fit::Sure, Some(limit)) => self.slow.push((ranked, limit)),
            (false, Fit::Sure, None) => self.up.push(ranked),
        }
    }

    fn plan(mut self, policy: &Policy, asked: &str, routed: bool) -> Result<Plan, Refusal> {
        // What is slow, what may not fit, or what is down and may be up again by now, is the better answer where the other is none.
        if self.up.is_empty() {
            self.up = self.slow.into_iter().map(|(slow, _)| slow).collect();
        } else {
            let slow = |(it, limit): (Ranked, Duration)| (it.model.id.clone(), Why::Slow(limit));
            self.rejected.extend(self.slow.into_iter().map(slow));
        }
        if self.up.is_empty() {
            self.up = self.tight.into_iter().map(|(tight, _)| tight).collect();
        } else {
            let tight = |(it, why): (Ranked, Why)| (it.model.id.clone(), why);
            self.rejected.extend(self.tight.into_iter().map(tight));
        }
        if self.up.is_empty() {
            self.up = self.resting;
        } else {
            let down =
                |Ranked { model, .. }| (model.id.clone(), Why::Down(model.target.id.clone()));
            self.rejected.extend(self.resting.into_iter().map(down));
        }
        let objective = match self.course {
            Some(course) => &course.objective,
            None => &policy.objective,
        };
        let ordered = order(self.up, self.facts, objective);
        let Some(reason) = reason(&ordered, self.facts, routed) else {
            return Err(Refusal::NoRoute {
                rejected: self.rejected,
            });
        };
        let spoke = self.course.into_iter().flat_map(Course::matched);
        let matched: Vec<Matched> = self.gate.matched().chain(spoke).collect();
        Ok(Plan {
            reason,
            rule: ruled_by(&self.rejected, self.course, &matched),
            candidates: ordered.candidates,
            propensity: ordered.propensity,
            rejected: self.rejected,
            matched,
            objective: objective.clone(),
            shadow: None,
            policy: policy.id.clone(),
            repair: Arc::clone(&policy.repair),
            failover: routed && !(ordered.way == Way::Bound && self.facts.standing.sealed),
            asked: shortened(asked),
            gains: ordered.gains,
        })
    }
}

/// The rule that an answer names: the first that kept a model out, else the one that put the first where it is, else the
/// first that spoke.
fn ruled_by(
    rejected: &[(ModelId, Why)],
    course: Option<&Course<'_>>,
    matched: &[Matched],
) -> Option<String> {
    let kept_out = rejected.iter().find_map(|(_, why)| why.rule());
    let moved = || course.and_then(Course::mover).map(|rule| &*rule.name);
    let spoke = || matched.first().map(|it| &*it.rule);
    let rule = kept_out.or_else(moved).or_else(spoke)?;
    Some(rule.to_owned())
}

/// One line on why the first candidate is the first; `None` where there is none.
fn reason(ordered: &Order, facts: &Facts, routed: bool) -> Option<String> {
    let first = ordered.candidates.first()?;
    let model = &first.model.id;
    if first.down && ordered.way != Way::Bound {
        return Some(format!("{model}: every target is down, trying anyway"));
    }
    let task = facts.class.task;
    let cost = usd(first.score.total());
    Some(match (ordered.way, ordered.candidates.get(1)) {
        _ if !routed => format!("{model}: asked by name"),
        (Way::Bound, _) => format!("{model}: called the tool whose result this is"),
        (Way::Home, _) => format!("{model}: completes what is typed"),
        (Way::Rules, _) => format!("{model}: a rule puts it first, {cost} for {task}"),
        (Way::Chance, _) => format!("{model}: {cost} for {task}, chosen to learn"),
        (Way::Cost, None) => format!("{model}: {cost} for {task}, no other may answer"),
        (Way::Cost, Some(next)) => {
            let (other, more) = (&next.model.id, usd(next.score.total()));
            format!("{model}: {cost} for {task}, {other} {more}")
        }
    })
}

/// To a hundredth of a cent: more digits would only look exact.
fn usd(amount: NanoUsd) -> String {
    let sign = if amount.0 < 0 { "-" } else { "" };
    let shown = amount.0.unsigned_abs().saturating_add(50_000) / 100_000;
    format!("${sign}{}.{:04}", shown / 10_000, shown % 10_000)
}

/// How a model's target is asked.
fn wire(model: &Model, facts: &Facts) -> Result<Wire, Why> {
    let target = &model.target;
    Wire::choose(facts.endpoint, &target.dialects, &facts.unmet).map_err(|mute| match mute {
        Mute::Door => Why::Dialect {
            target: target.id.clone(),
            endpoint: facts.endpoint,
        },
        Mute::Need(dialect, need) => Why::Unsaid { dialect, need },
    })
}

/// What speaks against a model for good, whatever the state of its target.
fn against(model: &Model, facts: &Facts) -> Option<Why> {
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
    match Fit::of(model, facts) {
        Fit::Never(why) => Some(why),
        Fit::Sure | Fit::Tight(_) => None,
    }
}
