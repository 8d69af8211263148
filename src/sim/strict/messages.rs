//! What Anthropic refuses.

use serde_json::Value;

use super::super::refusal::Refusal;
use super::super::seal::{Kind, Seals};
use super::pairs::{Odd, Step, first_odd};
use super::tree::{
    Tree, foreign, is_base64, is_object_schema, is_picture, is_plain, items, text, twice,
};

const FIELDS: [&str; 22] = [
    "model",
    "messages",
    "max_tokens",
    "system",
    "tools",
    "tool_choice",
    "thinking",
    "output_config",
    "output_format",
    "stop_sequences",
    "stream",
    "temperature",
    "top_p",
    "top_k",
    "metadata",
    "service_tier",
    "cache_control",
    "speed",
    "inference_geo",
    "container",
    "context_management",
    "safeguards",
];
const MESSAGE: [&str; 3] = ["role", "content", "output_config"];
const TOOL: [&str; 10] = [
    "type",
    "name",
    "description",
    "input_schema",
    "cache_control",
    "strict",
    "defer_loading",
    "input_examples",
    "eager_input_streaming",
    "allowed_callers",
];
/// The fields of the blocks that we know; other kinds are not looked into.
const BLOCKS: [(&str, &[&str]); 7] = [
    ("text", &["type", "text", "cache_control", "citations"]),
    ("image", &["type", "source", "cache_control"]),
    (
        "document",
        &[
            "type",
            "source",
            "title",
            "context",
            "citations",
            "cache_control",
        ],
    ),
    (
        "tool_use",
        &["type", "id", "name", "input", "cache_control", "caller"],
    ),
    (
        "tool_result",
        &[
            "type",
            "tool_use_id",
            "content",
            "is_error",
            "cache_control",
        ],
    ),
    ("thinking", &["type", "thinking", "signature"]),
    ("redacted_thinking", &["type", "data"]),
];
/// The most places to cache.
const MARKS: usize = 4;

fn bad(message: String) -> Refusal {
    Refusal::bad("invalid_value", message)
}

fn extra(place: &str, field: &str) -> Refusal {
    bad(format!("{place}{field}: Extra inputs are not permitted"))
}

pub(super) fn check(body: &Tree<'_>, seals: &Seals) -> Result<(), Refusal> {
    if let Some(field) = body.names().find(|name| !FIELDS.contains(name)) {
        return Err(extra("", field));
    }
    let (messages, system, tools) = (
        body.get("messages")?,
        body.get("system")?,
        body.get("tools")?,
    );
    if let Some(field) = foreign(&body.get("metadata")?, &["user_id"]) {
        return Err(extra("metadata.", field));
    }
    for (at, block) in items(&system).iter().enumerate() {
        words(block, &format!("system.{at}"))?;
    }
    check_tools(items(&tools))?;
    let thinking = body.get("thinking")?;
    check_choice(&body.get("tool_choice")?, items(&tools), &thinking)?;
    check_thinking(body, &thinking)?;
    let marks = [&messages, &system, &tools]
        .map(marks)
        .iter()
        .sum::<usize>();
    if marks > MARKS {
        return Err(bad(format!(
            "A maximum of {MARKS} blocks with cache_control may be provided. Found {marks}."
        )));
    }
    for (at, message) in items(&messages).iter().enumerate() {
        let last = at + 1 == items(&messages).len();
        check_message(message, last, &format!("messages.{at}"), seals)?;
    }
    let turns = turns(items(&messages));
    if turns.first().is_none_or(|turn| turn.role != "user") {
        return Err(bad(
            "messages: first message must use the \"user\" role".to_owned()
        ));
    }
    check_pairs(&turns)?;
    check_loop(&turns, &thinking, seals)
}

/// Neighbours of one role are one turn. Instructions in between belong to nobody.
struct Turn<'v> {
    role: &'v str,
    at: usize,
    blocks: Vec<&'v Value>,
}

fn turns(messages: &[Value]) -> Vec<Turn<'_>> {
    let mut turns: Vec<Turn<'_>> = Vec::new();
    for (at, message) in messages.iter().enumerate() {
        let role = text(message, "role");
        let blocks = items(&message["content"]);
        match turns.last_mut() {
            _ if role == "system" => {}
            Some(last) if last.role == role => last.blocks.extend(blocks),
            _ => turns.push(Turn {
                role,
                at,
                blocks: blocks.iter().collect(),
            }),
        }
    }
    turns
}

