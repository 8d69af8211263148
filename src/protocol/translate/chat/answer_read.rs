//! A whole answer, read.

use serde_json::value::RawValue;

use super::super::answer::{Answer, Refused, Stop};
use super::super::block::{Block, Citation, Page};
use super::super::dropped::{Dropped, Field, Why};
use super::super::json::{Misread, Object, Str};
use super::{part, read};
use crate::domain::tokens::Usage;
use crate::protocol::usage;

/// Reads an answer. Of several choices the first.
pub fn read(body: &str) -> Result<Answer<'_>, Misread> {
    let mut object = Object::read(body)?;
    let mut dropped = Dropped::default();
    let missing = || Misread::new("choices", "empty");
    let choices = object.list("choices")?;
    dropped.note_if(choices.len() > 1, Field::Choices, Why::NoPlace);
    let choice = Object::of(choices.first().ok_or_else(missing)?);
    let mut choice = choice.map_err(|it| it.within("choices[0]"))?;
    let missing = || Misread::new("choices[0].message", "missing");
    let mut message = choice.object("message")?.ok_or_else(missing)?;
    let content = part::content(message.take("content"), &mut dropped)?;
    let mut blocks = read::spoken(&mut message, content)?;
    dropped.note_if(
        choice.take("logprobs").is_some(),
        Field::Logprobs,
        Why::NoPlace,
    );
    let stop = stop(choice.text("finish_reason")?, &blocks);
    cite(&mut message, &mut blocks, &mut dropped)?;
    for (name, _) in message.rest().filter(|(name, _)| name != "role") {
        dropped.named(Field::Unknown, Why::NoPlace, &name);
    }
    Ok(Answer {
        id: object.text("id")?.unwrap_or_default(),
        model: object.text("model")?.unwrap_or_default(),
        created: object.count("created").ok().flatten(),
        blocks,
        stop,
        usage: usage_of(object.take("usage")),
        tier: object.text("service_tier").ok().flatten(),
        dropped,
    })
}

/// Puts what is cited where the words are.
fn cite<'a>(
    message: &mut Object<'a>,
    blocks: &mut [Block<'a>],
    dropped: &mut Dropped,
) -> Result<(), Misread> {
    let mut pages = Vec::new();
    for raw in message.list("annotations")? {
        let mut annotation = Object::of(raw)?;
        let Some(mut page) = annotation.object("url_citation")? else {
            dropped.note(Field::Citation, Why::Unknown);
            continue;
        };
        let span = (page.count("start_index")?, page.count("end_index")?);
        pages.push(Citation::Page(Page {
            url: page.need("url")?,
            title: page.text("title")?,
            quote: None,
            span: span.0.zip(span.1),
        }));
    }
    let mut texts = blocks.iter_mut().filter_map(|block| match block {
        Block::Text(text) => Some(text),
        _ => None,
    });
    match texts.next() {
        Some(text) => text.citations = pages,
        None => dropped.note_if(!pages.is_empty(), Field::Citation, Why::NoPlace),
    }
    Ok(())
}

/// Usage of the OpenAI kind, where it is told and can be.
pub(in super::super) fn usage_of(raw: Option<&RawValue>) -> Option<Usage> {
    usage::openai(raw?)?.usage()
}

/// Why it stopped. Some servers say `stop` where tools are called.
pub(in super::super) fn stop<'a>(reason: Option<Str<'a>>, blocks: &[Block<'_>]) -> Stop<'a> {
    let calls = blocks.iter().any(|block| matches!(block, Block::Use(_)));
    let refused = blocks
        .iter()
        .any(|block| matches!(block, Block::Refusal(_)));
    match reason.as_deref() {
        Some("length" | "max_tokens" | "model_length") => Stop::Length,
        Some("content_filter") => Stop::Refused(Refused {
            category: reason,
            explanation: None,
        }),
        _ if calls => Stop::Tools,
        _ if refused => Stop::Refused(Refused::default()),
        _ => Stop::Done,
    }
}
