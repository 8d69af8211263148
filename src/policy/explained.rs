//! A decision as people and programs read it: the JSON of `explanation` in a call's record.

use serde::Serialize;
use serde::ser::{SerializeStruct, Serializer};
use serde_json::value::RawValue;

use super::plan::{Noted, Plan, Why};
use super::rule::{Matched, Objective};
use super::score::Score;
use crate::catalog::Model;
use crate::domain::facts::Facts;
use crate::domain::ids::{ModelId, PolicyId};
use crate::domain::wire::Wire;

#[derive(Serialize)]
pub(super) struct Explained<'a> {
    pub(super) asked: &'a str,
    pub(super) policy: &'a PolicyId,
    pub(super) rule: Option<&'a str>,
    pub(super) reason: &'a str,
    pub(super) failover: bool,
    pub(super) propensity: f64,
    pub(super) candidates: Vec<Shown<'a>>,
    pub(super) rejected: Vec<Rejected>,
    #[serde(skip_serializing_if = "<[Matched]>::is_empty")]
    pub(super) rules: &'a [Matched],
    pub(super) objective: Option<&'a Objective>,
    /// What it was decided by, where that is written down.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) setting: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) shadow: Option<ModelId>,
    pub(super) facts: Noted,
}

/// A model that may not answer.
#[derive(Serialize)]
pub(super) struct Rejected {
    model: ModelId,
    why: &'static str,
    detail: String,
}

impl Rejected {
    pub(super) fn of(model: &ModelId, why: &Why) -> Self {
        Self {
            model: model.clone(),
            why: why.code(),
            detail: why.to_string(),
        }
    }
}

/// A model that may answer.
pub(super) struct Shown<'a> {
    id: &'a ModelId,
    model: Option<&'a Model>,
    wire: Option<Wire>,
    down: bool,
    score: Score,
}

impl<'a> Shown<'a> {
    pub(super) fn of(
        id: &'a ModelId,
        model: Option<&'a Model>,
        wire: Option<Wire>,
        down: bool,
        score: Score,
    ) -> Self {
        Self {
            id,
            model,
            wire,
            down,
            score,
        }
    }
}

impl Serialize for Shown<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let target = self.model.map(|model| &model.target);
        let mut out = serializer.serialize_struct("Candidate", 8)?;
        out.serialize_field("model", self.id)?;
        out.serialize_field("target", &target.map(|target| &target.id))?;
        out.serialize_field("hosting", &target.map(|target| target.hosting))?;
        out.serialize_field("name", &self.model.map(|model| &model.name))?;
        out.serialize_field("wire", &self.wire.map(|wire| wire.dialect))?;
        out.serialize_field("down", &self.down)?;
        out.serialize_field("total_nano_usd", &self.score.total())?;
        out.serialize_field("score", &self.score)?;
        out.end()
    }
}

#[derive(Serialize)]
struct Refused<'a> {
    asked: &'a str,
    refused: &'a str,
    detail: &'a str,
    facts: Noted,
}

impl Explained<'_> {
    pub(super) fn text(&self) -> Box<RawValue> {
        serde_json::value::to_raw_value(self).expect("names, numbers and words are JSON")
    }

    /// A call that no model may answer.
    pub(super) fn refused(asked: &str, code: &str, detail: &str, facts: Noted) -> Box<RawValue> {
        let refused = Refused {
            asked,
            refused: code,
            detail,
            facts,
        };
        serde_json::value::to_raw_value(&refused).expect("names, numbers and words are JSON")
    }
}

impl Plan {
    /// Returns the whole decision as JSON, with the facts that it was made from.
    pub fn explanation(&self, facts: &Facts) -> Box<RawValue> {
        let candidates = self.candidates.iter();
        let rejected = self.rejected.iter();
        Explained {
            asked: &self.asked,
            policy: &self.policy,
            rule: self.rule.as_deref(),
            reason: &self.reason,
            failover: self.failover,
            propensity: self.propensity,
            candidates: candidates
                .map(|it| {
                    Shown::of(
                        &it.model.id,
                        Some(&it.model),
                        Some(it.wire),
                        it.down,
                        it.score,
                    )
                })
                .collect(),
            rejected: rejected
                .map(|(model, why)| Rejected::of(model, why))
                .collect(),
            rules: &self.matched,
            objective: Some(&self.objective),
            setting: None,
            shadow: self.shadow.as_ref().map(|model| model.id.clone()),
            facts: Noted::of(facts),
        }
        .text()
    }
}
