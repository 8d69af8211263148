//! What a request means to the model: its prompt as the cache sees it, and what is wanted back.

use serde_json::value::RawValue;

use super::answer::{Thinking, Wanted};
use super::part::Part;
use super::prompt::{Life, Prompt};
use super::refusal::Refusal;
use super::request::{Block, Body, CacheControl, Content, Setting, Text, TextOr, Tool, Turn};
use crate::domain::dialect::{Dialect, Endpoint};

/// A request that was understood.
#[derive(Debug)]
pub(super) struct Ask<'a> {
    pub(super) model: Text<'a>,
    pub(super) stream: bool,
    /// `stream_options.include_usage`.
    pub(super) usage_chunk: bool,
    /// The most tokens that the caller allows.
    pub(super) most: u64,
    pub(super) prompt: Prompt,
    pub(super) wanted: Wanted<'a>,
    pub(super) thinking: Thinking,
    /// The answer that it goes on from.
    pub(super) previous: Option<Text<'a>>,
}

impl<'a> Ask<'a> {
    /// Reads the body of a request that wants text (or, of `count_tokens`, only its count).
    pub(super) fn read(
        endpoint: Endpoint,
        body: &'a [u8],
        version: &str,
        part: Option<&Part>,
    ) -> Result<Self, Refusal> {
        let body: Body<'a> =
            serde_json::from_slice(body).map_err(|error| Refusal::unreadable(&error))?;
        check(endpoint, &body, version)?;
        let prompt = prompt(endpoint, &body);
        let wanted = wanted(&body, part);
        let thinking = thinking(&body);
        let limit = body
            .max_completion_tokens
            .or(body.max_output_tokens)
            .or(body.max_tokens);
        let usual = match endpoint {
            Endpoint::Completions => 16,
            _ => 100_000,
        };
        Ok(Self {
            stream: body.stream.unwrap_or(false),
            usage_chunk: body
                .stream_options
                .and_then(|o| o.include_usage)
                .unwrap_or(false),
            most: limit.unwrap_or(usual),
            model: body.model.ok_or_else(|| Refusal::missing("model"))?,
            prompt,
            wanted,
            thinking,
            previous: body.previous_response_id,
        })
    }
}

/// What the real servers refuse before any model is asked.
fn check(endpoint: Endpoint, body: &Body<'_>, version: &str) -> Result<(), Refusal> {
    let (field, there) = match endpoint {
        Endpoint::Chat | Endpoint::Messages | Endpoint::CountTokens => (
            "messages",
            body.messages.as_ref().is_some_and(|list| !list.is_empty()),
        ),
        Endpoint::Responses => ("input", body.input.is_some()),
        Endpoint::Completions => ("prompt", body.prompt.is_some()),
        Endpoint::Embeddings => ("input", true),
    };
    if !there {
        return Err(Refusal::missing(field));
    }
    if endpoint == Endpoint::Messages && body.max_tokens.is_none() {
        return Err(Refusal::missing("max_tokens"));
    }
    let sampled = body.temperature.is_some() || body.top_p.is_some() || body.top_k.is_some();
    if endpoint.dialect() == Dialect::Messages && version >= "2026-10-21" && sampled {
        let text = "`temperature`, `top_p` and `top_k` are not supported with this API version";
        return Err(Refusal::bad("invalid_value", text.to_owned()));
    }
    Ok(())
}

fn prompt(endpoint: Endpoint, body: &Body<'_>) -> Prompt {
    let mut prompt = Prompt::default();
    if let Some(tools) = &body.tools {
        let mark = tools.iter().rev().find_map(|tool| life(tool.cache_control));
        feed_tools(&mut prompt, tools);
        prompt.close(mark);
    }
    for text in body.instructions.iter().chain(&body.suffix) {
        prompt.feed(text.as_str().as_bytes());
        prompt.close(None);
    }
    if let Some(raw) = body.prompt {
        prompt.feed(raw.get().as_bytes());
        prompt.close(None);
    }
    // Messages may end a cached prefix after any block, the others after a message.
    let blocks = endpoint.dialect() == Dialect::Messages;
    if let Some(system) = &body.system {
        prompt.tag("system");
        feed_content(&mut prompt, system, true);
    }
    for turn in body.messages.iter().flatten() {
        feed_turn(&mut prompt, turn, blocks);
    }
    match &body.input {
        Some(TextOr::Text(text)) => {
            prompt.tag("user");
            prompt.feed(text.as_str().as_bytes());
            prompt.close(None);
        }
        Some(TextOr::List(items)) => {
            for item in items {
                feed_turn(&mut prompt, item, false);
            }
        }
        None => {}
    }
    // `cache_control` at the top marks the end of the prompt.
    if let (Some(mark), Some(last)) = (life(body.cache_control), prompt.boundaries.last_mut()) {
        last.mark.get_or_insert(mark);
    }
    prompt
}

