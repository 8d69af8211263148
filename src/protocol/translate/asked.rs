//! A request, whatever the dialect: who said what, what may be used, and how the answer should be.

use serde_json::Number;

use super::block::Block;
use super::dropped::Dropped;
use super::json::{Json, Str};
use super::tool::{Choice, Tool};
use crate::domain::closed::closed;
use crate::domain::dialect::Dialect;

/// A request.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked<'a> {
    /// The dialect that it was read from.
    pub from: Dialect,
    /// The model that was asked for.
    pub model: Str<'a>,
    /// The caller wants a stream.
    pub stream: bool,
    /// The conversation.
    pub passages: Vec<Passage<'a>>,
    /// What comes behind the gap that is to be filled.
    pub suffix: Option<Str<'a>>,
    /// The tools on offer.
    pub tools: Vec<Tool<'a>>,
    /// Which of them may or must be used.
    pub choice: Option<Choice<'a>>,
    /// Several calls at once are allowed.
    pub parallel: Option<bool>,
    /// The most tokens of an answer, reasoning included.
    pub max_output: Option<u64>,
    /// The form of the answer.
    pub format: Option<Format<'a>>,
    /// Texts that end the answer.
    pub stop: Vec<Str<'a>>,
    /// How words are drawn.
    pub sampling: Sampling,
    /// How much is thought first, and what is shown of it.
    pub reasoning: Reasoning,
    /// How much is said: OpenAI's `verbosity`.
    pub verbosity: Option<Str<'a>>,
    /// How soon, and at what price.
    pub tier: Option<Tier>,
    /// Who asks, in the caller's own terms: `user_id`, `safety_identifier`, `user`.
    pub user: Option<Str<'a>>,
    /// What groups calls for the provider's cache: `prompt_cache_key`.
    pub cache_key: Option<Str<'a>>,
    /// Words that the caller puts on the call for later: an object.
    pub metadata: Option<Json<'a>>,
    /// The provider may keep the answer.
    pub store: Option<bool>,
    /// The answer that this call goes on from: `previous_response_id`.
    pub previous: Option<Str<'a>>,
    /// Some of what was said stands in it by a name alone, under which it lies at a provider: `item_reference`.
    pub refers: bool,
    /// The caller of a stream wants its usage told: `stream_options.include_usage`.
    pub usage: Option<bool>,
    /// What only the dialect it came in can take.
    pub extras: Vec<Extra<'a>>,
    /// What the reader left out.
    pub dropped: Dropped,
}

/// A request in a target's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The JSON of its body.
    pub body: String,
    /// What the writer left out; what the reader did is in the request.
    pub dropped: Dropped,
}

impl<'a> Asked<'a> {
    /// A request that says nothing yet.
    pub fn new(from: Dialect, model: Str<'a>) -> Self {
        Self {
            from,
            model,
            stream: false,
            passages: Vec::new(),
            suffix: None,
            tools: Vec::new(),
            choice: None,
            parallel: None,
            max_output: None,
            format: None,
            stop: Vec::new(),
            sampling: Sampling::default(),
            reasoning: Reasoning::default(),
            verbosity: None,
            tier: None,
            user: None,
            cache_key: None,
            metadata: None,
            store: None,
            previous: None,
            refers: false,
            usage: None,
            extras: Vec::new(),
            dropped: Dropped::default(),
        }
    }
}

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Speaker {
    /// Who instructs.
    System,
    /// Who instructs, in OpenAI's newer word for it.
    Developer,
    /// The person, or a client on the person's behalf.
    Person,
    /// The model.
    Assistant,
    /// The tools, with what they gave back: results only.
    Tools,
}

impl Effort {
    /// How many tokens of thought this much effort is, for targets that want a number.
    pub fn budget(self) -> u64 {
        match self {
            Self::None => 0,
            Self::Minimal => 1_024,
            Self::Low => 2_048,
            Self::Medium => 8_192,
            Self::High => 16_384,
            Self::XHigh => 24_576,
            Self::Max => 32_768,
        }
    }

    /// How much effort a number of tokens is, for targets that want a word.
    pub fn of_budget(tokens: u64) -> Self {
        let most = |effort: &&Self| tokens <= effort.budget();
        Self::ALL.iter().find(most).copied().unwrap_or(Self::Max)
    }
}

