//! What OpenAI refuses in Chat Completions, and what every server of the kind refuses with it.

use serde_json::Value;

use super::super::refusal::Refusal;
use super::pairs::{Odd, Step, first_odd};
use super::tree::{Tree, is_object_schema, is_picture_url, is_plain, items, text};

const FIELDS: [&str; 38] = [
    "model",
    "messages",
    "stream",
    "stream_options",
    "max_tokens",
    "max_completion_tokens",
    "temperature",
    "top_p",
    "n",
    "stop",
    "seed",
    "presence_penalty",
    "frequency_penalty",
    "logit_bias",
    "logprobs",
    "top_logprobs",
    "user",
    "safety_identifier",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "functions",
    "function_call",
    "response_format",
    "reasoning_effort",
    "verbosity",
    "metadata",
    "store",
    "service_tier",
    "modalities",
    "audio",
    "prediction",
    "web_search_options",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "moderation",
    "include",
];
/// The longest id of a call.
const ID: usize = 40;
/// The most texts that end an answer.
const STOPS: usize = 4;

fn bad(message: String) -> Refusal {
    Refusal::bad("invalid_value", message)
}

/// `picky`: fields that nobody knows are refused.
pub(super) fn check(body: &Tree<'_>, picky: bool) -> Result<(), Refusal> {
    if let Some(field) = body.names().find(|name| picky && !FIELDS.contains(name)) {
        let text = format!("Unrecognized request argument supplied: {field}");
        return Err(Refusal::bad("unknown_parameter", text));
    }
    let (messages, tools) = (body.get("messages")?, body.get("tools")?);
    if items(&body.get("stop")?).len() > STOPS {
        return Err(bad(format!(
            "Invalid 'stop': array too long. Expected an array with maximum length {STOPS}."
        )));
    }
    check_tools(items(&tools))?;
    check_choice(body, items(&tools))?;
    for (at, message) in items(&messages).iter().enumerate() {
        check_message(message, &format!("messages[{at}]"))?;
    }
    check_pairs(items(&messages))
}

fn check_tools(tools: &[Value]) -> Result<(), Refusal> {
    for (at, tool) in tools.iter().enumerate() {
        if text(tool, "type") != "function" {
            return match tool.get("type") {
                Some(kind) if kind == "custom" => continue,
                Some(kind) => Err(bad(format!(
                    "Invalid value: {kind}. Supported values are: 'function' and 'custom'."
                ))),
                None => Err(bad(format!(
                    "Missing required parameter: 'tools[{at}].type'."
                ))),
            };
        }
        let function = &tool["function"];
        named(
            text(function, "name"),
            &format!("tools[{at}].function.name"),
        )?;
        let schema = &function["parameters"];
        if !schema.is_null() && !is_object_schema(schema) {
            return Err(Refusal::bad(
                "invalid_function_parameters",
                format!(
                    "Invalid schema for function '{}': schema must be a JSON Schema of 'type: \"object\"', got 'type: {}'.",
                    text(function, "name"),
                    schema["type"]
                ),
            ));
        }
    }
    Ok(())
}

pub(super) fn named(name: &str, place: &str) -> Result<(), Refusal> {
    match is_plain(name, 64) {
        true => Ok(()),
        false => Err(bad(format!(
            "Invalid '{place}': string does not match pattern. Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'."
        ))),
    }
}

fn check_choice(body: &Tree<'_>, tools: &[Value]) -> Result<(), Refusal> {
    let choice = body.get("tool_choice")?;
    for field in ["tool_choice", "parallel_tool_calls"] {
        let free = field == "tool_choice" && (choice == "none" || choice == "auto");
        if tools.is_empty() && !free && !body.get(field)?.is_null() {
            return Err(bad(format!(
                "Invalid value for '{field}': '{field}' is only allowed when 'tools' are specified."
            )));
        }
    }
    let function = choice["function"]["name"].as_str();
    let known = |name: &str| {
        tools
            .iter()
            .any(|tool| text(&tool["function"], "name") == name)
    };
    let word = choice.as_str().unwrap_or("auto");
    if let Some(name) = function.filter(|name| !known(name)) {
        return Err(bad(format!(
            "Invalid value for 'tool_choice': no function named '{name}' was specified in the 'tools' parameter."
        )));
    }
    if !["none", "auto", "required"].contains(&word) {
        return Err(bad(format!(
            "Invalid value: '{word}'. Supported values are: 'none', 'auto', and 'required'."
        )));
    }
    Ok(())
}

