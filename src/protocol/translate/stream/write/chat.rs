//! Chat Completions as OpenAI streams them: the role first, a call's id and name before its arguments, why it stopped, usage in a chunk of
//! its own for those who asked, and `[DONE]`.
//!
//! Thoughts go into `reasoning_content`, which clients of open models read and the others pass over.

use bytes::BytesMut;
use serde::Serialize;

use super::super::custom::Custom;
use super::super::limit::{self, TooMuch};
use super::frame::{comment, frame};
use super::shown::{Named, Shown};
use crate::domain::dialect::Dialect;
use crate::domain::tokens::Usage;
use crate::protocol::translate::answer::Stop;
use crate::protocol::translate::block::{Citation, Kind, Page};
use crate::protocol::translate::chat::answer_write::finish_reason;
use crate::protocol::translate::dropped::{Dropped, Field, Why};
use crate::protocol::translate::echo::Echo;
use crate::protocol::translate::event::{Delta, Event, Opened};
use crate::protocol::translate::said;
use crate::protocol::translate::usage::ChatUsage;

/// What ids of answers begin with.
const ID: &str = "chatcmpl-";

/// Writes chunks.
#[derive(Debug)]
pub(super) struct Chat {
    echo: Echo,
    named: Named,
    open: Vec<(u32, What)>,
    calls: u32,
    refused: bool,
    /// Words, a refusal or a call have come.
    says: bool,
    /// A thought has come: the next stands apart from it.
    thought: bool,
    usage: Option<Usage>,
    dropped: Dropped,
}

#[derive(Debug)]
enum What {
    Text,
    Thought {
        /// Another thought has been said before.
        apart: bool,
    },
    Refusal,
    /// A call, by its number in the answer.
    Call {
        place: u32,
        /// Some of its arguments have come.
        begun: bool,
    },
    /// A call of a tool that takes a text of its own.
    Custom(u32, Custom),
}

impl Chat {
    pub(super) fn new(echo: Echo, shown: Shown) -> Self {
        Self {
            named: Named::new(ID, &echo, shown),
            echo,
            open: Vec::new(),
            calls: 0,
            refused: false,
            says: false,
            thought: false,
            usage: None,
            dropped: Dropped::default(),
        }
    }

    pub(super) fn dropped(&self) -> &Dropped {
        &self.dropped
    }

    pub(super) fn event(&mut self, event: &Event<'_>, out: &mut BytesMut) -> Result<(), TooMuch> {
        match event {
            Event::Start(start) => {
                self.named.begin(ID, start);
                self.usage = start.usage;
                let delta = ChunkDelta {
                    role: Some("assistant"),
                    content: Some(""),
                    ..ChunkDelta::default()
                };
                self.chunk(delta, None, out);
            }
            Event::Open { index, block } => self.open(*index, block, out),
            Event::Delta { index, delta } => self.delta(*index, delta, out)?,
            Event::Close { index } => self.close(*index, out),
            Event::Usage(usage) => self.usage = Some(*usage),
            Event::Ping => comment(out),
            Event::Stop(stop) => self.stop(stop, out),
            Event::End => self.end(out),
            Event::Fault(_) => {}
        }
        Ok(())
    }

    fn stop(&self, stop: &Stop<'_>, out: &mut BytesMut) {
        // A refusal without a word would look like an empty answer.
        if let (Stop::Refused(refused), false) = (stop, self.says) {
            let refusal = Some(refused.explanation.as_deref().unwrap_or(said::REFUSED));
            let delta = ChunkDelta {
                refusal,
                ..ChunkDelta::default()
            };
            self.chunk(delta, None, out);
        }
        let reason = finish_reason(stop, self.refused);
        self.chunk(ChunkDelta::default(), Some(reason), out);
    }

