//! What a body asks for beside its conversation, as far as it tells whose conversation it is, or what kind of call.

use serde::Deserialize;

use super::canon::Mark;
use super::scan::{Fields, Span};

/// Fields of the body, by their meaning.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asks {
    /// `previous_response_id`: the answer that this call goes on from.
    pub previous: Option<String>,
    /// The provider is to keep the answer, so that a later call can go on from it: `store`, unless it is `false`.
    pub stores: bool,
    /// `background`: the answer is made also where nobody waits for it.
    pub background: bool,
    /// `conversation`: its name at the provider.
    pub conversation: Option<String>,
    /// Whom the caller acts for: `safety_identifier`, or `user`.
    pub user: Option<String>,
    /// Where the form stands that the answer must have.
    pub format: Option<Span>,
    /// The whole prompt is to be cached.
    pub mark: Option<Mark>,
    /// What stands around a gap is given, to fill it in: as a `suffix`, or by the marks of a model that was trained on gaps.
    pub fills: bool,
    /// Texts are given at which the answer is to stop.
    pub stops: bool,
    /// The provider puts into the prompt what is not in the call: of tools that it runs itself, of a prompt that it keeps.
    pub adds: bool,
}

impl Asks {
    pub(super) fn read(fields: &Fields<'_>) -> Self {
        let raw = |key: &str| {
            let text = fields.get(key).map(|span| &fields.text[span]);
            text.filter(|raw| *raw != "null")
        };
        let string = |key: &str| raw(key).and_then(|raw| serde_json::from_str(raw).ok());
        Self {
            previous: string("previous_response_id"),
            stores: raw("store") != Some("false"),
            background: raw("background") == Some("true"),
            conversation: raw("conversation").and_then(name),
            user: string("safety_identifier").or_else(|| string("user")),
            format: fields.first(&["response_format", "output_config", "text"]),
            mark: raw("cache_control").and_then(Mark::of),
            fills: raw("prompt").is_some_and(|prompt| raw("suffix").is_some() || is_marked(prompt)),
            stops: ["stop", "stop_sequences"]
                .iter()
                .any(|key| raw(key).is_some_and(|raw| raw != "[]")),
            adds: fields.hosted
                || raw("prompt").is_some_and(|prompt| prompt.starts_with('{'))
                || ADDING
                    .iter()
                    .any(|key| raw(key).is_some_and(|raw| raw != "[]")),
        }
    }
}

/// Fields by which a provider is asked to look for more itself: OpenAI's, Anthropic's, xAI's, OpenRouter's.
const ADDING: [&str; 4] = [
    "web_search_options",
    "mcp_servers",
    "search_parameters",
    "plugins",
];

/// Whether a prompt has the marks by which models know a gap; clients write them where a server takes no `suffix`.
fn is_marked(prompt: &str) -> bool {
    const MARKS: [&str; 5] = [
        "fim_prefix",
        "fim_suffix",
        "fim\u{2581}",
        "<PRE>",
        "[SUFFIX]",
    ];
    let found = |mark: &&str| memchr::memmem::find(prompt.as_bytes(), mark.as_bytes()).is_some();
    MARKS.iter().any(found)
}

/// A name, or an object that has it as its id.
fn name(raw: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Named {
        id: String,
    }
    let named = || serde_json::from_str::<Named>(raw).ok().map(|it| it.id);
    serde_json::from_str(raw).ok().or_else(named)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use crate::domain::dialect::Endpoint;
    use crate::protocol::call::Call;

    #[test]
    fn what_a_provider_adds_is_told_by_its_tools_and_fields() {
        let adds = |field: &str| {
            let body = format!(r#"{{"model":"m","messages":[],{field}}}"#);
            let call = Call::read(Endpoint::Responses, Bytes::from(body), 64);
            call.expect("a valid body").asks.adds
        };

        for field in [
            r#""tools":[{"type":"function","name":"f"},{"name":"s","type":"web_search"}]"#,
            r#""tools":[{"type":"bash_20250124","name":"bash"}]"#,
            r#""mcp_servers":[{"type":"url","url":"https://h"}]"#,
            r#""web_search_options":{}"#,
            r#""prompt":{"id":"pmpt_1"}"#,
        ] {
            assert!(adds(field), "{field}");
        }
        for field in [
            r#""tools":[{"name":"f","input_schema":{"type":"object"}}]"#,
            r#""tools":[{"type":"function","function":{"name":"f"}},{"type":"custom","name":"g"}]"#,
            r#""mcp_servers":[],"plugins":null,"prompt":"x""#,
        ] {
            assert!(!adds(field), "{field}");
        }
    }
}
