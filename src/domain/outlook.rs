//! What may be expected of a model at this moment: how fast it is, what it has cached of a conversation.

use serde::Serialize;

use super::clock::Timestamp;
use super::tokens::TokenCount;

/// How fast a model answers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Pace {
    /// Milliseconds to the first byte: half of the calls wait longer.
    pub first_byte_ms: f64,
    /// One call in ten waits longer.
    pub first_byte_slow_ms: f64,
    /// Milliseconds for each token after that.
    pub token_ms: f64,
    /// How many calls this was learned from, old ones counted less.
    pub samples: f64,
}

impl Pace {
    /// Of a model that has not answered yet: what such services commonly take.
    pub const GUESS: Self = Self {
        first_byte_ms: 900.0,
        first_byte_slow_ms: 2_500.0,
        token_ms: 15.0,
        samples: 0.0,
    };

    /// Milliseconds to the end of an answer of this length.
    pub fn whole_ms(&self, output: TokenCount) -> f64 {
        self.first_byte_ms + self.token_ms * output.0 as f64
    }
}

/// What a provider has cached of a conversation for one model.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Warm {
    /// Tokens of the prompt that it need not read again.
    pub tokens: TokenCount,
    /// Until when.
    pub until: Timestamp,
    /// The chance that it is there, until then.
    pub sure: f64,
}
