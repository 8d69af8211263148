//! What Google refuses.

use serde_json::Value;

use super::super::gemini::signs;
use super::super::refusal::Refusal;
use super::super::seal::{Kind, Seals};
use super::tree::{Tree, foreign, is_base64, is_object_schema, items, snake, text, twice};

const FIELDS: [&str; 10] = [
    "contents",
    "systemInstruction",
    "tools",
    "toolConfig",
    "generationConfig",
    "safetySettings",
    "cachedContent",
    "serviceTier",
    "labels",
    "model",
];
const GENERATION: [&str; 22] = [
    "stopSequences",
    "responseMimeType",
    "responseSchema",
    "responseJsonSchema",
    "responseModalities",
    "candidateCount",
    "maxOutputTokens",
    "temperature",
    "topP",
    "topK",
    "seed",
    "presencePenalty",
    "frequencyPenalty",
    "responseLogprobs",
    "logprobs",
    "enableEnhancedCivicAnswers",
    "speechConfig",
    "thinkingConfig",
    "imageConfig",
    "mediaResolution",
    "audioTimestamp",
    "routingConfig",
];
const PART: [&str; 12] = [
    "text",
    "thought",
    "thoughtSignature",
    "inlineData",
    "fileData",
    "functionCall",
    "functionResponse",
    "executableCode",
    "codeExecutionResult",
    "videoMetadata",
    "mediaResolution",
    "partMetadata",
];
/// What a part may hold, one of them.
const DATA: [&str; 7] = [
    "text",
    "inlineData",
    "fileData",
    "functionCall",
    "functionResponse",
    "executableCode",
    "codeExecutionResult",
];
/// Google's own word for history that was made elsewhere.
const UNSIGNED: &str = "skip_thought_signature_validator";
/// The most texts that end an answer.
const STOPS: usize = 5;

fn bad(message: impl Into<String>) -> Refusal {
    Refusal::bad("invalid_value", message.into())
}

/// Fields may be written in camel case or in snake case.
fn known(names: &[&str], name: &str) -> bool {
    names
        .iter()
        .any(|known| *known == name || snake(known) == name)
}

fn field<'v>(value: &'v Value, camel: &str) -> &'v Value {
    match &value[camel] {
        Value::Null => &value[snake(camel).as_str()],
        found => found,
    }
}

fn unknown(name: &str, place: &str) -> Refusal {
    bad(format!(
        "Invalid JSON payload received. Unknown name \"{name}\"{place}: Cannot find field."
    ))
}

pub(super) fn check(body: &Tree<'_>, model: &str, seals: &Seals) -> Result<(), Refusal> {
    if let Some(name) = body.names().find(|name| !known(&FIELDS, name)) {
        return Err(unknown(name, ""));
    }
    let tools = body.get("tools")?;
    let declared: Vec<&Value> = items(&tools)
        .iter()
        .flat_map(|tool| items(field(tool, "functionDeclarations")))
        .collect();
    check_tools(&declared)?;
    check_config(&body.either("toolConfig")?, &declared)?;
    check_generation(&body.either("generationConfig")?)?;
    let system = body.either("systemInstruction")?;
    let contents = body.get("contents")?;
    let contents = items(&contents);
    let ours = |seal: &str| seal == UNSIGNED || seals.opens(Kind::Thought, model, seal);
    if !system.is_null() {
        check_parts(&system, "system_instruction", &ours)?;
    }
    for (at, content) in contents.iter().enumerate() {
        let role = content["role"].as_str();
        if !matches!(role, None | Some("user" | "model")) {
            return Err(bad("Please use a valid role: user, model."));
        }
        check_parts(content, &format!("contents[{at}]"), &ours)?;
    }
    check_turns(contents)?;
    check_signed(contents, model)
}

fn is_name(name: &str) -> bool {
    let letter = |c: char| c.is_ascii_alphabetic() || c == '_';
    let rest = |c: char| letter(c) || c.is_ascii_digit() || matches!(c, '.' | '-' | ':');
    name.starts_with(letter) && name.len() <= 64 && name.chars().all(rest)
}