fn life(control: Option<CacheControl>) -> Option<Life> {
    control.map(CacheControl::life)
}

fn feed_tools(prompt: &mut Prompt, tools: &[Tool<'_>]) {
    for tool in tools {
        let inner = tool.function.as_deref().unwrap_or(tool);
        for text in [&inner.name, &inner.description].into_iter().flatten() {
            prompt.feed(text.as_str().as_bytes());
        }
        if let Some(schema) = inner.parameters {
            prompt.feed(schema.get().as_bytes());
        }
        feed_tools(prompt, tool.tools.as_deref().unwrap_or_default());
    }
}

fn feed_turn(prompt: &mut Prompt, turn: &Turn<'_>, blocks: bool) {
    prompt.tag(
        turn.role
            .as_ref()
            .or(turn.kind.as_ref())
            .map_or("", Text::as_str),
    );
    if let Some(content) = &turn.content {
        feed_content(prompt, content, blocks);
    }
    let texts = [
        &turn.name,
        &turn.arguments,
        &turn.input,
        &turn.encrypted_content,
    ];
    for text in texts.into_iter().flatten() {
        prompt.feed(text.as_str().as_bytes());
    }
    for raw in [turn.tool_calls, turn.output].into_iter().flatten() {
        prompt.feed(raw.get().as_bytes());
    }
    feed_tools(prompt, turn.tools.as_deref().unwrap_or_default());
    if !blocks {
        prompt.close(None);
    }
}

/// A plain string and a list with one text block are the same to the cache.
fn feed_content(prompt: &mut Prompt, content: &Content<'_>, blocks: bool) {
    match content {
        TextOr::Text(text) => {
            prompt.feed(text.as_str().as_bytes());
            if blocks {
                prompt.close(None);
            }
        }
        TextOr::List(list) => {
            for block in list {
                feed_block(prompt, block);
                if blocks {
                    prompt.close(life(block.cache_control));
                }
            }
        }
    }
}

fn feed_block(prompt: &mut Prompt, block: &Block<'_>) {
    if let Some(text) = &block.text {
        prompt.feed(text.as_str().as_bytes());
    }
    let rest = [
        block.name,
        block.input,
        block.content,
        block.source,
        block.image_url,
        block.thinking,
    ];
    for raw in rest.into_iter().flatten() {
        prompt.feed(raw.get().as_bytes());
    }
}

fn thinking(body: &Body<'_>) -> Thinking {
    let on = |effort: Option<&str>| effort.is_some_and(|e| !matches!(e, "none" | "minimal"));
    if let Some(thinking) = &body.thinking {
        return match thinking.kind.as_ref().map(Text::as_str) {
            Some("disabled") | None => Thinking::No,
            _ if thinking
                .display
                .as_ref()
                .is_some_and(|d| d.as_str() == "omitted") =>
            {
                Thinking::Hidden
            }
            _ => Thinking::Shown,
        };
    }
    if let Some(reasoning) = &body.reasoning {
        let effort = reasoning.effort.as_ref().map_or("medium", Text::as_str);
        return match (on(Some(effort)), &reasoning.summary) {
            (false, _) => Thinking::No,
            (true, Some(_)) => Thinking::Shown,
            (true, None) => Thinking::Hidden,
        };
    }
    match on(body.reasoning_effort.as_ref().map(Text::as_str)) {
        true => Thinking::Hidden,
        false => Thinking::No,
    }
}

fn wanted<'a>(body: &Body<'a>, part: Option<&Part>) -> Wanted<'a> {
    if let Some((name, arguments)) = part.and_then(|part| deed(body, part)) {
        return Wanted::Deed(name.clone(), arguments.clone());
    }
    if let Some(tool) = called(body) {
        let name = tool.called().map_or("", Text::as_str);
        return Wanted::Call(name.to_owned(), tool.schema());
    }
    let formats = [&body.response_format, &body.text, &body.output_config];
    let schema = formats
        .into_iter()
        .flatten()
        .find_map(Setting::wanted_schema);
    match (schema, part) {
        (Some(schema), _) => Wanted::Json(schema),
        (None, Some(part)) => Wanted::Line(part.says.clone()),
        (None, None) => Wanted::Text,
    }
}