fn check_message(message: &Value, last: bool, place: &str, seals: &Seals) -> Result<(), Refusal> {
    if let Some(field) = foreign(message, &MESSAGE) {
        return Err(extra(&format!("{place}."), field));
    }
    let role = text(message, "role");
    if !["user", "assistant", "system"].contains(&role) {
        let text = format!("{place}.role: Input should be 'user' or 'assistant'");
        return Err(bad(text));
    }
    let content = &message["content"];
    let empty = content.as_str().is_some_and(|it| it.trim().is_empty())
        || content.as_array().is_some_and(Vec::is_empty);
    if content.is_null() {
        return Err(bad(format!("{place}.content: Field required")));
    }
    if empty && !(last && role == "assistant") {
        return Err(bad(format!(
            "{place}: all messages must have non-empty content except for the optional final assistant message"
        )));
    }
    for (at, block) in items(content).iter().enumerate() {
        check_block(block, role, &format!("{place}.content.{at}"), seals)?;
    }
    Ok(())
}

fn check_block(block: &Value, role: &str, place: &str, seals: &Seals) -> Result<(), Refusal> {
    let kind = text(block, "type");
    let known = BLOCKS.iter().find(|(name, _)| *name == kind);
    if let Some(field) = known.and_then(|(_, fields)| foreign(block, fields)) {
        return Err(extra(&format!("{place}.{kind}."), field));
    }
    let wants = match kind {
        "tool_use" | "thinking" | "redacted_thinking" => "assistant",
        "tool_result" => "user",
        _ => role,
    };
    if wants != role {
        return Err(bad(format!(
            "{place}: `{kind}` blocks can only be in `{wants}` messages"
        )));
    }
    match kind {
        "text" => words(block, place),
        "image" => picture(&block["source"], place),
        "thinking" => signed(block, place, seals),
        "redacted_thinking" if !seals.opens(Kind::Redacted, "", text(block, "data")) => Err(bad(
            format!("{place}: Invalid `data` in `redacted_thinking` block"),
        )),
        "tool_use" => call(block, place),
        "tool_result" => result(block, place, seals),
        "" | "input_text" | "output_text" | "image_url" | "input_image" | "function_call" => {
            Err(bad(format!(
                "{place}: Input tag '{kind}' found using 'type' does not match any of the expected tags"
            )))
        }
        _ => Ok(()),
    }
}

fn words(block: &Value, place: &str) -> Result<(), Refusal> {
    match block["text"].as_str() {
        None => Err(bad(format!("{place}.text.text: Field required"))),
        Some("") => Err(bad(format!(
            "{place}: text content blocks must be non-empty"
        ))),
        Some(text) if text.trim().is_empty() => Err(bad(format!(
            "{place}: text content blocks must contain non-whitespace text"
        ))),
        Some(_) => Ok(()),
    }
}

fn picture(source: &Value, place: &str) -> Result<(), Refusal> {
    let fault = match text(source, "type") {
        "base64" if !is_picture(text(source, "media_type")) => {
            "base64.media_type: Input should be 'image/jpeg', 'image/png', 'image/gif' or 'image/webp'"
        }
        "base64" if !is_base64(text(source, "data")) => "base64.data: Invalid base64 data",
        "url" if !text(source, "url").starts_with("http") => "url: Only HTTPS URLs are supported",
        "base64" | "url" | "file" => return Ok(()),
        _ => "type: Input should be 'base64', 'url' or 'file'",
    };
    Err(bad(format!("{place}.image.source.{fault}")))
}

fn signed(block: &Value, place: &str, seals: &Seals) -> Result<(), Refusal> {
    let (Some(thought), Some(signature)) =
        (block["thinking"].as_str(), block["signature"].as_str())
    else {
        return Err(bad(format!("{place}.thinking.signature: Field required")));
    };
    match seals.opens(Kind::Signature, thought, signature) {
        true => Ok(()),
        false => Err(bad(format!(
            "{place}: Invalid `signature` in `thinking` block"
        ))),
    }
}

