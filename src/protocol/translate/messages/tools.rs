//! Tools and the choice among them, read.

use serde_json::value::RawValue;

use super::super::dropped::{Dropped, Field, Why};
use super::super::json::{Json, Misread, Object};
use super::super::tool::{Choice, ForeignTool, Function, Named, Takes, Tool};
use super::block_read::mark;
use crate::domain::dialect::Dialect;

/// Reads a tool on offer.
pub(in super::super) fn tool<'a>(
    raw: &'a RawValue,
    dropped: &mut Dropped,
) -> Result<Tool<'a>, Misread> {
    let mut object = Object::of(raw)?;
    let kind = object.text("type")?.filter(|kind| kind != "custom");
    if let Some(kind) = kind {
        let json = Json::from(raw);
        let from = Dialect::Messages;
        return Ok(Tool::Foreign(ForeignTool { from, kind, json }));
    }
    let function = Function {
        name: object.need("name")?,
        space: None,
        description: object.text("description")?,
        takes: Takes::Schema(object.json("input_schema")),
        strict: object.flag("strict")?,
        deferred: object.flag("defer_loading")?,
        mark: mark(&mut object)?,
    };
    for (name, _) in object.rest() {
        dropped.named(Field::Unknown, Why::Unknown, &format!("tools.{name}"));
    }
    Ok(Tool::Function(function))
}

/// Reads the choice, and whether several calls at once are allowed.
pub(super) fn choice(mut object: Object<'_>) -> Result<(Choice<'_>, Option<bool>), Misread> {
    let choice = match &*object.need("type")? {
        "auto" => Choice::Auto,
        "any" => Choice::Some,
        "none" => Choice::Never,
        "tool" => Choice::One(Named {
            name: object.need("name")?,
            custom: false,
        }),
        _ => return Err(Misread::new("type", "no choice that is known")),
    };
    let single = object.flag("disable_parallel_tool_use")?;
    Ok((choice, single.map(|single| !single)))
}
