//! A decision as the log keeps it: all that is needed to make it again, and what came of it, as short as it can be said.
//!
//! What the ledger has in columns, what is as usual and what the setting tells is left out. Whoever reads gives both.

mod brief;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::decide::{self, Refusal};
use super::explained::{Explained, Rejected, Shown};
use super::glob::Glob;
use super::plan::{Candidate, Noted, Plan, Why};
use super::policies::{Policies, Policy, UnknownPolicy};
use super::rule::{Matched, Objective, Rule};
use super::score::Score;
use super::setting::Setting;
use crate::catalog::Catalog;
use crate::domain::clock::Timestamp;
use crate::domain::dialect::{Ability, Dialect, Endpoint};
use crate::domain::facts::{Facts, Task};
use crate::domain::ids::{KeyId, ModelId, PolicyId, SessionId, TargetId, TenantId};
use crate::domain::money::NanoUsd;
use crate::domain::need::Need;
use crate::domain::tokens::TokenCount;
use crate::domain::wire::Wire;
use brief::{Brief, Name};
use serde_json::value::RawValue;

/// What the ledger keeps of a call beside its decision.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names are those of the ledger's columns")]
pub struct Beside {
    pub at: Timestamp,
    pub endpoint: Endpoint,
    pub tenant: TenantId,
    pub key: KeyId,
    pub asked: Arc<str>,
    pub tags: Vec<(String, String)>,
    pub session: Option<SessionId>,
    pub task: Task,
    pub policy: PolicyId,
    pub rule: Option<String>,
    pub reason: String,
}

/// What beside the facts a decision depends on: what the caller asked for in headers, and what its key may use.
#[derive(Clone, Copy, Debug, Default)]
pub struct Asked<'a> {
    /// The policy that the caller named.
    pub policy: Option<&'a str>,
    /// The model that the caller forced.
    pub forced: Option<&'a str>,
    /// Patterns of the models that the key may use; `None` for all.
    pub scope: Option<&'a [String]>,
}

/// How a call's decision came out.
#[derive(Clone, Copy, Debug)]
pub enum Made<'a> {
    /// A plan, and the objective of the policy that ruled.
    Plan(&'a Plan, &'a Objective),
    /// No model may answer; the caller is told this.
    Refused(&'a str),
    /// The call was refused before models were looked at.
    Unasked(&'a str),
}

/// Something else than the first candidate is never tried.
const ALONE: u8 = 1;
/// The call was refused before models were looked at.
const UNASKED: u8 = 2;

const DOWN: i64 = 1;
const UNPRICED: i64 = 2;

/// A candidate: its number in the catalogue; what it costs now, later, on the machine, in waiting, failing and changing; its
/// chance of success in millionths, tokens cached, milliseconds, flags.
type Row = [i64; 11];

/// Why a model was no candidate; what follows from model and facts is left out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Cause {
    #[serde(rename = "s")]
    Scope,
    #[serde(rename = "d")]
    Dialect,
    #[serde(rename = "a")]
    Ability(Ability),
    #[serde(rename = "w")]
    Window(TokenCount),
    #[serde(rename = "x")]
    Down,
    #[serde(rename = "g")]
    Gone,
    #[serde(rename = "q")]
    Guarded(Arc<str>),
    #[serde(rename = "r")]
    Rule(Arc<str>),
    #[serde(rename = "l")]
    Slow(u64),
    #[serde(rename = "b")]
    Bound(Arc<str>),
    #[serde(rename = "e")]
    Elsewhere(Arc<str>),
    #[serde(rename = "t")]
    Unsaid(Dialect, Need),
}

/// A rule that spoke, by its place: kinds of work are counted first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Spoke {
    /// Of the policy that ruled.
    Here(usize),
    /// Of another that binds the call.
    There(usize, PolicyId),
}

fn rules(policy: &Policy) -> impl Iterator<Item = &Rule> {
    let tasks = policy.tasks.iter().map(|task| &task.rule);
    tasks.chain(&policy.rules)
}

