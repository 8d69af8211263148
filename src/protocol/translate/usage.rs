//! Usage in the caller's words, of whole answers and of streams; the reading of it is in [`crate::protocol::usage`].

use serde::Serialize;

use crate::domain::tokens::Usage;

/// Chat Completions' counts: what was cached is a part of the prompt.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct ChatUsage {
    prompt_tokens: u64,
    completion_tokens: u64,
    total_tokens: u64,
    prompt_tokens_details: PromptDetails,
    completion_tokens_details: OutputDetails,
}

/// Responses' counts.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct ResponsesUsage {
    input_tokens: u64,
    input_tokens_details: PromptDetails,
    output_tokens: u64,
    output_tokens_details: OutputDetails,
    total_tokens: u64,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct PromptDetails {
    cached_tokens: u64,
    cache_write_tokens: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_write_tokens_details: Option<WriteDetails>,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct WriteDetails {
    ttl_30m_tokens: u64,
    ttl_12h_tokens: u64,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct OutputDetails {
    reasoning_tokens: u64,
}

/// Anthropic's counts: what was cached stands beside the input.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct MessagesUsage<'a> {
    input_tokens: u64,
    cache_creation_input_tokens: u64,
    cache_read_input_tokens: u64,
    cache_creation: CacheCreation,
    output_tokens: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_tokens_details: Option<ThinkingDetails>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_tier: Option<&'a str>,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct CacheCreation {
    ephemeral_5m_input_tokens: u64,
    ephemeral_1h_input_tokens: u64,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct ThinkingDetails {
    thinking_tokens: u64,
}

fn prompt_details(usage: &Usage) -> PromptDetails {
    let written = usage.cache_write_short + usage.cache_write_long;
    PromptDetails {
        cached_tokens: usage.cache_read.0,
        cache_write_tokens: written.0,
        cache_write_tokens_details: (usage.cache_write_long.0 > 0).then_some(WriteDetails {
            ttl_30m_tokens: usage.cache_write_short.0,
            ttl_12h_tokens: usage.cache_write_long.0,
        }),
    }
}

impl From<&Usage> for ChatUsage {
    fn from(usage: &Usage) -> Self {
        let (prompt, output) = (usage.prompt(), usage.output);
        Self {
            prompt_tokens: prompt.0,
            completion_tokens: output.0,
            total_tokens: (prompt + output).0,
            prompt_tokens_details: prompt_details(usage),
            completion_tokens_details: OutputDetails {
                reasoning_tokens: usage.reasoning.0,
            },
        }
    }
}

impl From<&Usage> for ResponsesUsage {
    fn from(usage: &Usage) -> Self {
        let (prompt, output) = (usage.prompt(), usage.output);
        Self {
            input_tokens: prompt.0,
            input_tokens_details: prompt_details(usage),
            output_tokens: output.0,
            output_tokens_details: OutputDetails {
                reasoning_tokens: usage.reasoning.0,
            },
            total_tokens: (prompt + output).0,
        }
    }
}

impl<'a> MessagesUsage<'a> {
    /// The counts, and the tier that the target says it served.
    pub(super) fn of(usage: &Usage, service_tier: Option<&'a str>) -> Self {
        let (short, long) = (usage.cache_write_short, usage.cache_write_long);
        let reasoning = usage.reasoning.0;
        Self {
            input_tokens: usage.input.0,
            cache_creation_input_tokens: (short + long).0,
            cache_read_input_tokens: usage.cache_read.0,
            cache_creation: CacheCreation {
                ephemeral_5m_input_tokens: short.0,
                ephemeral_1h_input_tokens: long.0,
            },
            output_tokens: usage.output.0,
            output_tokens_details: (reasoning > 0).then_some(ThinkingDetails {
                thinking_tokens: reasoning,
            }),
            service_tier,
        }
    }
}
