//! A call that goes on from an answer by its name, with all that was said before: whoever answers, and whatever looks at the call
//! on its way there, has the whole conversation before it.

use std::sync::OnceLock;

use crate::error::GatewayError;
use crate::protocol::call::{BadCall, Call};
use crate::session::stored::{Stored, Untold, Whole};
use crate::session::talk::Talks;
use crate::stages::{Parsed, Short};

/// Each part of it was let in by a limit that is lower.
const DEPTH: usize = 1_024;

/// Puts the conversation together, where all of it is kept. A call that names nothing, or something that is not known, stays as it
/// came; and so does one that names too much, where a target has that too.
pub(super) fn told(parsed: Parsed, talks: &Talks) -> Result<Parsed, GatewayError> {
    if !Stored::refers(&parsed.call) {
        return Ok(parsed);
    }
    let stored = Stored::of(talks, &parsed.caller.key.id);
    let Whole {
        body,
        lies_at,
        given,
    } = match stored.whole(&parsed.call) {
        Ok(whole) => whole,
        Err(Untold::TooLong { elsewhere: false }) => return Err(too_long(&parsed.call).into()),
        // Whoever has it may answer as it came.
        Err(Untold::Unknown | Untold::TooLong { elsewhere: true }) => return Ok(parsed),
    };
    // A few bytes must not be enough to fill the memory.
    let room = talks.room(body.len()).ok_or(GatewayError::Overloaded)?;
    let Ok(call) = Call::read(parsed.call.endpoint, body, DEPTH) else {
        return Ok(parsed);
    };
    let short = Short {
        call: parsed.call,
        lies_at,
        forgotten: OnceLock::new(),
        given,
        room,
    };
    Ok(Parsed {
        call,
        short: Some(Box::new(short)),
        ..parsed
    })
}

/// By this code clients know that they have to shorten their conversation.
fn too_long(call: &Call) -> BadCall {
    let (param, what) = match call.asks.previous {
        Some(_) => (
            "previous_response_id",
            "the conversation that this call goes on from is",
        ),
        None => ("input", "the answers of which this call names items are"),
    };
    BadCall {
        code: "context_length_exceeded",
        param: Some(param),
        message: format!(
            "{what} too long to be put together: shorten the conversation, or send it in the call"
        ),
    }
}
