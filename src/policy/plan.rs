//! What was decided: who may answer, in which order, who may not and why.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde::ser::Serializer;

use super::gate::Allowed;
use super::repair::Repair;
use super::rule::{Matched, Objective};
use super::score::Score;
use crate::domain::dialect::{Ability, Dialect, Endpoint};
use crate::domain::facts::{Classification, DataClass, Facts, Paths, Source, Task, Turn};
use crate::domain::ids::{ModelId, PolicyId, TargetId};
use crate::domain::money::NanoUsd;
use crate::domain::need::{Need, Unmet};
use crate::domain::outlook::{Outlook, Standing};
use crate::domain::tokens::TokenCount;
use crate::domain::wire::Wire;

/// The models to try, in order.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Never empty.
    pub candidates: Vec<Candidate>,
    /// The chance with which the first was to be the first: below one where some conversations are used to learn.
    pub propensity: f64,
    /// The models that were considered and may not answer.
    pub rejected: Vec<(ModelId, Why)>,
    /// One line for the answer's header: plain ASCII.
    pub reason: String,
    /// The rule that shaped the choice.
    pub rule: Option<String>,
    /// Every rule that spoke of the call: those that guard data, then the others in the order in which they were read.
    pub matched: Vec<Matched>,
    /// What failing, waiting and changing cost in this call.
    pub objective: Objective,
    /// The model to ask as well, unseen.
    pub shadow: Option<Allowed>,
    /// The policy that ruled.
    pub policy: PolicyId,
    /// What is done about flawed answers.
    pub repair: Arc<Repair>,
    /// Whether the next candidate may be tried when one fails.
    pub failover: bool,
    /// The name that the caller asked for.
    pub asked: String,
    /// What the call would gain by a place at own machines, where it might as well go elsewhere.
    pub gains: Vec<Gain>,
}

/// What a call would gain by a place at an own machine.
#[derive(Clone, Debug, PartialEq)]
pub struct Gain {
    /// The machine.
    pub target: TargetId,
    /// How much less it costs there than at the next best model elsewhere; below nothing where elsewhere is better.
    pub saved: NanoUsd,
    /// For how many milliseconds it holds the place.
    pub held_ms: f64,
}

/// A model that may answer.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// The model.
    pub model: Allowed,
    /// How its target is asked.
    pub wire: Wire,
    /// How long the prompt is for it, estimated.
    pub prompt: TokenCount,
    /// What the call costs with it.
    pub score: Score,
    /// Its target is down; it stands here because every other one that could answer is down too.
    pub down: bool,
}

/// What of the facts a decision looked at, as one reads it.
#[derive(Clone, Debug, Serialize)]
pub struct Noted {
    /// The door.
    pub endpoint: Endpoint,
    /// Prompt tokens, estimated.
    pub prompt_tokens: TokenCount,
    /// The most output tokens that the caller allows.
    pub max_output: Option<TokenCount>,
    /// The caller offers tools.
    pub tools: bool,
    /// The caller sent images.
    pub images: bool,
    /// The caller wants the middle filled in.
    pub fim: bool,
    /// What it needs that other dialects have no words for.
    #[serde(skip_serializing_if = "Unmet::is_empty")]
    pub unmet: Unmet,
    /// How far the text may go.
    pub data_class: DataClass,
    /// A secret stands in it.
    pub secrets: bool,
    /// The files that it names.
    #[serde(skip_serializing_if = "no_paths")]
    pub paths: Arc<Paths>,
    /// Who spoke last.
    pub turn: Turn,
    /// How often the person has spoken.
    pub turns: u32,
    /// What shares are drawn by; as text, for it is larger than numbers of JSON may be.
    #[serde(serialize_with = "text")]
    pub draw: u64,
    /// Where the conversation stands.
    pub standing: Standing,
    /// How targets do.
    pub outlook: Outlook,
    /// Kind of work.
    pub task: Task,
    /// How hard the work is thought to be.
    pub difficulty: f32,
    /// All that was said of it.
    pub class: Classification,
    /// Where that came from.
    pub source: Source,
    /// The classifier's name and version, where it said so itself.
    pub classifier: Option<Arc<str>>,
}

fn no_paths(paths: &Arc<Paths>) -> bool {
    paths.named.is_empty() && paths.fitting.is_empty()
}

fn text<S: Serializer>(number: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(number)
}

