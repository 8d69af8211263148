//! A call that goes on from an answer by its name, with all that was said before: whoever answers, and whatever looks at the call
//! on its way there, has the whole conversation before it.

use std::sync::OnceLock;

use crate::error::GatewayError;
use crate::protocol::call::Call;
use crate::session::stored::{Stored, Whole};
use crate::session::talk::Talks;
use crate::stages::{Parsed, Short};

/// Each part of it was let in by a limit that is lower.
const DEPTH: usize = 1_024;

/// Puts the conversation together, where all of it is kept. A call that names nothing, or something that is not known, stays as it
/// came.
pub(super) fn told(parsed: Parsed, talks: &Talks) -> Result<Parsed, GatewayError> {
    if !Stored::refers(&parsed.call) {
        return Ok(parsed);
    }
    let stored = Stored::of(talks, &parsed.caller.key.id);
    let Some(Whole {
        body,
        lies_at,
        given,
    }) = stored.whole(&parsed.call)
    else {
        return Ok(parsed);
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
