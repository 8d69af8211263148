//! Tokens by class, as they are billed.

use std::ops::Add;

use serde::{Deserialize, Serialize};

/// A number of tokens.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct TokenCount(pub u64);

impl Add for TokenCount {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl TokenCount {
    /// The difference, zero at least.
    #[must_use]
    pub fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

/// What one attempt used. The classes do not overlap, but for `reasoning`, which is a part of `output`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Prompt tokens that were neither read from a cache nor written to one.
    pub input: TokenCount,
    /// Prompt tokens read from the provider's cache.
    pub cache_read: TokenCount,
    /// Prompt tokens written to the cache for its short life (5 or 30 minutes, by provider).
    #[serde(rename = "cache_write_5m")]
    pub cache_write_short: TokenCount,
    /// Prompt tokens written to the cache for its long life (1 or 12 hours, by provider).
    #[serde(rename = "cache_write_1h")]
    pub cache_write_long: TokenCount,
    /// Tokens that the model wrote, reasoning included.
    pub output: TokenCount,
    /// The part of `output` that was reasoning.
    pub reasoning: TokenCount,
}

impl Add for Usage {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            input: self.input + other.input,
            cache_read: self.cache_read + other.cache_read,
            cache_write_short: self.cache_write_short + other.cache_write_short,
            cache_write_long: self.cache_write_long + other.cache_write_long,
            output: self.output + other.output,
            reasoning: self.reasoning + other.reasoning,
        }
    }
}

impl Usage {
    /// The whole prompt, cached or not: what price tiers look at.
    pub fn prompt(&self) -> TokenCount {
        self.input + self.cache_read + self.cache_write_short + self.cache_write_long
    }
}
