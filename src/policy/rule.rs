//! What operators say of some calls: which models, and at what price of failing and waiting.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::condition::Condition;
use super::glob::Glob;
use super::policies::Models;
use crate::catalog::Model;
use crate::domain::dialect::{Ability, Hosting};
use crate::domain::facts::{Facts, Task};
use crate::domain::ids::{ModelId, PolicyId, TargetId};
use crate::domain::money::NanoUsd;
use crate::domain::share::Share;

/// Something that is said of the calls that fit it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rule {
    /// What people call it.
    pub name: Arc<str>,
    /// The line of its file on which it begins.
    pub line: usize,
    /// Which calls; `None` for all.
    pub when: Option<Condition>,
    /// These models alone.
    pub only: Option<Selector>,
    /// Not these models.
    pub never: Option<Selector>,
    /// These models first.
    pub prefer: Option<Selector>,
    /// These models alone, in the order of the list, and nothing is weighed.
    pub pin: Option<Selector>,
    /// Other numbers than the policy's.
    pub terms: Terms,
    /// No rule behind it is read.
    pub last: bool,
    /// What holds where its models cannot answer.
    pub otherwise: Otherwise,
    /// The model that is asked as well, unseen.
    pub shadow: Option<ModelId>,
}

impl Rule {
    /// A rule that says nothing yet, and that of every call.
    pub fn named(name: &str, line: usize) -> Self {
        Self {
            name: name.into(),
            line,
            when: None,
            only: None,
            never: None,
            prefer: None,
            pin: None,
            terms: Terms::default(),
            last: false,
            otherwise: Otherwise::Fail,
            shadow: None,
        }
    }

    /// Whether it guards data: nothing goes before it, and nothing overrides it.
    pub fn guards(&self) -> bool {
        self.otherwise == Otherwise::Refuse
    }

    /// Whether it speaks of this call.
    pub fn holds(&self, facts: &Facts) -> bool {
        self.when.as_ref().is_none_or(|when| when.holds(facts))
    }

    /// Whether a model is one of those that `only` and `never` leave.
    pub(super) fn leaves(&self, model: &Model) -> bool {
        let fits = |it: &Selector| it.fits(model);
        self.only.as_ref().is_none_or(fits) && !self.never.as_ref().is_some_and(fits)
    }

    /// Whether a model is one of those that `pin` names, where it names some.
    pub(super) fn pins(&self, model: &Model) -> bool {
        self.pin.as_ref().is_none_or(|it| it.fits(model))
    }
}

/// What holds where none of a rule's models can answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Otherwise {
    /// The call is not routed elsewhere. A model that is asked by name, where the policy does not route it, is not bound.
    #[default]
    Fail,
    /// The call is refused, however it was asked: this guards data.
    Refuse,
    /// The other models come behind.
    Anyway,
}

/// A choice among models.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Selector(pub Vec<Pick>);

/// One entry of a choice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Pick {
    /// By name.
    Named(Glob),
    /// By what it is; all of it has to fit.
    Kind {
        /// Who runs it.
        hosting: Option<Hosting>,
        /// Where it lives; any of these.
        targets: Vec<TargetId>,
        /// What it is known to be able to do; all of these.
        can: Vec<Ability>,
    },
}

impl Selector {
    /// Whether a model is among those chosen.
    pub fn fits(&self, model: &Model) -> bool {
        self.place(model).is_some()
    }

    /// The first entry that fits a model.
    pub(super) fn place(&self, model: &Model) -> Option<usize> {
        self.0.iter().position(|pick| pick.fits(model))
    }
}

impl Pick {
    fn fits(&self, model: &Model) -> bool {
        match self {
            Self::Named(glob) => glob.matches(model.id.as_str()),
            Self::Kind {
                hosting,
                targets,
                can,
            } => {
                hosting.is_none_or(|hosting| hosting == model.target.hosting)
                    && (targets.is_empty() || targets.contains(&model.target.id))
                    && can.iter().all(|ability| model.can.contains(ability))
            }
        }
    }
}

/// What failing, waiting and changing cost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Objective {
    /// What one failed answer costs.
    #[serde(rename = "failure_nano_usd")]
    pub failure: NanoUsd,
    /// What a minute of waiting costs.
    #[serde(rename = "minute_nano_usd")]
    pub minute: NanoUsd,
    /// By how much another model has to be better before a conversation changes to it.
    #[serde(rename = "switch_nano_usd")]
    pub switch: NanoUsd,
    /// The part of conversations that is used to learn.
    pub explore: Share,
    /// No model that is expected to begin its answer later.
    #[serde(
        rename = "first_byte_ms",
        serialize_with = "millis",
        deserialize_with = "of_millis"
    )]
    pub first_byte: Option<Duration>,
}

fn millis<S: Serializer>(time: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    let millis = time.map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
    Serialize::serialize(&millis, serializer)
}

fn of_millis<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    let millis = Option::<u64>::deserialize(deserializer)?;
    Ok(millis.map(Duration::from_millis))
}

impl Default for Objective {
    fn default() -> Self {
        Self {
            failure: NanoUsd(2_000_000_000),
            minute: NanoUsd(500_000_000),
            switch: NanoUsd(10_000_000),
            explore: Share::NONE,
            first_byte: None,
        }
    }
}

/// What some calls have in place of the policy's objective.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// See [`Objective::failure`].
    pub failure: Option<NanoUsd>,
    /// See [`Objective::minute`].
    pub minute: Option<NanoUsd>,
    /// See [`Objective::switch`].
    pub switch: Option<NanoUsd>,
    /// See [`Objective::first_byte`].
    pub first_byte: Option<Duration>,
}

impl Terms {
    /// Puts what it says in place of what was said before.
    pub(super) fn replace(&self, objective: &mut Objective) {
        let put = |place: &mut NanoUsd, amount: Option<NanoUsd>| *place = amount.unwrap_or(*place);
        put(&mut objective.failure, self.failure);
        put(&mut objective.minute, self.minute);
        put(&mut objective.switch, self.switch);
        objective.first_byte = self.first_byte.or(objective.first_byte);
    }
}

/// What holds for one kind of work; read before the rules.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskRule {
    /// The kind.
    pub task: Task,
    /// The models that may answer, in place of the policy's.
    pub models: Option<Models>,
    /// What else is said.
    pub rule: Rule,
}

/// A rule that spoke of a call, as it is kept with the decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Matched {
    /// The rule.
    pub rule: Arc<str>,
    /// Its policy.
    pub policy: PolicyId,
    /// The line on which it begins.
    pub line: usize,
    /// Whether it guards data.
    pub guards: bool,
}

impl Matched {
    pub(super) fn of(rule: &Rule, policy: &PolicyId) -> Self {
        Self {
            rule: Arc::clone(&rule.name),
            policy: policy.clone(),
            line: rule.line,
            guards: rule.guards(),
        }
    }
}