    fn open(&mut self, index: u32, block: &Opened<'_>, out: &mut BytesMut) {
        self.says |= !matches!(block, Opened::Thought { .. } | Opened::Foreign(_));
        let what = match block {
            Opened::Text => What::Text,
            Opened::Thought { .. } => What::Thought {
                apart: self.thought,
            },
            Opened::Refusal => {
                self.refused = true;
                What::Refusal
            }
            Opened::Use {
                id,
                name,
                space: _,
                kind,
            } => self.call(id, name, *kind, out),
            Opened::Foreign(foreign) => {
                return self
                    .dropped
                    .named(Field::Block, Why::Foreign, &foreign.kind);
            }
        };
        self.open.push((index, what));
    }

    fn call(&mut self, id: &str, told: &str, kind: Kind, out: &mut BytesMut) -> What {
        let place = self.calls;
        self.calls += 1;
        let name = self.echo.origin(told).map_or(told, |origin| &origin.name);
        let custom = Custom::of(kind, self.echo.kind(told));
        let id = self.named.call(Dialect::Chat, id);
        let mut call = CallPiece {
            index: place,
            id: Some(&id),
            kind: Some("function"),
            function: None,
            custom: None,
        };
        match custom {
            None => {
                call.function = Some(FunctionPiece {
                    name: Some(name),
                    arguments: "",
                });
            }
            Some(_) => {
                call.kind = Some("custom");
                call.custom = Some(CustomPiece {
                    name: Some(name),
                    input: "",
                });
            }
        }
        self.chunk(ChunkDelta::call([call].as_slice()), None, out);
        let begun = false;
        custom.map_or(What::Call { place, begun }, |custom| {
            What::Custom(place, custom)
        })
    }

    fn delta(&mut self, index: u32, delta: &Delta<'_>, out: &mut BytesMut) -> Result<(), TooMuch> {
        let Some(at) = self.open.iter().position(|(open, _)| *open == index) else {
            return Ok(());
        };
        let mut said = ChunkDelta::default();
        match (delta, &mut self.open[at].1) {
            (Delta::Text(text), What::Text) => said.content = Some(text),
            (Delta::Text(text), What::Thought { apart }) => {
                let apart = std::mem::take(apart);
                self.thought = true;
                if apart {
                    let gap = ChunkDelta {
                        reasoning_content: Some("\n\n"),
                        ..ChunkDelta::default()
                    };
                    self.chunk(gap, None, out);
                }
                said.reasoning_content = Some(text);
            }
            (Delta::Text(text), What::Refusal) => said.refusal = Some(text),
            (Delta::Input(input), What::Call { place, begun }) => {
                *begun = true;
                let place = *place;
                self.arguments(place, input, out);
                return Ok(());
            }
            (Delta::Input(input), What::Custom(place, custom)) => {
                let (place, piece) = (*place, custom.push(input));
                if let Some(piece) = piece {
                    self.custom(place, piece, out);
                }
                return self.held();
            }
            (Delta::Sealed(sealed), _) => {
                let lost = !sealed.data.is_empty();
                self.dropped.note_if(lost, Field::Sealed, Why::NoPlace);
                return Ok(());
            }
            (Delta::Citation(Citation::Page(page)), What::Text) => {
                let annotation = [annotation(page)];
                said.annotations = &annotation;
                self.chunk(said, None, out);
                return Ok(());
            }
            (Delta::Citation(_), _) => {
                self.dropped.note(Field::Citation, Why::NoPlace);
                return Ok(());
            }
            (Delta::Text(_) | Delta::Input(_), _) => return Ok(()),
        }
        self.chunk(said, None, out);
        Ok(())
    }

    fn custom(&self, place: u32, input: &str, out: &mut BytesMut) {
        let piece = CallPiece {
            index: place,
            custom: Some(CustomPiece { name: None, input }),
            ..CallPiece::default()
        };
        self.chunk(ChunkDelta::call([piece].as_slice()), None, out);
    }

