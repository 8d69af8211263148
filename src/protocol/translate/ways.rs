//! From a dialect to its reader and its writer.

use super::answer::Answer;
use super::asked::{Asked, Written};
use super::echo::Echo;
use super::json::{Misread, Object};
use super::manner::Manner;
use super::said::Said;
use super::{chat, completions, gemini, messages, responses};
use crate::domain::dialect::Dialect;

/// Reads a caller's request, and what must be remembered of it for its answer.
pub fn read(caller: Dialect, body: &str) -> Result<(Asked<'_>, Echo), Misread> {
    let asked = match caller {
        // Cursor posts bodies of Responses to this door, and wants answers of Chat.
        Dialect::Chat if is_of_responses(body) => responses::read::read(body),
        Dialect::Chat => chat::read::read(body),
        Dialect::Responses => responses::read::read(body),
        Dialect::Messages => messages::read::read(body),
        Dialect::Completions => completions::read::read(body),
        Dialect::Gemini => return Err(Misread::new("", "in a dialect that only targets speak")),
    }?;
    let mut echo = Echo::of(&asked);
    echo.dialect = caller;
    Ok((asked, echo))
}

fn is_of_responses(body: &str) -> bool {
    let Ok(mut object) = Object::read(body) else {
        return false;
    };
    object.take("messages").is_none() && object.take("input").is_some()
}

/// Writes a request for a target that calls the model `name`. Nobody writes for a target of completions: such a call goes as it came.
pub fn write(target: Dialect, asked: &Asked<'_>, name: &str, manner: &Manner) -> Written {
    match target {
        Dialect::Chat | Dialect::Completions => chat::write::write(asked, name, manner),
        Dialect::Responses => responses::write::write(asked, name, manner),
        Dialect::Messages => messages::write::write(asked, name, manner),
        Dialect::Gemini => gemini::write::write(asked, manner),
    }
}

/// Reads a target's whole answer. `unnamed` stands for its id where the target gives none.
pub fn read_answer<'a>(
    target: Dialect,
    body: &'a str,
    unnamed: &str,
) -> Result<Answer<'a>, Misread> {
    let mut answer = match target {
        Dialect::Chat | Dialect::Completions => chat::answer_read::read(body),
        Dialect::Responses => responses::answer_read::read(body),
        Dialect::Messages => messages::answer_read::read(body),
        Dialect::Gemini => gemini::answer_read::read(body),
    }?;
    answer.identify(unnamed);
    Ok(answer)
}

/// Writes a whole answer for the caller; `now` is in seconds since 1970.
pub fn write_answer(answer: &Answer<'_>, echo: &Echo, now: u64) -> Said {
    match echo.dialect {
        Dialect::Chat | Dialect::Gemini => chat::answer_write::write(answer, echo, now),
        Dialect::Responses => responses::answer_write::write(answer, echo, now),
        Dialect::Messages => messages::answer_write::write(answer, echo),
        Dialect::Completions => completions::answer_write::write(answer, echo, now),
    }
}
