//! Blocks of content, read: of requests and of answers.

use serde_json::value::RawValue;

use super::super::block::{
    Block, Citation, Document, Foreign, Image, Input, Kind, Life, Mark, Page, Source, Text,
    Thought, ToolReply, ToolUse,
};
use super::super::dropped::{Dropped, Field, Why};
use super::super::json::{self, Json, Misread, Object, Str};
use super::super::sealed::{Form, Sealed};
use crate::domain::dialect::Dialect;

/// Reads a content: a text, or a list of blocks.
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
    let read = |(at, raw)| block(raw, dropped).map_err(|it| it.within(format!("content[{at}]")));
    list.into_iter().enumerate().map(read).collect()
}

/// Reads a block.
pub(super) fn block<'a>(raw: &'a RawValue, dropped: &mut Dropped) -> Result<Block<'a>, Misread> {
    let mut object = Object::of(raw)?;
    let kind = object.need("type")?;
    let block = match &*kind {
        "text" => text(&mut object)?,
        "image" | "document" => match shown(&kind, &mut object)? {
            Some(block) => block,
            None => return Ok(foreign(kind, raw)),
        },
        "thinking" => thinking(&mut object)?,
        "redacted_thinking" => redacted(&mut object)?,
        "tool_use" => tool_use(&mut object)?,
        "tool_result" => tool_result(&mut object, dropped)?,
        _ => return Ok(foreign(kind, raw)),
    };
    for (name, value) in object.rest() {
        // Who may call a tool is said even where it is the model, as ever.
        if value.get() != "[]" && name != "caller" {
            dropped.named(Field::Unknown, Why::Unknown, &format!("content.{name}"));
        }
    }
    Ok(block)
}

fn foreign<'a>(kind: Str<'a>, raw: &'a RawValue) -> Block<'a> {
    Block::Foreign(Foreign {
        from: Dialect::Messages,
        kind,
        json: Json::from(raw),
    })
}

/// Reads a mark of what is to be cached.
pub(super) fn mark(object: &mut Object<'_>) -> Result<Option<Mark>, Misread> {
    let Some(mut mark) = object.object("cache_control")? else {
        return Ok(None);
    };
    let life = mark.text("ttl")?.and_then(|ttl| match &*ttl {
        "1h" => Some(Life::Long),
        "5m" => Some(Life::Short),
        _ => None,
    });
    Ok(Some(Mark { life }))
}

fn text<'a>(object: &mut Object<'a>) -> Result<Block<'a>, Misread> {
    let citations = object.list("citations")?.into_iter().map(citation);
    Ok(Block::Text(Text {
        citations: citations.collect::<Result<_, _>>()?,
        text: object.need("text")?,
        mark: mark(object)?,
    }))
}

fn citation(raw: &RawValue) -> Result<Citation<'_>, Misread> {
    let foreign = Citation::Foreign(Dialect::Messages, Json::from(raw));
    let mut object = Object::of(raw)?;
    if object.need("type")? != "web_search_result_location" {
        return Ok(foreign);
    }
    // What goes back to Anthropic must be whole: its index is sealed.
    let index = object.text("encrypted_index")?;
    if index.is_some_and(|index| !index.is_empty()) {
        return Ok(foreign);
    }
    Ok(Citation::Page(Page {
        url: object.need("url")?,
        title: object.text("title")?,
        quote: object.text("cited_text")?,
        span: None,
    }))
}

/// A picture or a document; nothing where it lies in a place that we do not know.
fn shown<'a>(kind: &str, object: &mut Object<'a>) -> Result<Option<Block<'a>>, Misread> {
    let missing = || Misread::new("source", "missing");
    let source = source(object.object("source")?.ok_or_else(missing)?);
    let Some(source) = source.map_err(|it| it.within("source"))? else {
        return Ok(None);
    };
    Ok(Some(match kind {
        "image" => Block::Image(Image {
            source,
            detail: None,
            mark: mark(object)?,
        }),
        _ => document(source, object)?,
    }))
}

/// Where a picture or a document is; nothing where we do not know the place.
fn source(mut object: Object<'_>) -> Result<Option<Source<'_>>, Misread> {
    Ok(Some(match &*object.need("type")? {
        "base64" => Source::Data {
            media: object.need("media_type")?,
            base64: object.need("data")?,
        },
        "url" => Source::Url(object.need("url")?),
        "file" => Source::File {
            keeper: Dialect::Messages,
            id: object.need("file_id")?,
        },
        "text" => Source::Words(object.need("data")?),
        "content" => return made_of_blocks(object).map(Some),
        _ => return Ok(None),
    }))
}

/// A document that is a list of texts.
fn made_of_blocks(mut object: Object<'_>) -> Result<Source<'_>, Misread> {
    let blocks = content(object.take("content"), &mut Dropped::default())?;
    let texts: Vec<_> = blocks
        .iter()
        .filter_map(|block| match block {
            Block::Text(text) => Some(&*text.text),
            _ => None,
        })
        .collect();
    Ok(Source::Words(texts.join("\n").into()))
}

fn document<'a>(source: Source<'a>, object: &mut Object<'a>) -> Result<Block<'a>, Misread> {
    let cited = match object.object("citations")? {
        Some(mut citations) => citations.flag("enabled")?,
        None => None,
    };
    Ok(Block::Document(Document {
        source,
        name: object.text("title")?,
        context: object.text("context")?,
        cited,
        mark: mark(object)?,
    }))
}

fn thinking<'a>(object: &mut Object<'a>) -> Result<Block<'a>, Misread> {
    let signature = object.text("signature")?.filter(|it| !it.is_empty());
    let seal = |data| Sealed::read(Dialect::Messages, Form::Signature, data);
    Ok(Block::Thought(Thought {
        text: object.text("thinking")?.unwrap_or_default(),
        summary: false,
        sealed: signature.map(seal),
        item: None,
    }))
}

fn redacted<'a>(object: &mut Object<'a>) -> Result<Block<'a>, Misread> {
    let data = object.need("data")?;
    Ok(Block::Thought(Thought {
        sealed: Some(Sealed::read(Dialect::Messages, Form::Redacted, data)),
        ..Thought::default()
    }))
}

fn tool_use<'a>(object: &mut Object<'a>) -> Result<Block<'a>, Misread> {
    let input = object.json("input").unwrap_or(Json::empty());
    let input = match input.is_object() {
        true => Input::Json(input),
        false => Input::Text(input.get().to_owned().into()),
    };
    Ok(Block::Use(ToolUse {
        id: object.need("id")?,
        name: object.need("name")?,
        space: None,
        kind: Kind::Function,
        input,
        mark: mark(object)?,
    }))
}

fn tool_result<'a>(object: &mut Object<'a>, dropped: &mut Dropped) -> Result<Block<'a>, Misread> {
    Ok(Block::Reply(ToolReply {
        id: object.need("tool_use_id")?,
        kind: Kind::Function,
        content: content(object.take("content"), dropped)?,
        failed: object.flag("is_error")?.unwrap_or(false),
        mark: mark(object)?,
    }))
}
