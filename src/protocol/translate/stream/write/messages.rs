//! Anthropic's events: one block open at a time, numbered without a gap, why it stopped and the usage at the end.
//!
//! Input tokens are told at the start, where few targets know them yet: there stands our own count, and the true one at the end, which is
//! what clients take. A thought begins with its first word, for one that nobody may read is another kind of block.

use bytes::BytesMut;
use serde::Serialize;

use super::super::custom::wrapped;
use super::super::in_turn::InTurn;
use super::super::limit::{self, TooMuch};
use super::frame::{comment, frame};
use super::shown::{Named, Shown};
use crate::domain::dialect::Dialect;
use crate::domain::tokens::{TokenCount, Usage};
use crate::protocol::translate::answer::Stop;
use crate::protocol::translate::block::{Citation, Foreign, Kind};
use crate::protocol::translate::dropped::{Dropped, Field, Why};
use crate::protocol::translate::echo::Echo;
use crate::protocol::translate::event::{Delta, Event, Opened, Start};
use crate::protocol::translate::json::{Json, Str};
use crate::protocol::translate::sealed::{Form, Sealed};
use crate::protocol::translate::usage::MessagesUsage;

/// What ids of answers begin with.
const ID: &str = "msg_";

/// Writes events.
#[derive(Debug)]
pub(super) struct Messages {
    order: InTurn,
    says: Says,
}

/// The blocks in their turn.
#[derive(Debug)]
struct Says {
    echo: Echo,
    named: Named,
    /// What is told at the start where the target does not tell it.
    guess: Usage,
    begun: bool,
    /// The number of the next block.
    next: u32,
    block: Option<What>,
    usage: Option<Usage>,
    /// Why it stopped: told with the usage, at the end.
    last: Option<Last>,
    dropped: Dropped,
}

/// The block whose turn it is.
#[derive(Clone, Debug, PartialEq)]
enum What {
    Text,
    /// A thought of which nothing has come.
    NoThought,
    Thought,
    Call {
        /// Some of its input has come.
        begun: bool,
    },
    /// The input is a text of its own, and is kept until it is whole.
    Custom(String),
    /// It is left out, or has been said whole.
    Silent,
}

/// How it ends.
#[derive(Debug, Serialize)]
struct Last {
    stop_reason: &'static str,
    stop_sequence: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stop_details: Option<Details>,
}

impl Messages {
    pub(super) fn new(echo: Echo, shown: Shown) -> Self {
        Self {
            order: InTurn::default(),
            says: Says {
                named: Named::new(ID, &echo, shown),
                guess: Usage {
                    input: shown.prompt,
                    output: TokenCount(1),
                    ..Usage::default()
                },
                echo,
                begun: false,
                next: 0,
                block: None,
                usage: None,
                last: None,
                dropped: Dropped::default(),
            },
        }
    }

    pub(super) fn dropped(&self) -> &Dropped {
        &self.says.dropped
    }

    pub(super) fn event(&mut self, event: &Event<'_>, out: &mut BytesMut) -> Result<(), TooMuch> {
        let says = &mut self.says;
        let mut said = Ok(());
        let in_turn = self.order.push(event, &mut |event| {
            if said.is_ok() {
                said = says.event(event, out);
            }
        });
        in_turn.and(said)
    }
}

impl Says {
    fn event(&mut self, event: &Event<'_>, out: &mut BytesMut) -> Result<(), TooMuch> {
        match event {
            Event::Start(start) => self.start(start, out),
            Event::Open { block, .. } => self.open(block, out),
            Event::Delta { delta, .. } => self.delta(delta, out)?,
            Event::Close { .. } => self.close(out),
            Event::Usage(usage) => self.usage = Some(*usage),
            // Nothing of this dialect may come before its start.
            Event::Ping if !self.begun => comment(out),
            Event::Ping => frame(out, Some("ping"), &Bare { kind: "ping" }),
            Event::Stop(stop) => self.last = Some(last(stop)),
            Event::End => self.end(out),
            Event::Fault(_) => {}
        }
        Ok(())
    }

    fn start(&mut self, start: &Start<'_>, out: &mut BytesMut) {
        self.begun = true;
        self.named.begin(ID, start);
        self.usage = start.usage;
        let message = Message {
            id: &self.named.id,
            kind: "message",
            role: "assistant",
            model: &self.named.model,
            content: [],
            stop_reason: None,
            stop_sequence: None,
            usage: MessagesUsage::of(
                &start.usage.unwrap_or(self.guess),
                self.named.anthropic_tier(),
            ),
        };
        let kind = "message_start";
        frame(out, Some(kind), &Started { kind, message });
    }

