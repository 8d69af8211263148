//! What is common to answers in each caller's words: ids, names, and calls of tools as the caller knows them.

use std::borrow::Cow;

use serde::Serialize;

use super::block::{Input, Kind, ToolUse};
use super::dropped::Dropped;
use super::echo::Echo;
use super::json::Json;
use super::media;
use super::name;
use crate::domain::dialect::Dialect;

/// An answer in a caller's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// The JSON of its body.
    pub body: String,
    /// What the writer left out; what the reader did is in the answer.
    pub dropped: Dropped,
}

impl Said {
    pub(super) fn of(body: &impl Serialize, dropped: Dropped) -> Self {
        let body = Json::of(body).get().to_owned();
        Self { body, dropped }
    }
}

/// What is said of an answer that was refused without a word.
pub(super) const REFUSED: &str = "The model refused to answer.";

/// The id of an answer: the target's own where it looks as the caller's parser expects, else one made from it.
pub fn id<'a>(prefix: &str, own: &'a str) -> Cow<'a, str> {
    if own.starts_with(prefix) {
        return Cow::Borrowed(own);
    }
    Cow::Owned(format!("{prefix}{}", name::digest(&[own], 24)))
}

/// The model that is named: the one that answered.
pub(super) fn model<'a>(answered: &'a str, echo: &'a Echo) -> &'a str {
    match answered {
        "" => &echo.model,
        answered => answered,
    }
}

/// A word for a tier that OpenAI's parsers know.
pub(super) fn is_openai_tier(tier: &str) -> bool {
    matches!(
        tier,
        "auto" | "default" | "flex" | "scale" | "priority" | "fast"
    )
}

/// A word for a tier that Anthropic's parsers know.
pub(super) fn is_anthropic_tier(tier: &str) -> bool {
    matches!(tier, "standard" | "priority" | "batch")
}

/// A call of a tool, as the caller knows the tool.
#[derive(Debug)]
pub struct Told<'a> {
    /// Its id.
    pub id: Cow<'a, str>,
    /// The group that the tool is in.
    pub space: Option<&'a str>,
    /// The tool.
    pub name: &'a str,
    /// The tool takes a text of its own.
    pub custom: bool,
    /// What it is given: JSON, or the tool's own words.
    pub input: Cow<'a, str>,
}

/// Tells a call of the answer `answer` to the caller.
pub fn call<'a>(call: &'a ToolUse<'a>, answer: &str, echo: &'a Echo) -> Told<'a> {
    let ToolUse {
        id,
        name,
        space,
        kind,
        input,
        mark: _,
    } = call;
    let (space, own) = match echo.origin(name) {
        Some(origin) => (origin.space.as_deref(), &*origin.name),
        None => (space.as_deref(), &**name),
    };
    let custom = *kind == Kind::Custom || echo.kind(name) == Kind::Custom;
    let input = match input {
        Input::Json(json) if custom => match media::unwrapped(json.get()) {
            Some(text) => Cow::Owned(text),
            None => json.get().into(),
        },
        input => input.get().into(),
    };
    Told {
        id: call_id(echo.dialect, answer, id),
        space,
        name: own,
        custom,
        input,
    }
}

/// The id that the caller is told for a call. Some servers begin to count anew in each answer, and clients tell calls of a whole
/// conversation apart by their ids: a short one gets the answer's id mixed in.
pub fn call_id<'a>(caller: Dialect, answer: &str, id: &'a str) -> Cow<'a, str> {
    const TELLING: usize = 9;
    match id.len() >= TELLING {
        true => Cow::Borrowed(id),
        false => Cow::Owned(name::fresh(caller, &[answer, id])),
    }
}
