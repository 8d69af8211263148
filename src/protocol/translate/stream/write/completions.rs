//! The older completions: nothing but text. A caller that fills in the middle has no use for thoughts, calls or refusals.

use bytes::BytesMut;
use serde::Serialize;

use super::frame::{comment, frame};
use super::shown::{Named, Shown};
use crate::domain::tokens::Usage;
use crate::protocol::translate::answer::Stop;
use crate::protocol::translate::dropped::{Dropped, Field, Why};
use crate::protocol::translate::echo::Echo;
use crate::protocol::translate::event::{Delta, Event, Opened};
use crate::protocol::translate::usage::ChatUsage;

/// What ids of answers begin with.
const ID: &str = "cmpl-";

/// Writes chunks.
#[derive(Debug)]
pub(super) struct Completions {
    named: Named,
    tells_usage: bool,
    /// Blocks of text that are open.
    texts: Vec<u32>,
    usage: Option<Usage>,
    dropped: Dropped,
}

impl Completions {
    pub(super) fn new(echo: &Echo, shown: Shown) -> Self {
        Self {
            named: Named::new(ID, echo, shown),
            tells_usage: echo.usage,
            texts: Vec::new(),
            usage: None,
            dropped: Dropped::default(),
        }
    }

    pub(super) fn dropped(&self) -> &Dropped {
        &self.dropped
    }

    pub(super) fn event(&mut self, event: &Event<'_>, out: &mut BytesMut) {
        match event {
            Event::Start(start) => {
                self.named.begin(ID, start);
                self.usage = start.usage;
            }
            Event::Open { index, block } => match block {
                Opened::Text => self.texts.push(*index),
                Opened::Thought { .. } => self.dropped.note(Field::Thought, Why::NoPlace),
                Opened::Use { .. } => self.dropped.named(Field::Block, Why::NoPlace, "call"),
                Opened::Refusal => self.dropped.named(Field::Block, Why::NoPlace, "refusal"),
                Opened::Foreign(foreign) => {
                    self.dropped
                        .named(Field::Block, Why::Foreign, &foreign.kind);
                }
            },
            Event::Delta { index, delta } => {
                if let (Delta::Text(text), true) = (delta, self.texts.contains(index)) {
                    self.chunk(text, None, out);
                }
            }
            Event::Close { index } => self.texts.retain(|text| text != index),
            Event::Usage(usage) => self.usage = Some(*usage),
            Event::Ping => comment(out),
            Event::Stop(stop) => self.chunk("", Some(finish_reason(stop)), out),
            Event::End => self.end(out),
            Event::Fault(_) => {}
        }
    }

    fn chunk(&self, text: &str, finish_reason: Option<&str>, out: &mut BytesMut) {
        let choice = Choice {
            text,
            index: 0,
            logprobs: None,
            finish_reason,
        };
        self.put(&[choice], self.tells_usage.then_some(None), out);
    }

    fn put(&self, choices: &[Choice<'_>], usage: Option<Option<ChatUsage>>, out: &mut BytesMut) {
        let chunk = Chunk {
            id: &self.named.id,
            object: "text_completion",
            created: self.named.created,
            model: &self.named.model,
            choices,
            usage,
        };
        frame(out, None, &chunk);
    }

    fn end(&self, out: &mut BytesMut) {
        if let (true, Some(usage)) = (self.tells_usage, self.usage) {
            self.put(&[], Some(Some(ChatUsage::from(&usage))), out);
        }
        out.extend_from_slice(b"data: [DONE]\n\n");
    }
}

fn finish_reason(stop: &Stop<'_>) -> &'static str {
    match stop {
        Stop::Done | Stop::Sequence(_) | Stop::Tools | Stop::Paused => "stop",
        Stop::Length | Stop::Window => "length",
        Stop::Refused(_) | Stop::Failed(_) => "content_filter",
    }
}

#[derive(Serialize)]
struct Chunk<'a> {
    id: &'a str,
    object: &'a str,
    created: u64,
    model: &'a str,
    choices: &'a [Choice<'a>],
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Option<ChatUsage>>,
}

#[derive(Serialize)]
struct Choice<'a> {
    text: &'a str,
    index: u32,
    logprobs: Option<()>,
    finish_reason: Option<&'a str>,
}
