//! A request, read.

use super::super::asked::{Asked, Effort, Extra, Format, Passage, Schema, Speaker, Tier, say};
use super::super::block::{Block, Input, Kind, Thought, ToolReply, ToolUse};
use super::super::dropped::{Dropped, Field, Why};
use super::super::json::{self, Json, Misread, Object, Str};
use super::super::sealed::Sealed;
use super::super::tool::{Choice, Named};
use super::{part, tools};
use crate::domain::dialect::Dialect;

/// Reads a request.
pub fn read(body: &str) -> Result<Asked<'_>, Misread> {
    let mut object = Object::read(body)?;
    let mut asked = Asked::new(Dialect::Chat, object.need("model")?);
    messages(&mut object, &mut asked)?;
    offer(&mut object, &mut asked)?;
    limits(&mut object, &mut asked)?;
    terms(&mut object, &mut asked)?;
    asked.extras = extras(object);
    Ok(asked)
}

/// What nobody took.
pub(in super::super) fn extras(object: Object<'_>) -> Vec<Extra<'_>> {
    let extra = |(name, value)| Extra { name, value };
    object.rest().map(extra).collect()
}

fn messages<'a>(object: &mut Object<'a>, asked: &mut Asked<'a>) -> Result<(), Misread> {
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
    let content = part::content(message.take("content"), dropped)?;
    let (speaker, blocks) = match &*role {
        "system" => (Speaker::System, content),
        "developer" => (Speaker::Developer, content),
        "user" => (Speaker::Person, content),
        "assistant" => (Speaker::Assistant, spoken(&mut message, content)?),
        "tool" => {
            let id = message.text("tool_call_id")?.unwrap_or_default();
            (Speaker::Tools, vec![reply(id, content)])
        }
        // The older form, which names the function in place of an id.
        "function" => {
            let name = message.need("name")?;
            (Speaker::Tools, vec![reply(name, content)])
        }
        _ => return Err(Misread::new("role", "no role that is known")),
    };
    say(passages, speaker, blocks);
    for (name, _) in message.rest() {
        let field = match &*name {
            "name" => Field::Name,
            _ => Field::Unknown,
        };
        dropped.named(field, Why::NoPlace, &format!("messages.{name}"));
    }
    Ok(())
}

fn reply<'a>(id: Str<'a>, content: Vec<Block<'a>>) -> Block<'a> {
    Block::Reply(ToolReply {
        id,
        kind: Kind::Function,
        content,
        failed: false,
        mark: None,
    })
}

/// What the model said: its thought, its words, its calls. Also the message of an answer.
pub(super) fn spoken<'a>(
    message: &mut Object<'a>,
    content: Vec<Block<'a>>,
) -> Result<Vec<Block<'a>>, Misread> {
    let mut blocks = Vec::with_capacity(content.len() + 1);
    // Two names for one thing; a server that sends both sends the same twice.
    let thoughts = [
        message.text("reasoning_content")?,
        message.text("reasoning")?,
    ];
    if let Some(text) = thoughts.into_iter().flatten().find(|text| !text.is_empty()) {
        blocks.push(Block::Thought(Thought {
            text,
            sealed: Some(Sealed::plain(Dialect::Chat)),
            ..Thought::default()
        }));
    }
    // Beside calls, an empty text is what some clients write for none.
    let said = |block: &Block<'_>| !matches!(block, Block::Text(text) if text.text.is_empty());
    blocks.extend(content.into_iter().filter(said));
    if let Some(refusal) = message.text("refusal")?.filter(|text| !text.is_empty()) {
        blocks.push(Block::Refusal(refusal));
    }
    for (at, raw) in message.list("tool_calls")?.into_iter().enumerate() {
        let call = tools::call(raw).map_err(|it| it.within(format!("tool_calls[{at}]")))?;
        blocks.push(call);
    }
    if let Some(mut function) = message.object("function_call")? {
        let (name, input) = (function.need("name")?, tools::arguments(&mut function)?);
        blocks.push(older_call(name, input));
    }
    Ok(blocks)
}

/// The older form of a call, which has no id: its result names the function.
fn older_call<'a>(name: Str<'a>, input: Input<'a>) -> Block<'a> {
    Block::Use(ToolUse {
        id: name.clone(),
        name,
        space: None,
        kind: Kind::Function,
        input,
        mark: None,
    })
}

