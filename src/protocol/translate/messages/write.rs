//! A request, written.

use serde::Serialize;
use serde_json::Number;

use super::super::asked::{
    Asked, Effort, Format, Mode, Passage, Sampling, Schema, Show, Speaker, Tier, Written,
};
use super::super::block::Block;
use super::super::dropped::{Dropped, Field, Why};
use super::super::effort::{self, Bound};
use super::super::extra::Extras;
use super::super::json::{Json, Str};
use super::super::manner::Manner;
use super::super::repair::{self, Mended};
use super::super::tool::Choice;
use super::block_out::{self, Content};
use super::marks;
use super::offer::{self, ChoiceOut, ToolOut};
use crate::domain::dialect::Dialect;

/// The least that thinking can be bounded to.
const LEAST_BUDGET: u64 = 1_024;

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    max_tokens: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    system: Option<Content<'a>>,
    messages: Vec<Message<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<ToolOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<ChoiceOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking: Option<ThinkingOut>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_config: Option<OutputConfig<'a>>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    stop_sequences: &'a [Str<'a>],
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<&'a Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_k: Option<&'a Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<Metadata<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_tier: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    speed: Option<&'static str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    stream: bool,
    #[serde(flatten)]
    extras: Extras<'a>,
}

#[derive(Serialize)]
struct Message<'a> {
    role: &'static str,
    content: Content<'a>,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
struct ThinkingOut {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    budget_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    display: Option<Show>,
}

#[derive(Serialize)]
struct OutputConfig<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    effort: Option<Effort>,
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<FormatOut<'a>>,
}

#[derive(Serialize)]
struct FormatOut<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    schema: &'a Json<'a>,
}

#[derive(Serialize)]
struct Metadata<'a> {
    user_id: &'a str,
}

/// Writes a request for a target.
pub fn write(asked: &Asked<'_>, name: &str, manner: &Manner) -> Written {
    let mut dropped = Dropped::default();
    let mut mended = repair::mend(asked, Dialect::Messages, manner, &mut dropped);
    marks::place(asked, &mut mended, manner, &mut dropped);
    trim_end(&mut mended);
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
    dropped.note_if(verbosity.is_some(), Field::Verbosity, Why::NoPlace);
    dropped.note_if(cache_key.is_some(), Field::CacheKey, Why::NoPlace);
    dropped.note_if(metadata.is_some(), Field::Metadata, Why::NoPlace);
    dropped.note_if(*store == Some(true), Field::Store, Why::NoPlace);
    dropped.note_if(previous.is_some(), Field::Previous, Why::NoPlace);
    let unsaid = manner
        .max_output
        .min(manner.most_output.unwrap_or(u64::MAX));
    let max_tokens = manner.output(*max_output, &mut dropped);
    let max_tokens = max_tokens.unwrap_or(unsaid);
    let offered = offer::tools(tools, choice.as_ref(), manner, &mut dropped);
    let choice = choice.as_ref().filter(|_| !offered.is_empty());
    let mut think = Think {
        bound: effort::bound(*reasoning, manner, &mut dropped),
        max_tokens,
        dropped: &mut dropped,
    };
    think.fit(*from, choice, manner, &mended);
    let bound = think.bound;
    let forced = manner.forced_tools && !manner.always_thinks;
    let drawn = draw(sampling, manner, is_thinking(bound.mode), &mut dropped);
    let output = OutputConfig {
        effort: bound.effort,
        format: self::format(format.as_ref(), manner, &mut dropped),
    };
    let body = Body {
        model: name,
        max_tokens,
        system: system(&mended.system, &mut dropped),
        messages: messages(&mended.passages, &mut dropped),
        tool_choice: match offered.is_empty() {
            true => None,
            false => offer::choice(choice, *parallel, forced, &mut dropped),
        },
        tools: offered,
        thinking: bound.mode.map(|mode| thinking(mode, reasoning.show)),
        output_config: (output.effort.is_some() || output.format.is_some()).then_some(output),
        stop_sequences: stop,
        temperature: drawn.temperature,
        top_p: drawn.top_p,
        top_k: drawn.top_k,
        metadata: user.as_deref().map(|user_id| Metadata { user_id }),
        service_tier: tier.and_then(|tier| self::tier(tier, &mut dropped)),
        speed: (*tier == Some(Tier::Fast)).then_some("fast"),
        stream: *stream,
        extras: Extras::of(extras, *from, Dialect::Messages, &mut dropped),
    };
    let body = Json::of(&body).get().to_owned();
    Written { body, dropped }
}

