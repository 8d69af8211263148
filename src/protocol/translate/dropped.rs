//! What is left out on the way, and why. Each reader and writer notes here what it cannot carry.

use serde::Serialize;

use crate::domain::closed::closed;

/// Different names of unknown fields that are kept; the others are only counted.
const NAMES: usize = 32;

closed!(
    /// What was left out.
    Field {
        /// A field that we do not know.
        Unknown = "unknown",
        /// Sealed state of a provider: signatures, encrypted reasoning.
        Sealed = "sealed_state",
        /// What a model thought.
        Thought = "thought",
        /// Marks of what is to be cached.
        CacheMark = "cache_mark",
        /// What groups calls for a cache.
        CacheKey = "cache_key",
        /// How a cache works otherwise.
        CacheOptions = "cache_options",
        /// Where words come from.
        Citation = "citation",
        /// What a caller says of a document.
        DocumentContext = "document_context",
        /// How closely a picture is looked at.
        Detail = "detail",
        /// A picture.
        Image = "image",
        /// A document.
        Document = "document",
        /// A block that only one dialect knows.
        Block = "block",
        /// A tool that only one dialect knows.
        Tool = "tool",
        /// The grammar of a custom tool.
        Grammar = "grammar",
        /// That input must keep to its schema exactly.
        Strict = "strict",
        /// That a tool is found by search only.
        Deferred = "deferred",
        /// Which tools may or must be used.
        Choice = "tool_choice",
        /// Whether several calls at once are allowed.
        Parallel = "parallel_tool_calls",
        /// The form of the answer.
        Format = "format",
        /// Texts that end the answer.
        Stop = "stop",
        /// `temperature`.
        Temperature = "temperature",
        /// `top_p`.
        TopP = "top_p",
        /// `top_k`.
        TopK = "top_k",
        /// Penalties.
        Penalty = "penalty",
        /// `seed`.
        Seed = "seed",
        /// How much is tried.
        Effort = "effort",
        /// How thinking is bounded.
        Thinking = "thinking",
        /// What is shown of reasoning.
        Show = "reasoning_shown",
        /// How much is said.
        Verbosity = "verbosity",
        /// How soon, and at what price.
        Tier = "service_tier",
        /// Who asks.
        User = "user",
        /// Words for later.
        Metadata = "metadata",
        /// Whether the provider keeps the answer.
        Store = "store",
        /// The answer that a call goes on from.
        Previous = "previous_response_id",
        /// How many answers.
        Choices = "choices",
        /// How likely words were.
        Logprobs = "logprobs",
        /// Which words are more or less wanted.
        LogitBias = "logit_bias",
        /// Ids of items.
        Item = "item_id",
        /// The name of a speaker.
        Name = "name",
        /// What comes behind a gap.
        Suffix = "suffix",
        /// An empty text or passage.
        Empty = "empty",
        /// A line that a client adds for its own provider's billing.
        Billing = "billing_header",
        /// That the provider itself looks over what tools may do.
        Safeguards = "safeguards",
        /// The most tokens of an answer.
        MaxOutput = "max_output",
    }
);

impl Field {
    /// What a field at the top of a body is that only its own dialect can take.
    pub fn of_extra(name: &str) -> Self {
        match name {
            "n" => Self::Choices,
            "logprobs" | "top_logprobs" => Self::Logprobs,
            "logit_bias" => Self::LogitBias,
            "cache_control" | "prompt_cache_options" | "prompt_cache_retention" => {
                Self::CacheOptions
            }
            "thinking" => Self::Thinking,
            "safeguards" => Self::Safeguards,
            _ => Self::Unknown,
        }
    }
}

closed!(
    /// Why it was left out.
    Why {
        /// The dialect has no place for it.
        NoPlace = "no_place",
        /// It belongs to another provider.
        Foreign = "foreign",
        /// We do not know what it means.
        Unknown = "unknown",
        /// The target's models cannot do it.
        Unable = "unable",
        /// There is more of it than the dialect takes.
        Limit = "limit",
        /// It says nothing, or only what holds anyway.
        Idle = "idle",
    }
);

/// One thing that was left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Loss {
    /// What.
    pub field: Field,
    /// Why.
    pub why: Why,
    /// Its name, where the field alone does not say it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Box<str>>,
    /// How often.
    pub times: u32,
}

/// All that was left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Dropped(Vec<Loss>);

impl Dropped {
    /// Notes one.
    pub fn note(&mut self, field: Field, why: Why) {
        self.add(field, why, None, 1);
    }

    /// Notes one where `there` is something.
    pub fn note_if(&mut self, there: bool, field: Field, why: Why) {
        if there {
            self.note(field, why);
        }
    }

    /// Notes one that has a name.
    pub fn named(&mut self, field: Field, why: Why, name: &str) {
        let full = self.0.iter().filter(|loss| loss.name.is_some()).count() >= NAMES;
        let name = (!full).then_some(name);
        self.add(field, why, name, 1);
    }

    fn add(&mut self, field: Field, why: Why, name: Option<&str>, times: u32) {
        let same =
            |loss: &&mut Loss| (loss.field, loss.why, loss.name.as_deref()) == (field, why, name);
        match self.0.iter_mut().find(same) {
            Some(loss) => loss.times = loss.times.saturating_add(times),
            None => self.0.push(Loss {
                field,
                why,
                name: name.map(Box::from),
                times,
            }),
        }
    }

    /// Adds what another has noted.
    pub fn extend(&mut self, other: &Self) {
        for Loss {
            field,
            why,
            name,
            times,
        } in &other.0
        {
            self.add(*field, *why, name.as_deref(), *times);
        }
    }

    /// Everything, in the order in which it was first met.
    pub fn iter(&self) -> impl Iterator<Item = &Loss> {
        self.0.iter()
    }

    /// Nothing was left out.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_loss_is_counted_and_not_listed_twice() {
        let mut dropped = Dropped::default();

        dropped.note(Field::TopK, Why::NoPlace);
        dropped.named(Field::Unknown, Why::Unknown, "x");
        dropped.note(Field::TopK, Why::NoPlace);

        let brief: Vec<_> = dropped
            .iter()
            .map(|loss| (loss.field.as_str(), loss.name.as_deref(), loss.times))
            .collect();
        assert_eq!(brief, [("top_k", None, 2), ("unknown", Some("x"), 1)]);
    }

    #[test]
    fn names_without_end_are_only_counted() {
        let mut dropped = Dropped::default();

        for number in 0..1_000 {
            dropped.named(Field::Unknown, Why::Unknown, &number.to_string());
        }

        let times: u32 = dropped.iter().map(|loss| loss.times).sum();
        assert_eq!((dropped.iter().count(), times), (NAMES + 1, 1_000));
    }
}
