//! The small calls. They say nothing of anybody's: each is a sentence of our own.

use serde_json::json;

use crate::domain::dialect::Dialect;
use crate::protocol::translate::asked::{
    Asked, Effort, Format, Mode, Passage, Reasoning, Schema, Speaker,
};
use crate::protocol::translate::block::Block;
use crate::protocol::translate::json::Json;
use crate::protocol::translate::tool::{Choice, Function, Takes, Tool};

/// The tool that is offered.
pub(super) const TOOL: &str = "note";
/// The field that a structured answer must have.
pub(super) const FIELD: &str = "ok";

/// What may be written at most where a word will do. Responses takes no less.
const WORD: u64 = 16;
/// Where a model may want to think before it calls a tool or fills in a form.
const FORM: u64 = 256;
/// Where the beginning of a thought is enough.
const THOUGHT: u64 = 64;

/// A question, which no dialect is named in yet.
fn sentence(words: &'static str, most: u64) -> Asked<'static> {
    // As if it came from a caller of Messages, which no target's own fields are read into.
    let mut asked = Asked::new(Dialect::Messages, "".into());
    let passage = Passage::new(Speaker::Person, vec![Block::text(words)]);
    asked.passages.push(passage);
    asked.max_output = Some(most);
    asked
}

/// A word is wanted.
pub(super) fn word(stream: bool) -> Asked<'static> {
    let mut asked = sentence("Say yes.", WORD);
    asked.stream = stream;
    asked
}

/// A tool is to be called.
pub(super) fn tool(forced: bool) -> Asked<'static> {
    let mut asked = sentence("Call the tool note with the text yes.", FORM);
    let schema =
        json!({"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]});
    asked.tools.push(Tool::Function(Function {
        name: TOOL.into(),
        space: None,
        description: Some("Writes a note.".into()),
        takes: Takes::Schema(Some(Json::of(&schema))),
        strict: None,
        deferred: None,
        mark: None,
    }));
    asked.choice = Some(if forced { Choice::Some } else { Choice::Auto });
    asked
}

/// An answer by a schema is wanted.
pub(super) fn form() -> Asked<'static> {
    let mut asked = sentence("Is ice cold? Answer in JSON with the field ok.", FORM);
    let schema = json!({"type": "object", "properties": {FIELD: {"type": "boolean"}}, "required": [FIELD], "additionalProperties": false});
    asked.format = Some(Format::Schema(Schema {
        name: Some("answer".into()),
        description: None,
        schema: Json::of(&schema),
        strict: Some(true),
    }));
    asked
}

/// A thought is wanted.
pub(super) fn thought() -> Asked<'static> {
    let mut asked = sentence("What is 17 times 23?", THOUGHT);
    asked.reasoning = Reasoning {
        effort: Some(Effort::Low),
        mode: Some(Mode::Adaptive),
        ..Reasoning::default()
    };
    asked
}

/// A gap is to be filled. Nobody writes for servers that complete texts: callers' own go to them as they came.
pub(super) fn gap(model: &str) -> String {
    json!({"model": model, "prompt": "def add(a, b):\n    return ", "suffix": "\n", "max_tokens": WORD}).to_string()
}

/// A text is to be completed.
pub(super) fn text(model: &str) -> String {
    json!({"model": model, "prompt": "yes, yes,", "max_tokens": 4}).to_string()
}

/// Tokens are to be counted.
pub(super) fn count(model: &str) -> String {
    json!({"model": model, "messages": [{"role": "user", "content": "Say yes."}]}).to_string()
}
