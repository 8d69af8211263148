//! What an answer says it used.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::domain::tokens::{TokenCount, Usage};
use crate::protocol::usage::{Told, believe};

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct Counts {
    prompt_token_count: Option<u64>,
    tool_use_prompt_token_count: Option<u64>,
    cached_content_token_count: Option<u64>,
    candidates_token_count: Option<u64>,
    thoughts_token_count: Option<u64>,
}

/// Reads `usageMetadata`. Thoughts stand beside what was said, what was cached inside the prompt; nothing where the counts cannot be.
pub fn usage(raw: &RawValue) -> Option<Usage> {
    let counts: Counts = serde_json::from_str(raw.get()).ok()?;
    let cached = counts.cached_content_token_count.unwrap_or(0);
    let tools = counts.tool_use_prompt_token_count.unwrap_or(0);
    let prompt = counts.prompt_token_count?.checked_add(tools)?;
    let reasoning = counts.thoughts_token_count.unwrap_or(0);
    let said = counts.candidates_token_count.unwrap_or(0);
    let usage = Usage {
        input: TokenCount(prompt.checked_sub(cached)?),
        cache_read: TokenCount(cached),
        output: TokenCount(said.checked_add(reasoning)?),
        reasoning: TokenCount(reasoning),
        ..Usage::default()
    };
    match believe(usage) {
        Told::Usage(usage) => Some(usage),
        Told::Rejected => None,
    }
}
