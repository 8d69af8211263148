//! A whole answer, written in the caller's words.

use std::borrow::Cow;

use serde::Serialize;

use super::super::answer::{Answer, Failure, Refused, Stop};
use super::super::block::{Block, Citation, Page, Text, Thought, ToolUse};
use super::super::dropped::{Dropped, Field, Why};
use super::super::echo::Echo;
use super::super::json::Json;
use super::super::name;
use super::super::said::{self, Said};
use super::super::sealed::Form;
use super::super::usage::ResponsesUsage;
use super::item_out::{AnnotationOut, ItemOut, Known, KnownPart, PartOut, reasoning_out};
use crate::domain::dialect::Dialect;

#[derive(Serialize)]
struct Body<'a> {
    id: Cow<'a, str>,
    object: &'static str,
    created_at: u64,
    status: &'static str,
    background: bool,
    error: Option<ErrorOut<'a>>,
    incomplete_details: Option<Incomplete>,
    instructions: Option<&'a str>,
    max_output_tokens: Option<u64>,
    model: &'a str,
    output: Vec<ItemOut<'a>>,
    parallel_tool_calls: bool,
    previous_response_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_tier: Option<&'a str>,
    store: bool,
    temperature: Option<f64>,
    tool_choice: &'static str,
    tools: [(); 0],
    top_p: Option<f64>,
    truncation: &'static str,
    usage: Option<ResponsesUsage>,
    metadata: Json<'static>,
}

#[derive(Serialize)]
struct ErrorOut<'a> {
    code: &'a str,
    message: &'a str,
}

#[derive(Serialize)]
struct Incomplete {
    reason: &'static str,
}

/// Writes an answer.
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
    let mut writer = Writer {
        answer: id,
        stop,
        echo,
        dropped: &mut dropped,
    };
    let output = writer.items(blocks);
    let body = Body {
        id: said::id("resp_", id),
        object: "response",
        created_at: created.unwrap_or(now),
        status: status(stop),
        background: false,
        error: error(stop),
        incomplete_details: incomplete(stop).map(|reason| Incomplete { reason }),
        instructions: None,
        max_output_tokens: None,
        model: said::model(model, echo),
        output,
        parallel_tool_calls: true,
        previous_response_id: None,
        service_tier: tier.as_deref().filter(|it| said::is_openai_tier(it)),
        store: false,
        temperature: None,
        tool_choice: "auto",
        tools: [],
        top_p: None,
        truncation: "disabled",
        usage: usage.as_ref().map(ResponsesUsage::from),
        metadata: Json::empty(),
    };
    Said::of(&body, dropped)
}

