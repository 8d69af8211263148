//! Follows an answer step by step, whatever its dialect, and judges it when it has ended.

use super::offer::Offer;
use super::repeats::Repeats;
use crate::domain::flaw::Flaw;
use crate::protocol::translate::answer::{Answer, Stop};
use crate::protocol::translate::block::{Block, Kind};
use crate::protocol::translate::event::{Delta, Event, Opened};

/// Bytes of calls that are kept; longer ones are not judged.
const MOST: usize = 512 << 10;

/// Calls that are kept.
const CALLS: usize = 256;

/// What is looked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Looks {
    /// Calls of tools that no tool can take.
    pub arguments: bool,
    /// Answers without words or calls.
    pub empty: bool,
    /// The same words without end.
    pub repeats: bool,
}

/// Follows one answer.
#[derive(Debug)]
pub struct Inspector {
    looks: Looks,
    calls: Vec<Call>,
    /// The blocks that are thoughts.
    thoughts: Vec<u32>,
    /// Bytes of calls so far.
    kept: usize,
    /// Bytes of words and thoughts so far.
    said: usize,
    /// It says or calls something.
    speaks: bool,
    repeats: Repeats,
    stop: Option<Stopped>,
}

#[derive(Debug)]
struct Call {
    index: u32,
    name: String,
    space: Option<String>,
    input: String,
}

/// Why the answer stopped, as far as that matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stopped {
    /// The model said all that it wanted.
    Itself,
    /// Anything else: what is there may be less than was meant.
    Otherwise,
}

impl Inspector {
    /// Looks for these.
    pub fn new(looks: Looks) -> Self {
        Self {
            looks,
            calls: Vec::new(),
            thoughts: Vec::new(),
            kept: 0,
            said: 0,
            speaks: false,
            repeats: Repeats::default(),
            stop: None,
        }
    }

    /// Takes a step of a streamed answer.
    pub fn step(&mut self, event: &Event<'_>) {
        match event {
            Event::Open { index, block } => self.open(*index, block),
            Event::Delta { index, delta } => match delta {
                Delta::Text(text) => self.say(text, self.thoughts.contains(index)),
                Delta::Input(text) => self.input(*index, text),
                Delta::Citation(_) | Delta::Sealed(_) => {}
            },
            Event::Stop(stop) => self.stop = Some(stopped(stop)),
            Event::Fault(_) => self.stop = Some(Stopped::Otherwise),
            Event::Start(_) | Event::Close { .. } | Event::Usage(_) | Event::Ping | Event::End => {}
        }
    }

    /// Takes a whole answer.
    pub fn whole(&mut self, answer: &Answer<'_>) {
        for (index, block) in (0..).zip(&answer.blocks) {
            match block {
                Block::Text(text) => self.say(&text.text, false),
                Block::Thought(thought) => self.say(&thought.text, true),
                Block::Use(call) => {
                    let space = call.space.as_deref();
                    self.call(index, (&call.name, space), call.kind);
                    self.input(index, call.input.get());
                }
                _ => self.speaks = true,
            }
        }
        self.stop = Some(stopped(&answer.stop));
    }

    /// Bytes of words and thoughts so far, at least one where anything but a call of a tool has been said.
    pub fn said(&self) -> usize {
        self.said
    }

    /// The same words have been said for so long that nothing else will come. Known before the answer has ended.
    pub fn loops(&self) -> bool {
        self.looks.repeats && self.repeats.found()
    }

    /// What is wrong with the answer, now that it has ended.
    pub fn judge<'a>(&mut self, offer: impl FnOnce() -> Offer<'a>) -> Option<Flaw> {
        if self.looks.repeats && self.repeats.ended() {
            return Some(Flaw::Repeats);
        }
        // What was cut by a limit would be cut again.
        if self.stop != Some(Stopped::Itself) {
            return None;
        }
        if !self.speaks {
            return self.looks.empty.then_some(Flaw::Empty);
        }
        if !self.looks.arguments || self.calls.is_empty() || self.kept > MOST {
            return None;
        }
        let offer = offer();
        self.calls
            .iter()
            .find_map(|call| offer.flaw(&call.name, call.space.as_deref(), &call.input))
    }

    fn open(&mut self, index: u32, block: &Opened<'_>) {
        match block {
            Opened::Text => {}
            Opened::Thought { .. } => self.thoughts.push(index),
            Opened::Use {
                name, space, kind, ..
            } => self.call(index, (name, space.as_deref()), *kind),
            Opened::Refusal | Opened::Foreign(_) => {
                self.speaks = true;
                self.said += 1;
            }
        }
    }

    fn call(&mut self, index: u32, (name, space): (&str, Option<&str>), kind: Kind) {
        self.speaks = true;
        // What a tool of its own language takes is its own affair.
        if kind == Kind::Function && self.calls.len() < CALLS {
            self.calls.push(Call {
                index,
                name: name.to_owned(),
                space: space.map(str::to_owned),
                input: String::new(),
            });
        }
    }

    fn input(&mut self, index: u32, text: &str) {
        self.kept += text.len();
        if self.kept > MOST {
            return;
        }
        let call = self.calls.iter_mut().rfind(|call| call.index == index);
        if let Some(call) = call {
            call.input.push_str(text);
        }
    }

    fn say(&mut self, text: &str, thinks: bool) {
        self.said += text.len();
        self.speaks |= !thinks && !text.trim().is_empty();
        if self.looks.repeats {
            self.repeats.push(text);
        }
    }
}

fn stopped(stop: &Stop<'_>) -> Stopped {
    match stop {
        Stop::Done | Stop::Tools => Stopped::Itself,
        Stop::Sequence(_)
        | Stop::Length
        | Stop::Window
        | Stop::Refused(_)
        | Stop::Paused
        | Stop::Failed(_) => Stopped::Otherwise,
    }
}
