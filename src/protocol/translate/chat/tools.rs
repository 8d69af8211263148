//! Tools, calls of tools, and the choice among tools, read.

use serde_json::value::RawValue;

use super::super::block::{Block, Input, Kind, ToolUse};
use super::super::dropped::{Dropped, Field, Why};
use super::super::json::{self, Json, Misread, Object, Str};
use super::super::tool::{Choice, ForeignTool, Function, Named, Takes, Tool};
use crate::domain::dialect::Dialect;

/// Reads a tool on offer.
pub(in super::super) fn tool<'a>(
    raw: &'a RawValue,
    dropped: &mut Dropped,
) -> Result<Tool<'a>, Misread> {
    let mut object = Object::of(raw)?;
    let kind = object.need("type")?;
    match &*kind {
        "function" => function(object.object("function")?, dropped),
        "custom" => custom(object.object("custom")?),
        _ => Ok(Tool::Foreign(ForeignTool {
            from: Dialect::Chat,
            kind,
            json: Json::from(raw),
        })),
    }
}

/// Reads a function: inside a tool, or bare in the older `functions`.
pub(super) fn function<'a>(
    object: Option<Object<'a>>,
    dropped: &mut Dropped,
) -> Result<Tool<'a>, Misread> {
    let mut object = object.ok_or_else(|| Misread::new("function", "missing"))?;
    let function = Function {
        name: object.need("name")?,
        space: None,
        description: object.text("description")?,
        takes: Takes::Schema(object.json("parameters")),
        strict: object.flag("strict")?,
        deferred: None,
        mark: None,
    };
    for (name, _) in object.rest() {
        dropped.named(Field::Unknown, Why::Unknown, &format!("tools.{name}"));
    }
    Ok(Tool::Function(function))
}

fn custom(object: Option<Object<'_>>) -> Result<Tool<'_>, Misread> {
    let mut object = object.ok_or_else(|| Misread::new("custom", "missing"))?;
    Ok(Tool::Function(Function {
        name: object.need("name")?,
        space: None,
        description: object.text("description")?,
        takes: Takes::Text(object.json("format")),
        strict: None,
        deferred: None,
        mark: None,
    }))
}

/// Reads a call of a tool; its id, its name and what it is given.
pub(super) fn call(raw: &RawValue) -> Result<Block<'_>, Misread> {
    let mut object = Object::of(raw)?;
    let id = object.text("id")?.unwrap_or_default();
    let (kind, name, input) = match object.object("custom")? {
        Some(mut custom) => {
            let input = custom.text("input")?.unwrap_or_default();
            (Kind::Custom, custom.need("name")?, Input::Text(input))
        }
        None => {
            let missing = || Misread::new("function", "missing");
            let mut function = object.object("function")?.ok_or_else(missing)?;
            (
                Kind::Function,
                function.need("name")?,
                arguments(&mut function)?,
            )
        }
    };
    Ok(Block::Use(ToolUse {
        id,
        name,
        space: None,
        kind,
        input,
        mark: None,
    }))
}

/// The arguments of a function: a text, though some servers write the object itself.
pub(super) fn arguments<'a>(function: &mut Object<'a>) -> Result<Input<'a>, Misread> {
    let Some(raw) = function.take("arguments") else {
        return Ok(Input::Json(Json::empty()));
    };
    match json::text(raw) {
        Some(text) => Ok(Input::of_arguments(text)),
        None if raw.get().starts_with('{') => Ok(Input::Json(Json::from(raw))),
        None => Err(Misread::new("arguments", "not a text")),
    }
}

/// Reads the choice among tools.
pub(super) fn choice(raw: &RawValue) -> Result<Choice<'_>, Misread> {
    let unknown = || Misread::new("", "no choice that is known");
    if let Some(word) = json::text(raw) {
        return word_of(&word).ok_or_else(unknown);
    }
    let mut object = Object::of(raw)?;
    match &*object.need("type")? {
        "function" => Ok(Choice::One(named(&mut object, "function", false)?)),
        "custom" => Ok(Choice::One(named(&mut object, "custom", true)?)),
        "allowed_tools" => {
            let missing = || Misread::new("allowed_tools", "missing");
            let mut allowed = object.object("allowed_tools")?.ok_or_else(missing)?;
            let must = allowed.text("mode")?.is_some_and(|mode| mode == "required");
            let tools = allowed.list("tools")?.into_iter().map(|raw| {
                let mut tool = Object::of(raw)?;
                match &*tool.need("type")? {
                    "custom" => named(&mut tool, "custom", true),
                    _ => named(&mut tool, "function", false),
                }
            });
            let tools = tools.collect::<Result<_, Misread>>()?;
            Ok(Choice::Among { must, tools })
        }
        _ => Err(unknown()),
    }
}

/// The choices that are words, the same in Chat and Responses.
pub(in super::super) fn word_of(word: &str) -> Option<Choice<'static>> {
    match word {
        "auto" => Some(Choice::Auto),
        "none" => Some(Choice::Never),
        "required" => Some(Choice::Some),
        _ => None,
    }
}

fn named<'a>(object: &mut Object<'a>, key: &str, custom: bool) -> Result<Named<'a>, Misread> {
    let missing = || Misread::new(key, "missing");
    let mut inner = object.object(key)?.ok_or_else(missing)?;
    let name: Str<'a> = inner.need("name")?;
    Ok(Named { name, custom })
}
