//! A whole answer, read.

use super::super::answer::{Answer, Refused, Stop};
use super::super::block::Block;
use super::super::dropped::Dropped;
use super::super::json::{Misread, Object, Str};
use super::block_read;
use crate::protocol::usage;

/// Reads an answer.
pub fn read(body: &str) -> Result<Answer<'_>, Misread> {
    let mut object = Object::read(body)?;
    let mut dropped = Dropped::default();
    let blocks = block_read::content(object.take("content"), &mut dropped)?;
    let details = object.object("stop_details")?;
    let sequence = object.text("stop_sequence")?;
    let stop = stop(object.text("stop_reason")?, sequence, details, &blocks)?;
    let counts = object
        .take("usage")
        .and_then(|raw| usage::anthropic(raw).ok());
    let tier = counts.as_ref().and_then(|counts| counts.terms().tier);
    Ok(Answer {
        id: object.text("id")?.unwrap_or_default(),
        model: object.text("model")?.unwrap_or_default(),
        created: None,
        blocks,
        stop,
        usage: counts.and_then(|counts| counts.told()?.usage()),
        tier: tier.map(|tier| String::from(tier).into()),
        dropped,
    })
}

/// Why it stopped.
pub(in super::super) fn stop<'a>(
    reason: Option<Str<'a>>,
    sequence: Option<Str<'a>>,
    details: Option<Object<'a>>,
    blocks: &[Block<'_>],
) -> Result<Stop<'a>, Misread> {
    let calls = || blocks.iter().any(|block| matches!(block, Block::Use(_)));
    Ok(match reason.as_deref() {
        Some("tool_use") => Stop::Tools,
        Some("max_tokens") => Stop::Length,
        Some("model_context_window_exceeded") => Stop::Window,
        Some("stop_sequence") => Stop::Sequence(sequence),
        Some("pause_turn") => Stop::Paused,
        Some("refusal") => Stop::Refused(match details {
            None => Refused::default(),
            Some(mut details) => Refused {
                category: details.text("category")?,
                explanation: details.text("explanation")?,
            },
        }),
        None if calls() => Stop::Tools,
        _ => Stop::Done,
    })
}
