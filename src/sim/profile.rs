//! What kind of target is simulated: its models, its key, its pace.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::part::Part;
use super::strict::Strictness;
use crate::domain::clock::Clock;

/// Where the Chat dialect shows what the model thinks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Thoughts {
    /// Nowhere, as OpenAI itself.
    Hidden,
    /// In `reasoning_content`, as DeepSeek, llama.cpp and many more.
    ReasoningContent,
    /// In `reasoning`, as newer versions of vLLM and OpenRouter.
    Reasoning,
}

/// One simulated target. Start from a preset and change what matters.
#[derive(Clone, Debug)]
pub struct Profile {
    /// The models that it knows; with none, every name is known.
    pub models: Vec<String>,
    /// Models that it knows as well, and does not list: second names.
    pub unlisted: Vec<String>,
    /// The key that callers must show; with none, nobody is asked.
    pub key: Option<String>,
    /// From the whole request to the first byte of the answer.
    pub first_byte: Duration,
    /// Added to `first_byte` for every 1,000 prompt tokens that were not cached.
    pub prefill: Duration,
    /// Between one token and the next.
    pub per_token: Duration,
    /// Texts, token counts and tool arguments follow from it.
    pub seed: u64,
    /// How many tokens an answer in words has.
    pub words: RangeInclusive<u64>,
    /// What it says and does where made-up words will not do.
    pub part: Option<Part>,
    /// The most prompt tokens that fit; a longer prompt is refused as the dialect does.
    pub window: u64,
    /// Tells (and would bill) cache writes in the OpenAI dialects too.
    pub cache_writes: bool,
    /// How many lines the bill keeps, the newest ones.
    pub keep_bill: usize,
    /// How many requests are kept to the byte, the newest ones; 0 under load.
    pub keep_requests: usize,
    /// How much it puts up with.
    pub strictness: Strictness,
    /// Where the Chat dialect shows thoughts.
    pub thoughts: Thoughts,
    /// Signs what it thinks in the Messages dialect; own servers leave the place empty.
    pub signs: bool,
    /// Names the calls of an answer in the Chat dialect by their place in it, as some own servers do; another answer has the same
    /// names again.
    pub counts_calls: bool,
    /// What seals and ids are made with. Without, each target has a secret of its own and no other opens its seals.
    pub secret: Option<u64>,
    /// Tells the time that cache entries live by.
    pub clock: Clock,
}

impl Profile {
    /// A small own model on a GPU nearby: a fast first byte, about 120 tokens a second.
    pub fn own() -> Self {
        Self {
            models: vec!["base1-coder".to_owned()],
            first_byte: Duration::from_millis(60),
            prefill: Duration::from_millis(40),
            per_token: Duration::from_millis(8),
            window: 131_072,
            strictness: Strictness::Lenient,
            ..Self::instant()
        }
    }

    /// A provider's large models: a slower first byte, about 65 tokens a second.
    pub fn frontier() -> Self {
        let models = ["claude-opus-5-5", "claude-sonnet-5-5", "claude-haiku-5-5"];
        Self {
            models: models.map(str::to_owned).to_vec(),
            first_byte: Duration::from_millis(450),
            prefill: Duration::from_millis(60),
            per_token: Duration::from_millis(15),
            cache_writes: true,
            seed: 2,
            strictness: Strictness::Lenient,
            ..Self::instant()
        }
    }

    /// For tests: no waiting at all, every model known, the last thousand requests kept, as strict as a real server.
    pub fn instant() -> Self {
        Self {
            models: Vec::new(),
            unlisted: Vec::new(),
            key: None,
            first_byte: Duration::ZERO,
            prefill: Duration::ZERO,
            per_token: Duration::ZERO,
            seed: 1,
            words: 20..=200,
            part: None,
            window: 1_000_000,
            cache_writes: false,
            keep_bill: 200_000,
            keep_requests: 1_000,
            strictness: Strictness::Server,
            thoughts: Thoughts::Hidden,
            signs: true,
            counts_calls: false,
            secret: None,
            clock: Clock::system(),
        }
    }

    pub(super) fn knows(&self, model: &str) -> bool {
        let mut known = self.models.iter().chain(&self.unlisted);
        self.models.is_empty() || known.any(|known| known == model)
    }
}
