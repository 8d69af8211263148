//! A request, read.

use super::super::asked::{
    Asked, Format, Mode, Passage, Reasoning, Schema, Show, Speaker, Tier, say,
};
use super::super::block::Block;
use super::super::chat::read::{extras, word};
use super::super::dropped::{Dropped, Field, Why};
use super::super::json::{Json, Misread, Object};
use super::{block_read, tools};
use crate::domain::dialect::Dialect;

/// Reads a request.
pub fn read(body: &str) -> Result<Asked<'_>, Misread> {
    let mut object = Object::read(body)?;
    let mut asked = Asked::new(Dialect::Messages, object.need("model")?);
    conversation(&mut object, &mut asked)?;
    offer(&mut object, &mut asked)?;
    limits(&mut object, &mut asked)?;
    reasoning(&mut object, &mut asked)?;
    terms(&mut object, &mut asked)?;
    asked.extras = extras(object);
    Ok(asked)
}

fn conversation<'a>(object: &mut Object<'a>, asked: &mut Asked<'a>) -> Result<(), Misread> {
    let system = block_read::content(object.take("system"), &mut asked.dropped);
    let system = system.map_err(|it| it.within("system"))?;
    if !system.is_empty() {
        say(&mut asked.passages, Speaker::System, system);
    }
    for (at, raw) in object.list("messages")?.into_iter().enumerate() {
        let message = Object::of(raw).and_then(|message| {
            let (passages, dropped) = (&mut asked.passages, &mut asked.dropped);
            one(message, passages, dropped)
        });
        message.map_err(|it| it.within(format!("messages[{at}]")))?;
    }
    Ok(())
}

fn one<'a>(
    mut message: Object<'a>,
    passages: &mut Vec<Passage<'a>>,
    dropped: &mut Dropped,
) -> Result<(), Misread> {
    let role = message.need("role")?;
    let blocks = block_read::content(message.take("content"), dropped)?;
    match &*role {
        "system" => say(passages, Speaker::System, blocks),
        "assistant" => say(passages, Speaker::Assistant, blocks),
        "user" => person(blocks, passages),
        _ => return Err(Misread::new("role", "no role that is known")),
    }
    for (name, _) in message.rest() {
        // Newer clients set the effort with a message in the middle; no other dialect can.
        let field = match &*name {
            "output_config" => Field::Effort,
            _ => Field::Unknown,
        };
        dropped.named(field, Why::NoPlace, &format!("messages.{name}"));
    }
    Ok(())
}

/// What the person says and what tools gave back stand in one message; here they are passages of their own.
fn person<'a>(blocks: Vec<Block<'a>>, passages: &mut Vec<Passage<'a>>) {
    if blocks.is_empty() {
        return say(passages, Speaker::Person, blocks);
    }
    let mut rest = blocks.into_iter().peekable();
    while let Some(first) = rest.peek() {
        let results = is_result(first);
        let mut run = Vec::new();
        while let Some(block) = rest.next_if(|block| is_result(block) == results) {
            run.push(block);
        }
        let speaker = match results {
            true => Speaker::Tools,
            false => Speaker::Person,
        };
        say(passages, speaker, run);
    }
}

fn is_result(block: &Block<'_>) -> bool {
    match block {
        Block::Reply(_) => true,
        Block::Foreign(foreign) => foreign.kind.ends_with("_tool_result"),
        _ => false,
    }
}

fn offer<'a>(object: &mut Object<'a>, asked: &mut Asked<'a>) -> Result<(), Misread> {
    for (at, raw) in object.list("tools")?.into_iter().enumerate() {
        let tool = tools::tool(raw, &mut asked.dropped);
        let tool = tool.map_err(|it| it.within(format!("tools[{at}]")))?;
        asked.tools.push(tool);
    }
    if let Some(choice) = object.object("tool_choice")? {
        let read = tools::choice(choice).map_err(|it| it.within("tool_choice"))?;
        (asked.choice, asked.parallel) = (Some(read.0), read.1);
    }
    Ok(())
}

