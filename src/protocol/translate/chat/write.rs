//! A request, written.

use serde::Serialize;
use serde_json::Number;

use super::super::asked::{Asked, Effort, Format, Reasoning, Sampling, Schema, Tier, Written};
use super::super::dropped::{Dropped, Field, Why};
use super::super::effort;
use super::super::extra::Extras;
use super::super::json::Json;
use super::super::manner::Manner;
use super::super::repair;
use super::message::{Message, Turns};
use super::offer::{self, ChoiceOut, ToolOut};
use crate::domain::dialect::Dialect;
use crate::domain::kind::habits::{Quiet, StreamUsage};

/// The most texts that may end an answer.
const STOPS: usize = 4;

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    messages: Vec<Message<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<ToolOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<ChoiceOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parallel_tool_calls: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_completion_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_format: Option<FormatOut<'a>>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    stop: &'a [super::super::json::Str<'a>],
    #[serde(flatten)]
    sampling: SamplingOut<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_effort: Option<Effort>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verbosity: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_tier: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    safety_identifier: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt_cache_key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<&'a Json<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    store: Option<bool>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream_options: Option<StreamOptions>,
    #[serde(flatten)]
    quiet: QuietOut,
    #[serde(flatten)]
    extras: Extras<'a>,
}

#[derive(Serialize)]
struct StreamOptions {
    include_usage: bool,
}

/// How words are drawn, in OpenAI's names.
#[derive(Serialize)]
pub(in super::super) struct SamplingOut<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) temperature: Option<&'a Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) top_p: Option<&'a Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) top_k: Option<&'a Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) frequency_penalty: Option<&'a Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) presence_penalty: Option<&'a Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) seed: Option<&'a Number>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum FormatOut<'a> {
    JsonObject,
    JsonSchema { json_schema: SchemaOut<'a> },
}

/// A schema with its name.
#[derive(Serialize)]
pub(in super::super) struct SchemaOut<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    schema: &'a Json<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    strict: Option<bool>,
}

impl<'a> SchemaOut<'a> {
    pub(in super::super) fn of(schema: &'a Schema<'a>) -> Self {
        let Schema {
            name,
            description,
            schema,
            strict,
        } = schema;
        Self {
            // OpenAI wants one, and no other dialect has it.
            name: name.as_deref().unwrap_or("answer"),
            description: description.as_deref(),
            schema,
            strict: *strict,
        }
    }
}

/// Writes a request for a target.
pub fn write(asked: &Asked<'_>, name: &str, manner: &Manner) -> Written {
    let mut dropped = Dropped::default();
    let mended = repair::mend(asked, Dialect::Chat, manner, &mut dropped);
    // By name, so that a new field cannot be forgotten.
    let Asked {
        from,
        model: _,
        stream,
        passages: _,
        suffix,
        tools,
        choice,
        parallel,
        max_output,
        format,
        stop,
        sampling,
        reasoning,
        verbosity,
        tier,
        user,
        cache_key,
        metadata,
        store,
        previous,
        usage: _,
        extras,
        // Items that are only named were left out when they were read.
        refers: _,
        dropped: _,
    } = asked;
    dropped.note_if(suffix.is_some(), Field::Suffix, Why::NoPlace);
    dropped.note_if(previous.is_some(), Field::Previous, Why::NoPlace);
    dropped.note_if(reasoning.show.is_some(), Field::Show, Why::NoPlace);
    let tools = offer::tools(tools, choice.as_ref(), manner, &mut dropped);
    let choice = choice.as_ref().filter(|_| !tools.is_empty());
    let stop = &stop[..stop.len().min(STOPS)];
    dropped.note_if(stop.len() < asked.stop.len(), Field::Stop, Why::Limit);
    // Zero, which only warms a cache at Anthropic, is refused here.
    let most = manner.output(*max_output, &mut dropped);
    let most = most.map(|most| most.max(1));
    let (reasoning_effort, quiet) = thinking(*reasoning, manner, &mut dropped);
    let mut vendor = Vendor {
        manner,
        dropped: &mut dropped,
    };
    let body = Body {
        model: name,
        verbosity: vendor.field(verbosity.as_deref(), Field::Verbosity),
        service_tier: vendor.field(tier.map(tier_word), Field::Tier),
        safety_identifier: vendor.field(user.as_deref().filter(|it| fits(it)), Field::User),
        prompt_cache_key: vendor.field(cache_key.as_deref(), Field::CacheKey),
        metadata: vendor.field(metadata.as_ref(), Field::Metadata),
        store: vendor.field(store.filter(|_| *from == Dialect::Chat), Field::Store),
        messages: Turns::write(&mended, manner, &mut dropped),
        tool_choice: choice.and_then(|it| offer::choice(it, manner, &mut dropped)),
        parallel_tool_calls: parallel.filter(|_| !tools.is_empty()),
        tools,
        max_completion_tokens: most.filter(|_| !manner.max_tokens),
        max_tokens: most.filter(|_| manner.max_tokens),
        response_format: self::format(format.as_ref(), manner, &mut dropped),
        stop,
        sampling: self::sampling(sampling, manner, &mut dropped),
        reasoning_effort,
        stream: *stream,
        // The ledger wants to know, whatever the caller wants.
        stream_options: (*stream && manner.usage == StreamUsage::Asked).then_some(StreamOptions {
            include_usage: true,
        }),
        quiet,
        extras: Extras::of(extras, *from, Dialect::Chat, &mut dropped)
            .known_to(manner, &mut dropped),
    };
    let body = Json::of(&body).get().to_owned();
    Written { body, dropped }
}