    fn open(&mut self, block: &Opened<'_>, out: &mut BytesMut) {
        let what = match block {
            Opened::Text | Opened::Refusal => {
                self.begin(&Begun::Own(Own::Text { text: "" }), out);
                What::Text
            }
            Opened::Thought { .. } if self.echo.thinks => What::NoThought,
            Opened::Thought { .. } => {
                self.dropped.note(Field::Thought, Why::NoPlace);
                What::Silent
            }
            Opened::Use {
                id,
                name,
                space: _,
                kind,
            } => self.call(id, name, *kind, out),
            Opened::Foreign(foreign) => self.foreign(foreign, out),
        };
        self.block = Some(what);
    }

    fn call(&mut self, id: &str, told: &str, kind: Kind, out: &mut BytesMut) -> What {
        let origin = self.echo.origin(told).map(|origin| origin.name.clone());
        let name = origin.as_deref().unwrap_or(told);
        let (id, input) = (self.named.call(Dialect::Messages, id), Json::empty());
        let id = &id;
        self.begin(&Begun::Own(Own::ToolUse { id, name, input }), out);
        match kind {
            Kind::Function => What::Call { begun: false },
            Kind::Custom => What::Custom(String::new()),
        }
    }

    /// A block of this dialect's own comes whole.
    fn foreign(&mut self, foreign: &Foreign<'_>, out: &mut BytesMut) -> What {
        if foreign.from == Dialect::Messages {
            self.begin(&Begun::Foreign(foreign.json.clone()), out);
            self.stop(out);
        } else {
            self.dropped
                .named(Field::Block, Why::Foreign, &foreign.kind);
        }
        What::Silent
    }

    fn delta(&mut self, delta: &Delta<'_>, out: &mut BytesMut) -> Result<(), TooMuch> {
        match (delta, &mut self.block) {
            (Delta::Text(text), Some(What::Text)) => self.add(&Added::Text { text }, out),
            (Delta::Text(text), Some(What::NoThought | What::Thought)) => {
                self.think(out);
                self.add(&Added::Thinking { thinking: text }, out);
            }
            (Delta::Input(input), Some(What::Call { begun })) => {
                *begun = true;
                self.add(
                    &Added::Input {
                        partial_json: input,
                    },
                    out,
                );
            }
            (Delta::Input(input), Some(What::Custom(kept))) => {
                if kept.len() + input.len() > limit::HELD {
                    return Err(TooMuch);
                }
                kept.push_str(input);
            }
            (Delta::Sealed(sealed), Some(What::NoThought | What::Thought)) => {
                self.seal(sealed, out);
            }
            (Delta::Citation(Citation::Foreign(Dialect::Messages, citation)), Some(What::Text)) => {
                let citation = citation.clone();
                self.add(&Added::Citations { citation }, out);
            }
            (Delta::Citation(_), _) => self.dropped.note(Field::Citation, Why::NoPlace),
            (Delta::Text(_) | Delta::Input(_) | Delta::Sealed(_), _) => {}
        }
        Ok(())
    }

    /// The thought's first word.
    fn think(&mut self, out: &mut BytesMut) {
        if self.block == Some(What::NoThought) {
            let (thinking, signature) = ("", "");
            self.begin(
                &Begun::Own(Own::Thinking {
                    thinking,
                    signature,
                }),
                out,
            );
            self.block = Some(What::Thought);
        }
    }

    fn seal(&mut self, sealed: &Sealed<'_>, out: &mut BytesMut) {
        if !self.echo.sealed {
            return self.dropped.note(Field::Sealed, Why::NoPlace);
        }
        let own = (sealed.owner.dialect, sealed.form) == (Dialect::Messages, Form::Redacted);
        if own && self.block == Some(What::NoThought) {
            let data = sealed.carried(Dialect::Messages, Form::Redacted);
            self.begin(&Begun::Own(Own::RedactedThinking { data }), out);
            self.stop(out);
            self.block = Some(What::Silent);
            return;
        }
        self.think(out);
        let signature = sealed.carried(Dialect::Messages, Form::Signature);
        self.add(&Added::Signature { signature }, out);
    }

