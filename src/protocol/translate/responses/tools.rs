//! Tools and the choice among them, read.

use serde_json::value::RawValue;

use super::super::chat::tools::word_of;
use super::super::dropped::{Dropped, Field, Why};
use super::super::json::{self, Json, Misread, Object};
use super::super::tool::{Choice, ForeignTool, Function, Named, Space, Takes, Tool};
use crate::domain::dialect::Dialect;

/// Reads a tool on offer, or all tools of a group.
pub(in super::super) fn tool<'a>(
    raw: &'a RawValue,
    tools: &mut Vec<Tool<'a>>,
    dropped: &mut Dropped,
) -> Result<(), Misread> {
    let mut object = Object::of(raw)?;
    let kind = object.need("type")?;
    match &*kind {
        "function" | "custom" => tools.push(one(&kind, object, None, dropped)?),
        "namespace" => {
            let space = Space {
                name: object.need("name")?,
                description: object.text("description")?,
            };
            for raw in object.list("tools")? {
                let mut object = Object::of(raw)?;
                let kind = object.need("type")?;
                tools.push(one(&kind, object, Some(space.clone()), dropped)?);
            }
        }
        _ => tools.push(Tool::Foreign(ForeignTool {
            from: Dialect::Responses,
            kind,
            json: Json::from(raw),
        })),
    }
    Ok(())
}

fn one<'a>(
    kind: &str,
    mut object: Object<'a>,
    space: Option<Space<'a>>,
    dropped: &mut Dropped,
) -> Result<Tool<'a>, Misread> {
    let takes = match kind {
        "custom" => Takes::Text(object.json("format")),
        _ => Takes::Schema(object.json("parameters")),
    };
    let function = Function {
        name: object.need("name")?,
        space,
        description: object.text("description")?,
        takes,
        strict: object.flag("strict")?,
        deferred: object.flag("defer_loading")?,
        mark: None,
    };
    for (name, _) in object.rest() {
        dropped.named(Field::Unknown, Why::Unknown, &format!("tools.{name}"));
    }
    Ok(Tool::Function(function))
}

/// Reads the choice among tools; nothing where it is a tool of the provider's own.
pub(super) fn choice(raw: &RawValue) -> Result<Option<Choice<'_>>, Misread> {
    if let Some(word) = json::text(raw) {
        let choice = word_of(&word).ok_or_else(|| Misread::new("", "no choice that is known"))?;
        return Ok(Some(choice));
    }
    let mut object = Object::of(raw)?;
    Ok(match &*object.need("type")? {
        "function" => Some(Choice::One(named(&mut object, false)?)),
        "custom" => Some(Choice::One(named(&mut object, true)?)),
        "allowed_tools" => {
            let must = object.text("mode")?.is_some_and(|mode| mode == "required");
            let tools = object.list("tools")?.into_iter().map(|raw| {
                let mut tool = Object::of(raw)?;
                let custom = tool.need("type")? == "custom";
                named(&mut tool, custom)
            });
            let tools = tools.collect::<Result<_, Misread>>()?;
            Some(Choice::Among { must, tools })
        }
        _ => None,
    })
}

fn named<'a>(object: &mut Object<'a>, custom: bool) -> Result<Named<'a>, Misread> {
    let name = object.need("name")?;
    Ok(Named { name, custom })
}
