//! A whole answer, read.

use serde_json::value::RawValue;

use super::super::answer::{Answer, Failure, Refused, Stop};
use super::super::block::{Block, Foreign, Input, Kind, Thought, ToolUse};
use super::super::dropped::{Dropped, Field, Why};
use super::super::json::{Json, Misread, Object, Str};
use super::super::sealed::{Form, Sealed};
use crate::domain::dialect::Dialect;
use crate::protocol::usage::{self, Told};

/// Reads an answer. Of several candidates the first.
pub fn read(body: &str) -> Result<Answer<'_>, Misread> {
    let mut object = Object::read(body)?;
    let mut dropped = Dropped::default();
    let candidates = object.list("candidates")?;
    dropped.note_if(candidates.len() > 1, Field::Choices, Why::NoPlace);
    let id = object.text("responseId")?.unwrap_or_default();
    let mut blocks = Vec::new();
    let stop = match candidates.first() {
        Some(raw) => {
            let read = candidate(raw, &mut blocks, &mut dropped);
            read.map_err(|it| it.within("candidates[0]"))?
        }
        None => blocked(&mut object)?,
    };
    let told = object.take("usageMetadata").and_then(usage::google);
    Ok(Answer {
        id,
        model: object.text("modelVersion")?.unwrap_or_default(),
        created: None,
        blocks,
        stop,
        usage: told.and_then(Told::usage),
        tier: None,
        dropped,
    })
}

fn candidate<'a>(
    raw: &'a RawValue,
    blocks: &mut Vec<Block<'a>>,
    dropped: &mut Dropped,
) -> Result<Stop<'a>, Misread> {
    let mut candidate = Object::of(raw)?;
    if let Some(mut content) = candidate.object("content")? {
        for (at, raw) in content.list("parts")?.into_iter().enumerate() {
            let read = part(raw, blocks, dropped);
            read.map_err(|it| it.within(format!("content.parts[{at}]")))?;
        }
    }
    for name in ["groundingMetadata", "citationMetadata"] {
        let there = candidate.take(name).is_some();
        dropped.note_if(there, Field::Citation, Why::NoPlace);
    }
    let explanation = candidate.text("finishMessage")?;
    Ok(stop(candidate.text("finishReason")?, explanation, blocks))
}

/// Reads a part. Its signature stands in a thought of its own just before it, unless the part is a thought itself.
pub(in super::super) fn part<'a>(
    raw: &'a RawValue,
    blocks: &mut Vec<Block<'a>>,
    dropped: &mut Dropped,
) -> Result<(), Misread> {
    let mut part = Object::of(raw)?;
    let signature = part.text("thoughtSignature")?;
    let seal = |data| Sealed::read(Dialect::Gemini, Form::ThoughtSignature, data);
    let sealed = signature.map(seal);
    if part.flag("thought")? == Some(true) {
        blocks.push(Block::Thought(Thought {
            text: part.text("text")?.unwrap_or_default(),
            summary: true,
            sealed,
            item: None,
        }));
        return Ok(());
    }
    if sealed.is_some() {
        blocks.push(Block::Thought(Thought {
            sealed,
            ..Thought::default()
        }));
    }
    if let Some(call) = part.object("functionCall")? {
        blocks.push(self::call(call)?);
    } else if let Some(text) = part.text("text")? {
        if !text.is_empty() {
            blocks.push(Block::text(text));
        }
    } else if let Some((kind, _)) = part.rest().next() {
        dropped.named(Field::Block, Why::Foreign, &kind);
        blocks.push(Block::Foreign(Foreign {
            from: Dialect::Gemini,
            kind,
            json: Json::from(raw),
        }));
    }
    Ok(())
}

fn call(mut call: Object<'_>) -> Result<Block<'_>, Misread> {
    Ok(Block::Use(ToolUse {
        id: call.text("id")?.unwrap_or_default(),
        name: call.need("name")?,
        space: None,
        kind: Kind::Function,
        input: Input::Json(call.json("args").unwrap_or(Json::empty())),
        mark: None,
    }))
}

/// Why it stopped. It is said to be done where tools are called, too.
pub(in super::super) fn stop<'a>(
    reason: Option<Str<'a>>,
    explanation: Option<Str<'a>>,
    blocks: &[Block<'_>],
) -> Stop<'a> {
    let calls = blocks.iter().any(|block| matches!(block, Block::Use(_)));
    let refused = |category| {
        Stop::Refused(Refused {
            category: Some(category),
            explanation: explanation.clone(),
        })
    };
    match reason {
        Some(reason) => match &*reason {
            "MAX_TOKENS" => Stop::Length,
            "SAFETY" | "RECITATION" | "BLOCKLIST" | "PROHIBITED_CONTENT" | "SPII" | "LANGUAGE"
            | "MODEL_ARMOR" | "IMAGE_SAFETY" => refused(reason),
            "MALFORMED_FUNCTION_CALL"
            | "UNEXPECTED_TOOL_CALL"
            | "TOO_MANY_TOOL_CALLS"
            | "MISSING_THOUGHT_SIGNATURE"
            | "MALFORMED_RESPONSE" => Stop::Failed(Failure {
                code: reason,
                message: explanation.unwrap_or_default(),
            }),
            "CONTINUATION" => Stop::Paused,
            _ if calls => Stop::Tools,
            _ => Stop::Done,
        },
        None if calls => Stop::Tools,
        None => Stop::Done,
    }
}

/// A prompt that was blocked has no candidates.
fn blocked<'a>(object: &mut Object<'a>) -> Result<Stop<'a>, Misread> {
    let Some(mut feedback) = object.object("promptFeedback")? else {
        return Err(Misread::new("candidates", "empty"));
    };
    Ok(Stop::Refused(Refused {
        category: feedback.text("blockReason")?,
        explanation: feedback.text("blockReasonMessage")?,
    }))
}