fn call(block: &Value, place: &str) -> Result<(), Refusal> {
    let fault = if !is_plain(text(block, "id"), usize::MAX) {
        "id: String should match pattern '^[a-zA-Z0-9_-]+$'"
    } else if !is_plain(text(block, "name"), 128) {
        "name: String should match pattern '^[a-zA-Z0-9_-]{1,128}$'"
    } else if !block["input"].is_object() {
        "input: Input should be a valid dictionary"
    } else {
        return Ok(());
    };
    Err(bad(format!("{place}.tool_use.{fault}")))
}

fn result(block: &Value, place: &str, seals: &Seals) -> Result<(), Refusal> {
    for (at, part) in items(&block["content"]).iter().enumerate() {
        let place = format!("{place}.tool_result.content.{at}");
        match text(part, "type") {
            "text" | "image" | "document" | "search_result" | "tool_reference" => {
                check_block(part, "user", &place, seals)?;
            }
            kind => {
                return Err(bad(format!(
                    "{place}: Input tag '{kind}' found using 'type' does not match any of the expected tags"
                )));
            }
        }
    }
    Ok(())
}

/// How many places to cache are marked in there.
fn marks(value: &Value) -> usize {
    match value {
        Value::Array(list) => list.iter().map(marks).sum(),
        Value::Object(fields) => {
            let inside = fields.get("content").map_or(0, marks);
            let own = fields.get("cache_control").is_some_and(|it| !it.is_null());
            inside + usize::from(own)
        }
        _ => 0,
    }
}

fn check_tools(tools: &[Value]) -> Result<(), Refusal> {
    let names = tools.iter().map(|tool| text(tool, "name"));
    if twice(names).is_some() {
        return Err(bad("tools: Tool names must be unique.".to_owned()));
    }
    for (at, tool) in tools.iter().enumerate() {
        let kind = &tool["type"];
        if !kind.is_null() && kind != "custom" {
            continue;
        }
        if let Some(field) = foreign(tool, &TOOL) {
            return Err(extra(&format!("tools.{at}.custom."), field));
        }
        let fault = if !is_plain(text(tool, "name"), 128) {
            "name: String should match pattern '^[a-zA-Z0-9_-]{1,128}$'"
        } else if !tool["input_schema"].is_object() {
            "input_schema: Field required"
        } else if !is_object_schema(&tool["input_schema"]) {
            "input_schema.type: Input should be 'object'"
        } else {
            continue;
        };
        return Err(bad(format!("tools.{at}.custom.{fault}")));
    }
    Ok(())
}

fn thinks(thinking: &Value) -> bool {
    !matches!(text(thinking, "type"), "" | "disabled")
}

fn check_choice(choice: &Value, tools: &[Value], thinking: &Value) -> Result<(), Refusal> {
    if choice.is_null() {
        return Ok(());
    }
    if let Some(field) = foreign(choice, &["type", "name", "disable_parallel_tool_use"]) {
        return Err(extra("tool_choice.", field));
    }
    let name = text(choice, "name");
    let fault = match text(choice, "type") {
        _ if tools.is_empty() => "tool_choice may only be specified while providing tools",
        "tool" if !tools.iter().any(|tool| text(tool, "name") == name) => {
            return Err(bad(format!("Tool '{name}' not found in provided tools")));
        }
        "any" | "tool" if thinks(thinking) => {
            "Thinking may not be enabled when tool_choice forces tool use."
        }
        "auto" | "any" | "tool" | "none" => return Ok(()),
        _ => "tool_choice.type: Input should be 'auto', 'any', 'tool' or 'none'",
    };
    Err(bad(fault.to_owned()))
}