impl Spoke {
    fn of(it: &Matched, ruling: &PolicyId, setting: &Setting) -> Option<Self> {
        let policy = setting.policies.by_name().get(&it.policy)?;
        // By where the name lies: two may be called alike.
        let place = rules(policy).position(|rule| Arc::ptr_eq(&rule.name, &it.rule))?;
        Some(match it.policy == *ruling {
            true => Self::Here(place),
            false => Self::There(place, it.policy.clone()),
        })
    }

    fn matched(&self, ruling: &PolicyId, setting: &Setting) -> Option<Matched> {
        let (place, id) = match self {
            Self::Here(place) => (*place, ruling),
            Self::There(place, id) => (*place, id),
        };
        let policy = setting.policies.by_name().get(id)?;
        rules(policy).nth(place).map(|rule| Matched::of(rule, id))
    }
}

fn none<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// The record. Letters are this format's: never give one another meaning.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Logged {
    #[serde(rename = "s")]
    setting: Arc<str>,
    #[serde(rename = "f")]
    facts: Brief,
    #[serde(rename = "h", default, skip_serializing_if = "none")]
    policy: Option<Box<str>>,
    #[serde(rename = "m", default, skip_serializing_if = "none")]
    forced: Option<String>,
    #[serde(rename = "k", default, skip_serializing_if = "none")]
    scope: Option<Vec<Glob>>,
    #[serde(rename = "c", default, skip_serializing_if = "none")]
    candidates: Vec<Row>,
    #[serde(rename = "p", default, skip_serializing_if = "none")]
    propensity: Option<f64>,
    #[serde(rename = "r", default, skip_serializing_if = "none")]
    rejected: Vec<(Name, Cause)>,
    #[serde(rename = "u", default, skip_serializing_if = "none")]
    matched: Vec<Spoke>,
    #[serde(rename = "o", default, skip_serializing_if = "none")]
    objective: Option<Objective>,
    #[serde(rename = "e", default, skip_serializing_if = "none")]
    shadow: Option<Name>,
    #[serde(rename = "x", default, skip_serializing_if = "none")]
    flags: u8,
    #[serde(rename = "d", default, skip_serializing_if = "none")]
    refused: Option<Box<str>>,
}

impl Logged {
    /// Writes a decision down. `asked` is how much of the asked name the ledger keeps.
    pub fn of(
        setting: &Setting,
        facts: &Facts,
        asked: &str,
        headers: &Asked<'_>,
        made: Made<'_>,
    ) -> Self {
        let patterns = |scope: &[String]| scope.iter().map(|it| Glob::new(it)).collect();
        let mut logged = Self {
            setting: Arc::clone(&setting.id),
            facts: Brief::of(facts, asked, &setting.places, &setting.classifier),
            policy: headers.policy.map(Into::into),
            // From outside, and kept: no name of a model is longer.
            forced: (headers.forced).map(|name| name.chars().take(200).collect()),
            scope: headers.scope.map(patterns),
            candidates: Vec::new(),
            propensity: None,
            rejected: Vec::new(),
            matched: Vec::new(),
            objective: None,
            shadow: None,
            flags: 0,
            refused: None,
        };
        match made {
            Made::Plan(plan, usual) => logged.put(plan, usual, setting),
            Made::Refused(what) => logged.refused = Some(what.into()),
            Made::Unasked(what) => {
                logged.refused = Some(what.into());
                logged.flags = UNASKED;
            }
        }
        logged
    }

    fn put(&mut self, plan: &Plan, usual: &Objective, setting: &Setting) {
        let places = &setting.places;
        let rows = plan.candidates.iter();
        self.candidates = rows.map(|it| row(it, setting)).collect();
        self.propensity = (plan.propensity != 1.0).then_some(plan.propensity);
        self.rejected = (plan.rejected.iter())
            .map(|(id, why)| (Name::of_model(id, places), Cause::of(why)))
            .collect();
        let spoke = plan.matched.iter();
        self.matched = spoke
            .filter_map(|it| Spoke::of(it, &plan.policy, setting))
            .collect();
        self.objective = (plan.objective != *usual).then(|| plan.objective.clone());
        let shadow = plan.shadow.as_ref();
        self.shadow = shadow.map(|model| Name::of_model(&model.id, places));
        self.flags = if plan.failover { 0 } else { ALONE };
    }

