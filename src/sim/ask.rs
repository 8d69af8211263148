//! What a request means to the model: its prompt as the cache sees it, and what is wanted back.

use serde_json::value::RawValue;

use super::answer::{Thinking, Wanted};
use super::door::{Door, Way};
use super::gemini;
use super::part::Part;
use super::prompt::{Life, Prompt};
use super::refusal::Refusal;
use super::request::{Block, Body, CacheControl, Content, Setting, Text, TextOr, Tool, Turn};
use crate::domain::dialect::Dialect;

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
    /// The provider keeps the answer.
    pub(super) kept: bool,
    /// The caller wants the reasoning, sealed.
    pub(super) sealed: bool,
}

impl<'a> Ask<'a> {
    /// Reads the body of a request that wants text (or only its count).
    pub(super) fn read(
        way: Way<'a>,
        body: &'a [u8],
        version: &str,
        part: Option<&Part>,
    ) -> Result<Self, Refusal> {
        if let Some(model) = way.model {
            return gemini::read(model, way.stream, body, part);
        }
        let door = way.door;
        let body: Body<'a> =
            serde_json::from_slice(body).map_err(|error| Refusal::unreadable(&error))?;
        check(door, &body, version)?;
        let prompt = prompt(door, &body);
        let wanted = wanted(&body, part);
        let thinking = thinking(&body);
        let limit = body
            .max_completion_tokens
            .or(body.max_output_tokens)
            .or(body.max_tokens);
        let usual = match door {
            Door::Completions => 16,
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
            kept: body.store.unwrap_or(true),
            sealed: body
                .include
                .is_some_and(|list| list.get().contains("reasoning.encrypted_content")),
        })
    }
}

/// What the real servers refuse before any model is asked.
fn check(door: Door, body: &Body<'_>, version: &str) -> Result<(), Refusal> {
    let (field, there) = match door {
        Door::Chat | Door::Messages | Door::CountTokens => (
            "messages",
            body.messages.as_ref().is_some_and(|list| !list.is_empty()),
        ),
        Door::Responses => ("input", body.input.is_some()),
        Door::Completions => ("prompt", body.prompt.is_some()),
        // Google's bodies are read elsewhere.
        Door::Embeddings | Door::Generate | Door::GenerateCount => ("input", true),
    };
    if !there {
        return Err(Refusal::missing(field));
    }
    if door == Door::Messages && body.max_tokens.is_none() {
        return Err(Refusal::missing("max_tokens"));
    }
    let sampled = body.temperature.is_some() || body.top_p.is_some() || body.top_k.is_some();
    if door.dialect() == Dialect::Messages && version >= "2026-10-21" && sampled {
        let text = "`temperature`, `top_p` and `top_k` are not supported with this API version";
        return Err(Refusal::bad("invalid_value", text.to_owned()));
    }
    Ok(())
}

fn prompt(door: Door, body: &Body<'_>) -> Prompt {
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
    let blocks = door.dialect() == Dialect::Messages;
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
    let texts = [&turn.name, &turn.arguments, &turn.input];
    for text in texts.into_iter().flatten() {
        prompt.feed(text.as_str().as_bytes());
    }
    // What is sealed differs from target to target; answers do not follow from it.
    if let Some(sealed) = &turn.encrypted_content {
        prompt.weigh(sealed.as_str().len());
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
    let turns: &[Turn<'a>] = match (&body.messages, &body.input) {
        (Some(messages), _) => messages,
        (None, Some(TextOr::List(items))) => items,
        _ => &[],
    };
    let words = match &body.input {
        Some(TextOr::Text(text)) => Some(text.as_str()),
        _ => last_words(turns),
    };
    let choice = body.tool_choice.map_or("", RawValue::get);
    let formats = [&body.response_format, &body.text, &body.output_config];
    let mut formats = formats.into_iter().flatten();
    let wish = Wish {
        offered: offered(body, turns),
        words,
        choice,
        single: body.parallel_tool_calls == Some(false)
            || (choice.contains("disable_parallel_tool_use") && choice.contains("true")),
        schema: formats.find_map(Setting::wanted_schema),
    };
    wish.granted(part)
}

/// The tools that the model can call and the caller runs, wherever they stand.
fn offered<'a>(body: &Body<'a>, turns: &[Turn<'a>]) -> Vec<Offered<'a>> {
    let late = turns.iter().filter_map(|turn| turn.tools.as_deref());
    let tools = body.tools.as_deref().into_iter().chain(late).flatten();
    let offered = tools.filter(|tool| tool.is_function()).filter_map(|tool| {
        let name = tool.called()?.as_str().to_owned();
        Some((name, tool.schema()))
    });
    offered.collect()
}

/// What a request says of the answer that it wants, in whatever dialect.
pub(super) struct Wish<'a, 'w> {
    pub(super) offered: Vec<Offered<'a>>,
    /// The last words of the person, unless a tool's result came after them.
    pub(super) words: Option<&'w str>,
    /// The caller's choice among the tools, as JSON.
    pub(super) choice: &'w str,
    /// One call at most.
    pub(super) single: bool,
    /// What the answer has to keep to.
    pub(super) schema: Option<&'a RawValue>,
}

impl<'a> Wish<'a, '_> {
    /// What the model gives, which may play a part.
    pub(super) fn granted(self, part: Option<&Part>) -> Wanted<'a> {
        let names = self.offered.iter().map(|(name, _)| name.as_str());
        let deed = self.words.and(part).and_then(|part| part.call(names));
        if let Some((name, arguments)) = deed {
            return Wanted::Deed(name.clone(), arguments.clone());
        }
        let mut calls = choose(self.offered, self.words, self.choice);
        if self.single {
            calls.truncate(1);
        }
        match (calls.is_empty(), self.schema, part) {
            (false, ..) => Wanted::Calls(calls),
            (true, Some(schema), _) => Wanted::Json(schema),
            (true, None, Some(part)) => Wanted::Line(part.says.clone()),
            (true, None, None) => Wanted::Text,
        }
    }
}

/// A tool that may be called, and the schema of its arguments.
pub(super) type Offered<'a> = (String, Option<&'a RawValue>);

/// The tools that the model calls: the one that is demanded, or those that the person's last words ask for. `choice` is the
/// caller's, as JSON.
fn choose<'a>(offered: Vec<Offered<'a>>, words: Option<&str>, choice: &str) -> Vec<Offered<'a>> {
    let Some(words) = words.filter(|_| !says(choice, "none")) else {
        return Vec::new();
    };
    if let Some(demanded) = offered.iter().find(|(name, _)| says(choice, name)) {
        return vec![demanded.clone()];
    }
    let mut named = offered.clone();
    named.retain(|(name, _)| names(words, name));
    let asked = [
        "use the tool",
        "use a tool",
        "call the tool",
        "Use the tool",
    ];
    let forced = ["required", "any"].iter().any(|word| says(choice, word));
    let any = forced || asked.iter().any(|phrase| words.contains(phrase));
    match named.is_empty() && any {
        true => offered.into_iter().take(1).collect(),
        false => named,
    }
}

/// Whether this word stands in the JSON of a choice.
fn says(choice: &str, word: &str) -> bool {
    choice.contains(&format!("\"{word}\""))
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