fn check_tools(declared: &[&Value]) -> Result<(), Refusal> {
    if let Some(name) = twice(declared.iter().map(|tool| text(tool, "name"))) {
        return Err(bad(format!("Duplicate function declaration found: {name}")));
    }
    for (at, tool) in declared.iter().enumerate() {
        let place = format!("GenerateContentRequest.tools[0].function_declarations[{at}]");
        if !is_name(text(tool, "name")) {
            return Err(bad(format!(
                "* {place}.name: Invalid function name. Must start with a letter or an underscore."
            )));
        }
        let schemas = [&tool["parameters"], field(tool, "parametersJsonSchema")];
        let mut given = schemas.into_iter().filter(|it| !it.is_null());
        if given.any(|schema| !is_object_schema(schema)) {
            return Err(bad(format!(
                "* {place}.parameters: schema should be of type OBJECT"
            )));
        }
    }
    Ok(())
}

fn check_config(config: &Value, declared: &[&Value]) -> Result<(), Refusal> {
    let calling = field(config, "functionCallingConfig");
    let mode = text(calling, "mode");
    if !["", "AUTO", "ANY", "NONE", "VALIDATED", "MODE_UNSPECIFIED"].contains(&mode) {
        return Err(bad(format!(
            "Invalid value at 'tool_config.function_calling_config.mode': \"{mode}\""
        )));
    }
    let allowed = items(field(calling, "allowedFunctionNames"));
    if !allowed.is_empty() && !["ANY", "VALIDATED"].contains(&mode) {
        return Err(bad(
            "Function calling config has allowed_function_names, which needs the mode ANY or VALIDATED.",
        ));
    }
    let names = |name: &Value| declared.iter().any(|tool| tool["name"] == *name);
    match allowed.iter().find(|name| !names(name)) {
        None => Ok(()),
        Some(name) => Err(bad(format!(
            "Function calling config has allowed_function_names that are not declared: {name}"
        ))),
    }
}

fn check_generation(generation: &Value) -> Result<(), Refusal> {
    let mut names = generation.as_object().into_iter().flat_map(|it| it.keys());
    if let Some(name) = names.find(|name| !known(&GENERATION, name)) {
        return Err(unknown(name, " at 'generation_config'"));
    }
    let thinking = field(generation, "thinkingConfig");
    let both = ["thinkingLevel", "thinkingBudget"];
    if both.iter().all(|name| !field(thinking, name).is_null()) {
        return Err(bad(
            "You can only set one of thinking budget and thinking level.",
        ));
    }
    match items(field(generation, "stopSequences")).len() > STOPS {
        true => Err(bad(format!(
            "The number of stop sequences must be at most {STOPS}."
        ))),
        false => Ok(()),
    }
}

fn check_parts(content: &Value, place: &str, ours: &dyn Fn(&str) -> bool) -> Result<(), Refusal> {
    if let Some(name) = foreign(content, &["role", "parts"]) {
        return Err(unknown(name, &format!(" at '{place}'")));
    }
    let parts = items(&content["parts"]);
    if parts.is_empty() {
        return Err(bad(format!(
            "* GenerateContentRequest.{place}.parts: contents.parts must not be empty."
        )));
    }
    for (at, part) in parts.iter().enumerate() {
        let place = format!("{place}.parts[{at}]");
        check_part(part, text(content, "role"), &place)?;
        let signature = field(part, "thoughtSignature").as_str();
        if signature.is_some_and(|it| !ours(it)) {
            return Err(bad(format!(
                "Thought signature is not valid ({place}.thought_signature)."
            )));
        }
    }
    Ok(())
}

