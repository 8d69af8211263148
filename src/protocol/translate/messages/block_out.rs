//! Blocks of content, written: of requests and of answers.

use std::borrow::Cow;

use serde::Serialize;

use super::super::block::{
    Block, Citation, Document, Image, Input, Life, Mark, Page, Source, Text, Thought, ToolReply,
    ToolUse,
};
use super::super::dropped::{Dropped, Field, Why};
use super::super::json::Json;
use super::super::media;
use super::super::name;
use super::super::sealed::Form;
use crate::domain::dialect::Dialect;

/// A block.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum BlockOut<'a> {
    Known(Known<'a>),
    Raw(&'a Json<'a>),
}

#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Known<'a> {
    Text {
        text: &'a str,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        citations: Vec<CitationOut<'a>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_control: Option<CacheControl>,
    },
    Image {
        source: SourceOut<'a>,
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_control: Option<CacheControl>,
    },
    Document {
        source: SourceOut<'a>,
        #[serde(skip_serializing_if = "Option::is_none")]
        title: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        context: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        citations: Option<Enabled>,
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_control: Option<CacheControl>,
    },
    Thinking {
        thinking: &'a str,
        signature: Cow<'a, str>,
    },
    RedactedThinking {
        data: Cow<'a, str>,
    },
    ToolUse {
        id: Cow<'a, str>,
        name: Cow<'a, str>,
        input: Cow<'a, Json<'a>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_control: Option<CacheControl>,
    },
    ToolResult {
        tool_use_id: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        content: Option<Content<'a>>,
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        is_error: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_control: Option<CacheControl>,
    },
}

/// A content: one plain text is written as such.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Content<'a> {
    Text(&'a str),
    Blocks(Vec<BlockOut<'a>>),
}

#[derive(Debug, Serialize)]
pub(super) struct Enabled {
    enabled: bool,
}

#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum SourceOut<'a> {
    Base64 {
        media_type: &'a str,
        data: &'a str,
    },
    Url {
        url: &'a str,
    },
    File {
        file_id: &'a str,
    },
    Text {
        media_type: &'static str,
        data: &'a str,
    },
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum CitationOut<'a> {
    Page {
        #[serde(rename = "type")]
        kind: &'static str,
        url: &'a str,
        title: Option<&'a str>,
        cited_text: &'a str,
        /// The parser wants the field; there is nothing to find by it.
        encrypted_index: &'static str,
    },
    Raw(&'a Json<'a>),
}

/// A mark of what is to be cached.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct CacheControl {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl: Option<&'static str>,
}

impl From<Mark> for CacheControl {
    fn from(Mark { life }: Mark) -> Self {
        let ttl = life.map(|life| match life {
            Life::Short => "5m",
            Life::Long => "1h",
        });
        Self {
            kind: "ephemeral",
            ttl,
        }
    }
}

/// Writes blocks as a content.
pub(super) fn content<'a>(blocks: &'a [Block<'a>], dropped: &mut Dropped) -> Content<'a> {
    match blocks {
        [Block::Text(text)] if text.mark.is_none() && text.citations.is_empty() => {
            Content::Text(&text.text)
        }
        blocks => Content::Blocks(self::blocks(blocks, dropped)),
    }
}

/// Writes blocks.
pub(super) fn blocks<'a>(
    blocks: impl IntoIterator<Item = &'a Block<'a>>,
    dropped: &mut Dropped,
) -> Vec<BlockOut<'a>> {
    let written = blocks.into_iter().filter_map(|it| block(it, dropped));
    written.collect()
}

/// Writes a block; nothing where there is no place for it.
pub(super) fn block<'a>(block: &'a Block<'a>, dropped: &mut Dropped) -> Option<BlockOut<'a>> {
    let known = match block {
        Block::Text(text) => self::text(text, dropped),
        Block::Image(image) => self::image(image, dropped)?,
        Block::Document(document) => self::document(document),
        Block::Thought(thought) => self::thought(thought),
        Block::Use(call) => tool_use(call),
        Block::Reply(reply) => tool_result(reply, dropped),
        Block::Refusal(text) => Known::Text {
            text,
            citations: Vec::new(),
            cache_control: None,
        },
        Block::Foreign(foreign) if foreign.from == Dialect::Messages => {
            return Some(BlockOut::Raw(&foreign.json));
        }
        Block::Foreign(foreign) => {
            dropped.named(Field::Block, Why::Foreign, &foreign.kind);
            return None;
        }
    };
    Some(BlockOut::Known(known))
}