    /// As the ledger keeps it.
    pub fn text(&self) -> Box<RawValue> {
        serde_json::value::to_raw_value(self).expect("names, numbers and words are JSON")
    }

    /// Reads it; `None` for what an older version wrote, or another hand.
    pub fn read(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// The setting that it was made by.
    pub fn setting(&self) -> &Arc<str> {
        &self.setting
    }

    /// Whether models were looked at.
    pub fn asked(&self) -> bool {
        self.flags & UNASKED == 0
    }

    /// The facts again; `None` where the setting is another.
    pub fn facts(&self, beside: &Beside, setting: &Setting) -> Option<Facts> {
        let (places, classifier) = (&setting.places, &setting.classifier);
        self.facts.facts(beside, places, classifier)
    }

    /// Decides once more, by these policies and this catalogue.
    pub fn decide(
        &self,
        facts: &Facts,
        policies: &Policies,
        catalog: &Catalog,
    ) -> Result<Plan, Unmade> {
        let ruling = policies.ruling(&facts.tenant, &facts.key, self.policy.as_deref());
        let ruling = ruling.map_err(Unmade::Policy)?;
        let scope = self.scope.as_ref();
        let scope =
            |name: &str| scope.is_none_or(|globs| globs.iter().any(|glob| glob.matches(name)));
        let plan = match &self.forced {
            Some(name) => decide::force(&ruling, catalog, facts, name, &scope),
            None => decide::decide(&ruling, catalog, facts, &scope),
        };
        plan.map_err(Unmade::Refusal)
    }

    /// The candidates in their order, each with its terms.
    pub fn candidates<'s>(
        &'s self,
        setting: &'s Setting,
    ) -> impl Iterator<Item = (&'s ModelId, Score)> {
        let rows = self.candidates.iter();
        rows.filter_map(|row| {
            let place = usize::try_from(row[0]).ok()?;
            Some((setting.places.model(place)?, score(row)))
        })
    }

    /// Whether a plan is the one that was written down: the same candidates in the same order, at the same terms.
    pub fn agrees(&self, plan: &Plan, setting: &Setting) -> bool {
        let rows = plan.candidates.iter().map(|it| row(it, setting));
        rows.eq(self.candidates.iter().copied())
            && plan.propensity == self.propensity.unwrap_or(1.0)
    }

    /// The decision as one reads it, with full names.
    pub fn explanation(&self, beside: &Beside, setting: &Setting) -> Option<Box<RawValue>> {
        let facts = self.facts(beside, setting)?;
        if let Some(detail) = &self.refused {
            return Some(Explained::refused(
                &beside.asked,
                &beside.reason,
                detail,
                Noted::of(&facts),
            ));
        }
        let rejected: Option<Vec<_>> = (self.rejected.iter())
            .map(|(name, cause)| {
                let model = name.model(&setting.places)?;
                let why = cause.why(&model, setting, &facts);
                Some(Rejected::of(&model, &why))
            })
            .collect();
        let spoke = self.matched.iter();
        let matched = spoke.filter_map(|it| it.matched(&beside.policy, setting));
        let rows = self.candidates(setting).zip(&self.candidates);
        let candidates = rows.map(|((id, score), row)| {
            let model = setting.catalog.models.get(id).map(Arc::as_ref);
            let wire = model.and_then(|model| {
                let spoken = &model.target.dialects;
                Wire::choose(facts.endpoint, spoken, &facts.unmet).ok()
            });
            Shown::of(id, model, wire, row[10] & DOWN != 0, score)
        });
        let usual = setting.policies.by_name().get(&beside.policy);
        let objective = self.objective.as_ref();
        Some(
            Explained {
                asked: self.forced.as_deref().unwrap_or(&beside.asked),
                policy: &beside.policy,
                rule: beside.rule.as_deref(),
                reason: &beside.reason,
                failover: self.flags & ALONE == 0,
                propensity: self.propensity.unwrap_or(1.0),
                candidates: candidates.collect(),
                rejected: rejected?,
                rules: &matched.collect::<Vec<_>>(),
                objective: objective.or(usual.map(|policy| &policy.objective)),
                setting: Some(&self.setting),
                shadow: self
                    .shadow
                    .as_ref()
                    .and_then(|it| it.model(&setting.places)),
                facts: Noted::of(&facts),
            }
            .text(),
        )
    }
}

