//! The parts of a message's content, read.

use serde_json::value::RawValue;

use super::super::block::{Block, Document, Foreign, Image, Life, Mark, Source, Text, Thought};
use super::super::dropped::{Dropped, Field, Why};
use super::super::json::{self, Json, Misread, Object};
use super::super::media;
use super::super::sealed::Sealed;
use crate::domain::dialect::Dialect;

/// Reads a content: a text, a list of parts, or nothing.
pub(super) fn content<'a>(
    raw: Option<&'a RawValue>,
    dropped: &mut Dropped,
) -> Result<Vec<Block<'a>>, Misread> {
    let Some(raw) = raw else {
        return Ok(Vec::new());
    };
    if let Some(text) = json::text(raw) {
        let said = (!text.is_empty()).then(|| Block::text(text));
        return Ok(said.into_iter().collect());
    }
    let parts =
        json::list(raw).ok_or_else(|| Misread::new("content", "neither a text nor a list"))?;
    let read = |(at, raw)| part(raw, dropped).map_err(|it| it.within(format!("content[{at}]")));
    parts.into_iter().enumerate().map(read).collect()
}

fn part<'a>(raw: &'a RawValue, dropped: &mut Dropped) -> Result<Block<'a>, Misread> {
    // Some clients send bare texts in a list.
    if let Some(text) = json::text(raw) {
        return Ok(Block::text(text));
    }
    let mut object = Object::of(raw)?;
    let kind = object.need("type")?;
    let mark = cache_mark(&mut object)?;
    let block = match &*kind {
        "text" => Block::Text(Text {
            text: object.need("text")?,
            citations: Vec::new(),
            mark,
        }),
        "image_url" => image(&mut object, mark)?,
        "file" => file(&mut object, mark)?,
        "refusal" => Block::Refusal(object.need("refusal")?),
        "thinking" => thinking(&mut object, dropped)?,
        _ => {
            return Ok(Block::Foreign(Foreign {
                from: Dialect::Chat,
                kind,
                json: Json::from(raw),
            }));
        }
    };
    for (name, _) in object.rest() {
        dropped.named(Field::Unknown, Why::Unknown, &format!("content.{name}"));
    }
    Ok(block)
}

/// Mistral's thoughts, which stand among the words: a text, or a list of texts.
fn thinking<'a>(object: &mut Object<'a>, dropped: &mut Dropped) -> Result<Block<'a>, Misread> {
    let blocks = content(object.take("thinking"), dropped)?;
    let texts = blocks.into_iter().filter_map(|block| match block {
        Block::Text(text) => Some(text.text),
        _ => None,
    });
    Ok(Block::Thought(Thought {
        text: texts.collect::<Vec<_>>().concat().into(),
        sealed: Some(Sealed::plain(Dialect::Chat)),
        ..Thought::default()
    }))
}

fn image<'a>(object: &mut Object<'a>, mark: Option<Mark>) -> Result<Block<'a>, Misread> {
    let missing = || Misread::new("image_url", "missing");
    let raw = object.take("image_url").ok_or_else(missing)?;
    // Some clients leave the object out.
    let (url, detail) = match json::text(raw) {
        Some(url) => (url, None),
        None => {
            let mut inner = Object::of(raw).map_err(|it| it.within("image_url"))?;
            (inner.need("url")?, inner.text("detail")?)
        }
    };
    Ok(Block::Image(Image {
        source: media::source(url),
        detail,
        mark,
    }))
}

fn file<'a>(object: &mut Object<'a>, mark: Option<Mark>) -> Result<Block<'a>, Misread> {
    let missing = || Misread::new("file", "missing");
    let mut inner = object.object("file")?.ok_or_else(missing)?;
    let source = match (inner.text("file_data")?, inner.text("file_id")?) {
        (Some(data), _) => match media::source(data) {
            // Bytes without a word of what they are.
            Source::Url(base64) => Source::Data {
                media: "application/pdf".into(),
                base64,
            },
            source => source,
        },
        (None, Some(id)) => Source::File {
            keeper: Dialect::Chat,
            id,
        },
        (None, None) => return Err(Misread::new("file", "empty")),
    };
    Ok(Block::Document(Document {
        source,
        name: inner.text("filename")?,
        context: None,
        cited: None,
        mark,
    }))
}

/// Anthropic's mark, which some clients send in this dialect too.
fn cache_mark(object: &mut Object<'_>) -> Result<Option<Mark>, Misread> {
    let Some(mut mark) = object.object("cache_control")? else {
        return Ok(None);
    };
    let life = mark.text("ttl")?;
    let life = life.and_then(|ttl| match &*ttl {
        "1h" => Some(Life::Long),
        "5m" => Some(Life::Short),
        _ => None,
    });
    Ok(Some(Mark { life }))
}