    fn close(&mut self, out: &mut BytesMut) {
        match self.block.take() {
            None | Some(What::Silent | What::NoThought) => {}
            Some(What::Text | What::Thought | What::Call { begun: true }) => self.stop(out),
            Some(What::Call { begun: false }) => {
                self.add(&Added::Input { partial_json: "" }, out);
                self.stop(out);
            }
            Some(What::Custom(text)) => {
                let partial_json = &wrapped(&text);
                self.add(&Added::Input { partial_json }, out);
                self.stop(out);
            }
        }
    }

    fn begin(&mut self, content_block: &Begun<'_>, out: &mut BytesMut) {
        let kind = "content_block_start";
        let index = self.next;
        let event = Block {
            kind,
            index,
            content_block,
        };
        frame(out, Some(kind), &event);
    }

    fn add(&self, delta: &Added<'_>, out: &mut BytesMut) {
        let kind = "content_block_delta";
        let index = self.next;
        frame(out, Some(kind), &Addition { kind, index, delta });
    }

    fn stop(&mut self, out: &mut BytesMut) {
        let kind = "content_block_stop";
        let index = self.next;
        self.next += 1;
        frame(out, Some(kind), &Stopped { kind, index });
    }

    fn end(&mut self, out: &mut BytesMut) {
        let delta = self.last.take().unwrap_or_else(|| last(&Stop::Done));
        let kind = "message_delta";
        let usage = MessagesUsage::of(&self.usage.unwrap_or(self.guess), None);
        frame(out, Some(kind), &Ended { kind, delta, usage });
        let kind = "message_stop";
        frame(out, Some(kind), &Bare { kind });
    }
}

fn last(stop: &Stop<'_>) -> Last {
    let own = |text: &Option<Str<'_>>| text.as_deref().map(str::to_owned);
    let (mut stop_sequence, mut stop_details) = (None, None);
    let stop_reason = match stop {
        Stop::Done => "end_turn",
        // A stop without its text is none that a client of this dialect could read.
        Stop::Sequence(None) => "end_turn",
        Stop::Sequence(text) => {
            stop_sequence = own(text);
            "stop_sequence"
        }
        Stop::Tools => "tool_use",
        Stop::Length => "max_tokens",
        Stop::Window => "model_context_window_exceeded",
        Stop::Paused => "pause_turn",
        Stop::Refused(refused) => {
            let told = refused.category.is_some() || refused.explanation.is_some();
            stop_details = told.then(|| Details {
                kind: "refusal",
                category: own(&refused.category),
                explanation: own(&refused.explanation),
            });
            "refusal"
        }
        Stop::Failed(_) => "end_turn",
    };
    Last {
        stop_reason,
        stop_sequence,
        stop_details,
    }
}

#[derive(Serialize)]
struct Bare<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
}

#[derive(Serialize)]
struct Started<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    message: Message<'a>,
}

#[derive(Serialize)]
struct Message<'a> {
    id: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
    role: &'a str,
    model: &'a str,
    content: [(); 0],
    stop_reason: Option<()>,
    stop_sequence: Option<()>,
    usage: MessagesUsage<'a>,
}

#[derive(Serialize)]
struct Block<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    index: u32,
    content_block: &'a Begun<'a>,
}

/// A block as it begins.
#[derive(Serialize)]
#[serde(untagged)]
enum Begun<'a> {
    Own(Own<'a>),
    Foreign(Json<'a>),
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Own<'a> {
    Text {
        text: &'a str,
    },
    Thinking {
        thinking: &'a str,
        signature: &'a str,
    },
    RedactedThinking {
        data: Str<'a>,
    },
    ToolUse {
        id: &'a str,
        name: &'a str,
        input: Json<'a>,
    },
}

#[derive(Serialize)]
struct Addition<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    index: u32,
    delta: &'a Added<'a>,
}

/// What is added to a block.
#[derive(Serialize)]
#[serde(tag = "type")]
enum Added<'a> {
    #[serde(rename = "text_delta")]
    Text { text: &'a str },
    #[serde(rename = "thinking_delta")]
    Thinking { thinking: &'a str },
    #[serde(rename = "input_json_delta")]
    Input { partial_json: &'a str },
    #[serde(rename = "signature_delta")]
    Signature { signature: Str<'a> },
    #[serde(rename = "citations_delta")]
    Citations { citation: Json<'a> },
}

#[derive(Serialize)]
struct Stopped<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    index: u32,
}

#[derive(Serialize)]
struct Ended<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    delta: Last,
    usage: MessagesUsage<'a>,
}

#[derive(Debug, Serialize)]
struct Details {
    #[serde(rename = "type")]
    kind: &'static str,
    category: Option<String>,
    explanation: Option<String>,
}