fn text<'a>(text: &'a Text<'a>, dropped: &mut Dropped) -> Known<'a> {
    let Text {
        text,
        citations,
        mark,
    } = text;
    let citations = citations.iter().filter_map(|it| citation(it, dropped));
    Known::Text {
        text,
        citations: citations.collect(),
        cache_control: mark.map(CacheControl::from),
    }
}

fn citation<'a>(citation: &'a Citation<'a>, dropped: &mut Dropped) -> Option<CitationOut<'a>> {
    match citation {
        Citation::Page(Page {
            url,
            title,
            quote,
            span: _,
        }) => Some(CitationOut::Page {
            kind: "web_search_result_location",
            url,
            title: title.as_deref(),
            cited_text: quote.as_deref().unwrap_or_default(),
            encrypted_index: "",
        }),
        Citation::Foreign(Dialect::Messages, json) => Some(CitationOut::Raw(json)),
        Citation::Foreign(..) => {
            dropped.note(Field::Citation, Why::Foreign);
            None
        }
    }
}

fn source<'a>(source: &'a Source<'a>) -> SourceOut<'a> {
    match source {
        Source::Data { media, base64 } => SourceOut::Base64 {
            media_type: media,
            data: base64,
        },
        Source::Url(url) => SourceOut::Url { url },
        Source::File { keeper: _, id } => SourceOut::File { file_id: id },
        Source::Words(words) => SourceOut::Text {
            media_type: "text/plain",
            data: words,
        },
    }
}

fn image<'a>(image: &'a Image<'a>, dropped: &mut Dropped) -> Option<Known<'a>> {
    let Image {
        source,
        detail,
        mark,
    } = image;
    dropped.note_if(detail.is_some(), Field::Detail, Why::NoPlace);
    Some(Known::Image {
        source: self::source(source),
        cache_control: mark.map(CacheControl::from),
    })
}

fn document<'a>(document: &'a Document<'a>) -> Known<'a> {
    let Document {
        source,
        name,
        context,
        cited,
        mark,
    } = document;
    Known::Document {
        source: self::source(source),
        title: name.as_deref(),
        context: context.as_deref(),
        citations: cited.map(|enabled| Enabled { enabled }),
        cache_control: mark.map(CacheControl::from),
    }
}

/// A thought for its owner, as its owner wrote it; the mending has left out all others.
fn thought<'a>(thought: &'a Thought<'a>) -> Known<'a> {
    let Thought {
        text,
        summary: _,
        sealed,
        item: _,
    } = thought;
    let data = sealed.as_ref().map(|sealed| &*sealed.data);
    let form = sealed.as_ref().map(|sealed| sealed.form);
    thinking(text, form, data.unwrap_or_default().into())
}

/// A thought, or one that may not be read.
pub(super) fn thinking<'a>(text: &'a str, form: Option<Form>, data: Cow<'a, str>) -> Known<'a> {
    match form {
        Some(Form::Redacted) => Known::RedactedThinking { data },
        _ => Known::Thinking {
            thinking: text,
            signature: data,
        },
    }
}

fn tool_use<'a>(call: &'a ToolUse<'a>) -> Known<'a> {
    let ToolUse {
        id,
        name,
        space,
        kind: _,
        input,
        mark,
    } = call;
    Known::ToolUse {
        id: Cow::Borrowed(id),
        name: name::told(space.as_deref(), name),
        input: self::input(input),
        cache_control: mark.map(CacheControl::from),
    }
}

/// An object, for here it must be one. A custom tool's words become its one argument, and so does what should have been JSON and is not:
/// a tool with such an argument there is none, so nobody runs it by mistake.
pub(super) fn input<'a>(input: &'a Input<'a>) -> Cow<'a, Json<'a>> {
    match input {
        Input::Json(json) => Cow::Borrowed(json),
        Input::Text(text) => Cow::Owned(media::wrapped(text)),
    }
}

fn tool_result<'a>(reply: &'a ToolReply<'a>, dropped: &mut Dropped) -> Known<'a> {
    let ToolReply {
        id,
        kind: _,
        content,
        failed,
        mark,
    } = reply;
    Known::ToolResult {
        tool_use_id: id,
        content: (!content.is_empty()).then(|| self::content(content, dropped)),
        is_error: *failed,
        cache_control: mark.map(CacheControl::from),
    }
}