/// What the part has the model do, now that the person has spoken.
fn deed<'p>(body: &Body<'_>, part: &'p Part) -> Option<&'p (String, String)> {
    let turns = turns(body);
    words(body, turns)?;
    let names = offered(body, turns).filter_map(Tool::called);
    part.call(names.map(Text::as_str))
}

fn turns<'b, 'a>(body: &'b Body<'a>) -> &'b [Turn<'a>] {
    match (&body.messages, &body.input) {
        (Some(messages), _) => messages,
        (None, Some(TextOr::List(items))) => items,
        _ => &[],
    }
}

/// The tools that the model can call and the caller runs, wherever they stand.
fn offered<'b, 'a>(
    body: &'b Body<'a>,
    turns: &'b [Turn<'a>],
) -> impl Iterator<Item = &'b Tool<'a>> {
    let late = turns.iter().filter_map(|turn| turn.tools.as_deref());
    let tools = body.tools.as_deref().into_iter().chain(late).flatten();
    tools.filter(|tool| tool.is_function() && tool.called().is_some())
}

fn words<'b>(body: &'b Body<'_>, turns: &'b [Turn<'_>]) -> Option<&'b str> {
    match &body.input {
        Some(TextOr::Text(text)) => Some(text.as_str()),
        _ => last_words(turns),
    }
}

/// The tool that the model calls: one that `tool_choice` demands, or that the person's last words ask for.
fn called<'b, 'a>(body: &'b Body<'a>) -> Option<&'b Tool<'a>> {
    let turns = turns(body);
    let callable = offered(body, turns);
    let words = words(body, turns)?;
    let choice = body.tool_choice.map_or("", RawValue::get);
    if choice.contains("\"none\"") {
        return None;
    }
    let forced = choice.contains("\"required\"") || choice.contains("\"any\"");
    let mut callable = callable.peekable();
    let first = callable.peek().copied();
    let named = callable.find(|tool| {
        let name = tool.called().map_or("", Text::as_str);
        choice.contains(&format!("\"{name}\"")) || names(words, name)
    });
    let asked = [
        "use the tool",
        "use a tool",
        "call the tool",
        "Use the tool",
    ];
    let any = forced || asked.iter().any(|phrase| words.contains(phrase));
    named.or(first.filter(|_| any))
}

/// The last words of the person, unless a tool's result came after them.
fn last_words<'b>(turns: &'b [Turn<'_>]) -> Option<&'b str> {
    let spoken = turns.iter().rev().find(|turn| {
        let role = turn.role.as_ref().map(Text::as_str);
        let kind = turn.kind.as_ref().map_or("message", Text::as_str);
        !matches!(role, Some("system" | "developer"))
            && !matches!(kind, "additional_tools" | "reasoning")
    })?;
    if spoken.role.as_ref().map(Text::as_str) != Some("user") {
        return None;
    }
    match spoken.content.as_ref()? {
        TextOr::Text(text) => Some(text.as_str()),
        TextOr::List(blocks) => {
            let result =
                |b: &Block<'_>| b.kind.as_ref().is_some_and(|k| k.as_str() == "tool_result");
            match blocks.iter().any(result) {
                true => None,
                false => blocks
                    .iter()
                    .rev()
                    .find_map(|b| b.text.as_ref())
                    .map(Text::as_str),
            }
        }
    }
}

/// Whether the words ask for a tool by its name, and do not merely contain a word that is one (`read`, `bash`).
fn names(words: &str, name: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    words.match_indices(name).any(|(at, _)| {
        let (before, after) = (&words[..at], &words[at + name.len()..]);
        let alone = !before.ends_with(part) && !after.starts_with(part);
        let led = ["use ", "Use ", "call ", "Call ", "`"]
            .iter()
            .any(|lead| before.ends_with(lead));
        alone && !name.is_empty() && (name.contains('_') || led || after.starts_with(" tool"))
    })
}
