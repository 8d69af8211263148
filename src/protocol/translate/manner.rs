//! How a target wants to be spoken to, beyond its dialect: what a writer must know of it. Data, so that writers have no branches for servers.

use super::asked::Effort;
use super::dropped::{Dropped, Field, Why};
use super::sealed::Owner;
use crate::domain::dialect::Dialect;
use crate::domain::kind::habits::{CallIds, Quiet, StreamUsage};

pub use crate::domain::kind::habits::Thoughts;

/// How a target wants to be spoken to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manner {
    /// Whose sealed state may go to it.
    pub owner: Owner<'static>,
    /// Its models call tools.
    pub tools: bool,
    /// Its models can be made to call one.
    pub forced_tools: bool,
    /// Its models see pictures.
    pub images: bool,
    /// Its models read documents.
    pub documents: bool,
    /// It keeps answers to a schema.
    pub structured_output: bool,
    /// It fills gaps by itself.
    pub fim: bool,
    /// Instructions in the middle of a conversation are taken as such.
    pub inline_system: bool,
    /// It knows the role `developer`.
    pub developer: bool,
    /// Contents must be plain texts where they can be.
    pub plain_text: bool,
    /// Speakers must alternate.
    pub alternate: bool,
    /// The conversation may end with words of the model, which it then goes on with.
    pub prefill: bool,
    /// `temperature` and its kind are taken.
    pub sampling: bool,
    /// Reasoning can be asked for.
    pub reasoning: bool,
    /// The words for effort that it knows, from little to much.
    pub efforts: Vec<Effort>,
    /// Thinking cannot be switched off.
    pub always_thinks: bool,
    /// How thinking is switched off, in the chat dialect.
    pub quiet: Quiet,
    /// What thoughts that nobody signs are given back in; in Anthropic's dialect there is one way.
    pub thoughts: Thoughts,
    /// Fields are taken that only OpenAI itself has: tiers, cache keys, who asks, what is stored.
    pub vendor_fields: bool,
    /// The fields that it knows in the chat dialect, where any other makes it refuse the call.
    pub fields: Option<&'static [&'static str]>,
    /// It keeps answers to a schema, not only to JSON.
    pub schemas: bool,
    /// How it tells the usage of a stream, in the chat dialect.
    pub usage: StreamUsage,
    /// The ids of calls that it takes.
    pub call_ids: CallIds,
    /// The most output is asked for by the older name, in the chat dialect.
    pub max_tokens: bool,
    /// Tools that take a text of their own are taken as such.
    pub custom_tools: bool,
    /// Places to cache are marked where the caller marked none.
    pub marks: bool,
    /// Calls that somebody else made need a stand-in for their signature: Gemini 3 and later.
    pub signed_calls: bool,
    /// Thinking is bounded by a number of tokens rather than a word: Gemini 2.5, older models of Anthropic.
    pub budgets: bool,
    /// The most output, where the dialect must have one and the caller said none.
    pub max_output: u64,
    /// The most output that its models have, where that is known.
    pub most_output: Option<u64>,
}

impl Manner {
    /// What is usual for a target of a dialect that nothing more is known of.
    pub fn of(dialect: Dialect) -> Self {
        let openai = dialect == Dialect::Responses;
        let anthropic = dialect == Dialect::Messages;
        let google = dialect == Dialect::Gemini;
        Self {
            owner: Owner::of(dialect),
            tools: true,
            forced_tools: true,
            images: true,
            documents: anthropic || google || openai,
            structured_output: true,
            fim: dialect == Dialect::Completions,
            inline_system: openai || dialect == Dialect::Chat,
            developer: openai,
            plain_text: false,
            alternate: anthropic || google,
            prefill: !google,
            sampling: true,
            reasoning: true,
            efforts: efforts(dialect),
            always_thinks: false,
            quiet: Quiet::Effort,
            thoughts: Thoughts::Ignored,
            fields: None,
            schemas: true,
            usage: StreamUsage::Asked,
            call_ids: CallIds::Usual,
            vendor_fields: openai,
            custom_tools: openai,
            max_tokens: dialect == Dialect::Chat,
            marks: true,
            signed_calls: google,
            budgets: false,
            max_output: 32_000,
            most_output: None,
        }
    }
}

fn efforts(dialect: Dialect) -> Vec<Effort> {
    use Effort::{High, Low, Max, Medium, Minimal, XHigh};
    match dialect {
        Dialect::Chat | Dialect::Responses | Dialect::Completions => Effort::ALL.to_vec(),
        Dialect::Messages => vec![Low, Medium, High, XHigh, Max],
        Dialect::Gemini => vec![Minimal, Low, Medium, High],
    }
}

impl Manner {
    /// The most output to ask for: no more than there is.
    pub(super) fn output(&self, wanted: Option<u64>, dropped: &mut Dropped) -> Option<u64> {
        let wanted = wanted?;
        let allowed = self.most_output.unwrap_or(u64::MAX);
        dropped.note_if(wanted > allowed, Field::MaxOutput, Why::Limit);
        Some(wanted.min(allowed))
    }

    /// Whether a field of the chat dialect is taken.
    pub(super) fn knows(&self, field: &str) -> bool {
        self.fields.is_none_or(|known| known.contains(&field))
    }

    /// The word for an effort that the target knows: the same, or else the nearest below, or else the least.
    pub fn effort(&self, wanted: Effort) -> Option<Effort> {
        // Little thought is not none.
        let some = |word: &&Effort| wanted == Effort::None || **word != Effort::None;
        let mut words = self.efforts.iter().filter(some);
        let below = words.clone().rfind(|word| **word <= wanted);
        below.or_else(|| words.next()).copied()
    }
}
