//! One writer for whatever dialect the caller speaks.

use bytes::BytesMut;

use super::super::limit::TooMuch;
use super::chat::Chat;
use super::completions::Completions;
use super::messages::Messages;
use super::responses::Responses;
use super::shown::Shown;
use crate::domain::dialect::Dialect;
use crate::protocol::fault::Fault;
use crate::protocol::translate::answer::{Failure, Stop};
use crate::protocol::translate::dropped::Dropped;
use crate::protocol::translate::echo::Echo;
use crate::protocol::translate::event::Event;

/// Writes one stream.
#[derive(Debug)]
pub struct Writer {
    spoken: Spoken,
    shown: Shown,
    ended: bool,
}

#[derive(Debug)]
enum Spoken {
    Chat(Chat),
    Responses(Box<Responses>),
    Messages(Messages),
    Completions(Completions),
}

impl Writer {
    /// Writes a stream for the caller whose request `echo` remembers. `None` for a dialect that no caller speaks.
    pub fn new(echo: Echo, shown: Shown) -> Option<Self> {
        let spoken = match echo.dialect {
            Dialect::Chat => Spoken::Chat(Chat::new(echo, shown)),
            Dialect::Responses => Spoken::Responses(Box::new(Responses::new(echo, shown))),
            Dialect::Messages => Spoken::Messages(Messages::new(echo, shown)),
            Dialect::Completions => Spoken::Completions(Completions::new(&echo, shown)),
            Dialect::Gemini => return None,
        };
        Some(Self {
            spoken,
            shown,
            ended: false,
        })
    }

    /// Writes what a step is in the caller's words, which may be nothing. After the end nothing is written.
    pub fn event(&mut self, event: &Event<'_>, out: &mut BytesMut) {
        if self.ended {
            return;
        }
        if let Event::Fault(failure) | Event::Stop(Stop::Failed(failure)) = event {
            return self.fail(&fault(failure), out);
        }
        let written = match &mut self.spoken {
            Spoken::Chat(writer) => writer.event(event, out),
            Spoken::Responses(writer) => writer.event(event, out),
            Spoken::Messages(writer) => writer.event(event, out),
            Spoken::Completions(writer) => {
                writer.event(event, out);
                Ok(())
            }
        };
        match written {
            Ok(()) => self.ended = matches!(event, Event::End),
            Err(TooMuch) => self.fail(&too_much(), out),
        }
    }

    /// Ends a stream that cannot go on, in the caller's words for it. A stream that has ended stays as it is.
    pub fn fail(&mut self, fault: &Fault, out: &mut BytesMut) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        let dialect = match &mut self.spoken {
            Spoken::Responses(writer) => return writer.fail(fault, out),
            Spoken::Chat(_) => Dialect::Chat,
            Spoken::Messages(_) => Dialect::Messages,
            Spoken::Completions(_) => Dialect::Completions,
        };
        out.extend_from_slice(&fault.event(dialect, self.shown.request, 0));
    }

    /// The stream has ended, well or not.
    pub fn ended(&self) -> bool {
        self.ended
    }

    /// What was left out so far.
    pub fn dropped(&self) -> &Dropped {
        match &self.spoken {
            Spoken::Chat(writer) => writer.dropped(),
            Spoken::Responses(writer) => writer.dropped(),
            Spoken::Messages(writer) => writer.dropped(),
            Spoken::Completions(writer) => writer.dropped(),
        }
    }
}

/// A target's failure in the middle of its answer, as a fault of ours: each dialect has words for those.
fn fault(failure: &Failure<'_>) -> Fault {
    let code = failure.code.to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| code.contains(word));
    let status = if says(&["rate_limit", "resource_exhausted", "quota", "429"]) {
        429
    } else if says(&["overload", "unavailable", "slow_down", "503", "529"]) {
        503
    } else if says(&["timeout", "deadline", "504"]) {
        504
    } else {
        502
    };
    let message = match failure.message.as_ref() {
        "" => "the model's server failed in the middle of its answer",
        message => message,
    };
    Fault::new(status, "upstream_error", message)
}

fn too_much() -> Fault {
    Fault::new(
        502,
        "answer_too_long",
        "the answer is longer than can be kept for this API",
    )
}
