//! Responses' events: each item is announced, said in pieces, said whole, and all of them once more at the end. Events are numbered
//! without a gap.
//!
//! What has been said is kept for that end as the JSON that it will be, up to [`limit::KEPT`] bytes. An item is closed when the next step
//! comes: only then is it known whether the answer was cut in it.

mod item;
mod wire;

use bytes::BytesMut;

use self::item::{Item, What};
use self::wire::{Ending, Numbers, Object, Told};
use super::super::custom::Custom;
use super::super::in_turn::InTurn;
use super::super::limit::{self, TooMuch};
use super::frame::comment;
use super::shown::{Named, Shown};
use crate::domain::dialect::Dialect;
use crate::domain::tokens::Usage;
use crate::protocol::fault::Fault;
use crate::protocol::translate::answer::Stop;
use crate::protocol::translate::block::{Citation, Kind};
use crate::protocol::translate::dropped::{Dropped, Field, Why};
use crate::protocol::translate::echo::Echo;
use crate::protocol::translate::event::{Delta, Event, Opened};
use crate::protocol::translate::json::Json;
use crate::protocol::translate::said;
use crate::protocol::translate::sealed::{Form, Sealed};

/// What ids of answers begin with.
const ID: &str = "resp_";

/// Writes events.
#[derive(Debug)]
pub(super) struct Responses {
    order: InTurn,
    says: Says,
}

/// The items in their turn.
#[derive(Debug)]
struct Says {
    echo: Echo,
    shown: Shown,
    named: Named,
    numbers: Numbers,
    item: Option<Item>,
    /// The items that are whole: a JSON list without its end.
    output: String,
    /// Words or a refusal have come.
    says: bool,
    usage: Option<Usage>,
    ending: Ending,
    dropped: Dropped,
}