/// How far an answer came that stopped so.
pub fn status(stop: &Stop<'_>) -> &'static str {
    match stop {
        Stop::Failed(_) => "failed",
        stop if incomplete(stop).is_some() => "incomplete",
        _ => "completed",
    }
}

/// Why an answer is not complete, in this dialect's word.
pub fn incomplete(stop: &Stop<'_>) -> Option<&'static str> {
    match stop {
        Stop::Length | Stop::Window => Some("max_output_tokens"),
        // A refusal in words is complete; one by a filter is not.
        Stop::Refused(Refused {
            category: Some(_),
            explanation: None,
        }) => Some("content_filter"),
        Stop::Done
        | Stop::Sequence(_)
        | Stop::Tools
        | Stop::Refused(_)
        | Stop::Paused
        | Stop::Failed(_) => None,
    }
}

fn error<'a>(stop: &'a Stop<'_>) -> Option<ErrorOut<'a>> {
    let Stop::Failed(Failure { code, message }) = stop else {
        return None;
    };
    let code = if code.is_empty() {
        "server_error"
    } else {
        code
    };
    Some(ErrorOut { code, message })
}

struct Writer<'w, 'd> {
    answer: &'w str,
    stop: &'w Stop<'w>,
    echo: &'w Echo,
    dropped: &'d mut Dropped,
}

impl<'w> Writer<'w, '_> {
    fn items<'a>(&mut self, blocks: &'a [Block<'a>]) -> Vec<ItemOut<'a>>
    where
        'w: 'a,
    {
        let mut items: Vec<ItemOut<'a>> = Vec::with_capacity(blocks.len());
        for (at, block) in blocks.iter().enumerate() {
            let part = match block {
                Block::Text(text) => self.text(text),
                Block::Refusal(refusal) => KnownPart::Refusal { refusal },
                Block::Thought(thought) => {
                    items.push(ItemOut::Known(self.thought(thought, at)));
                    continue;
                }
                Block::Use(call) => {
                    items.push(ItemOut::Known(self.call(call, at)));
                    continue;
                }
                Block::Foreign(foreign) if foreign.from == Dialect::Responses => {
                    items.push(ItemOut::Raw(&foreign.json));
                    continue;
                }
                Block::Foreign(foreign) => {
                    self.dropped
                        .named(Field::Block, Why::Foreign, &foreign.kind);
                    continue;
                }
                Block::Image(_) | Block::Document(_) | Block::Reply(_) => {
                    self.dropped.note(Field::Block, Why::NoPlace);
                    continue;
                }
            };
            self.speak(part, at, &mut items);
        }
        if let (Stop::Refused(refused), false) = (self.stop, says_something(&items)) {
            let refusal = refused.explanation.as_deref().unwrap_or(said::REFUSED);
            self.speak(KnownPart::Refusal { refusal }, blocks.len(), &mut items);
        }
        items
    }

    /// Words that follow each other are one message.
    fn speak<'a>(&self, part: KnownPart<'a>, at: usize, items: &mut Vec<ItemOut<'a>>) {
        let part = PartOut::Known(part);
        if let Some(ItemOut::Known(Known::Message { content, .. })) = items.last_mut() {
            return content.push(part);
        }
        items.push(ItemOut::Known(Known::Message {
            id: Some(self.id("msg_", at)),
            status: Some(self.item_status()),
            role: "assistant",
            content: vec![part],
        }));
    }

    /// Ids of items are made up: the same for the same place of the same answer.
    fn id(&self, prefix: &str, at: usize) -> String {
        item_id(prefix, self.answer, at)
    }

    fn item_status(&self) -> &'static str {
        match incomplete(self.stop) {
            Some(_) => "incomplete",
            None => "completed",
        }
    }

    fn text<'a>(&mut self, text: &'a Text<'a>) -> KnownPart<'a> {
        let Text {
            text,
            citations,
            mark: _,
        } = text;
        let annotations = citations.iter().filter_map(|it| self.annotation(it, text));
        KnownPart::OutputText {
            annotations: annotations.collect(),
            text,
        }
    }

    fn annotation<'a>(
        &mut self,
        citation: &'a Citation<'a>,
        text: &str,
    ) -> Option<AnnotationOut<'a>> {
        if let Citation::Foreign(Dialect::Responses, json) = citation {
            return Some(AnnotationOut::Raw(json));
        }
        let Some(page) = citation.page() else {
            self.dropped.note(Field::Citation, Why::NoPlace);
            return None;
        };
        let Page {
            url,
            title,
            quote: _,
            span,
        } = page;
        // A dialect that does not count characters cites for the whole text.
        let (start_index, end_index) = span.unwrap_or((0, text.chars().count() as u64));
        Some(AnnotationOut::Page {
            kind: "url_citation",
            title: title.unwrap_or_else(|| url.clone()),
            url,
            start_index,
            end_index,
        })
    }

    /// A thought, with its state and its owner's name for a caller that gives it back.
    fn thought<'a>(&mut self, thought: &'a Thought<'a>, at: usize) -> Known<'a> {
        let Thought {
            text,
            summary: _,
            sealed,
            item,
        } = thought;
        let id = match item {
            Some(item) => Cow::Borrowed(&**item),
            None => Cow::Owned(self.id("rs_", at)),
        };
        let sealed = sealed.as_ref();
        let open = sealed.is_some_and(|it| it.form == Form::Plain);
        let kept = sealed.filter(|_| self.echo.sealed || open);
        self.dropped
            .note_if(kept.is_none() && sealed.is_some(), Field::Sealed, Why::Idle);
        Known::Reasoning(reasoning_out(Some(id), text, kept, |sealed| {
            sealed.carried(Dialect::Responses, Form::Encrypted)
        }))
    }

    fn call<'a>(&mut self, call: &'a ToolUse<'a>, at: usize) -> Known<'a>
    where
        'w: 'a,
    {
        let told = said::call(call, self.answer, self.echo);
        let (call_id, name) = (told.id, Cow::Borrowed(told.name));
        let (namespace, status) = (told.space, Some(self.item_status()));
        match told.custom {
            true => Known::CustomToolCall {
                id: Some(self.id("ctc_", at)),
                status,
                call_id,
                namespace,
                name,
                input: told.input,
            },
            false => Known::FunctionCall {
                id: Some(self.id("fc_", at)),
                status,
                call_id,
                namespace,
                name,
                arguments: told.input,
            },
        }
    }
}

/// The id of an item that stands at a place of an answer.
pub fn item_id(prefix: &str, answer: &str, at: usize) -> String {
    format!("{prefix}{}", name::digest(&[answer, &at.to_string()], 24))
}

fn says_something(items: &[ItemOut<'_>]) -> bool {
    let says = |item: &ItemOut<'_>| matches!(item, ItemOut::Known(Known::Message { .. }));
    items.iter().any(says)
}