/// Why no plan can be made again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unmade {
    /// The policy that the caller named is not there.
    Policy(UnknownPolicy),
    /// No model may answer.
    Refusal(Refusal),
}

impl std::fmt::Display for Unmade {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Policy(unknown) => unknown.fmt(f),
            Self::Refusal(refusal) => refusal.fmt(f),
        }
    }
}

fn row(candidate: &Candidate, setting: &Setting) -> Row {
    // No `..`: a new term is a new column.
    let Score {
        now,
        later,
        gpu,
        waiting,
        failure,
        switch,
        success,
        cached,
        wait_ms,
        priced,
    } = candidate.score;
    let whole = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    // A candidate is of the catalogue: the number is there.
    let place = setting.places.of_model(&candidate.model.id);
    let flags = if candidate.down { DOWN } else { 0 } | if priced { 0 } else { UNPRICED };
    [
        whole(place.unwrap_or(usize::MAX)),
        now.0,
        later.0,
        gpu.0,
        waiting.0,
        failure.0,
        switch.0,
        (success * 1e6).round() as i64,
        i64::try_from(cached.0).unwrap_or(i64::MAX),
        wait_ms.round() as i64,
        flags,
    ]
}

fn score(row: &Row) -> Score {
    let [
        _,
        now,
        later,
        gpu,
        waiting,
        failure,
        switch,
        success,
        cached,
        wait_ms,
        flags,
    ] = *row;
    Score {
        now: NanoUsd(now),
        later: NanoUsd(later),
        gpu: NanoUsd(gpu),
        waiting: NanoUsd(waiting),
        failure: NanoUsd(failure),
        switch: NanoUsd(switch),
        success: success as f64 / 1e6,
        cached: TokenCount(u64::try_from(cached).unwrap_or(0)),
        wait_ms: wait_ms as f64,
        priced: flags & UNPRICED == 0,
    }
}

impl Cause {
    fn of(why: &Why) -> Self {
        match why {
            Why::Scope => Self::Scope,
            Why::Dialect { .. } => Self::Dialect,
            Why::Unsaid { dialect, need } => Self::Unsaid(*dialect, *need),
            Why::Ability(ability) => Self::Ability(*ability),
            Why::Window { needed, .. } => Self::Window(*needed),
            Why::Down(_) => Self::Down,
            Why::Gone => Self::Gone,
            Why::Guarded(rule) => Self::Guarded(Arc::clone(rule)),
            Why::Rule(rule) => Self::Rule(Arc::clone(rule)),
            Why::Slow(limit) => Self::Slow(u64::try_from(limit.as_millis()).unwrap_or(u64::MAX)),
            Why::Bound(model) => Self::Bound(model.as_str().into()),
            Why::Elsewhere(target) => Self::Elsewhere(target.as_str().into()),
        }
    }

    fn why(&self, model: &ModelId, setting: &Setting, facts: &Facts) -> Why {
        let Some(model) = setting.catalog.models.get(model) else {
            return Why::Gone;
        };
        let target = || model.target.id.clone();
        match self {
            Self::Scope => Why::Scope,
            Self::Dialect => Why::Dialect {
                target: target(),
                endpoint: facts.endpoint,
            },
            Self::Unsaid(dialect, need) => Why::Unsaid {
                dialect: *dialect,
                need: *need,
            },
            Self::Ability(ability) => Why::Ability(*ability),
            Self::Window(needed) => Why::Window {
                window: (facts.outlook.window(&model.id, model.window)).unwrap_or_default(),
                needed: *needed,
            },
            Self::Down => Why::Down(target()),
            Self::Gone => Why::Gone,
            Self::Guarded(rule) => Why::Guarded(Arc::clone(rule)),
            Self::Rule(rule) => Why::Rule(Arc::clone(rule)),
            Self::Slow(limit) => Why::Slow(std::time::Duration::from_millis(*limit)),
            Self::Bound(model) => Why::Bound(ModelId::new(Arc::clone(model))),
            Self::Elsewhere(target) => Why::Elsewhere(TargetId::new(Arc::clone(target))),
        }
    }
}
