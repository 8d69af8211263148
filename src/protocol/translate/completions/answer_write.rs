//! A whole answer, written in the caller's words: words only.

use std::borrow::Cow;

use serde::Serialize;

use super::super::answer::{Answer, Stop};
use super::super::block::Block;
use super::super::dropped::{Dropped, Field, Why};
use super::super::echo::Echo;
use super::super::said::{self, Said};
use super::super::usage::ChatUsage;

#[derive(Serialize)]
struct Body<'a> {
    id: Cow<'a, str>,
    object: &'static str,
    created: u64,
    model: &'a str,
    choices: [ChoiceOut; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<ChatUsage>,
}

#[derive(Serialize)]
struct ChoiceOut {
    text: String,
    index: u32,
    /// The caller's parser wants the field.
    logprobs: Option<()>,
    finish_reason: &'static str,
}

/// Writes an answer. One that failed is no answer: it is told as an error, and not by this.
pub fn write(answer: &Answer<'_>, echo: &Echo, now: u64) -> Said {
    let mut dropped = Dropped::default();
    // By name, so that a new field cannot be forgotten.
    let Answer {
        id,
        model,
        created,
        blocks,
        stop,
        usage,
        tier: _,
        dropped: _,
    } = answer;
    let mut text = String::new();
    for block in blocks {
        match block {
            Block::Text(words) => text.push_str(&words.text),
            Block::Refusal(words) => text.push_str(words),
            Block::Thought(_) => dropped.note(Field::Thought, Why::NoPlace),
            Block::Use(_)
            | Block::Reply(_)
            | Block::Image(_)
            | Block::Document(_)
            | Block::Foreign(_) => dropped.note(Field::Block, Why::NoPlace),
        }
    }
    let body = Body {
        id: said::id("cmpl-", id),
        object: "text_completion",
        created: created.unwrap_or(now),
        model: said::model(model, echo),
        choices: [ChoiceOut {
            text,
            index: 0,
            logprobs: None,
            finish_reason: finish_reason(stop),
        }],
        usage: usage.as_ref().map(ChatUsage::from),
    };
    Said::of(&body, dropped)
}

/// Why it stopped, in this dialect's word.
pub fn finish_reason(stop: &Stop<'_>) -> &'static str {
    match stop {
        Stop::Length | Stop::Window => "length",
        Stop::Refused(_) | Stop::Failed(_) => "content_filter",
        Stop::Done | Stop::Sequence(_) | Stop::Tools | Stop::Paused => "stop",
    }
}
