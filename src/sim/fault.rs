//! How a target misbehaves: one enum, and in this file all that it does.

use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Deserializer};

use super::door::Door;
use super::refusal::Refusal;
use super::reply::{Reply, Told};
use super::responses;
use super::tape::{Ending, Frame, Tape};
use crate::domain::dialect::Dialect;

/// One request's misfortune. A script of them is used up in order, one for each request that is sent to a model.
///
/// Counted events are frames as they go out, pings included; of an answer that is no stream, the first half is one and
/// the second another. As JSON (for `POST /sim/script`) the names are in snake case: `"none"`, `{"hang_after": 3}`,
/// `{"status": {"code": 429, "retry_after": "5"}}`, `{"slow": 50}` in milliseconds.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// Lets one request pass.
    None,
    /// Answers with this status and an error in the dialect's shape.
    Status {
        /// The status.
        code: u16,
        /// The `Retry-After` header, to the letter.
        #[serde(default)]
        retry_after: Option<String>,
        /// What the error says, where the usual text will not do.
        #[serde(default)]
        message: Option<String>,
    },
    /// Resets the connection (RST) when the whole request has arrived.
    ResetBeforeAnswer,
    /// Takes the request and never answers.
    NeverAnswer,
    /// Sends status and headers, then nothing.
    SilenceAfterHeaders,
    /// Goes silent after so many events.
    HangAfter(usize),
    /// Resets the connection after so many events.
    ResetAfter(usize),
    /// Ends the body cleanly after so many events, without the event that ends a reply.
    CloseAfter(usize),
    /// Begins the stream with an error event and ends it.
    ErrorEventFirst,
    /// Breaks off with an error event after so many events.
    ErrorEventAfter(usize),
    /// Tells no usage.
    NoUsage,
    /// Tells counts below zero.
    NegativeUsage,
    /// Tells counts of 10^18 and more.
    AbsurdUsage,
    /// Leaves out `data: [DONE]` or `message_stop`. The Responses dialect has no such mark, nor has Google's.
    MissingDone,
    /// Answers 200 with a web page.
    HtmlBody,
    /// Answers 200 with JSON that is broken in the middle.
    BadJson,
    /// Answers 200 with nothing.
    EmptyBody,
    /// Answers 200 with an error object.
    ErrorIn200,
    /// Answers 307 with this location.
    Redirect(String),
    /// Writes each byte on its own.
    SplitBytes,
    /// Answers a call for a stream with one JSON body.
    JsonForStream,
    /// Answers a call for JSON with a stream.
    StreamForJson,
    /// Waits so long before each event.
    Slow(#[serde(deserialize_with = "millis")] Duration),
    /// Adds events and fields that no client knows.
    UnknownEvents,
    /// Puts a line of so many bytes after the first event.
    HugeLine(usize),
}

fn millis<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    u64::deserialize(deserializer).map(Duration::from_millis)
}

/// What happens in place of an answer by the model.
#[derive(Debug)]
pub(super) enum Instead {
    Reset,
    Silence,
    Page {
        status: u16,
        kind: &'static str,
        body: String,
        header: Option<(&'static str, String)>,
    },
}

impl Fault {
    /// A plain status.
    pub fn status(code: u16) -> Self {
        Self::Status {
            code,
            retry_after: None,
            message: None,
        }
    }

    /// A status with a `Retry-After` header.
    pub fn retry_after(code: u16, after: impl Into<String>) -> Self {
        Self::Status {
            code,
            retry_after: Some(after.into()),
            message: None,
        }
    }

    /// What is answered without asking the model, if this fault is of that kind.
    pub(super) fn instead(&self, dialect: Dialect) -> Option<Instead> {
        let page = |status, kind, body| Instead::Page {
            status,
            kind,
            body,
            header: None,
        };
        let json = "application/json";
        Some(match self {
            Self::ResetBeforeAnswer => Instead::Reset,
            Self::NeverAnswer => Instead::Silence,
            Self::Status {
                code,
                retry_after,
                message,
            } => Instead::Page {
                status: *code,
                kind: json,
                body: Refusal::of_status(*code, message.clone()).body(dialect),
                header: retry_after.clone().map(|after| ("retry-after", after)),
            },
            Self::Redirect(to) => Instead::Page {
                status: 307,
                kind: json,
                body: String::new(),
                header: Some(("location", to.clone())),
            },
            Self::HtmlBody => {
                let body = "<!doctype html><html><body><h1>Welcome</h1></body></html>\n";
                page(200, "text/html; charset=utf-8", body.to_owned())
            }
            Self::EmptyBody => page(200, json, String::new()),
            Self::ErrorIn200 => page(200, json, Refusal::of_status(500, None).body(dialect)),
            _ => return None,
        })
    }

    /// What the caller is told about usage.
    pub(super) fn told(&self) -> Told {
        match self {
            Self::NoUsage => Told::Nothing,
            Self::NegativeUsage => Told::Negative,
            Self::AbsurdUsage => Told::Absurd,
            _ => Told::True,
        }
    }

