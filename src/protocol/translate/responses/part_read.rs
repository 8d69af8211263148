//! The parts of an item's content, read.

use serde_json::value::RawValue;

use super::super::block::{Block, Citation, Document, Foreign, Image, Page, Source, Text};
use super::super::dropped::{Dropped, Field, Why};
use super::super::json::{self, Json, Misread, Object, Str};
use super::super::media;
use crate::domain::dialect::Dialect;

/// Reads a content: a text, or a list of parts.
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
    let list =
        json::list(raw).ok_or_else(|| Misread::new("content", "neither a text nor a list"))?;
    let read = |(at, raw)| part(raw, dropped).map_err(|it| it.within(format!("content[{at}]")));
    list.into_iter().enumerate().map(read).collect()
}

fn part<'a>(raw: &'a RawValue, dropped: &mut Dropped) -> Result<Block<'a>, Misread> {
    let mut object = Object::of(raw)?;
    let kind = object.need("type")?;
    let block = match &*kind {
        "input_text" | "output_text" | "text" | "summary_text" => text(&mut object)?,
        "refusal" => Block::Refusal(object.need("refusal")?),
        "input_image" => image(&mut object)?,
        "input_file" => file(&mut object)?,
        _ => {
            return Ok(Block::Foreign(Foreign {
                from: Dialect::Responses,
                kind,
                json: Json::from(raw),
            }));
        }
    };
    for (name, value) in object.rest() {
        let field = match &*name {
            "logprobs" => Field::Logprobs,
            "prompt_cache_breakpoint" => Field::CacheMark,
            _ => Field::Unknown,
        };
        if value.get() != "[]" {
            dropped.named(field, Why::Unknown, &format!("content.{name}"));
        }
    }
    Ok(block)
}

fn text<'a>(object: &mut Object<'a>) -> Result<Block<'a>, Misread> {
    let citations = object.list("annotations")?.into_iter().map(citation);
    Ok(Block::Text(Text {
        citations: citations.collect::<Result<_, _>>()?,
        text: object.need("text")?,
        mark: None,
    }))
}

fn citation(raw: &RawValue) -> Result<Citation<'_>, Misread> {
    let mut object = Object::of(raw)?;
    if object.text("type")?.as_deref() != Some("url_citation") {
        return Ok(Citation::Foreign(Dialect::Responses, Json::from(raw)));
    }
    let span = (object.count("start_index")?, object.count("end_index")?);
    Ok(Citation::Page(Page {
        url: object.need("url")?,
        title: object.text("title")?,
        quote: None,
        span: span.0.zip(span.1),
    }))
}

fn image<'a>(object: &mut Object<'a>) -> Result<Block<'a>, Misread> {
    let source = match (object.text("image_url")?, object.text("file_id")?) {
        (Some(url), _) => media::source(url),
        (None, Some(id)) => kept(id),
        (None, None) => return Err(Misread::new("image_url", "missing")),
    };
    Ok(Block::Image(Image {
        source,
        detail: object.text("detail")?,
        mark: None,
    }))
}

fn file<'a>(object: &mut Object<'a>) -> Result<Block<'a>, Misread> {
    let (data, url) = (object.text("file_data")?, object.text("file_url")?);
    let source = match (data, url, object.text("file_id")?) {
        (Some(data), _, _) => match media::source(data) {
            // Bytes without a word of what they are.
            Source::Url(base64) => Source::Data {
                media: "application/pdf".into(),
                base64,
            },
            source => source,
        },
        (None, Some(url), _) => Source::Url(url),
        (None, None, Some(id)) => kept(id),
        (None, None, None) => return Err(Misread::new("file_data", "missing")),
    };
    Ok(Block::Document(Document {
        source,
        name: object.text("filename")?,
        context: None,
        cited: None,
        mark: None,
    }))
}

fn kept(id: Str<'_>) -> Source<'_> {
    Source::File {
        keeper: Dialect::Responses,
        id,
    }
}
