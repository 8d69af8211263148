//! What a request of Google's kind means to the model.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::super::answer::{Thinking, Wanted};
use super::super::ask::{Ask, Wish};
use super::super::part;
use super::super::prompt::Prompt;
use super::super::refusal::Refusal;
use super::super::request::Text;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    #[serde(borrow)]
    contents: Option<Vec<Content<'a>>>,
    #[serde(borrow, alias = "system_instruction")]
    system_instruction: Option<Content<'a>>,
    #[serde(borrow)]
    tools: Option<Vec<Tool<'a>>>,
    #[serde(borrow, alias = "tool_config")]
    tool_config: Option<&'a RawValue>,
    #[serde(borrow, alias = "generation_config")]
    generation_config: Option<Generation<'a>>,
    /// The body of `countTokens` may hold a whole request.
    #[serde(borrow, alias = "generate_content_request")]
    generate_content_request: Option<Box<Body<'a>>>,
}

#[derive(Deserialize)]
struct Content<'a> {
    #[serde(borrow)]
    role: Option<Text<'a>>,
    #[serde(borrow)]
    parts: Option<Vec<Part<'a>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Part<'a> {
    #[serde(borrow)]
    text: Option<Text<'a>>,
    #[serde(borrow, alias = "inline_data")]
    inline_data: Option<&'a RawValue>,
    #[serde(borrow, alias = "file_data")]
    file_data: Option<&'a RawValue>,
    #[serde(borrow, alias = "function_call")]
    function_call: Option<Called<'a>>,
    #[serde(borrow, alias = "function_response")]
    function_response: Option<Called<'a>>,
    #[serde(borrow, alias = "thought_signature")]
    thought_signature: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct Called<'a> {
    #[serde(borrow)]
    name: Option<Text<'a>>,
    #[serde(borrow, alias = "response")]
    args: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Tool<'a> {
    #[serde(borrow, alias = "function_declarations")]
    function_declarations: Option<Vec<Declaration<'a>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Declaration<'a> {
    #[serde(borrow)]
    name: Option<Text<'a>>,
    #[serde(borrow)]
    description: Option<Text<'a>>,
    #[serde(borrow, alias = "parametersJsonSchema")]
    parameters: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Generation<'a> {
    #[serde(alias = "max_output_tokens")]
    max_output_tokens: Option<u64>,
    #[serde(borrow, alias = "responseJsonSchema")]
    response_schema: Option<&'a RawValue>,
    #[serde(alias = "thinking_config")]
    thinking_config: Option<Thoughts>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Thoughts {
    #[serde(alias = "include_thoughts")]
    include_thoughts: Option<bool>,
    #[serde(alias = "thinking_budget")]
    thinking_budget: Option<i64>,
}

/// Reads the body of a request to `model`.
pub(in super::super) fn read<'a>(
    model: &'a str,
    stream: bool,
    body: &'a [u8],
    part: Option<&part::Part>,
) -> Result<Ask<'a>, Refusal> {
    let mut body: Body<'a> =
        serde_json::from_slice(body).map_err(|error| Refusal::unreadable(&error))?;
    if let Some(inner) = body.generate_content_request.take() {
        body = *inner;
    }
    let contents = body.contents.as_deref().unwrap_or_default();
    if contents.is_empty() {
        let text = "* GenerateContentRequest.contents: contents is not specified";
        return Err(Refusal::bad("invalid_value", text.to_owned()));
    }
    let generation = body.generation_config.as_ref();
    Ok(Ask {
        model: Text(model.into()),
        stream,
        usage_chunk: true,
        most: generation
            .and_then(|it| it.max_output_tokens)
            .unwrap_or(100_000),
        prompt: prompt(&body, contents),
        wanted: wanted(&body, contents, part),
        thinking: thinking(generation.and_then(|it| it.thinking_config.as_ref())),
        previous: None,
        kept: false,
        sealed: false,
    })
}

fn prompt(body: &Body<'_>, contents: &[Content<'_>]) -> Prompt {
    let mut prompt = Prompt::default();
    for tool in declared(body) {
        for text in [&tool.name, &tool.description].into_iter().flatten() {
            prompt.feed(text.as_str().as_bytes());
        }
        if let Some(schema) = tool.parameters {
            prompt.feed(schema.get().as_bytes());
        }
    }
    if body.tools.is_some() {
        prompt.close(None);
    }
    for content in body.system_instruction.iter().chain(contents) {
        prompt.tag(content.role.as_ref().map_or("system", Text::as_str));
        for part in content.parts.iter().flatten() {
            feed(part, &mut prompt);
        }
        prompt.close(None);
    }
    prompt
}

fn feed(part: &Part<'_>, prompt: &mut Prompt) {
    if let Some(text) = &part.text {
        prompt.feed(text.as_str().as_bytes());
    }
    let calls = [&part.function_call, &part.function_response];
    for call in calls.into_iter().flatten() {
        if let Some(name) = &call.name {
            prompt.feed(name.as_str().as_bytes());
        }
        if let Some(args) = call.args {
            prompt.feed(args.get().as_bytes());
        }
    }
    for raw in [part.inline_data, part.file_data].into_iter().flatten() {
        prompt.feed(raw.get().as_bytes());
    }
    // Differs from target to target, and answers do not follow from it.
    if let Some(signature) = &part.thought_signature {
        prompt.weigh(signature.as_str().len());
    }
}

fn declared<'b, 'a>(body: &'b Body<'a>) -> impl Iterator<Item = &'b Declaration<'a>> {
    let tools = body.tools.iter().flatten();
    tools
        .flat_map(|tool| tool.function_declarations.iter())
        .flatten()
}

fn wanted<'a>(body: &Body<'a>, contents: &[Content<'a>], part: Option<&part::Part>) -> Wanted<'a> {
    let offered = declared(body).filter_map(|tool| {
        let name = tool.name.as_ref()?.as_str().to_owned();
        Some((name, tool.parameters))
    });
    // The same words in capitals: AUTO, ANY, NONE.
    let choice = body.tool_config.map_or("", RawValue::get);
    let choice = choice
        .replace("\"ANY\"", "\"any\"")
        .replace("\"NONE\"", "\"none\"");
    let generation = body.generation_config.as_ref();
    let wish = Wish {
        offered: offered.collect(),
        words: last_words(contents),
        choice: &choice,
        single: false,
        schema: generation.and_then(|it| it.response_schema),
    };
    wish.granted(part)
}

/// The last words of the person, unless a tool's result came with them.
fn last_words<'b>(contents: &'b [Content<'_>]) -> Option<&'b str> {
    let last = contents.last()?;
    if last
        .role
        .as_ref()
        .is_some_and(|role| role.as_str() != "user")
    {
        return None;
    }
    let parts = last.parts.as_deref().unwrap_or_default();
    if parts.iter().any(|part| part.function_response.is_some()) {
        return None;
    }
    let text = parts.iter().rev().find_map(|part| part.text.as_ref());
    text.map(Text::as_str)
}

fn thinking(config: Option<&Thoughts>) -> Thinking {
    match config {
        None => Thinking::No,
        Some(config) if config.thinking_budget == Some(0) => Thinking::No,
        Some(config) if config.include_thoughts == Some(true) => Thinking::Shown,
        Some(_) => Thinking::Hidden,
    }
}