/// Words that the model is to go on with may not end in space.
fn trim_end(mended: &mut Mended<'_>) {
    let last = mended.passages.last_mut();
    let last = last.filter(|last| last.speaker == Speaker::Assistant);
    if let Some(Block::Text(text)) = last.and_then(|last| last.blocks.last_mut()) {
        let trimmed = text.text.trim_end();
        if trimmed.len() < text.text.len() {
            text.text = trimmed.to_owned().into();
        }
    }
}

fn system<'a>(passages: &'a [Passage<'a>], dropped: &mut Dropped) -> Option<Content<'a>> {
    if let [passage] = passages {
        return Some(block_out::content(&passage.blocks, dropped));
    }
    let blocks = passages.iter().flat_map(|passage| &passage.blocks);
    let blocks = block_out::blocks(blocks, dropped);
    (!blocks.is_empty()).then_some(Content::Blocks(blocks))
}

/// Passages as messages: what tools gave back and what the person says right after stand in one.
fn messages<'a>(passages: &'a [Passage<'a>], dropped: &mut Dropped) -> Vec<Message<'a>> {
    let mut messages: Vec<Message<'a>> = Vec::with_capacity(passages.len());
    let mut after_results = false;
    for Passage { speaker, blocks } in passages {
        let role = match speaker {
            Speaker::System | Speaker::Developer => "system",
            Speaker::Person | Speaker::Tools => "user",
            Speaker::Assistant => "assistant",
        };
        let joins = after_results && *speaker == Speaker::Person;
        after_results = *speaker == Speaker::Tools;
        match messages.last_mut() {
            Some(Message {
                content: Content::Blocks(results),
                ..
            }) if joins => results.extend(block_out::blocks(blocks, dropped)),
            _ => messages.push(Message {
                role,
                content: block_out::content(blocks, dropped),
            }),
        }
    }
    messages
}

/// How much is thought, as far as the rest of the request lets it be.
struct Think<'t> {
    bound: Bound,
    max_tokens: u64,
    dropped: &'t mut Dropped,
}

impl Think<'_> {
    fn fit(
        &mut self,
        from: Dialect,
        choice: Option<&Choice<'_>>,
        manner: &Manner,
        mended: &Mended<'_>,
    ) {
        // Elsewhere a word for effort alone lets a model think.
        let unsaid = self.bound.mode.is_none() && self.bound.effort.is_some();
        if unsaid && from != Dialect::Messages {
            self.bound.mode = Some(Mode::Adaptive);
        }
        if choice.is_some_and(|it| it.forces()) && is_thinking(self.bound.mode) {
            self.give_up(manner.always_thinks);
        }
        let Some(Mode::Budget(tokens)) = self.bound.mode else {
            return;
        };
        let most = self.max_tokens.saturating_sub(1);
        if most < LEAST_BUDGET || lacks_thought(&mended.passages) {
            return self.give_up(false);
        }
        self.bound.mode = Some(Mode::Budget(tokens.clamp(LEAST_BUDGET, most)));
    }

    /// A model that must call a tool does not think first. One that always thinks is not made to call a tool instead.
    fn give_up(&mut self, always: bool) {
        if !always {
            self.bound.mode = None;
            self.dropped.note(Field::Thinking, Why::Unable);
        }
    }
}

