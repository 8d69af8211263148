//! Usage in the words of each dialect.

use serde::Serialize;

use crate::domain::tokens::Usage;

/// Chat's counts: what was cached is inside the prompt, reasoning inside the completion.
#[derive(Debug, Serialize)]
pub(super) struct ChatCounts {
    prompt_tokens: u64,
    completion_tokens: u64,
    total_tokens: u64,
    prompt_tokens_details: Cached,
    completion_tokens_details: Reasoned,
}

/// Responses' counts: the same under other names.
#[derive(Debug, Serialize)]
pub(super) struct ResponsesCounts {
    input_tokens: u64,
    input_tokens_details: Cached,
    output_tokens: u64,
    output_tokens_details: Reasoned,
    total_tokens: u64,
}

#[derive(Debug, Serialize)]
struct Cached {
    cached_tokens: u64,
    #[serde(skip_serializing_if = "is_zero")]
    cache_write_tokens: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_write_tokens_details: Option<Written>,
}

/// How long what was written to the cache lives.
#[derive(Debug, Serialize)]
struct Written {
    ttl_30m_tokens: u64,
    ttl_12h_tokens: u64,
}

#[derive(Debug, Serialize)]
struct Reasoned {
    reasoning_tokens: u64,
}

/// Anthropic's counts: caches beside the input.
#[derive(Debug, Serialize)]
pub(super) struct MessagesCounts {
    input_tokens: u64,
    cache_creation_input_tokens: u64,
    cache_read_input_tokens: u64,
    cache_creation: Created,
    output_tokens: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_tokens_details: Option<Thought>,
}

#[derive(Debug, Serialize)]
struct Created {
    ephemeral_5m_input_tokens: u64,
    ephemeral_1h_input_tokens: u64,
}

#[derive(Debug, Serialize)]
struct Thought {
    thinking_tokens: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl Cached {
    fn of(usage: &Usage) -> Self {
        let (short, long) = (usage.cache_write_short, usage.cache_write_long);
        let written = Written {
            ttl_30m_tokens: short.0,
            ttl_12h_tokens: long.0,
        };
        Self {
            cached_tokens: usage.cache_read.0,
            cache_write_tokens: (short + long).0,
            cache_write_tokens_details: (long.0 > 0).then_some(written),
        }
    }
}

impl From<Usage> for ChatCounts {
    fn from(usage: Usage) -> Self {
        Self {
            prompt_tokens: usage.prompt().0,
            completion_tokens: usage.output.0,
            total_tokens: (usage.prompt() + usage.output).0,
            prompt_tokens_details: Cached::of(&usage),
            completion_tokens_details: Reasoned {
                reasoning_tokens: usage.reasoning.0,
            },
        }
    }
}

impl From<Usage> for ResponsesCounts {
    fn from(usage: Usage) -> Self {
        Self {
            input_tokens: usage.prompt().0,
            input_tokens_details: Cached::of(&usage),
            output_tokens: usage.output.0,
            output_tokens_details: Reasoned {
                reasoning_tokens: usage.reasoning.0,
            },
            total_tokens: (usage.prompt() + usage.output).0,
        }
    }
}

impl From<Usage> for MessagesCounts {
    fn from(usage: Usage) -> Self {
        let thought = Thought {
            thinking_tokens: usage.reasoning.0,
        };
        Self {
            input_tokens: usage.input.0,
            cache_creation_input_tokens: (usage.cache_write_short + usage.cache_write_long).0,
            cache_read_input_tokens: usage.cache_read.0,
            cache_creation: Created {
                ephemeral_5m_input_tokens: usage.cache_write_short.0,
                ephemeral_1h_input_tokens: usage.cache_write_long.0,
            },
            output_tokens: usage.output.0,
            output_tokens_details: (usage.reasoning.0 > 0).then_some(thought),
        }
    }
}
