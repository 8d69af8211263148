//! Tools and the choice among them, written.

use std::borrow::Cow;

use serde::Serialize;

use super::super::dropped::{Dropped, Field, Why};
use super::super::json::Json;
use super::super::manner::Manner;
use super::super::media;
use super::super::name;
use super::super::tool::{self, Choice, ForeignTool, Function, Takes, Tool};
use super::block_out::CacheControl;
use crate::domain::dialect::Dialect;

#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum ToolOut<'a> {
    Function(FunctionOut<'a>),
    Raw(&'a Json<'a>),
}

#[derive(Serialize)]
pub(super) struct FunctionOut<'a> {
    name: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<Cow<'a, str>>,
    input_schema: Cow<'a, Json<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    strict: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    defer_loading: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_control: Option<CacheControl>,
}

/// The tools that a target can be offered.
pub(super) fn tools<'a>(
    tools: &'a [Tool<'a>],
    choice: Option<&Choice<'_>>,
    manner: &Manner,
    dropped: &mut Dropped,
) -> Vec<ToolOut<'a>> {
    let among = tool::among(choice);
    let offered = |tool: &&Tool<'_>| tool::is_among(tool, among);
    let written = tools.iter().filter(offered).filter_map(|tool| match tool {
        _ if !manner.tools => {
            dropped.note(Field::Tool, Why::Unable);
            None
        }
        Tool::Function(function) => Some(ToolOut::Function(self::function(function, dropped))),
        Tool::Foreign(ForeignTool { from, kind, json }) => match from {
            Dialect::Messages => Some(ToolOut::Raw(json)),
            _ => {
                dropped.named(Field::Tool, Why::Foreign, kind);
                None
            }
        },
    });
    written.collect()
}

fn function<'a>(tool: &'a Function<'a>, dropped: &mut Dropped) -> FunctionOut<'a> {
    let Function {
        name,
        space,
        description: _,
        takes,
        strict,
        deferred,
        mark,
    } = tool;
    dropped.note_if(
        matches!(takes, Takes::Text(Some(_))),
        Field::Grammar,
        Why::NoPlace,
    );
    FunctionOut {
        name: name::told(space.as_ref().map(|it| &*it.name), name),
        description: media::description(tool),
        input_schema: media::schema(tool),
        strict: *strict,
        defer_loading: *deferred,
        cache_control: mark.map(CacheControl::from),
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct ChoiceOut<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    disable_parallel_tool_use: Option<bool>,
}

/// The choice, and whether several calls at once are allowed.
pub(super) fn choice<'a>(
    choice: Option<&'a Choice<'a>>,
    parallel: Option<bool>,
    forced: bool,
    dropped: &mut Dropped,
) -> Option<ChoiceOut<'a>> {
    let single = parallel.map(|parallel| !parallel);
    let one = |kind, name| {
        Some(ChoiceOut {
            kind,
            name,
            disable_parallel_tool_use: single,
        })
    };
    match choice {
        // Allowing what is allowed anyway needs no word.
        None if single != Some(true) => None,
        None | Some(Choice::Auto) => one("auto", None),
        Some(Choice::Never) => Some(ChoiceOut {
            kind: "none",
            name: None,
            disable_parallel_tool_use: None,
        }),
        Some(choice) if choice.forces() && !forced => {
            dropped.note(Field::Choice, Why::Unable);
            one("auto", None)
        }
        Some(Choice::Some | Choice::Among { must: true, .. }) => one("any", None),
        Some(Choice::Among { must: false, .. }) => one("auto", None),
        Some(Choice::One(named)) => one("tool", Some(name::told(None, &named.name))),
    }
}
