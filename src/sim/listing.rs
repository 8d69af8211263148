//! What a target tells about itself: its models in three shapes, its health, its load as vLLM would put it.

use super::json::{Quoted, put};
use super::profile::Profile;
use crate::domain::dialect::Dialect;

/// The date that every simulated model was made, in both forms.
const MADE: (i64, &str) = (1_767_225_600, "2026-01-01T00:00:00Z");

fn entry(model: &str, window: u64, dialect: Dialect, out: &mut String) {
    let name = Quoted(model);
    let (seconds, date) = MADE;
    match dialect {
        Dialect::Messages => put!(
            out,
            r#"{{"type":"model","id":{name},"display_name":{name},"created_at":"{date}","lifecycle":"active","deprecated_at":null,"retires_at":null,"max_input_tokens":{window}}}"#
        ),
        Dialect::Gemini => put!(
            out,
            r#"{{"name":{},"version":"001","displayName":{name},"inputTokenLimit":{window},"outputTokenLimit":65536,"supportedGenerationMethods":["generateContent","countTokens"],"thinking":true}}"#,
            Quoted(&format!("models/{model}"))
        ),
        _ => put!(
            out,
            r#"{{"id":{name},"object":"model","created":{seconds},"owned_by":"sim","max_model_len":{window}}}"#
        ),
    }
}

/// All models.
pub(super) fn all(profile: &Profile, dialect: Dialect) -> String {
    let mut out = String::from(match dialect {
        Dialect::Gemini => r#"{"models":["#,
        _ => r#"{"data":["#,
    });
    for (at, model) in profile.models.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        entry(model, profile.window, dialect, &mut out);
    }
    match dialect {
        Dialect::Gemini => out.push_str("]}"),
        Dialect::Messages => {
            let id = |model: Option<&String>| {
                model.map_or("null".to_owned(), |id| Quoted(id).to_string())
            };
            let (first, last) = (id(profile.models.first()), id(profile.models.last()));
            put!(
                out,
                r#"],"has_more":false,"first_id":{first},"last_id":{last}}}"#
            );
        }
        _ => out.push_str(r#"],"object":"list"}"#),
    }
    out
}

/// One model, or nothing where it is not known.
pub(super) fn one(profile: &Profile, model: &str, dialect: Dialect) -> Option<String> {
    let mut out = String::new();
    entry(model, profile.window, dialect, &mut out);
    profile.knows(model).then_some(out)
}

/// A few of vLLM's metrics: what a load reader looks at.
pub(super) fn metrics(running: usize) -> String {
    format!(
        "# TYPE vllm:num_requests_running gauge\nvllm:num_requests_running {running}\n\
         # TYPE vllm:num_requests_waiting gauge\nvllm:num_requests_waiting 0\n\
         # TYPE vllm:kv_cache_usage_perc gauge\nvllm:kv_cache_usage_perc {:.2}\n",
        running.min(64) as f64 / 64.0
    )
}
