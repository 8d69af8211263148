//! A request, read.

use super::super::asked::{Asked, Extra, Format, Show, Speaker, say};
use super::super::block::Block;
use super::super::chat::read::{extras, schema, tier_of, word};
use super::super::dropped::{Dropped, Field, Why};
use super::super::json::{self, Json, Misread, Object, Str};
use super::item_read::Items;
use super::tools;
use crate::domain::dialect::Dialect;

/// What a caller asks for who gives reasoning back.
pub(super) const SEALED: &str = "reasoning.encrypted_content";

/// Reads a request.
pub fn read(body: &str) -> Result<Asked<'_>, Misread> {
    let mut object = Object::read(body)?;
    let mut asked = Asked::new(Dialect::Responses, object.need("model")?);
    conversation(&mut object, &mut asked)?;
    offer(&mut object, &mut asked)?;
    limits(&mut object, &mut asked)?;
    reasoning(&mut object, &mut asked)?;
    terms(&mut object, &mut asked)?;
    asked.extras.extend(extras(object));
    Ok(asked)
}

fn conversation<'a>(object: &mut Object<'a>, asked: &mut Asked<'a>) -> Result<(), Misread> {
    if let Some(instructions) = object.text("instructions")?.filter(|it| !it.is_empty()) {
        let said = vec![Block::text(instructions)];
        say(&mut asked.passages, Speaker::System, said);
    }
    let Some(raw) = object.take("input") else {
        return Ok(());
    };
    if let Some(text) = json::text(raw) {
        say(
            &mut asked.passages,
            Speaker::Person,
            vec![Block::text(text)],
        );
        return Ok(());
    }
    let list = json::list(raw).ok_or_else(|| Misread::new("input", "neither a text nor a list"))?;
    let mut items = Items {
        passages: &mut asked.passages,
        tools: &mut asked.tools,
        refers: &mut asked.refers,
        dropped: &mut asked.dropped,
    };
    for (at, raw) in list.into_iter().enumerate() {
        let item = items.item(raw);
        item.map_err(|it| it.within(format!("input[{at}]")))?;
    }
    Ok(())
}

fn offer<'a>(object: &mut Object<'a>, asked: &mut Asked<'a>) -> Result<(), Misread> {
    for (at, raw) in object.list("tools")?.into_iter().enumerate() {
        let tool = tools::tool(raw, &mut asked.tools, &mut asked.dropped);
        tool.map_err(|it| it.within(format!("tools[{at}]")))?;
    }
    if let Some(raw) = object.take("tool_choice") {
        asked.choice = tools::choice(raw).map_err(|it| it.within("tool_choice"))?;
        if asked.choice.is_none() {
            asked.extras.push(extra("tool_choice", Json::from(raw)));
        }
    }
    asked.parallel = object.flag("parallel_tool_calls")?;
    Ok(())
}

fn extra<'a>(name: &'static str, value: Json<'a>) -> Extra<'a> {
    let name = name.into();
    Extra { name, value }
}

fn limits<'a>(object: &mut Object<'a>, asked: &mut Asked<'a>) -> Result<(), Misread> {
    asked.max_output = object.count("max_output_tokens")?;
    asked.sampling.temperature = object.number("temperature")?;
    asked.sampling.top_p = object.number("top_p")?;
    if let Some(mut text) = object.object("text")? {
        asked.verbosity = text.text("verbosity")?;
        if let Some(format) = text.object("format")? {
            asked.format = self::format(format).map_err(|it| it.within("text.format"))?;
        }
        unknown("text", text, &mut asked.dropped);
    }
    Ok(())
}

fn format(mut format: Object<'_>) -> Result<Option<Format<'_>>, Misread> {
    Ok(Some(match &*format.need("type")? {
        "text" => Format::Text,
        "json_object" => Format::Object,
        "json_schema" => Format::Schema(schema(format)?),
        _ => return Err(Misread::new("type", "no format that is known")),
    }))
}

fn reasoning<'a>(object: &mut Object<'a>, asked: &mut Asked<'a>) -> Result<(), Misread> {
    let Some(mut reasoning) = object.object("reasoning")? else {
        return Ok(());
    };
    let effort = reasoning.text("effort")?;
    asked.reasoning.effort = word(effort, Field::Effort, &mut asked.dropped);
    // The older name of the same.
    let (older, newer) = (
        reasoning.text("generate_summary")?,
        reasoning.text("summary")?,
    );
    asked.reasoning.show = newer.or(older).and_then(|it| match &*it {
        "auto" => Some(Show::Auto),
        "concise" => Some(Show::Concise),
        "detailed" => Some(Show::Detailed),
        _ => None,
    });
    unknown("reasoning", reasoning, &mut asked.dropped);
    Ok(())
}

fn unknown(place: &str, object: Object<'_>, dropped: &mut Dropped) {
    for (name, _) in object.rest() {
        dropped.named(Field::Unknown, Why::Unknown, &format!("{place}.{name}"));
    }
}

fn terms<'a>(object: &mut Object<'a>, asked: &mut Asked<'a>) -> Result<(), Misread> {
    asked.stream = object.flag("stream")?.unwrap_or(false);
    let tier = object.text("service_tier")?;
    asked.tier = tier_of(tier, &mut asked.dropped);
    // The newer name counts.
    let (older, newer) = (object.text("user")?, object.text("safety_identifier")?);
    asked.user = newer.or(older);
    asked.cache_key = object.text("prompt_cache_key")?;
    asked.metadata = object.json("metadata");
    asked.store = object.flag("store")?;
    asked.previous = object.text("previous_response_id")?;
    let include: Vec<Str<'a>> = object.texts("include")?;
    asked.reasoning.sealed = include.iter().any(|it| it == SEALED);
    for other in include.iter().filter(|it| *it != SEALED) {
        asked
            .dropped
            .named(Field::Unknown, Why::NoPlace, &format!("include: {other}"));
    }
    Ok(())
}
