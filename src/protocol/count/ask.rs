//! How a target is asked to count, and what it says: every dialect has a door and a word of its own for it.

use serde::Deserialize;

use crate::domain::dialect::Dialect;
use crate::domain::tokens::TokenCount;
use crate::protocol::scan::members;

/// The body that asks for a count, made of the body that would ask for an answer. Doors that count refuse what has nothing to do
/// with the prompt.
pub fn asking(dialect: Dialect, body: &str, model: &str) -> String {
    match dialect {
        Dialect::Gemini => {
            let name = model.strip_prefix("models/").unwrap_or(model);
            let name = quoted(&format!("models/{name}"));
            let rest = body.trim_start().strip_prefix('{').unwrap_or("}");
            let comma = if rest.trim_start() == "}" { "" } else { "," };
            format!(r#"{{"generateContentRequest":{{"model":{name}{comma}{rest}}}"#)
        }
        Dialect::Responses => only(
            body,
            &[
                "model",
                "input",
                "instructions",
                "tools",
                "tool_choice",
                "parallel_tool_calls",
                "text",
                "reasoning",
                "truncation",
            ],
        ),
        Dialect::Chat => only(body, &["model", "messages", "tools"]),
        Dialect::Messages => only(
            body,
            &[
                "model",
                "messages",
                "system",
                "tools",
                "tool_choice",
                "thinking",
                "output_config",
                "output_format",
                "context_management",
                "mcp_servers",
                "cache_control",
            ],
        ),
        Dialect::Completions => body.to_owned(),
    }
}

/// An object with these of its members alone.
fn only(body: &str, names: &[&str]) -> String {
    let mut kept = String::with_capacity(body.len());
    let read = members(body, |name, value| {
        if names.contains(&name) {
            kept.push(if kept.is_empty() { '{' } else { ',' });
            kept.push_str(&quoted(name));
            kept.push(':');
            kept.push_str(value);
        }
    });
    if !read || kept.is_empty() {
        return body.to_owned();
    }
    kept.push('}');
    kept
}

fn quoted(text: &str) -> String {
    serde_json::to_string(text).expect("a text is always JSON")
}

/// What a target counted, in whatever words: Anthropic's and OpenAI's, Google's, vLLM's.
pub fn told(body: &[u8]) -> Option<TokenCount> {
    #[derive(Deserialize)]
    struct Told {
        input_tokens: Option<u64>,
        #[serde(rename = "totalTokens")]
        total: Option<u64>,
        count: Option<u64>,
    }
    let told: Told = serde_json::from_slice(body).ok()?;
    told.input_tokens
        .or(told.total)
        .or(told.count)
        .map(TokenCount)
}

/// A count as Anthropic tells it.
pub fn answer(count: TokenCount) -> String {
    format!(r#"{{"input_tokens":{}}}"#, count.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_door_is_asked_for_no_more_than_it_takes() {
        let body =
            r#"{"model":"m","input":[{"a":"}"}],"stream":true,"max_output_tokens":9,"tools":[]}"#;
        assert_eq!(
            asking(Dialect::Responses, body, "m"),
            r#"{"model":"m","input":[{"a":"}"}],"tools":[]}"#
        );
        let body = r#"{"model":"m","messages":[],"max_tokens":9}"#;
        assert_eq!(
            asking(Dialect::Chat, body, "m"),
            r#"{"model":"m","messages":[]}"#
        );
        assert_eq!(
            asking(Dialect::Messages, body, "m"),
            r#"{"model":"m","messages":[]}"#
        );
        assert_eq!(asking(Dialect::Chat, "[]", "m"), "[]");
    }

    #[test]
    fn google_wants_the_whole_request_in_another() {
        for name in ["gemini-4", "models/gemini-4"] {
            let asked = asking(Dialect::Gemini, r#"{"contents":[]}"#, name);
            assert_eq!(
                asked,
                r#"{"generateContentRequest":{"model":"models/gemini-4","contents":[]}}"#
            );
        }
        assert_eq!(
            asking(Dialect::Gemini, "{}", "g"),
            r#"{"generateContentRequest":{"model":"models/g"}}"#
        );
    }

    #[test]
    fn every_target_says_it_in_a_word_of_its_own() {
        let count = |body: &str| told(body.as_bytes()).map(|count| count.0);

        assert_eq!(count(r#"{"input_tokens":7}"#), Some(7));
        assert_eq!(
            count(r#"{"object":"response.input_tokens","input_tokens":8}"#),
            Some(8)
        );
        assert_eq!(
            count(r#"{"totalTokens":9,"promptTokensDetails":[]}"#),
            Some(9)
        );
        assert_eq!(
            count(r#"{"count":3,"max_model_len":9,"tokens":[1,2,3]}"#),
            Some(3)
        );
        for none in [
            "{}",
            "[]",
            "",
            r#"{"input_tokens":-1}"#,
            r#"{"error":{"message":"no"}}"#,
        ] {
            assert_eq!(count(none), None, "{none}");
        }
    }
}