/// OpenAI takes an id of a person up to this length.
pub(in super::super) fn fits(user: &str) -> bool {
    user.len() <= 64
}

/// How much is to be thought, or how it is said that nothing is.
fn thinking(
    reasoning: Reasoning,
    manner: &Manner,
    dropped: &mut Dropped,
) -> (Option<Effort>, QuietOut) {
    let off = effort::is_off(reasoning) && manner.reasoning && !manner.always_thinks;
    match QuietOut::of(manner.quiet) {
        Some(quiet) if off => (None, quiet),
        _ => (
            effort::word(reasoning, manner, dropped),
            QuietOut::default(),
        ),
    }
}

/// What servers are told who have a field of their own to switch thinking off.
#[derive(Default, Serialize)]
struct QuietOut {
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking: Option<Switch>,
    #[serde(skip_serializing_if = "Option::is_none")]
    enable_thinking: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    chat_template_kwargs: Option<Template>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Switch {
    Disabled,
}

#[derive(Serialize)]
struct Template {
    enable_thinking: bool,
}

impl QuietOut {
    fn of(quiet: Quiet) -> Option<Self> {
        let enable_thinking = false;
        Some(match quiet {
            Quiet::Effort => return None,
            Quiet::Thinking => Self {
                thinking: Some(Switch::Disabled),
                ..Self::default()
            },
            Quiet::EnableThinking => Self {
                enable_thinking: Some(enable_thinking),
                ..Self::default()
            },
            Quiet::Template => Self {
                chat_template_kwargs: Some(Template { enable_thinking }),
                ..Self::default()
            },
        })
    }
}

/// Fields that only OpenAI itself takes.
struct Vendor<'v> {
    manner: &'v Manner,
    dropped: &'v mut Dropped,
}

impl Vendor<'_> {
    fn field<T>(&mut self, value: Option<T>, field: Field) -> Option<T> {
        if self.manner.vendor_fields {
            return value;
        }
        self.dropped.note_if(value.is_some(), field, Why::NoPlace);
        None
    }
}

/// OpenAI's word for a tier.
pub(in super::super) fn tier_word(tier: Tier) -> &'static str {
    match tier {
        Tier::Standard => "default",
        Tier::Auto | Tier::Flex | Tier::Scale | Tier::Priority | Tier::Fast => tier.as_str(),
    }
}

pub(in super::super) fn sampling<'a>(
    sampling: &'a Sampling,
    manner: &Manner,
    dropped: &mut Dropped,
) -> SamplingOut<'a> {
    let Sampling {
        temperature,
        top_p,
        top_k,
        frequency_penalty,
        presence_penalty,
        seed,
    } = sampling;
    let mut take = |value: &'a Option<Number>, allowed: bool, field: Field| {
        let why = match manner.sampling {
            true => Why::NoPlace,
            false => Why::Unable,
        };
        let allowed = allowed && manner.sampling;
        dropped.note_if(value.is_some() && !allowed, field, why);
        value.as_ref().filter(|_| allowed)
    };
    SamplingOut {
        temperature: take(temperature, true, Field::Temperature),
        top_p: take(top_p, true, Field::TopP),
        // OpenAI has none; the servers that speak its dialect have.
        top_k: take(
            top_k,
            !manner.vendor_fields && manner.knows("top_k"),
            Field::TopK,
        ),
        frequency_penalty: take(frequency_penalty, true, Field::Penalty),
        presence_penalty: take(presence_penalty, true, Field::Penalty),
        seed: take(seed, manner.knows("seed"), Field::Seed),
    }
}

fn format<'a>(
    format: Option<&'a Format<'a>>,
    manner: &Manner,
    dropped: &mut Dropped,
) -> Option<FormatOut<'a>> {
    let written = match format? {
        Format::Text => return None,
        Format::Object => FormatOut::JsonObject,
        Format::Schema(_) if !manner.schemas => {
            dropped.note_if(manner.structured_output, Field::Format, Why::Unable);
            FormatOut::JsonObject
        }
        Format::Schema(schema) => FormatOut::JsonSchema {
            json_schema: SchemaOut::of(schema),
        },
    };
    dropped.note_if(!manner.structured_output, Field::Format, Why::Unable);
    manner.structured_output.then_some(written)
}
