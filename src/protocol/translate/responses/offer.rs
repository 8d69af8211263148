//! Tools and the choice among them, written.

use std::borrow::Cow;

use serde::Serialize;

use super::super::dropped::{Dropped, Field, Why};
use super::super::json::Json;
use super::super::manner::Manner;
use super::super::media;
use super::super::name;
use super::super::tool::{Choice, ForeignTool, Function, Named, Space, Takes, Tool};
use crate::domain::dialect::Dialect;

#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum ToolOut<'a> {
    One(OneOut<'a>),
    Space(SpaceOut<'a>),
    Raw(&'a Json<'a>),
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum OneOut<'a> {
    Function {
        name: Cow<'a, str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        description: Option<Cow<'a, str>>,
        /// The parser wants the field.
        parameters: Option<Cow<'a, Json<'a>>>,
        /// Left out it would be true, which most schemas do not stand.
        strict: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        defer_loading: Option<bool>,
    },
    Custom {
        name: Cow<'a, str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        description: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        format: Option<&'a Json<'a>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        defer_loading: Option<bool>,
    },
}

#[derive(Serialize)]
pub(super) struct SpaceOut<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    tools: Vec<OneOut<'a>>,
}

/// The tools that a target can be offered.
pub(super) fn tools<'a>(
    tools: &'a [Tool<'a>],
    from: Dialect,
    manner: &Manner,
    dropped: &mut Dropped,
) -> Vec<ToolOut<'a>> {
    let mut written: Vec<ToolOut<'a>> = Vec::with_capacity(tools.len());
    for tool in tools {
        match tool {
            _ if !manner.tools => dropped.note(Field::Tool, Why::Unable),
            Tool::Function(function) => {
                let one = one(function, from, manner, dropped);
                add(function.space.as_ref(), one, &mut written);
            }
            Tool::Foreign(ForeignTool { from, kind, json }) => match from {
                Dialect::Responses => written.push(ToolOut::Raw(json)),
                _ => dropped.named(Field::Tool, Why::Foreign, kind),
            },
        }
    }
    written
}

/// Tools of a group that follow each other stand in it together.
fn add<'a>(space: Option<&'a Space<'a>>, one: OneOut<'a>, written: &mut Vec<ToolOut<'a>>) {
    let Some(Space { name, description }) = space else {
        return written.push(ToolOut::One(one));
    };
    match written.last_mut() {
        Some(ToolOut::Space(last)) if last.name == name => last.tools.push(one),
        _ => written.push(ToolOut::Space(SpaceOut {
            kind: "namespace",
            name,
            description: description.as_deref(),
            tools: vec![one],
        })),
    }
}

fn one<'a>(
    tool: &'a Function<'a>,
    from: Dialect,
    manner: &Manner,
    dropped: &mut Dropped,
) -> OneOut<'a> {
    let Function {
        name,
        space: _,
        description,
        takes,
        strict,
        deferred,
        mark,
    } = tool;
    dropped.note_if(mark.is_some(), Field::CacheMark, Why::NoPlace);
    let name = name::told(None, name);
    if let (Takes::Text(format), true) = (takes, manner.custom_tools) {
        return OneOut::Custom {
            name,
            description: description.as_deref(),
            format: format.as_ref(),
            defer_loading: *deferred,
        };
    }
    dropped.note_if(
        matches!(takes, Takes::Text(Some(_))),
        Field::Grammar,
        Why::NoPlace,
    );
    let bare = from == Dialect::Responses && matches!(takes, Takes::Schema(None));
    OneOut::Function {
        name,
        description: media::description(tool),
        parameters: (!bare).then(|| media::schema(tool)),
        strict: strict.unwrap_or(from == Dialect::Responses),
        defer_loading: *deferred,
    }
}

/// The choice among tools.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum ChoiceOut<'a> {
    Word(&'static str),
    One(NamedOut<'a>),
    Among {
        #[serde(rename = "type")]
        kind: &'static str,
        mode: &'static str,
        tools: Vec<NamedOut<'a>>,
    },
}

#[derive(Serialize)]
pub(super) struct NamedOut<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    name: Cow<'a, str>,
}

/// The choice, as far as the target can be made to keep to it.
pub(super) fn choice<'a>(
    choice: &'a Choice<'a>,
    manner: &Manner,
    dropped: &mut Dropped,
) -> ChoiceOut<'a> {
    if choice.forces() && !manner.forced_tools {
        dropped.note(Field::Choice, Why::Unable);
        return ChoiceOut::Word("auto");
    }
    match choice {
        Choice::Auto => ChoiceOut::Word("auto"),
        Choice::Never => ChoiceOut::Word("none"),
        Choice::Some => ChoiceOut::Word("required"),
        Choice::One(named) => ChoiceOut::One(self::named(named, manner)),
        Choice::Among { must, tools } => ChoiceOut::Among {
            kind: "allowed_tools",
            mode: if *must { "required" } else { "auto" },
            tools: tools.iter().map(|it| named(it, manner)).collect(),
        },
    }
}

fn named<'a>(named: &'a Named<'a>, manner: &Manner) -> NamedOut<'a> {
    let custom = named.custom && manner.custom_tools;
    NamedOut {
        kind: if custom { "custom" } else { "function" },
        name: name::told(None, &named.name),
    }
}
