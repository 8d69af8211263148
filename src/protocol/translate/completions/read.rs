//! A request, read: the prompt becomes words of the person, and what is wanted an instruction.

use super::super::asked::{Asked, Speaker, say};
use super::super::block::Block;
use super::super::chat::read::extras;
use super::super::json::{self, Misread, Object, Str};
use crate::domain::dialect::Dialect;

const GO_ON: &str = "You continue texts. Answer with what comes next after the end of the text that you are given, and with nothing else: \
no introduction, no repetition of what is there, no fence around code.";

const FILL: &str = "You fill gaps in code and texts. You are given what stands before a gap and what stands after it. Answer with what \
belongs in the gap and with nothing else: no introduction, no repetition of what is there, no fence around code.";

/// Reads a request.
pub fn read(body: &str) -> Result<Asked<'_>, Misread> {
    let mut object = Object::read(body)?;
    let mut asked = Asked::new(Dialect::Completions, object.need("model")?);
    let prompt = prompt(&mut object)?;
    asked.suffix = object.text("suffix")?.filter(|it| !it.is_empty());
    let (instruction, words) = match &asked.suffix {
        None => (GO_ON, prompt),
        Some(suffix) => {
            let words = format!("<before>{prompt}</before>\n<after>{suffix}</after>");
            (FILL, words.into())
        }
    };
    say(
        &mut asked.passages,
        Speaker::System,
        vec![Block::text(instruction)],
    );
    say(
        &mut asked.passages,
        Speaker::Person,
        vec![Block::text(words)],
    );
    limits(&mut object, &mut asked)?;
    asked.extras = extras(object);
    Ok(asked)
}

/// One text, or a list with one in it. Tokens by their numbers mean something to one model only.
fn prompt<'a>(object: &mut Object<'a>) -> Result<Str<'a>, Misread> {
    let Some(raw) = object.take("prompt") else {
        return Ok(Str::default());
    };
    if let Some(text) = json::text(raw) {
        return Ok(text);
    }
    match json::list(raw).unwrap_or_default().as_slice() {
        [one] => json::text(one).ok_or_else(|| Misread::new("prompt", "not a text")),
        _ => Err(Misread::new("prompt", "not one text")),
    }
}

fn limits<'a>(object: &mut Object<'a>, asked: &mut Asked<'a>) -> Result<(), Misread> {
    asked.max_output = object.count("max_tokens")?;
    asked.stop = match object.take("stop") {
        None => Vec::new(),
        Some(raw) => match json::text(raw) {
            Some(stop) => vec![stop],
            None => {
                let list = json::list(raw).unwrap_or_default();
                list.into_iter().filter_map(json::text).collect()
            }
        },
    };
    asked.sampling.temperature = object.number("temperature")?;
    asked.sampling.top_p = object.number("top_p")?;
    asked.sampling.top_k = object.number("top_k")?;
    asked.sampling.frequency_penalty = object.number("frequency_penalty")?;
    asked.sampling.presence_penalty = object.number("presence_penalty")?;
    asked.sampling.seed = object.number("seed")?;
    asked.stream = object.flag("stream")?.unwrap_or(false);
    if let Some(mut options) = object.object("stream_options")? {
        asked.usage = options.flag("include_usage")?;
    }
    asked.user = object.text("user")?;
    Ok(())
}