fn offer<'a>(object: &mut Object<'a>, asked: &mut Asked<'a>) -> Result<(), Misread> {
    for (at, raw) in object.list("tools")?.into_iter().enumerate() {
        let tool = tools::tool(raw, &mut asked.dropped);
        let tool = tool.map_err(|it| it.within(format!("tools[{at}]")))?;
        asked.tools.push(tool);
    }
    for raw in object.list("functions")? {
        let tool = tools::function(Some(Object::of(raw)?), &mut asked.dropped)?;
        asked.tools.push(tool);
    }
    let choice = object.take("tool_choice").map(tools::choice);
    asked.choice = choice.transpose().map_err(|it| it.within("tool_choice"))?;
    if let Some(raw) = object.take("function_call") {
        asked.choice = Some(match json::text(raw) {
            Some(word) => tools::word_of(&word).unwrap_or(Choice::Auto),
            None => Choice::One(Named {
                name: Object::of(raw)?.need("name")?,
                custom: false,
            }),
        });
    }
    asked.parallel = object.flag("parallel_tool_calls")?;
    Ok(())
}

fn limits<'a>(object: &mut Object<'a>, asked: &mut Asked<'a>) -> Result<(), Misread> {
    let (newer, older) = (
        object.count("max_completion_tokens")?,
        object.count("max_tokens")?,
    );
    asked.max_output = match (newer, older) {
        (Some(newer), Some(older)) => Some(newer.min(older)),
        (newer, older) => newer.or(older),
    };
    asked.stop = match object.take("stop") {
        None => Vec::new(),
        Some(raw) => match json::text(raw) {
            Some(stop) => vec![stop],
            None => texts(raw)
                .ok_or_else(|| Misread::new("stop", "neither a text nor a list of texts"))?,
        },
    };
    let sampling = &mut asked.sampling;
    sampling.temperature = object.number("temperature")?;
    sampling.top_p = object.number("top_p")?;
    sampling.top_k = object.number("top_k")?;
    sampling.frequency_penalty = object.number("frequency_penalty")?;
    sampling.presence_penalty = object.number("presence_penalty")?;
    sampling.seed = object.number("seed")?;
    if let Some(mut format) = object.object("response_format")? {
        asked.format = format_of(&mut format).map_err(|it| it.within("response_format"))?;
    }
    Ok(())
}

fn texts(raw: &serde_json::value::RawValue) -> Option<Vec<Str<'_>>> {
    json::list(raw)?.into_iter().map(json::text).collect()
}

fn format_of<'a>(format: &mut Object<'a>) -> Result<Option<Format<'a>>, Misread> {
    match &*format.need("type")? {
        "text" => Ok(Some(Format::Text)),
        "json_object" => Ok(Some(Format::Object)),
        "json_schema" => {
            let missing = || Misread::new("json_schema", "missing");
            let inner = format.object("json_schema")?.ok_or_else(missing)?;
            Ok(Some(Format::Schema(schema(inner)?)))
        }
        _ => Err(Misread::new("type", "no format that is known")),
    }
}

/// A schema with its name; nested here, flat in Responses.
pub(in super::super) fn schema(mut object: Object<'_>) -> Result<Schema<'_>, Misread> {
    Ok(Schema {
        name: object.text("name")?,
        description: object.text("description")?,
        schema: object.json("schema").unwrap_or(Json::empty()),
        strict: object.flag("strict")?,
    })
}

fn terms<'a>(object: &mut Object<'a>, asked: &mut Asked<'a>) -> Result<(), Misread> {
    asked.stream = object.flag("stream")?.unwrap_or(false);
    if let Some(mut options) = object.object("stream_options")? {
        asked.usage = options.flag("include_usage")?;
        for (name, _) in options.rest() {
            let name = format!("stream_options.{name}");
            asked.dropped.named(Field::Unknown, Why::NoPlace, &name);
        }
    }
    let effort = object.text("reasoning_effort")?;
    asked.reasoning.effort = word(effort, Field::Effort, &mut asked.dropped);
    asked.verbosity = object.text("verbosity")?;
    let tier = object.text("service_tier")?;
    asked.tier = tier_of(tier, &mut asked.dropped);
    // The newer name counts.
    let (older, newer) = (object.text("user")?, object.text("safety_identifier")?);
    asked.user = newer.or(older);
    asked.cache_key = object.text("prompt_cache_key")?;
    asked.metadata = object.json("metadata");
    asked.store = object.flag("store")?;
    Ok(())
}

/// A word for an effort, if we know it.
pub(in super::super) fn word(
    word: Option<Str<'_>>,
    field: Field,
    dropped: &mut Dropped,
) -> Option<Effort> {
    let word = word?;
    let known = word.parse().ok();
    if known.is_none() {
        dropped.named(field, Why::Unknown, &word);
    }
    known
}

/// OpenAI's word for a tier.
pub(in super::super) fn tier_of(word: Option<Str<'_>>, dropped: &mut Dropped) -> Option<Tier> {
    let word = word?;
    let known = match &*word {
        "default" => Some(Tier::Standard),
        "standard" => None,
        word => word.parse().ok(),
    };
    if known.is_none() {
        dropped.named(Field::Tier, Why::Unknown, &word);
    }
    known
}