impl Responses {
    pub(super) fn new(echo: Echo, shown: Shown) -> Self {
        Self {
            order: InTurn::default(),
            says: Says {
                named: Named::new(ID, &echo, shown),
                echo,
                shown,
                numbers: Numbers::default(),
                item: None,
                output: String::new(),
                says: false,
                usage: None,
                ending: Ending::Completed,
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

    /// Codex overlooks a lone `error`; OpenAI itself closes with `response.failed`.
    pub(super) fn fail(&mut self, fault: &Fault, out: &mut BytesMut) {
        let says = &mut self.says;
        let code = match fault.status {
            429 => "rate_limit_exceeded",
            _ => "server_error",
        };
        let told = Told {
            code: Some(code),
            message: Some(&fault.message),
            param: Some(()),
            ..Told::default()
        };
        says.numbers.tell("error", told, out);
        let ending = Ending::Failed(code, fault.message.clone());
        says.respond("response.failed", &ending, out);
    }
}

impl Says {
    fn event(&mut self, event: &Event<'_>, out: &mut BytesMut) -> Result<(), TooMuch> {
        match event {
            Event::Start(start) => {
                self.named.begin(ID, start);
                self.usage = start.usage;
                self.respond("response.created", &Ending::Running, out);
                self.respond("response.in_progress", &Ending::Running, out);
            }
            Event::Open { block, .. } => {
                self.finish(false, out);
                self.open(block, out);
            }
            Event::Delta { delta, .. } => self.delta(delta, out)?,
            Event::Close { .. } => {}
            Event::Usage(usage) => self.usage = Some(*usage),
            Event::Ping => comment(out),
            Event::Stop(stop) => self.stop(stop, out),
            Event::End => {
                let ending = std::mem::replace(&mut self.ending, Ending::Running);
                self.respond(ending.event(), &ending, out);
            }
            Event::Fault(_) => {}
        }
        let kept = self.item.as_ref().map_or(0, Item::kept);
        match self.output.len() + kept <= limit::KEPT {
            true => Ok(()),
            false => Err(TooMuch),
        }
    }

    fn stop(&mut self, stop: &Stop<'_>, out: &mut BytesMut) {
        self.ending = ending(stop);
        let cut = matches!(self.ending, Ending::Incomplete(_));
        self.finish(cut, out);
        // A refusal without a word would look like an empty answer.
        if let (Stop::Refused(refused), false) = (stop, self.says) {
            let refusal = refused.explanation.as_deref().unwrap_or(said::REFUSED);
            self.begin(What::Refusal, out);
            if let Some(item) = &mut self.item {
                item.say(refusal, &mut self.numbers, out);
            }
            self.finish(cut, out);
        }
    }

    /// Tells an event with the response as it is by now.
    fn respond(&mut self, name: &str, ending: &Ending, out: &mut BytesMut) {
        let output = match ending {
            Ending::Running | Ending::Failed(..) => String::new(),
            Ending::Completed | Ending::Incomplete(_) => std::mem::take(&mut self.output),
        };
        let object = Object::new(&self.named, ending, output, self.usage);
        let told = Told {
            response: Some(&object),
            ..Told::default()
        };
        self.numbers.tell(name, told, out);
    }

    fn open(&mut self, block: &Opened<'_>, out: &mut BytesMut) {
        let what = match block {
            Opened::Text => What::Text(Vec::new()),
            Opened::Refusal => What::Refusal,
            Opened::Thought { .. } => What::Thought(None),
            Opened::Use {
                id,
                name,
                space,
                kind,
            } => self.call(id, name, space.as_deref(), *kind),
            Opened::Foreign(foreign) => {
                return self
                    .dropped
                    .named(Field::Block, Why::Foreign, &foreign.kind);
            }
        };
        self.begin(what, out);
    }

    fn begin(&mut self, what: What, out: &mut BytesMut) {
        self.says |= matches!(what, What::Text(_) | What::Refusal);
        let mut item = Item::new(what);
        // A thought is announced when there is something to show or to keep.
        if !matches!(item.what, What::Thought(_)) {
            item.announce(&self.shown, &mut self.numbers, out);
        }
        self.item = Some(item);
    }

    fn call(&self, id: &str, told: &str, space: Option<&str>, kind: Kind) -> What {
        let origin = self.echo.origin(told);
        let name = origin.map_or(told, |origin| &origin.name);
        let space = origin.map_or(space, |origin| origin.space.as_deref());
        What::Call {
            id: self.named.call(Dialect::Responses, id).into_owned(),
            name: name.to_owned(),
            space: space.map(str::to_owned),
            custom: Custom::of(kind, self.echo.kind(told)),
        }
    }

    fn delta(&mut self, delta: &Delta<'_>, out: &mut BytesMut) -> Result<(), TooMuch> {
        let Some(item) = &mut self.item else {
            return Ok(());
        };
        match (delta, &mut item.what) {
            (Delta::Text(text), What::Text(_) | What::Refusal | What::Thought(_)) => {
                item.announce(&self.shown, &mut self.numbers, out);
                item.say(text, &mut self.numbers, out);
            }
            (Delta::Input(input), What::Call { custom, .. }) => {
                let piece = match custom {
                    None => Some(input.as_ref()),
                    Some(custom) => custom.push(input),
                };
                if let Some(piece) = piece {
                    item.say(piece, &mut self.numbers, out);
                }
            }
            (Delta::Sealed(sealed), What::Thought(kept)) => {
                match self.echo.sealed || sealed.form == Form::Plain {
                    true => *kept = Some(encrypted(sealed)),
                    false => self.dropped.note(Field::Sealed, Why::NoPlace),
                }
            }
            (Delta::Citation(citation), What::Text(_)) => match annotation(citation) {
                Some(json) => item.cite(json, &mut self.numbers, out),
                None => self.dropped.note(Field::Citation, Why::NoPlace),
            },
            (Delta::Text(_) | Delta::Input(_) | Delta::Sealed(_) | Delta::Citation(_), _) => {}
        }
        Ok(())
    }

    /// The item is whole, or `cut`.
    fn finish(&mut self, cut: bool, out: &mut BytesMut) {
        let Some(mut item) = self.item.take() else {
            return;
        };
        if matches!(item.what, What::Thought(Some(_))) {
            item.announce(&self.shown, &mut self.numbers, out);
        }
        if let Some(json) = item.finish(cut, &mut self.numbers, out) {
            self.output
                .push(if self.output.is_empty() { '[' } else { ',' });
            self.output.push_str(&json);
        }
    }
}

/// State as it stands in an item: OpenAI's own as it came, that of others with its owner's name before it.
fn encrypted(sealed: &Sealed<'_>) -> String {
    let state = sealed.carried(Dialect::Responses, Form::Encrypted);
    state.into_owned()
}

fn annotation(citation: &Citation<'_>) -> Option<Json<'static>> {
    match citation {
        Citation::Page(page) => Some(wire::page(page)),
        Citation::Foreign(Dialect::Responses, json) => Some(json.clone().into_owned()),
        Citation::Foreign(..) => None,
    }
}

/// A refusal in words is an answer like others; one by a filter is not.
fn ending(stop: &Stop<'_>) -> Ending {
    match stop {
        Stop::Done | Stop::Sequence(_) | Stop::Tools | Stop::Paused => Ending::Completed,
        Stop::Length | Stop::Window => Ending::Incomplete("max_output_tokens"),
        Stop::Refused(refused) if refused.category.is_some() && refused.explanation.is_none() => {
            Ending::Incomplete("content_filter")
        }
        Stop::Refused(_) | Stop::Failed(_) => Ending::Completed,
    }
}