impl Noted {
    /// Takes what counts from the facts.
    pub fn of(facts: &Facts) -> Self {
        Self {
            endpoint: facts.endpoint,
            prompt_tokens: facts.prompt,
            max_output: facts.max_output,
            tools: facts.tools,
            images: facts.images,
            fim: facts.fim,
            unmet: facts.unmet.clone(),
            data_class: facts.data_class,
            secrets: facts.secrets,
            paths: Arc::clone(&facts.paths),
            turn: facts.turn,
            turns: facts.turns,
            draw: facts.draw,
            standing: facts.standing.clone(),
            outlook: facts.outlook.clone(),
            task: facts.class.task,
            difficulty: facts.class.difficulty,
            class: facts.class,
            source: facts.source,
            classifier: facts.classifier.clone(),
        }
    }
}

/// Why a model may not answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// The key is not allowed to use it.
    Scope,
    /// Its target does not speak the format of the call.
    Dialect {
        /// The target.
        target: TargetId,
        /// The door that the call came in by.
        endpoint: Endpoint,
    },
    /// Its target would have to be asked in another dialect, which has no words for something that the call needs.
    Unsaid {
        /// The dialect.
        dialect: Dialect,
        /// The need.
        need: Need,
    },
    /// It lacks something that the call needs.
    Ability(Ability),
    /// The prompt and the answer do not fit.
    Window {
        /// What fits.
        window: TokenCount,
        /// What is needed.
        needed: TokenCount,
    },
    /// Its target is down or cooling off.
    Down(TargetId),
    /// The catalogue does not have it any more.
    Gone,
    /// A rule that guards data keeps it from the call.
    Guarded(Arc<str>),
    /// A rule keeps it from the call.
    Rule(Arc<str>),
    /// It begins later than the call can wait.
    Slow(Duration),
    /// The call brings what this other model alone can go on from.
    Bound(ModelId),
    /// The call goes on from an answer that lies at this other target.
    Elsewhere(TargetId),
}

impl Why {
    /// The word for it in records.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Scope => "scope",
            Self::Dialect { .. } => "dialect",
            Self::Unsaid { .. } => "need",
            Self::Ability(_) => "ability",
            Self::Window { .. } => "window",
            Self::Down(_) => "down",
            Self::Gone => "gone",
            Self::Guarded(_) => "data_rule",
            Self::Rule(_) => "rule",
            Self::Slow(_) => "slow",
            Self::Bound(_) => "bound",
            Self::Elsewhere(_) => "elsewhere",
        }
    }

    /// The rule, where it is one.
    pub fn rule(&self) -> Option<&str> {
        match self {
            Self::Guarded(name) | Self::Rule(name) => Some(name),
            _ => None,
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scope => f.write_str("this key may not use it"),
            Self::Dialect { target, endpoint } => {
                write!(f, "its target {target} does not speak {endpoint}")
            }
            Self::Unsaid { dialect, need } => write!(
                f,
                "it would be asked in {dialect}, which cannot say what the call needs: {need}"
            ),
            Self::Ability(ability) => write!(f, "it lacks an ability that is needed: {ability}"),
            Self::Window { window, needed } => write!(
                f,
                "its context window of {} tokens is too small for about {}",
                window.0, needed.0
            ),
            Self::Down(target) => write!(f, "its target {target} is down"),
            Self::Gone => f.write_str("it is not in the catalogue"),
            Self::Guarded(name) | Self::Rule(name) => {
                write!(f, "the rule {name:?} keeps it out")
            }
            Self::Slow(limit) => {
                let limit = limit.as_millis();
                write!(
                    f,
                    "it usually begins its answer later than after {limit} ms"
                )
            }
            Self::Bound(model) => write!(
                f,
                "results of tools go to {model}, which called them and alone can read what it thought"
            ),
            Self::Elsewhere(target) => {
                write!(f, "the call goes on from an answer that lies at {target}")
            }
        }
    }
}

impl Plan {
    /// Returns the first candidate.
    ///
    /// # Panics
    /// Never: a plan without candidates is a [`super::Refusal`].
    pub fn first(&self) -> &Candidate {
        self.candidates
            .first()
            .expect("a plan without candidates is a refusal")
    }

    /// One line on why this candidate answers: the plan's own, or that those before it failed.
    pub fn reason_for(&self, candidate: &Candidate) -> String {
        match candidate.model.id == self.first().model.id {
            true => self.reason.clone(),
            false => format!(
                "{}: after {} failed",
                candidate.model.id,
                self.first().model.id
            ),
        }
    }
}