fn check_part(part: &Value, role: &str, place: &str) -> Result<(), Refusal> {
    let mut names = part.as_object().into_iter().flat_map(|it| it.keys());
    if let Some(name) = names.find(|name| !known(&PART, name)) {
        return Err(unknown(name, &format!(" at '{place}'")));
    }
    let there = DATA.iter().filter(|name| !field(part, name).is_null());
    if there.count() != 1 {
        return Err(bad(format!(
            "* GenerateContentRequest.{place}.data: required oneof field 'data' must have one initialized field"
        )));
    }
    let (call, result) = (field(part, "functionCall"), field(part, "functionResponse"));
    let inline = field(part, "inlineData");
    let media = field(inline, "mimeType").as_str().unwrap_or_default();
    // An empty text may bear a signature, and nothing else.
    let empty = part["text"] == "" && field(part, "thoughtSignature").is_null();
    let fault = if empty {
        "text: must not be empty"
    } else if !inline.is_null() && (!media.contains('/') || !is_base64(text(inline, "data"))) {
        "inline_data: unsupported MIME type or bad base64 data"
    } else if !call.is_null() && role != "model" {
        "function_call: only the role model calls functions"
    } else if !call.is_null() && !call["args"].is_null() && !call["args"].is_object() {
        "function_call.args: must be an object"
    } else if !result.is_null() && role == "model" {
        "function_response: only the role user answers functions"
    } else if !result.is_null() && !result["response"].is_object() {
        "function_response.response: must be an object"
    } else if [call, result]
        .iter()
        .any(|it| !it.is_null() && !is_name(text(it, "name")))
    {
        "name: Invalid function name. Must start with a letter or an underscore."
    } else {
        return Ok(());
    };
    Err(bad(format!("* GenerateContentRequest.{place}.{fault}")))
}

fn of<'v>(content: &'v Value, what: &str) -> Vec<&'v Value> {
    let parts = items(&content["parts"]).iter();
    parts
        .map(|part| field(part, what))
        .filter(|it| !it.is_null())
        .collect()
}

fn is_model(content: &Value) -> bool {
    content["role"] == "model"
}

fn check_turns(contents: &[Value]) -> Result<(), Refusal> {
    if contents.last().is_some_and(is_model) {
        return Err(bad(
            "Please ensure that single turn requests end with a user role or the role field is empty.",
        ));
    }
    if contents.first().is_some_and(is_model) {
        return Err(bad(
            "Please ensure that multiturn requests begin with a user role.",
        ));
    }
    let none = Value::Null;
    let before = std::iter::once(&none).chain(contents);
    for (one, next) in before.zip(contents) {
        let (calls, results) = (of(one, "functionCall"), of(next, "functionResponse"));
        if is_model(one) && is_model(next) && !of(next, "functionCall").is_empty() {
            return Err(bad(
                "Please ensure that function call turn comes immediately after a user turn or after a function response turn.",
            ));
        }
        if calls.is_empty() && !results.is_empty() {
            return Err(bad(
                "Please ensure that function response turn comes immediately after a function call turn.",
            ));
        }
        if calls.len() != results.len() {
            return Err(bad(
                "Please ensure that the number of function response parts is equal to the number of function call parts of the function call turn.",
            ));
        }
        let same = |call: &Value, result: &Value| {
            let (one, other) = (call["id"].as_str(), result["id"].as_str());
            call["name"] == result["name"] && one.zip(other).is_none_or(|(one, other)| one == other)
        };
        let mut left = calls.clone();
        // Those with an id choose first: the others take what is left.
        let (named, bare): (Vec<&Value>, Vec<&Value>) =
            results.iter().partition(|result| result["id"].is_string());
        for result in named.into_iter().chain(bare) {
            let Some(at) = left.iter().position(|call| same(call, result)) else {
                return Err(bad(
                    "Please ensure that function response parts match the function call parts of the function call turn.",
                ));
            };
            left.remove(at);
        }
    }
    Ok(())
}

/// Since the person last spoke, the first call of each turn has to bear its signature.
fn check_signed(contents: &[Value], model: &str) -> Result<(), Refusal> {
    if !signs(model) {
        return Ok(());
    }
    let spoken = |content: &Value| !is_model(content) && of(content, "functionResponse").is_empty();
    let start = contents.iter().rposition(spoken).unwrap_or(0);
    for (at, content) in contents.iter().enumerate().skip(start) {
        let parts = items(&content["parts"]);
        let first = parts
            .iter()
            .position(|part| !field(part, "functionCall").is_null());
        let Some(place) = first else { continue };
        if field(&parts[place], "thoughtSignature").is_null() {
            let name = text(field(&parts[place], "functionCall"), "name");
            return Err(bad(format!(
                "Function call is missing a thought_signature in functionCall parts. Additional data, function call `{name}`, position {place} of content {at}."
            )));
        }
    }
    Ok(())
}
