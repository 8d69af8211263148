//! What may be expected of a model at this moment: how fast it is, what it has cached of a conversation.

use std::borrow::Cow;

use serde::Serialize;

use super::belief::Belief;
use super::clock::Timestamp;
use super::ids::{ModelId, TargetId};
use super::money::NanoUsd;
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

/// How long prompts are for a model, beside what we make of their bytes: 3.5 for a token.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Length {
    /// Its tokens for one of ours.
    pub factor: f64,
    /// Hardly any prompt is longer than that by more than this factor, or shorter.
    pub margin: f64,
}

impl Length {
    /// Of a model that has not answered yet.
    pub const GUESS: Self = Self {
        factor: 1.0,
        margin: 1.3,
    };

    /// How long a prompt is for it that we take for so long.
    pub fn likely(&self, prompt: TokenCount) -> TokenCount {
        scaled(prompt, self.factor)
    }

    /// How long at the most.
    pub fn most(&self, prompt: TokenCount) -> TokenCount {
        scaled(prompt, self.factor * self.margin)
    }

    /// How long at the least.
    pub fn least(&self, prompt: TokenCount) -> TokenCount {
        scaled(prompt, self.factor / self.margin)
    }
}

fn scaled(tokens: TokenCount, by: f64) -> TokenCount {
    // What a recorded decision was made by may be another hand's: a number that is none scales nothing.
    let by = if by.is_finite() { by.max(0.0) } else { 1.0 };
    TokenCount((tokens.0 as f64 * by).round() as u64)
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

/// Where a conversation stands.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Standing {
    /// How hard its work is thought to be by now.
    pub belief: Belief,
    /// The model that answered last, unless changing costs nothing: a new conversation, a compacted or a cold one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current: Option<ModelId>,
    /// The provider binds what comes now to the model that answered last.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub bound: bool,
    /// It is bound, and sealed: nobody else could read what the model thought before it called the tool.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub sealed: bool,
    /// The target at which the answer lies that the call goes on from: it is nowhere else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lies_at: Option<TargetId>,
    /// What is cached, for every model that was visited.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warm: Vec<(ModelId, Warm)>,
    /// By how many tokens a turn makes the prompt longer.
    pub growth: TokenCount,
    /// How often a model has answered since the person spoke.
    #[serde(skip_serializing_if = "is_none")]
    pub steps: u32,
    /// How far what was seen of the work moves the mean of the belief.
    #[serde(skip_serializing_if = "is_nothing")]
    pub moved: f64,
    /// The same for the logarithm of its variance.
    #[serde(skip_serializing_if = "is_nothing")]
    pub wider: f64,
    /// What was seen, and how often.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub signs: Vec<(Cow<'static, str>, u16)>,
}

/// Of a conversation that begins.
impl Default for Standing {
    fn default() -> Self {
        Self {
            belief: Belief::WIDE,
            current: None,
            bound: false,
            sealed: false,
            lies_at: None,
            warm: Vec::new(),
            growth: TokenCount(2_500),
            steps: 0,
            moved: 0.0,
            wider: 0.0,
            signs: Vec::new(),
        }
    }
}

impl Standing {
    /// Takes what a classifier says of the work, and lets what was seen since then move it.
    pub fn believe(&mut self, said: Belief) {
        self.belief = Belief {
            mean: said.mean + self.moved,
            variance: said.variance * self.wider.exp(),
        };
    }

    /// What a model has cached now.
    pub fn warm(&self, model: &ModelId, at: Timestamp) -> Option<&Warm> {
        let warm = self.warm.iter().find(|(id, _)| id == model);
        warm.map(|(_, warm)| warm).filter(|warm| warm.until > at)
    }
}

/// How targets do.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Outlook {
    /// How fast models answer.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub pace: Vec<(ModelId, Pace)>,
    /// How long prompts are for models that have answered.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub lengths: Vec<(ModelId, Length)>,
    /// Windows of models that are smaller than configured, as their targets say.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub windows: Vec<(ModelId, TokenCount)>,
    /// How busy own machines are: 0 is idle, 1 is full.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub load: Vec<(TargetId, f64)>,
    /// What a second of a place at them is worth to other calls, where that is anything.
    #[serde(rename = "second_nano_usd", skip_serializing_if = "Vec::is_empty")]
    pub worth: Vec<(TargetId, NanoUsd)>,
}

fn is_none(count: &u32) -> bool {
    *count == 0
}

/// What is nothing is not written down: most conversations have shown nothing yet.
fn is_nothing(number: &f64) -> bool {
    *number == 0.0
}

impl Outlook {
    /// How fast a model answers.
    pub fn pace(&self, model: &ModelId) -> Pace {
        let pace = self.pace.iter().find(|(id, _)| id == model);
        pace.map_or(Pace::GUESS, |(_, pace)| *pace)
    }

    /// How long prompts are for a model.
    pub fn length(&self, model: &ModelId) -> Length {
        let length = self.lengths.iter().find(|(id, _)| id == model);
        length.map_or(Length::GUESS, |(_, length)| *length)
    }

    /// How much fits into a model, where anybody knows it.
    pub fn window(&self, model: &ModelId, configured: Option<TokenCount>) -> Option<TokenCount> {
        let told = self.windows.iter().find(|(id, _)| id == model);
        let told = told.map(|(_, window)| *window);
        told.into_iter().chain(configured).min()
    }

    /// How busy a target is.
    pub fn load(&self, target: &TargetId) -> f64 {
        let load = self.load.iter().find(|(id, _)| id == target);
        load.map_or(0.0, |(_, load)| load.clamp(0.0, 1.0))
    }

    /// What a second of a place at a target is worth to other calls.
    pub fn worth(&self, target: &TargetId) -> NanoUsd {
        let worth = self.worth.iter().find(|(id, _)| id == target);
        worth.map_or(NanoUsd::ZERO, |(_, worth)| *worth)
    }
}