impl Speaker {
    /// System or developer.
    pub fn instructs(self) -> bool {
        matches!(self, Self::System | Self::Developer)
    }
}

/// Adds what somebody says. What the model says in several pieces is one passage, and so are results that come together.
pub(super) fn say<'a>(passages: &mut Vec<Passage<'a>>, speaker: Speaker, blocks: Vec<Block<'a>>) {
    let joins = matches!(speaker, Speaker::Assistant | Speaker::Tools);
    match passages.last_mut() {
        Some(last) if joins && last.speaker == speaker => last.blocks.extend(blocks),
        _ => passages.push(Passage::new(speaker, blocks)),
    }
}

/// What one speaker says before another does.
#[derive(Clone, Debug, PartialEq)]
pub struct Passage<'a> {
    /// Who speaks.
    pub speaker: Speaker,
    /// What is said, in order.
    pub blocks: Vec<Block<'a>>,
}

impl<'a> Passage<'a> {
    /// What `speaker` says.
    pub fn new(speaker: Speaker, blocks: Vec<Block<'a>>) -> Self {
        Self { speaker, blocks }
    }
}

/// The form that an answer must have.
#[derive(Clone, Debug, PartialEq)]
pub enum Format<'a> {
    /// Words.
    Text,
    /// Any JSON object.
    Object,
    /// JSON by a schema.
    Schema(Schema<'a>),
}

/// What a structured answer must look like.
#[derive(Clone, Debug, PartialEq)]
pub struct Schema<'a> {
    /// Its name, where the dialect has one.
    pub name: Option<Str<'a>>,
    /// What it is for.
    pub description: Option<Str<'a>>,
    /// The JSON schema.
    pub schema: Json<'a>,
    /// The answer must keep to it exactly.
    pub strict: Option<bool>,
}

/// How words are drawn. Whole numbers stay whole.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sampling {
    /// 0 to 2; 0 to 1 in Anthropic's dialect.
    pub temperature: Option<Number>,
    /// The share of likely words that is drawn from.
    pub top_p: Option<Number>,
    /// The number of likely words that is drawn from.
    pub top_k: Option<Number>,
    /// Against words that were often said.
    pub frequency_penalty: Option<Number>,
    /// Against words that were said at all.
    pub presence_penalty: Option<Number>,
    /// Makes chance repeatable.
    pub seed: Option<Number>,
}

/// How much is thought before the answer, and what is shown of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reasoning {
    /// In words.
    pub effort: Option<Effort>,
    /// In Anthropic's and Google's way.
    pub mode: Option<Mode>,
    /// What the caller wants to see.
    pub show: Option<Show>,
    /// The caller wants the sealed reasoning, to give it back later.
    pub sealed: bool,
}

/// How thinking is bounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// No thinking.
    Off,
    /// As much as the model finds right.
    Adaptive,
    /// This many tokens.
    Budget(u64),
    /// Only between calls of tools.
    BetweenTools,
}

closed!(
    /// How much a model should try.
    Effort {
        /// No reasoning.
        None = "none",
        /// Hardly any.
        Minimal = "minimal",
        /// Little.
        Low = "low",
        /// Some.
        Medium = "medium",
        /// Much.
        High = "high",
        /// More.
        XHigh = "xhigh",
        /// All that the model has.
        Max = "max",
    }
);

closed!(
    /// What is shown of the reasoning.
    Show {
        /// Nothing: Anthropic's word.
        Omitted = "omitted",
        /// Signs of life: Anthropic's word.
        Updates = "updates",
        /// A summary: Anthropic's word, and Google's `includeThoughts`.
        Summarized = "summarized",
        /// A summary of whatever length: OpenAI's word.
        Auto = "auto",
        /// A short summary.
        Concise = "concise",
        /// A long one.
        Detailed = "detailed",
    }
);

closed!(
    /// How soon a call is answered, and at what price.
    Tier {
        /// As the account is set.
        Auto = "auto",
        /// The plain one.
        Standard = "standard",
        /// Later and cheaper.
        Flex = "flex",
        /// By contract.
        Scale = "scale",
        /// Sooner and dearer.
        Priority = "priority",
        /// Faster words, and dearer.
        Fast = "fast",
    }
);

/// A field that one dialect has for itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Extra<'a> {
    /// Its name at the top of the body.
    pub name: Str<'a>,
    /// Its value.
    pub value: Json<'a>,
}
