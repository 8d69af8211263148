//! Tools and the choice among them, written.

use std::borrow::Cow;

use serde::Serialize;

use super::super::dropped::{Dropped, Field, Why};
use super::super::json::Json;
use super::super::manner::Manner;
use super::super::media;
use super::super::name;
use super::super::tool::{self, Choice, ForeignTool, Function, Named, Takes, Tool};
use crate::domain::dialect::Dialect;

/// A tool on offer.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum ToolOut<'a> {
    Function(FunctionTool<'a>),
    Custom(CustomTool<'a>),
    Raw(&'a Json<'a>),
}

#[derive(Serialize)]
pub(super) struct FunctionTool<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    function: FunctionOut<'a>,
}

#[derive(Serialize)]
struct FunctionOut<'a> {
    name: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters: Option<Cow<'a, Json<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    strict: Option<bool>,
}

#[derive(Serialize)]
pub(super) struct CustomTool<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    custom: CustomOut<'a>,
}

#[derive(Serialize)]
struct CustomOut<'a> {
    name: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<&'a Json<'a>>,
}

/// The tools that a target can be offered.
pub(super) fn tools<'a>(
    tools: &'a [Tool<'a>],
    choice: Option<&Choice<'_>>,
    manner: &Manner,
    dropped: &mut Dropped,
) -> Vec<ToolOut<'a>> {
    // Only OpenAI itself knows a choice among some.
    let among = tool::among(choice).filter(|_| !manner.vendor_fields);
    let offered = |tool: &&Tool<'_>| tool::is_among(tool, among);
    let written = tools.iter().filter(offered).filter_map(|tool| match tool {
        _ if !manner.tools => {
            dropped.note(Field::Tool, Why::Unable);
            None
        }
        Tool::Function(function) => Some(self::function(function, manner, dropped)),
        Tool::Foreign(ForeignTool { from, kind, json }) => match from {
            Dialect::Chat => Some(ToolOut::Raw(json)),
            _ => {
                dropped.named(Field::Tool, Why::Foreign, kind);
                None
            }
        },
    });
    written.collect()
}

fn function<'a>(tool: &'a Function<'a>, manner: &Manner, dropped: &mut Dropped) -> ToolOut<'a> {
    let Function {
        name,
        space,
        description,
        takes,
        strict,
        deferred,
        mark,
    } = tool;
    dropped.note_if(deferred.is_some(), Field::Deferred, Why::NoPlace);
    dropped.note_if(mark.is_some(), Field::CacheMark, Why::NoPlace);
    let name = name::told(space.as_ref().map(|it| &*it.name), name);
    match takes {
        Takes::Text(format) if manner.custom_tools => ToolOut::Custom(CustomTool {
            kind: "custom",
            custom: CustomOut {
                name,
                description: description.as_deref(),
                format: format.as_ref(),
            },
        }),
        takes => {
            let custom = matches!(takes, Takes::Text(_));
            dropped.note_if(
                matches!(takes, Takes::Text(Some(_))),
                Field::Grammar,
                Why::NoPlace,
            );
            let bare = matches!(takes, Takes::Schema(None));
            ToolOut::Function(FunctionTool {
                kind: "function",
                function: FunctionOut {
                    name,
                    description: media::description(tool),
                    parameters: (!bare || custom).then(|| media::schema(tool)),
                    strict: *strict,
                },
            })
        }
    }
}

/// The choice among tools.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum ChoiceOut<'a> {
    Word(&'static str),
    One(OneOut<'a>),
    Among(AmongOut<'a>),
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum OneOut<'a> {
    Function { function: NameOut<'a> },
    Custom { custom: NameOut<'a> },
}

#[derive(Serialize)]
pub(super) struct NameOut<'a> {
    name: Cow<'a, str>,
}

#[derive(Serialize)]
pub(super) struct AmongOut<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    allowed_tools: Allowed<'a>,
}

#[derive(Serialize)]
struct Allowed<'a> {
    mode: &'static str,
    tools: Vec<OneOut<'a>>,
}

/// The choice, as far as the target can be made to keep to it.
pub(super) fn choice<'a>(
    choice: &'a Choice<'a>,
    manner: &Manner,
    dropped: &mut Dropped,
) -> Option<ChoiceOut<'a>> {
    if choice.forces() && !manner.forced_tools {
        dropped.note(Field::Choice, Why::Unable);
        return Some(ChoiceOut::Word("auto"));
    }
    Some(match choice {
        Choice::Auto => ChoiceOut::Word("auto"),
        Choice::Never => ChoiceOut::Word("none"),
        Choice::Some => ChoiceOut::Word("required"),
        Choice::One(named) => ChoiceOut::One(one(named, manner)),
        Choice::Among { must, .. } if !manner.vendor_fields => {
            ChoiceOut::Word(if *must { "required" } else { "auto" })
        }
        Choice::Among { must, tools } => ChoiceOut::Among(AmongOut {
            kind: "allowed_tools",
            allowed_tools: Allowed {
                mode: if *must { "required" } else { "auto" },
                tools: tools.iter().map(|it| one(it, manner)).collect(),
            },
        }),
    })
}

fn one<'a>(named: &'a Named<'a>, manner: &Manner) -> OneOut<'a> {
    let name = NameOut {
        name: name::told(None, &named.name),
    };
    match named.custom && manner.custom_tools {
        true => OneOut::Custom { custom: name },
        false => OneOut::Function { function: name },
    }
}