fn limits<'a>(object: &mut Object<'a>, asked: &mut Asked<'a>) -> Result<(), Misread> {
    // Zero is a call that only warms the cache.
    asked.max_output = object.count("max_tokens")?;
    asked.stop = object.texts("stop_sequences")?;
    asked.sampling.temperature = object.number("temperature")?;
    asked.sampling.top_p = object.number("top_p")?;
    asked.sampling.top_k = object.number("top_k")?;
    Ok(())
}

fn reasoning<'a>(object: &mut Object<'a>, asked: &mut Asked<'a>) -> Result<(), Misread> {
    if let Some(mut thinking) = object.object("thinking")? {
        asked.reasoning.mode = mode(&mut thinking)?;
        let unknown_mode = asked.reasoning.mode.is_none();
        asked
            .dropped
            .note_if(unknown_mode, Field::Thinking, Why::Unknown);
        let display = thinking.text("display")?;
        asked.reasoning.show = show(display.as_deref(), &mut asked.dropped);
        unknown("thinking", thinking, &mut asked.dropped);
    }
    if let Some(mut output) = object.object("output_config")? {
        let effort = output.text("effort")?;
        asked.reasoning.effort = word(effort, Field::Effort, &mut asked.dropped);
        if let Some(format) = output.object("format")? {
            asked.format = self::format(format)?;
        }
        unknown("output_config", output, &mut asked.dropped);
    }
    // The name of the field while it was new.
    if let Some(format) = object.object("output_format")? {
        asked.format = self::format(format)?;
    }
    Ok(())
}

fn mode(thinking: &mut Object<'_>) -> Result<Option<Mode>, Misread> {
    let kind = thinking.text("type")?;
    let tokens = thinking.count("budget_tokens")?;
    Ok(match (kind.as_deref(), tokens) {
        (Some("disabled"), _) => Some(Mode::Off),
        (Some("adaptive"), _) => Some(Mode::Adaptive),
        (Some("between_tools"), _) => Some(Mode::BetweenTools),
        (Some("enabled"), Some(tokens)) => Some(Mode::Budget(tokens)),
        (Some("enabled"), None) => Some(Mode::Adaptive),
        _ => None,
    })
}

fn show(word: Option<&str>, dropped: &mut Dropped) -> Option<Show> {
    let known = match word? {
        "omitted" => Some(Show::Omitted),
        "updates" => Some(Show::Updates),
        "summarized" => Some(Show::Summarized),
        _ => None,
    };
    dropped.note_if(known.is_none(), Field::Show, Why::Unknown);
    known
}

fn format(mut format: Object<'_>) -> Result<Option<Format<'_>>, Misread> {
    if format.text("type")?.as_deref() != Some("json_schema") {
        return Ok(None);
    }
    Ok(Some(Format::Schema(Schema {
        name: None,
        description: None,
        schema: format.json("schema").unwrap_or(Json::empty()),
        strict: None,
    })))
}

fn unknown(place: &str, object: Object<'_>, dropped: &mut Dropped) {
    for (name, _) in object.rest() {
        dropped.named(Field::Unknown, Why::Unknown, &format!("{place}.{name}"));
    }
}

fn terms<'a>(object: &mut Object<'a>, asked: &mut Asked<'a>) -> Result<(), Misread> {
    asked.stream = object.flag("stream")?.unwrap_or(false);
    if let Some(mut metadata) = object.object("metadata")? {
        asked.user = metadata.text("user_id")?;
        unknown("metadata", metadata, &mut asked.dropped);
    }
    let tier = object.text("service_tier")?;
    asked.tier = match tier.as_deref() {
        Some("auto") => Some(Tier::Auto),
        Some("standard_only") => Some(Tier::Standard),
        Some(word) => {
            asked.dropped.named(Field::Tier, Why::Unknown, word);
            None
        }
        None => None,
    };
    // Fast is a tier elsewhere.
    let speed = object.text("speed")?;
    if speed.as_deref() == Some("fast") {
        asked.tier = Some(Tier::Fast);
    }
    let Reasoning { mode, .. } = asked.reasoning;
    // This dialect always gives thoughts sealed, and its callers give them back.
    asked.reasoning.sealed = !matches!(mode, None | Some(Mode::Off));
    Ok(())
}
