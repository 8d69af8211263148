//! Tools on offer, and which of them may or must be used.

use super::block::Mark;
use super::json::{Json, Str};
use crate::domain::dialect::Dialect;

/// A tool on offer.
#[derive(Clone, Debug, PartialEq)]
pub enum Tool<'a> {
    /// One that the caller runs.
    Function(Function<'a>),
    /// One that only one dialect knows: run by the provider, or known to its models by type.
    Foreign(ForeignTool<'a>),
}

/// A tool that the caller runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Function<'a> {
    /// Its name.
    pub name: Str<'a>,
    /// The group that it is in: OpenAI's `namespace`.
    pub space: Option<Space<'a>>,
    /// What it is for.
    pub description: Option<Str<'a>>,
    /// What it takes.
    pub takes: Takes<'a>,
    /// Its input must keep to the schema exactly.
    pub strict: Option<bool>,
    /// It is found by a search among tools only: `defer_loading`.
    pub deferred: Option<bool>,
    /// The prompt is cached up to here.
    pub mark: Option<Mark>,
}

/// A group of tools.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Space<'a> {
    /// Its name.
    pub name: Str<'a>,
    /// What it is for.
    pub description: Option<Str<'a>>,
}

/// What a tool takes.
#[derive(Clone, Debug, PartialEq)]
pub enum Takes<'a> {
    /// JSON by this schema; `None` is a tool without input.
    Schema(Option<Json<'a>>),
    /// A text, whose grammar may be told.
    Text(Option<Json<'a>>),
}

/// A tool that only one dialect knows.
#[derive(Clone, Debug, PartialEq)]
pub struct ForeignTool<'a> {
    /// The dialect.
    pub from: Dialect,
    /// Its type there.
    pub kind: Str<'a>,
    /// All of it.
    pub json: Json<'a>,
}

/// Which tools may or must be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice<'a> {
    /// As the model likes.
    Auto,
    /// None.
    Never,
    /// One at least.
    Some,
    /// This one.
    One(Named<'a>),
    /// One of these.
    Among {
        /// One at least.
        must: bool,
        /// These.
        tools: Vec<Named<'a>>,
    },
}

impl Choice<'_> {
    /// The model may not answer in words alone.
    pub fn forces(&self) -> bool {
        match self {
            Self::Auto | Self::Never => false,
            Self::Some | Self::One(_) => true,
            Self::Among { must, .. } => *must,
        }
    }
}

/// The tools among which a choice may be made, where the dialect has no word for some of them and the others must not be offered.
pub(super) fn among<'c>(choice: Option<&'c Choice<'_>>) -> Option<&'c [Named<'c>]> {
    match choice? {
        Choice::Among { tools, .. } => Some(tools),
        Choice::Auto | Choice::Never | Choice::Some | Choice::One(_) => None,
    }
}

/// The tool is one of these, where there is a choice among some.
pub(super) fn is_among(tool: &Tool<'_>, among: Option<&[Named<'_>]>) -> bool {
    let Some(among) = among else { return true };
    match tool {
        Tool::Function(tool) => among.iter().any(|named| named.name == tool.name),
        Tool::Foreign(_) => false,
    }
}

/// A tool by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named<'a> {
    /// Its name.
    pub name: Str<'a>,
    /// It takes a text.
    pub custom: bool,
}