    /// Whether the answer is a stream, given what was asked.
    pub(super) fn streams(&self, asked: bool) -> bool {
        match self {
            Self::JsonForStream => false,
            Self::StreamForJson => true,
            _ => asked,
        }
    }

    /// Whether the target charges for the request.
    pub(super) fn charges(&self) -> bool {
        !matches!(self, Self::ErrorEventFirst)
    }

    /// Changes what goes out.
    pub(super) fn bend(&self, tape: &mut Tape, reply: &Reply<'_>) {
        match self {
            Self::SilenceAfterHeaders => cut(tape, 0, Ending::Hang),
            Self::HangAfter(events) => cut(tape, *events, Ending::Hang),
            Self::ResetAfter(events) => cut(tape, *events, Ending::Reset),
            Self::CloseAfter(events) => cut(tape, *events, Ending::Close),
            Self::ErrorEventFirst => break_off(tape, 0, reply),
            Self::ErrorEventAfter(events) => break_off(tape, *events, reply),
            Self::MissingDone if tape.declared.is_none() => miss_done(tape, reply.door),
            Self::BadJson => spoil(tape),
            Self::SplitBytes => tape.split = true,
            Self::Slow(pause) => tape.slow = *pause,
            Self::UnknownEvents => add_unknown(tape),
            Self::HugeLine(bytes) => add_huge(tape, *bytes),
            _ => {}
        }
    }
}

fn frame(bytes: impl Into<Bytes>) -> Frame {
    Frame {
        bytes: bytes.into(),
        tokens: 0,
    }
}

/// Ends the tape after so many events.
fn cut(tape: &mut Tape, events: usize, ending: Ending) {
    if tape.declared.is_some()
        && let Some(mut first) = tape.frames.pop_front()
    {
        // All tokens have been made before a body that is no stream begins.
        let second = first.bytes.split_off(first.bytes.len() / 2);
        tape.frames.extend([first, frame(second)]);
    }
    tape.frames.truncate(events);
    tape.ending = ending;
}

fn break_off(tape: &mut Tape, events: usize, reply: &Reply<'_>) {
    let dialect = reply.door.dialect();
    let refusal = Refusal::of_status(
        if dialect == Dialect::Messages {
            529
        } else {
            500
        },
        None,
    );
    if tape.declared.is_some() {
        *tape = Tape::whole(refusal.body(dialect), 0);
        tape.ending = Ending::Close;
        return;
    }
    cut(tape, events, Ending::Close);
    let (body, number) = (refusal.body(dialect), tape.frames.len());
    let event = match dialect {
        Dialect::Messages => format!("event: error\ndata: {body}\n\n"),
        Dialect::Responses => responses::failure(reply, number, refusal.code(), refusal.message()),
        Dialect::Chat | Dialect::Completions | Dialect::Gemini => format!("data: {body}\n\n"),
    };
    tape.frames.push_back(frame(event));
}

fn miss_done(tape: &mut Tape, door: Door) {
    if !matches!(door, Door::Responses | Door::Generate) {
        tape.frames.pop_back();
    }
}

/// Breaks the JSON of the body, or of the event in the middle.
fn spoil(tape: &mut Tape) {
    let middle = tape.frames.len() / 2;
    let Some(frame) = tape.frames.get_mut(middle) else {
        return;
    };
    let half = frame.bytes.slice(..frame.bytes.len() * 2 / 3);
    if tape.declared.is_some() {
        tape.declared = Some(half.len() as u64);
        frame.bytes = half;
    } else {
        frame.bytes = Bytes::from([half.as_ref(), b"\n\n"].concat());
    }
}

fn add_unknown(tape: &mut Tape) {
    for frame in &mut tape.frames {
        let Some(open) = memchr::memchr(b'{', &frame.bytes) else {
            continue;
        };
        let (before, after) = frame.bytes.split_at(open + 1);
        frame.bytes = [before, br#""x_future":{"deep":[1,"two",null]},"#, after]
            .concat()
            .into();
    }
    match &mut tape.declared {
        Some(length) => {
            *length = tape
                .frames
                .iter()
                .map(|frame| frame.bytes.len() as u64)
                .sum()
        }
        None => {
            let event = "event: x_future\ndata: {\"type\":\"x_future\",\"object\":\"x.future\",\"choices\":[],\"detail\":{\"n\":1}}\n\n";
            let at = tape.frames.len().min(1);
            tape.frames.insert(at, frame(event));
            tape.frames
                .insert(at, frame(": a comment\nid: 7\nretry: 10\n\n"));
        }
    }
}

fn add_huge(tape: &mut Tape, bytes: usize) {
    const PIECE: usize = 64 << 10;
    if tape.declared.is_some() {
        return;
    }
    let rest = tape.frames.split_off(tape.frames.len().min(1));
    let piece = Bytes::from(vec![b'a'; PIECE]);
    tape.frames
        .push_back(frame("data: {\"type\":\"x_huge\",\"text\":\""));
    for at in 0..bytes.div_ceil(PIECE) {
        tape.frames
            .push_back(frame(piece.slice(..PIECE.min(bytes - at * PIECE))));
    }
    tape.frames.push_back(frame("\"}\n\n"));
    tape.frames.extend(rest);
}
