//! What OpenAI refuses in Responses.

use serde_json::Value;

use super::super::refusal::Refusal;
use super::super::seal::{Kind, Seals};
use super::chat::named;
use super::tree::{Tree, is_object_schema, is_picture_url, items, text};

const FIELDS: [&str; 32] = [
    "model",
    "input",
    "instructions",
    "include",
    "max_output_tokens",
    "max_tool_calls",
    "metadata",
    "parallel_tool_calls",
    "previous_response_id",
    "prompt",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "reasoning",
    "safety_identifier",
    "service_tier",
    "store",
    "stream",
    "stream_options",
    "temperature",
    "text",
    "tool_choice",
    "tools",
    "top_logprobs",
    "top_p",
    "truncation",
    "user",
    "background",
    "conversation",
    "context_management",
    "client_metadata",
    "moderation",
];
/// The longest id of a call.
const ID: usize = 64;

fn bad(message: String) -> Refusal {
    Refusal::bad("invalid_value", message)
}

fn missing(place: &str) -> Refusal {
    let text = format!("Missing required parameter: '{place}'.");
    Refusal::bad("missing_required_parameter", text)
}

pub(super) fn check(body: &Tree<'_>, seals: &Seals) -> Result<(), Refusal> {
    if let Some(field) = body.names().find(|name| !FIELDS.contains(name)) {
        let text = format!("Unknown parameter: '{field}'.");
        return Err(Refusal::bad("unknown_parameter", text));
    }
    let (input, tools) = (body.get("input")?, body.get("tools")?);
    check_tools(items(&tools))?;
    check_choice(&body.get("tool_choice")?, &tools, &input)?;
    for (at, item) in items(&input).iter().enumerate() {
        check_item(item, &format!("input[{at}]"), seals)?;
    }
    let previous = body.get("previous_response_id")?;
    check_pairs(items(&input), previous.as_str())?;
    check_order(items(&input))
}

fn check_tools(tools: &[Value]) -> Result<(), Refusal> {
    for (at, tool) in tools.iter().enumerate() {
        let place = format!("tools[{at}]");
        match text(tool, "type") {
            "" => return Err(missing(&format!("{place}.type"))),
            "function" if tool["name"].is_null() => {
                return Err(missing(&format!("{place}.name")));
            }
            "function" => {}
            _ => continue,
        }
        named(text(tool, "name"), &format!("{place}.name"))?;
        let schema = &tool["parameters"];
        if !schema.is_null() && !is_object_schema(schema) {
            return Err(Refusal::bad(
                "invalid_function_parameters",
                format!(
                    "Invalid schema for function '{}': schema must be a JSON Schema of 'type: \"object\"', got 'type: {}'.",
                    text(tool, "name"),
                    schema["type"]
                ),
            ));
        }
    }
    Ok(())
}

fn check_choice(choice: &Value, tools: &Value, input: &Value) -> Result<(), Refusal> {
    let name = text(choice, "name");
    if text(choice, "type") != "function" {
        return Ok(());
    }
    // Tools may come in the middle of a conversation.
    let late = items(input).iter().map(|item| &item["tools"]);
    let mut all = std::iter::once(tools).chain(late).flat_map(items);
    match all.any(|tool| text(tool, "name") == name) {
        true => Ok(()),
        false => Err(bad(format!(
            "Tool choice '{name}' not found in 'tools' parameter."
        ))),
    }
}

fn kind(item: &Value) -> &str {
    match text(item, "type") {
        "" if !item["role"].is_null() => "message",
        kind => kind,
    }
}

fn check_item(item: &Value, place: &str, seals: &Seals) -> Result<(), Refusal> {
    match kind(item) {
        "message" => check_message(item, place),
        "function_call" => {
            owned(item, "fc", place)?;
            called(item, place)?;
            named(text(item, "name"), &format!("{place}.name"))?;
            match item["arguments"].is_string() {
                true => Ok(()),
                false => Err(missing(&format!("{place}.arguments"))),
            }
        }
        "function_call_output" | "custom_tool_call_output" => {
            called(item, place)?;
            let output = &item["output"];
            if output.is_null() {
                return Err(missing(&format!("{place}.output")));
            }
            parts(output, "user", &format!("{place}.output"))
        }
        "reasoning" => check_reasoning(item, place, seals),
        "item_reference" => check_named(item, seals),
        "" => Err(missing(&format!("{place}.type"))),
        "tool_use" | "tool_result" | "thinking" | "text" => Err(bad(format!(
            "Invalid value: '{}' ({place}.type).",
            kind(item)
        ))),
        _ => Ok(()),
    }
}

/// An id that an item has from this API begins as those of its kind do.
fn owned(item: &Value, prefix: &str, place: &str) -> Result<(), Refusal> {
    match item["id"].as_str() {
        Some(id) if !id.starts_with(prefix) => Err(bad(format!(
            "Invalid '{place}.id': '{id}'. Expected an ID that begins with '{prefix}'."
        ))),
        _ => Ok(()),
    }
}

