//! A whole answer, written in the caller's words.

use std::borrow::Cow;

use serde::Serialize;

use super::super::answer::{Answer, Refused, Stop};
use super::super::block::{Block, Page, Text, Thought, ToolUse};
use super::super::dropped::{Dropped, Field, Why};
use super::super::echo::Echo;
use super::super::json::Str;
use super::super::said::{self, Said};
use super::super::usage::ChatUsage;
use super::message::CallOut;

#[derive(Serialize)]
struct Body<'a> {
    id: Cow<'a, str>,
    object: &'static str,
    created: u64,
    model: &'a str,
    choices: [ChoiceOut<'a>; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<ChatUsage>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_tier: Option<&'a str>,
}

#[derive(Serialize)]
struct ChoiceOut<'a> {
    index: u32,
    message: MessageOut<'a>,
    /// The caller's parser wants the field.
    logprobs: Option<()>,
    finish_reason: &'static str,
}

#[derive(Default, Serialize)]
struct MessageOut<'a> {
    role: &'static str,
    content: Option<String>,
    refusal: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_content: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    annotations: Vec<Annotation<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<CallOut<'a>>,
}

#[derive(Serialize)]
struct Annotation<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    url_citation: UrlCitation<'a>,
}

/// A page that is cited, in OpenAI's names.
#[derive(Serialize)]
struct UrlCitation<'a> {
    url: Str<'a>,
    title: Str<'a>,
    start_index: u64,
    end_index: u64,
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
        tier,
        dropped: _,
    } = answer;
    let message = message(id, blocks, stop, echo, &mut dropped);
    let refused = blocks.iter().any(|it| matches!(it, Block::Refusal(_)));
    let body = Body {
        id: said::id("chatcmpl-", id),
        object: "chat.completion",
        created: created.unwrap_or(now),
        model: said::model(model, echo),
        choices: [ChoiceOut {
            index: 0,
            message,
            logprobs: None,
            finish_reason: finish_reason(stop, refused),
        }],
        usage: usage.as_ref().map(ChatUsage::from),
        service_tier: tier.as_deref().filter(|it| said::is_openai_tier(it)),
    };
    Said::of(&body, dropped)
}

/// Why it stopped, in this dialect's word. A refusal that the model has `said`, or that is explained, is an answer like others: SDKs
/// throw the words of one that a filter ended away.
pub(in super::super) fn finish_reason(stop: &Stop<'_>, said: bool) -> &'static str {
    match stop {
        Stop::Done | Stop::Sequence(_) | Stop::Paused => "stop",
        Stop::Tools => "tool_calls",
        Stop::Length | Stop::Window => "length",
        Stop::Refused(refused) if said || refused.explanation.is_some() => "stop",
        Stop::Refused(_) | Stop::Failed(_) => "content_filter",
    }
}

fn message<'a>(
    id: &str,
    blocks: &'a [Block<'a>],
    stop: &Stop<'_>,
    echo: &'a Echo,
    dropped: &mut Dropped,
) -> MessageOut<'a> {
    let mut message = MessageOut {
        role: "assistant",
        ..MessageOut::default()
    };
    for block in blocks {
        match block {
            Block::Text(text) => add_text(text, &mut message, dropped),
            Block::Refusal(text) => message.refusal.get_or_insert_default().push_str(text),
            Block::Thought(thought) => add_thought(thought, &mut message, dropped),
            Block::Use(call) => message.tool_calls.push(self::call(call, id, echo)),
            Block::Image(_) => dropped.note(Field::Image, Why::NoPlace),
            Block::Document(_) => dropped.note(Field::Document, Why::NoPlace),
            Block::Foreign(foreign) => dropped.named(Field::Block, Why::Foreign, &foreign.kind),
            // A tool's result is no part of an answer.
            Block::Reply(_) => dropped.note(Field::Block, Why::NoPlace),
        }
    }
    // A refusal without a word would look like an empty answer.
    if let (Stop::Refused(refused), None, None) = (stop, &message.content, &message.refusal) {
        let Refused {
            category: _,
            explanation,
        } = refused;
        let words = explanation.as_deref().unwrap_or(said::REFUSED);
        message.refusal = Some(words.to_owned());
    }
    if message.content.is_none() && message.refusal.is_none() && message.tool_calls.is_empty() {
        message.content = Some(String::new());
    }
    message
}

fn add_text<'a>(text: &'a Text<'a>, message: &mut MessageOut<'a>, dropped: &mut Dropped) {
    let Text {
        text,
        citations,
        mark: _,
    } = text;
    let content = message.content.get_or_insert_default();
    let start = content.chars().count() as u64;
    content.push_str(text);
    let end = content.chars().count() as u64;
    for citation in citations {
        match citation.page() {
            None => dropped.note(Field::Citation, Why::NoPlace),
            Some(page) => message.annotations.push(annotation(page, start, end)),
        }
    }
}

fn annotation(page: Page<'_>, start: u64, end: u64) -> Annotation<'_> {
    let Page {
        url,
        title,
        quote: _,
        span,
    } = page;
    // A dialect that does not count characters cites for the whole text.
    let (from, to) = span.map_or((start, end), |(from, to)| (start + from, start + to));
    Annotation {
        kind: "url_citation",
        url_citation: UrlCitation {
            title: title.unwrap_or_else(|| url.clone()),
            url,
            start_index: from,
            end_index: to,
        },
    }
}

fn add_thought(thought: &Thought<'_>, message: &mut MessageOut<'_>, dropped: &mut Dropped) {
    let Thought {
        text,
        summary: _,
        sealed,
        item: _,
    } = thought;
    // This dialect gives nothing back that is sealed.
    let lost = sealed.as_ref().is_some_and(|it| !it.data.is_empty());
    dropped.note_if(lost, Field::Sealed, Why::NoPlace);
    if text.is_empty() {
        return;
    }
    match &mut message.reasoning_content {
        None => message.reasoning_content = Some(text.to_string()),
        Some(before) => {
            before.push_str("\n\n");
            before.push_str(text);
        }
    }
}

fn call<'a>(call: &'a ToolUse<'a>, answer: &str, echo: &'a Echo) -> CallOut<'a> {
    let told = said::call(call, answer, echo);
    match told.custom {
        true => CallOut::custom(told.id, told.name.into(), told.input),
        false => CallOut::function(told.id, told.name.into(), told.input),
    }
}