fn check_message(message: &Value, place: &str) -> Result<(), Refusal> {
    let role = text(message, "role");
    if ![
        "system",
        "developer",
        "user",
        "assistant",
        "tool",
        "function",
    ]
    .contains(&role)
    {
        return Err(bad(format!(
            "Invalid value: '{role}'. Supported values are: 'system', 'assistant', 'user', 'function', 'tool', and 'developer'."
        )));
    }
    let calls = &message["tool_calls"];
    if calls.as_array().is_some_and(Vec::is_empty) {
        return Err(bad(format!(
            "Invalid '{place}.tool_calls': empty array. Expected an array with minimum length 1, but got an empty array instead."
        )));
    }
    if !calls.is_null() && role != "assistant" {
        return Err(bad(format!(
            "'{place}.tool_calls' is only allowed for 'assistant'"
        )));
    }
    let content = &message["content"];
    let silent = role == "assistant"
        && (!calls.is_null()
            || !message["function_call"].is_null()
            || !message["refusal"].is_null());
    if content.is_null() && !silent {
        return Err(bad(format!(
            "Invalid value for 'content': expected a string, got null ({place})."
        )));
    }
    for (at, part) in items(content).iter().enumerate() {
        check_part(part, role, &format!("{place}.content[{at}]"))?;
    }
    for (at, call) in items(calls).iter().enumerate() {
        check_call(call, &format!("{place}.tool_calls[{at}]"))?;
    }
    if role == "tool" && text(message, "tool_call_id").is_empty() {
        let text = format!("Missing required parameter: '{place}.tool_call_id'.");
        return Err(Refusal::bad("missing_required_parameter", text));
    }
    Ok(())
}

fn check_part(part: &Value, role: &str, place: &str) -> Result<(), Refusal> {
    let kind = text(part, "type");
    let taken: &[&str] = match role {
        "user" => &["text", "image_url", "input_audio", "file"],
        "assistant" => &["text", "refusal"],
        _ => &["text"],
    };
    if !taken.contains(&kind) {
        return Err(bad(format!(
            "Invalid value: '{kind}' ({place}.type). Supported values are: '{}'.",
            taken.join("', '")
        )));
    }
    let url = text(&part["image_url"], "url");
    if kind == "image_url" && !is_picture_url(url) {
        return Err(Refusal::bad(
            "invalid_image_url",
            format!(
                "Invalid '{place}.image_url.url': not an address or a base64 picture of a supported type."
            ),
        ));
    }
    if kind == "text" && !part["text"].is_string() {
        return Err(bad(format!(
            "Invalid type for '{place}.text': expected a string."
        )));
    }
    Ok(())
}

fn check_call(call: &Value, place: &str) -> Result<(), Refusal> {
    let id = text(call, "id");
    if id.is_empty() || id.len() > ID {
        return Err(Refusal::bad(
            "string_above_max_length",
            format!(
                "Invalid '{place}.id': expected a string with minimum length 1 and maximum length {ID}, but got one with length {}.",
                id.len()
            ),
        ));
    }
    if text(call, "type") == "custom" {
        return Ok(());
    }
    let function = &call["function"];
    named(text(function, "name"), &format!("{place}.function.name"))?;
    match function["arguments"].is_string() {
        true => Ok(()),
        false => Err(bad(format!(
            "Invalid type for '{place}.function.arguments': expected a string."
        ))),
    }
}

fn check_pairs(messages: &[Value]) -> Result<(), Refusal> {
    let mut steps: Vec<Step<'_>> = Vec::new();
    for (at, message) in messages.iter().enumerate() {
        let result = text(message, "role") == "tool";
        let calls = items(&message["tool_calls"]).iter();
        let step = Step {
            at,
            calls: calls.map(|call| text(call, "id")).collect(),
            results: Vec::new(),
        };
        // The results of one message's calls are messages of their own.
        match steps.last_mut() {
            Some(last) if result && !last.results.is_empty() => {
                last.results.push(text(message, "tool_call_id"));
            }
            _ if result => steps.push(Step {
                results: vec![text(message, "tool_call_id")],
                ..step
            }),
            _ => steps.push(step),
        }
    }
    Err(bad(match first_odd(&steps) {
        None => return Ok(()),
        Some(Odd::Uncalled(at, id)) if steps.iter().any(|step| step.calls.contains(&id)) => {
            format!(
                "Invalid parameter: 'tool_call_id' of '{id}' not found in 'tool_calls' of previous message (messages[{at}])."
            )
        }
        Some(Odd::Uncalled(at, _)) => format!(
            "Invalid parameter: messages with role 'tool' must be a response to a preceding message with 'tool_calls' (messages[{at}])."
        ),
        Some(Odd::Twice(at, id)) => format!(
            "Invalid parameter: 'tool_call_id' of '{id}' is answered twice (messages[{at}])."
        ),
        Some(Odd::Unanswered(at, ids)) => format!(
            "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id' (messages[{at}]). The following tool_call_ids did not have response messages: {}",
            ids.join(", ")
        ),
    }))
}
