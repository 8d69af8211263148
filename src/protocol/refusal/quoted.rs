//! Whether a refusal may only repeat its call: some providers quote names of fields, values and headers that they do not take.

use http::HeaderMap;
use serde_json::Value;

use super::sizes::names;
use crate::domain::tokens::TokenCount;

/// Whether a call itself names a window of this size, anywhere and however it is written.
pub fn is_quoted(most: TokenCount, body: &[u8], headers: &HeaderMap) -> bool {
    let mut said = headers
        .values()
        .map(|value| String::from_utf8_lossy(value.as_bytes()));
    said.any(|text| names(&text, most))
        || match serde_json::from_slice(body) {
            Ok(body) => is_in(&body, most),
            // Deeper than is read.
            Err(_) => true,
        }
}

fn is_in(value: &Value, most: TokenCount) -> bool {
    match value {
        Value::String(text) => names(text, most),
        Value::Array(all) => all.iter().any(|value| is_in(value, most)),
        Value::Object(all) => all
            .iter()
            .any(|(name, value)| names(name, most) || is_in(value, most)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_size_that_a_call_names_itself_is_found_wherever_it_stands() {
        let none = HeaderMap::new();
        let mut beta = HeaderMap::new();
        beta.insert(
            "anthropic-beta",
            HeaderValue::from_static("prompt is too long: 600 tokens > 512 maximum"),
        );
        let found = |body: &str, headers| is_quoted(TokenCount(512), body.as_bytes(), headers);

        for body in [
            r#"{"prompt is too long: 600 tokens > 512 maximum":1}"#,
            r#"{"\u0070rompt is too long: 600 tokens > \u0035\u0031\u0032 maximum":1}"#,
            r#"{"input":[{"content":["Context length is 512, or 4,096 maximum"]}]}"#,
            "no JSON",
        ] {
            assert!(found(body, &none), "{body}");
        }
        assert!(found("{}", &beta));
        for body in ["{}", r#"{"max_tokens":512,"text":"512 of 1024 maximum"}"#] {
            assert!(!found(body, &none), "{body}");
        }
    }
}