fn is_thinking(mode: Option<Mode>) -> bool {
    matches!(
        mode,
        Some(Mode::Adaptive | Mode::Budget(_) | Mode::BetweenTools)
    )
}

/// Tools have just given back what was called without a thought that this provider can read. Bounded by a number, thinking may not begin
/// there.
fn lacks_thought(passages: &[Passage<'_>]) -> bool {
    let in_loop = passages.last().map(|last| last.speaker) == Some(Speaker::Tools);
    let spoke = passages.iter().rfind(|it| it.speaker == Speaker::Assistant);
    let thought = spoke.is_some_and(|it| matches!(it.blocks.first(), Some(Block::Thought(_))));
    in_loop && !thought
}

fn thinking(mode: Mode, show: Option<Show>) -> ThinkingOut {
    let (kind, budget_tokens) = match mode {
        Mode::Off => ("disabled", None),
        Mode::Adaptive => ("adaptive", None),
        Mode::BetweenTools => ("between_tools", None),
        Mode::Budget(tokens) => ("enabled", Some(tokens)),
    };
    let display = show.filter(|_| mode != Mode::Off).map(|show| match show {
        Show::Omitted | Show::Updates | Show::Summarized => show,
        Show::Auto | Show::Concise | Show::Detailed => Show::Summarized,
    });
    ThinkingOut {
        kind,
        budget_tokens,
        display,
    }
}

/// How words are drawn.
struct Drawn<'a> {
    temperature: Option<Number>,
    top_p: Option<&'a Number>,
    top_k: Option<&'a Number>,
}

fn draw<'a>(
    sampling: &'a Sampling,
    manner: &Manner,
    thinks: bool,
    dropped: &mut Dropped,
) -> Drawn<'a> {
    let Sampling {
        temperature,
        top_p,
        top_k,
        frequency_penalty,
        presence_penalty,
        seed,
    } = sampling;
    let penalties = frequency_penalty.is_some() || presence_penalty.is_some();
    dropped.note_if(penalties, Field::Penalty, Why::NoPlace);
    dropped.note_if(seed.is_some(), Field::Seed, Why::NoPlace);
    let allowed = manner.sampling && !thinks;
    let mut take = |value: &'a Option<Number>, field| {
        dropped.note_if(value.is_some() && !allowed, field, Why::Unable);
        value.as_ref().filter(|_| allowed)
    };
    let (temperature, top_p) = (
        take(temperature, Field::Temperature),
        take(top_p, Field::TopP),
    );
    let top_k = take(top_k, Field::TopK);
    let hot = temperature
        .and_then(Number::as_f64)
        .is_some_and(|it| it > 1.0);
    dropped.note_if(hot, Field::Temperature, Why::Limit);
    Drawn {
        temperature: match hot {
            true => Some(1.into()),
            false => temperature.cloned(),
        },
        top_p,
        top_k,
    }
}

fn format<'a>(
    format: Option<&'a Format<'a>>,
    manner: &Manner,
    dropped: &mut Dropped,
) -> Option<FormatOut<'a>> {
    let Format::Schema(schema) = format? else {
        let object = format == Some(&Format::Object);
        dropped.note_if(object, Field::Format, Why::NoPlace);
        return None;
    };
    let Schema {
        name: _,
        description: _,
        schema,
        strict: _,
    } = schema;
    dropped.note_if(!manner.structured_output, Field::Format, Why::Unable);
    manner.structured_output.then_some(FormatOut {
        kind: "json_schema",
        schema,
    })
}

fn tier(tier: Tier, dropped: &mut Dropped) -> Option<&'static str> {
    match tier {
        Tier::Auto => Some("auto"),
        Tier::Standard => Some("standard_only"),
        Tier::Fast => None,
        Tier::Flex | Tier::Scale | Tier::Priority => {
            dropped.named(Field::Tier, Why::NoPlace, tier.as_str());
            None
        }
    }
}
