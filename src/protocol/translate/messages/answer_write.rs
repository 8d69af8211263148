//! A whole answer, written in the caller's words.

use std::borrow::Cow;

use serde::Serialize;

use super::super::answer::{Answer, Failure, Refused, Stop};
use super::super::block::{Block, Thought, ToolUse};
use super::super::dropped::{Dropped, Field, Why};
use super::super::echo::Echo;
use super::super::json::Json;
use super::super::media;
use super::super::said::{self, Said};
use super::super::sealed::{Form, Sealed};
use super::super::usage::MessagesUsage;
use super::block_out::{self, BlockOut, Known};
use crate::domain::dialect::Dialect;

#[derive(Serialize)]
struct Body<'a> {
    id: Cow<'a, str>,
    #[serde(rename = "type")]
    kind: &'static str,
    role: &'static str,
    model: &'a str,
    content: Vec<BlockOut<'a>>,
    stop_reason: &'static str,
    stop_sequence: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stop_details: Option<StopDetails<'a>>,
    usage: MessagesUsage<'a>,
}

/// Why an answer was refused.
#[derive(Debug, Serialize)]
pub(in super::super) struct StopDetails<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    category: Option<&'a str>,
    explanation: Option<&'a str>,
}

impl<'a> StopDetails<'a> {
    /// What is told of a refusal; nothing of another stop.
    pub(in super::super) fn of(stop: &'a Stop<'a>) -> Option<Self> {
        let Stop::Refused(Refused {
            category,
            explanation,
        }) = stop
        else {
            return None;
        };
        let told = category.is_some() || explanation.is_some();
        told.then_some(Self {
            kind: "refusal",
            category: category.as_deref(),
            explanation: explanation.as_deref(),
        })
    }
}

/// Writes an answer. One that failed is no answer: it is told as an error, and not by this.
pub fn write(answer: &Answer<'_>, echo: &Echo) -> Said {
    let mut dropped = Dropped::default();
    // By name, so that a new field cannot be forgotten.
    let Answer {
        id,
        model,
        created: _,
        blocks,
        stop,
        usage,
        tier,
        dropped: _,
    } = answer;
    let content = blocks
        .iter()
        .filter_map(|it| block(it, id, echo, &mut dropped));
    let content = content.collect();
    let sequence = match stop {
        Stop::Sequence(sequence) => sequence.as_deref(),
        _ => None,
    };
    let body = Body {
        id: said::id("msg_", id),
        kind: "message",
        role: "assistant",
        model: said::model(model, echo),
        content,
        stop_reason: stop_reason(stop, blocks),
        stop_sequence: sequence,
        stop_details: StopDetails::of(stop),
        usage: MessagesUsage::of(
            // The caller's parser wants numbers, also where none were told.
            &usage.unwrap_or_default(),
            tier.as_deref().filter(|it| said::is_anthropic_tier(it)),
        ),
    };
    Said::of(&body, dropped)
}

/// Why it stopped, in this dialect's word.
fn stop_reason(stop: &Stop<'_>, blocks: &[Block<'_>]) -> &'static str {
    let refused = blocks
        .iter()
        .any(|block| matches!(block, Block::Refusal(_)));
    match stop {
        Stop::Done if refused => "refusal",
        stop => reason(stop),
    }
}

/// Why it stopped, in this dialect's word.
pub fn reason(stop: &Stop<'_>) -> &'static str {
    match stop {
        Stop::Done => "end_turn",
        Stop::Sequence(_) => "stop_sequence",
        Stop::Tools => "tool_use",
        Stop::Length => "max_tokens",
        Stop::Window => "model_context_window_exceeded",
        Stop::Refused(_) => "refusal",
        Stop::Paused => "pause_turn",
        Stop::Failed(Failure { .. }) => "end_turn",
    }
}

fn block<'a>(
    block: &'a Block<'a>,
    answer: &str,
    echo: &'a Echo,
    dropped: &mut Dropped,
) -> Option<BlockOut<'a>> {
    let known = match block {
        Block::Thought(thought) => self::thought(thought, echo, dropped)?,
        Block::Use(call) => self::call(call, answer, echo),
        Block::Text(text) if text.text.is_empty() => return None,
        block => return block_out::block(block, dropped),
    };
    Some(BlockOut::Known(known))
}

/// A thought, for a caller that asked for thoughts: another would not expect it. Its state goes with it, with its owner's name.
fn thought<'a>(thought: &'a Thought<'a>, echo: &Echo, dropped: &mut Dropped) -> Option<Known<'a>> {
    let Thought {
        text,
        summary: _,
        sealed,
        item: _,
    } = thought;
    if !echo.thinks {
        dropped.note(Field::Thought, Why::NoPlace);
        return None;
    }
    Some(match sealed {
        None => block_out::thinking(text, None, Cow::Borrowed("")),
        Some(sealed) => {
            let own = sealed.form == Form::Redacted && sealed.owner.dialect == Dialect::Messages;
            let form = if own { Form::Redacted } else { Form::Signature };
            let data = sealed.carried(Dialect::Messages, form);
            block_out::thinking(text, Some(form), data)
        }
    })
}

fn call<'a>(call: &'a ToolUse<'a>, answer: &str, echo: &'a Echo) -> Known<'a> {
    let told = said::call(call, answer, echo);
    let input = match Json::parse(&told.input).filter(Json::is_object) {
        Some(json) => json,
        None => media::wrapped(&told.input),
    };
    Known::ToolUse {
        id: told.id,
        name: Cow::Borrowed(told.name),
        input: Cow::Owned(input),
        cache_control: None,
    }
}

/// What state looks like in this dialect's field for it.
pub fn signature<'a>(sealed: &'a Sealed<'_>) -> Cow<'a, str> {
    sealed.carried(Dialect::Messages, Form::Signature)
}