    fn close(&mut self, index: u32, out: &mut BytesMut) {
        let Some(at) = self.open.iter().position(|(open, _)| *open == index) else {
            return;
        };
        match self.open.remove(at).1 {
            What::Custom(place, custom) => {
                if let Some(rest) = custom.close() {
                    self.custom(place, &rest, out);
                }
            }
            // What has no arguments is called with an empty object: an empty text is no JSON.
            What::Call {
                place,
                begun: false,
            } => self.arguments(place, "{}", out),
            What::Call { .. } | What::Text | What::Thought { .. } | What::Refusal => {}
        }
    }

    /// What is kept of calls may not grow without end.
    fn held(&self) -> Result<(), TooMuch> {
        let kept = |(_, what): &(u32, What)| match what {
            What::Custom(_, custom) => custom.kept(),
            What::Call { .. } | What::Text | What::Thought { .. } | What::Refusal => 0,
        };
        match self.open.iter().map(kept).sum::<usize>() <= limit::HELD {
            true => Ok(()),
            false => Err(TooMuch),
        }
    }

    fn arguments(&self, place: u32, arguments: &str, out: &mut BytesMut) {
        let piece = CallPiece {
            index: place,
            function: Some(FunctionPiece {
                name: None,
                arguments,
            }),
            ..CallPiece::default()
        };
        self.chunk(ChunkDelta::call([piece].as_slice()), None, out);
    }

    fn chunk(&self, delta: ChunkDelta<'_>, finish_reason: Option<&str>, out: &mut BytesMut) {
        let choice = Choice {
            index: 0,
            delta,
            logprobs: None,
            finish_reason,
        };
        self.put(&[choice], self.echo.usage.then_some(None), out);
    }

    fn put(&self, choices: &[Choice<'_>], usage: Option<Option<ChatUsage>>, out: &mut BytesMut) {
        let chunk = Chunk {
            id: &self.named.id,
            object: "chat.completion.chunk",
            created: self.named.created,
            model: &self.named.model,
            choices,
            usage,
            service_tier: self.named.openai_tier(),
        };
        frame(out, None, &chunk);
    }

    fn end(&self, out: &mut BytesMut) {
        if let (true, Some(usage)) = (self.echo.usage, self.usage) {
            self.put(&[], Some(Some(ChatUsage::from(&usage))), out);
        }
        out.extend_from_slice(b"data: [DONE]\n\n");
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
    #[serde(skip_serializing_if = "Option::is_none")]
    service_tier: Option<&'a str>,
}

#[derive(Serialize)]
struct Choice<'a> {
    index: u32,
    delta: ChunkDelta<'a>,
    logprobs: Option<()>,
    finish_reason: Option<&'a str>,
}

#[derive(Serialize, Default)]
struct ChunkDelta<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_content: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refusal: Option<&'a str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    annotations: &'a [Annotation<'a>],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    tool_calls: &'a [CallPiece<'a>],
}

impl<'a> ChunkDelta<'a> {
    fn call(tool_calls: &'a [CallPiece<'a>]) -> Self {
        Self {
            tool_calls,
            ..Self::default()
        }
    }
}

#[derive(Serialize, Default)]
struct CallPiece<'a> {
    index: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none", rename = "type")]
    kind: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    function: Option<FunctionPiece<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    custom: Option<CustomPiece<'a>>,
}

#[derive(Serialize)]
struct Annotation<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    url_citation: Cited<'a>,
}

#[derive(Serialize)]
struct Cited<'a> {
    url: &'a str,
    title: &'a str,
    start_index: u64,
    end_index: u64,
}

fn annotation<'a>(page: &'a Page<'_>) -> Annotation<'a> {
    let (start_index, end_index) = page.span.unwrap_or_default();
    Annotation {
        kind: "url_citation",
        url_citation: Cited {
            url: &page.url,
            title: page.title.as_deref().unwrap_or_default(),
            start_index,
            end_index,
        },
    }
}

#[derive(Serialize)]
struct FunctionPiece<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    arguments: &'a str,
}

#[derive(Serialize)]
struct CustomPiece<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    input: &'a str,
}