fn check_thinking(body: &Tree<'_>, thinking: &Value) -> Result<(), Refusal> {
    let temperature = body.get("temperature")?;
    if let Some(temperature) = temperature.as_f64()
        && !(0.0..=1.0).contains(&temperature)
    {
        return Err(bad("temperature: range: 0..1".to_owned()));
    }
    let model = body.get("model")?;
    let always = model.as_str().is_some_and(|it| it.contains("opus-5-5"));
    let most = body.get("max_tokens")?.as_u64();
    let budget = thinking["budget_tokens"].as_u64();
    let enabled = text(thinking, "type") == "enabled";
    let fault = match text(thinking, "type") {
        "disabled" if always => "thinking: this model cannot answer without thinking",
        "enabled" if budget.is_none() => "thinking.enabled.budget_tokens: Field required",
        "enabled" if budget < Some(1_024) => {
            "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024"
        }
        "enabled" if most.is_some() && most <= budget => {
            "`max_tokens` must be greater than `thinking.budget_tokens`"
        }
        _ if enabled && temperature.as_f64().is_some_and(|it| it != 1.0) => {
            "`temperature` may only be set to 1 when thinking is enabled"
        }
        _ => return Ok(()),
    };
    Err(bad(fault.to_owned()))
}

fn check_pairs(turns: &[Turn<'_>]) -> Result<(), Refusal> {
    let mut ids = Vec::new();
    let mut steps = Vec::with_capacity(turns.len());
    for turn in turns {
        let mut step = Step {
            at: turn.at,
            ..Step::default()
        };
        let mut spoken = false;
        for block in &turn.blocks {
            match text(block, "type") {
                "tool_use" => step.calls.push(text(block, "id")),
                // A result behind other words does not follow its call immediately.
                "tool_result" if !spoken => step.results.push(text(block, "tool_use_id")),
                _ => spoken = true,
            }
        }
        ids.extend(step.calls.iter().copied());
        steps.push(step);
    }
    if twice(ids).is_some() {
        return Err(bad("messages: `tool_use` ids must be unique".to_owned()));
    }
    Err(bad(match first_odd(&steps) {
        None => return Ok(()),
        Some(Odd::Uncalled(at, id)) => format!(
            "messages.{at}: unexpected `tool_use_id` found in `tool_result` blocks: {id}. Each `tool_result` block must have a corresponding `tool_use` block in the previous message."
        ),
        Some(Odd::Twice(at, id)) => {
            format!(
                "messages.{at}: each tool_use must have a single result. Found multiple `tool_result` blocks with id: {id}"
            )
        }
        Some(Odd::Unanswered(at, ids)) => format!(
            "messages.{at}: `tool_use` ids were found without `tool_result` blocks immediately after: {}. Each `tool_use` block must have a corresponding `tool_result` block in the next message.",
            ids.join(", ")
        ),
    }))
}

/// While tools run, the thoughts that led to their calls must still stand before them.
fn check_loop(turns: &[Turn<'_>], thinking: &Value, seals: &Seals) -> Result<(), Refusal> {
    let [.., said, last] = turns else {
        return Ok(());
    };
    let is = |block: &Value, kinds: &[&str]| kinds.contains(&text(block, "type"));
    let running = last.blocks.iter().any(|block| is(block, &["tool_result"]));
    if !running || !thinks(thinking) {
        return Ok(());
    }
    let thoughts = ["thinking", "redacted_thinking"];
    let first = said.blocks.first().map_or("", |block| text(block, "type"));
    if text(thinking, "type") == "enabled" && !thoughts.contains(&first) {
        return Err(bad(format!(
            "messages.{}.content.0.type: Expected `thinking` or `redacted_thinking`, but found `{first}`. When `thinking` is enabled, a final `assistant` message must start with a thinking block.",
            said.at
        )));
    }
    let sealed: Vec<&str> = said
        .blocks
        .iter()
        .filter(|block| is(block, &thoughts))
        .map(|block| {
            let field = if is(block, &["thinking"]) {
                "signature"
            } else {
                "data"
            };
            text(block, field)
        })
        .collect();
    let calls = said.blocks.iter().filter(|block| is(block, &["tool_use"]));
    for id in calls.map(|block| text(block, "id")) {
        let after_thought = seals.knows("toolu_", Kind::CallAfterThought, id);
        let there = sealed.iter().any(|seal| Seals::led_to(seal, id));
        if after_thought && !there {
            return Err(bad(format!(
                "messages.{}.content: `thinking` or `redacted_thinking` blocks in the latest assistant message cannot be modified. These blocks must remain as they were in the original response.",
                said.at
            )));
        }
    }
    Ok(())
}