fn called(item: &Value, place: &str) -> Result<(), Refusal> {
    let id = text(item, "call_id");
    match id.len() {
        0 => Err(missing(&format!("{place}.call_id"))),
        length if length > ID => Err(Refusal::bad(
            "string_above_max_length",
            format!(
                "Invalid '{place}.call_id': string too long. Expected a string with maximum length {ID}, but got a string with length {length} instead."
            ),
        )),
        _ => Ok(()),
    }
}

fn check_message(item: &Value, place: &str) -> Result<(), Refusal> {
    let role = text(item, "role");
    if !["user", "assistant", "system", "developer"].contains(&role) {
        return Err(bad(format!(
            "Invalid value: '{role}'. Supported values are: 'assistant', 'system', 'developer', and 'user'."
        )));
    }
    if role == "assistant" {
        owned(item, "msg", place)?;
    }
    if item["content"].is_null() {
        return Err(missing(&format!("{place}.content")));
    }
    parts(&item["content"], role, &format!("{place}.content"))
}

fn parts(content: &Value, role: &str, place: &str) -> Result<(), Refusal> {
    let taken: &[&str] = match role {
        "assistant" => &["output_text", "refusal"],
        _ => &["input_text", "input_image", "input_file", "input_audio"],
    };
    for (at, part) in items(content).iter().enumerate() {
        let kind = text(part, "type");
        if !taken.contains(&kind) {
            return Err(bad(format!(
                "Invalid value: '{kind}' ({place}[{at}].type). Supported values are: '{}'.",
                taken.join("', '")
            )));
        }
        let (url, file) = (&part["image_url"], &part["file_id"]);
        let seen = file.is_string() || url.as_str().is_some_and(is_picture_url);
        if kind == "input_image" && !seen {
            return Err(Refusal::bad(
                "invalid_image_url",
                format!(
                    "Invalid '{place}[{at}].image_url': not an address or a base64 picture of a supported type."
                ),
            ));
        }
    }
    Ok(())
}

fn check_reasoning(item: &Value, place: &str, seals: &Seals) -> Result<(), Refusal> {
    owned(item, "rs", place)?;
    if !item["summary"].is_array() {
        return Err(missing(&format!("{place}.summary")));
    }
    let id = text(item, "id");
    match item["encrypted_content"].as_str() {
        Some(sealed) if seals.opens(Kind::Reasoning, "", sealed) => Ok(()),
        Some(_) => Err(Refusal::bad(
            "invalid_encrypted_content",
            format!(
                "The encrypted content for item {id} could not be verified. Reason: Encrypted content could not be decrypted or parsed."
            ),
        )),
        None => kept(id, "rs_", seals),
    }
}

/// What is named in place of an item must be kept; the names of calls say nothing of that.
fn check_named(item: &Value, seals: &Seals) -> Result<(), Refusal> {
    let id = text(item, "id");
    let prefix = ["rs_", "msg_"].into_iter().find(|it| id.starts_with(it));
    prefix.map_or(Ok(()), |prefix| kept(id, prefix, seals))
}

fn kept(id: &str, prefix: &str, seals: &Seals) -> Result<(), Refusal> {
    match seals.knows(prefix, Kind::Kept, id) {
        true => Ok(()),
        false => Err(Refusal::not_found(format!(
            "Item with id '{id}' not found. Items are not persisted when `store` is set to false."
        ))),
    }
}

/// Results may stand anywhere behind their calls. What was called in the answer that is gone on from is not here.
fn check_pairs(input: &[Value], previous: Option<&str>) -> Result<(), Refusal> {
    let mut open: Vec<&str> = Vec::new();
    for item in input {
        let id = text(item, "call_id");
        match kind(item) {
            "function_call" | "custom_tool_call" => open.push(id),
            "function_call_output" | "custom_tool_call_output" => {
                let there = open.iter().position(|known| *known == id);
                let before = previous.is_some_and(|previous| Seals::together(previous, id));
                match there {
                    Some(at) => drop(open.remove(at)),
                    None if before => {}
                    None => {
                        return Err(bad(format!(
                            "No tool call found for function call output with call_id {id}."
                        )));
                    }
                }
            }
            _ => {}
        }
    }
    match open.first() {
        None => Ok(()),
        Some(id) => Err(bad(format!("No tool output found for function call {id}."))),
    }
}

/// What was reasoned out stands behind the reasoning.
fn check_order(input: &[Value]) -> Result<(), Refusal> {
    let ours = |item: &Value| match kind(item) {
        "message" => text(item, "role") == "assistant",
        kind => kind == "reasoning" || (kind.ends_with("_call") && !kind.is_empty()),
    };
    for (at, item) in input.iter().enumerate() {
        if kind(item) == "reasoning" && !input.get(at + 1).is_some_and(ours) {
            return Err(bad(format!(
                "Item '{}' of type 'reasoning' was provided without its required following item.",
                text(item, "id")
            )));
        }
    }
    Ok(())
}
