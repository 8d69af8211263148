//! Which door a request is for, by what it looks like: for those who have its body and nothing else.

use super::scan::{Fields, scan};
use crate::domain::dialect::Endpoint;

/// Fields at the top that one door takes and the others do not.
const FIELDS: [(Endpoint, &[&str]); 4] = [
    (
        Endpoint::Messages,
        &[
            "system",
            "stop_sequences",
            "top_k",
            "thinking",
            "output_config",
            "anthropic_version",
        ],
    ),
    (
        Endpoint::Chat,
        &[
            "stream_options",
            "max_completion_tokens",
            "response_format",
            "functions",
            "n",
            "reasoning_effort",
        ],
    ),
    (Endpoint::Embeddings, &["encoding_format", "dimensions"]),
    (
        Endpoint::Responses,
        &[
            "instructions",
            "max_output_tokens",
            "previous_response_id",
            "store",
        ],
    ),
];

/// What only Anthropic's messages and tools have in them.
const BLOCKS: [&[u8]; 4] = [
    b"\"tool_use\"",
    b"\"tool_result\"",
    b"\"input_schema\"",
    b"\"cache_control\"",
];

/// The door that a body is likeliest meant for; `None` where nothing tells. Of a body that is no JSON object, none.
pub fn endpoint(body: &[u8], depth: usize) -> Option<Endpoint> {
    let fields = scan(body, depth).ok()?;
    let has = |names: &[&str]| fields.first(names).is_some();
    let says = |door: Endpoint| {
        let mut known = FIELDS.iter().filter(|(it, _)| *it == door);
        known.any(|(_, names)| has(names))
    };
    match () {
        () if has(&["messages"]) => Some(match says(Endpoint::Messages) || is_blocks(&fields) {
            true if !says(Endpoint::Chat) => Endpoint::Messages,
            _ => Endpoint::Chat,
        }),
        () if has(&["input"]) => Some(match says(Endpoint::Embeddings) {
            true if !says(Endpoint::Responses) => Endpoint::Embeddings,
            _ => Endpoint::Responses,
        }),
        () if has(&["prompt"]) => Some(Endpoint::Completions),
        () => None,
    }
}

fn is_blocks(fields: &Fields<'_>) -> bool {
    let places = ["messages", "tools"]
        .into_iter()
        .filter_map(|name| fields.get(name));
    let texts: Vec<&str> = places.map(|place| &fields.text[place]).collect();
    let found = |mark: &&[u8]| {
        let mut texts = texts.iter();
        texts.any(|text| memchr::memmem::find(text.as_bytes(), mark).is_some())
    };
    BLOCKS.iter().any(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_tells_its_door() {
        for (body, door) in [
            (r#"{"model":"m","messages":[]}"#, Some(Endpoint::Chat)),
            (
                r#"{"model":"m","max_tokens":9,"messages":[]}"#,
                Some(Endpoint::Chat),
            ),
            (
                r#"{"model":"m","max_tokens":9,"system":"s","messages":[]}"#,
                Some(Endpoint::Messages),
            ),
            (
                r#"{"model":"m","messages":[{"role":"user","content":[{"type":"tool_result"}]}]}"#,
                Some(Endpoint::Messages),
            ),
            (
                r#"{"model":"m","tools":[{"name":"t","input_schema":{}}],"messages":[]}"#,
                Some(Endpoint::Messages),
            ),
            (
                r#"{"model":"m","top_k":1,"n":2,"messages":[]}"#,
                Some(Endpoint::Chat),
            ),
            (r#"{"model":"m","input":"x"}"#, Some(Endpoint::Responses)),
            (
                r#"{"model":"m","input":"x","dimensions":3}"#,
                Some(Endpoint::Embeddings),
            ),
            (r#"{"model":"m","prompt":"x"}"#, Some(Endpoint::Completions)),
            (r#"{"model":"m"}"#, None),
            ("[]", None),
            ("{", None),
        ] {
            assert_eq!(endpoint(body.as_bytes(), 64), door, "{body}");
        }
    }

    #[test]
    fn recorded_requests_tell_their_doors() {
        #[derive(serde::Deserialize)]
        struct Recorded {
            endpoint: Endpoint,
            body: Box<serde_json::value::RawValue>,
        }
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/clients");
        for file in std::fs::read_dir(folder).expect("the folder") {
            let path = file.expect("a file").path();
            // Nothing in these tells: one takes the body of Responses to the door of Chat, the others have only messages.
            let mute = [
                "cursor.json",
                "claude_code_editor.json",
                "claude_code_summary.json",
            ];
            if mute.iter().any(|name| path.ends_with(name)) {
                continue;
            }
            let text = std::fs::read_to_string(&path).expect("read");
            let recorded: Recorded = serde_json::from_str(&text).expect("a request");
            let guessed = endpoint(recorded.body.get().as_bytes(), 64);
            assert_eq!(guessed, Some(recorded.endpoint), "{}", path.display());
        }
    }
}
