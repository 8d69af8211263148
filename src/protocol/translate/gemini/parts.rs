//! The parts of a content, written.

use std::borrow::Cow;
use std::collections::HashMap;

use serde::Serialize;

use super::super::asked::Speaker;
use super::super::block::{
    Block, Document, Image, Input, Mark, Source, Text, Thought, ToolReply, ToolUse,
};
use super::super::dropped::{Dropped, Field, Why};
use super::super::json::{Json, Str};
use super::super::manner::Manner;
use super::super::media;
use super::super::name;
use super::super::repair::Mended;

/// What stands for the signature of a call that another model made, in Google's own word.
const UNSIGNED: &str = "skip_thought_signature_validator";

/// What one side says.
#[derive(Debug, Serialize)]
pub(super) struct Content<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) role: Option<&'static str>,
    pub(super) parts: Vec<Part<'a>>,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Part<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    thought: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    inline_data: Option<InlineData<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file_data: Option<FileData<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    function_call: Option<FunctionCall<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    function_response: Option<FunctionResponse<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thought_signature: Option<Cow<'a, str>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct InlineData<'a> {
    mime_type: &'a str,
    data: &'a str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct FileData<'a> {
    mime_type: &'a str,
    file_uri: &'a str,
}

#[derive(Debug, Serialize)]
struct FunctionCall<'a> {
    id: &'a str,
    name: Cow<'a, str>,
    args: Cow<'a, Json<'a>>,
}

#[derive(Debug, Serialize)]
struct FunctionResponse<'a> {
    id: &'a str,
    name: Cow<'a, str>,
    response: Outcome,
}

/// What a tool gave back: an object, for here it must be one.
#[derive(Debug, Serialize)]
#[serde(rename_all = "lowercase")]
enum Outcome {
    Output(String),
    Error(String),
}

impl<'a> Part<'a> {
    fn said(text: impl Into<Cow<'a, str>>) -> Self {
        Self {
            text: Some(text.into()),
            ..Self::default()
        }
    }
}

/// Writes passages as contents.
pub(super) struct Writer<'w, 'a> {
    manner: &'w Manner,
    dropped: &'w mut Dropped,
    /// Which tool a call was of: a result must say it again.
    names: HashMap<&'a str, Cow<'a, str>>,
}

impl<'w, 'a> Writer<'w, 'a> {
    pub(super) fn new(
        mended: &'a Mended<'a>,
        manner: &'w Manner,
        dropped: &'w mut Dropped,
    ) -> Self {
        let blocks = mended.passages.iter().flat_map(|passage| &passage.blocks);
        let name = |block: &'a Block<'a>| match block {
            Block::Use(call) => Some((&*call.id, told(call))),
            _ => None,
        };
        Self {
            manner,
            dropped,
            names: blocks.filter_map(name).collect(),
        }
    }

    /// The system prompt: texts only.
    pub(super) fn system(&mut self, mended: &'a Mended<'a>) -> Option<Content<'a>> {
        let blocks = mended.system.iter().flat_map(|passage| &passage.blocks);
        let mut parts = Vec::new();
        for block in blocks {
            match block {
                Block::Text(text) => parts.push(self.text(text)),
                _ => self.dropped.note(Field::Block, Why::NoPlace),
            }
        }
        (!parts.is_empty()).then_some(Content { role: None, parts })
    }

    /// The conversation: what tools gave back and what the person says right after are one content.
    pub(super) fn contents(&mut self, mended: &'a Mended<'a>) -> Vec<Content<'a>> {
        let mut contents: Vec<Content<'a>> = Vec::with_capacity(mended.passages.len());
        for passage in &mended.passages {
            let (role, parts) = match passage.speaker {
                Speaker::Assistant => (Some("model"), self.model(&passage.blocks)),
                Speaker::Tools => (Some("user"), self.replies(&passage.blocks)),
                Speaker::Person | Speaker::System | Speaker::Developer => {
                    (Some("user"), self.person(&passage.blocks))
                }
            };
            match contents.last_mut() {
                Some(last) if last.role == role => last.parts.extend(parts),
                _ => contents.push(Content { role, parts }),
            }
        }
        contents
    }

    fn person(&mut self, blocks: &'a [Block<'a>]) -> Vec<Part<'a>> {
        blocks.iter().filter_map(|it| self.shown(it)).collect()
    }

    /// A signature belongs to the part that comes behind it.
    fn model(&mut self, blocks: &'a [Block<'a>]) -> Vec<Part<'a>> {
        let mut parts: Vec<Part<'a>> = Vec::with_capacity(blocks.len());
        let mut signature = None;
        let mut calls = 0_u32;
        for block in blocks {
            let mut part = match block {
                Block::Thought(thought) => match self.thought(thought) {
                    Ok(part) => {
                        parts.push(part);
                        continue;
                    }
                    Err(before) => {
                        signature = before;
                        continue;
                    }
                },
                Block::Use(call) => {
                    calls += 1;
                    let mut part = self.call(call);
                    // The first of several calls at once carries the signature of all.
                    if calls == 1 && signature.is_none() && self.manner.signed_calls {
                        part.thought_signature = Some(UNSIGNED.into());
                    }
                    part
                }
                block => match self.shown(block) {
                    Some(part) => part,
                    None => continue,
                },
            };
            if let Some(signature) = signature.take() {
                part.thought_signature = Some(Cow::Borrowed(signature));
            }
            parts.push(part);
        }
        if let Some(signature) = signature {
            parts.push(Part {
                thought_signature: Some(signature.into()),
                ..Part::said("")
            });
        }
        parts
    }

    /// A thought that may be read, or else the signature of what comes behind it.
    fn thought(&self, thought: &'a Thought<'a>) -> Result<Part<'a>, Option<&'a str>> {
        let Thought {
            text,
            summary: _,
            sealed,
            item: _,
        } = thought;
        let signature = sealed.as_ref().map(|sealed| &*sealed.data);
        if text.is_empty() {
            return Err(signature);
        }
        Ok(Part {
            thought: true,
            thought_signature: signature.map(Cow::Borrowed),
            ..Part::said(&**text)
        })
    }

    fn call(&mut self, call: &'a ToolUse<'a>) -> Part<'a> {
        let ToolUse {
            id,
            name: _,
            space: _,
            kind: _,
            input,
            mark,
        } = call;
        self.mark(*mark);
        let args = match input {
            Input::Json(json) => Cow::Borrowed(json),
            Input::Text(text) => Cow::Owned(media::wrapped(text)),
        };
        Part {
            function_call: Some(FunctionCall {
                id,
                name: told(call),
                args,
            }),
            ..Part::default()
        }
    }

    /// All results first, behind them what each showed.
    fn replies(&mut self, blocks: &'a [Block<'a>]) -> Vec<Part<'a>> {
        let mut parts = Vec::with_capacity(blocks.len());
        let mut shown = Vec::new();
        for block in blocks {
            match block {
                Block::Reply(reply) => parts.push(self.reply(reply, &mut shown)),
                _ => self.dropped.note(Field::Block, Why::NoPlace),
            }
        }
        parts.extend(shown);
        parts
    }

    fn reply(&mut self, reply: &'a ToolReply<'a>, shown: &mut Vec<Part<'a>>) -> Part<'a> {
        let ToolReply {
            id,
            kind: _,
            content,
            failed,
            mark,
        } = reply;
        self.mark(*mark);
        let mut texts: Vec<Cow<'a, str>> = Vec::new();
        let already = shown.len();
        for part in content.iter().filter_map(|it| self.shown(it)) {
            match part.text {
                Some(text) => texts.push(text),
                None => shown.push(part),
            }
        }
        if shown.len() > already {
            texts.push("[shown behind the results]".into());
            let says = format!("[given back by the tool call {id}]");
            shown.insert(already, Part::said(says));
        }
        let text = texts.join("\n");
        Part {
            function_response: Some(FunctionResponse {
                id,
                name: self
                    .names
                    .get(&**id)
                    .cloned()
                    .unwrap_or(Cow::Borrowed("tool")),
                response: match failed {
                    true => Outcome::Error(text),
                    false => Outcome::Output(text),
                },
            }),
            ..Part::default()
        }
    }

    /// What a person can show.
    fn shown(&mut self, block: &'a Block<'a>) -> Option<Part<'a>> {
        match block {
            Block::Text(text) => Some(self.text(text)),
            Block::Refusal(text) => Some(Part::said(&**text)),
            Block::Image(image) => {
                let Image {
                    source,
                    detail,
                    mark,
                } = image;
                self.mark(*mark);
                self.dropped
                    .note_if(detail.is_some(), Field::Detail, Why::NoPlace);
                Some(self.source(source, "image/jpeg", None))
            }
            Block::Document(document) => Some(self.document(document)),
            Block::Thought(_) | Block::Use(_) | Block::Reply(_) | Block::Foreign(_) => {
                self.dropped.note(Field::Block, Why::NoPlace);
                None
            }
        }
    }

    fn text(&mut self, text: &'a Text<'a>) -> Part<'a> {
        let Text {
            text,
            citations,
            mark,
        } = text;
        self.mark(*mark);
        self.dropped
            .note_if(!citations.is_empty(), Field::Citation, Why::NoPlace);
        Part::said(&**text)
    }

    fn document(&mut self, document: &'a Document<'a>) -> Part<'a> {
        let Document {
            source,
            name: _,
            context,
            cited,
            mark,
        } = document;
        self.mark(*mark);
        self.dropped
            .note_if(context.is_some(), Field::DocumentContext, Why::NoPlace);
        self.dropped
            .note_if(*cited == Some(true), Field::Citation, Why::NoPlace);
        self.source(source, "application/pdf", Some(document))
    }

    fn source(
        &mut self,
        source: &'a Source<'a>,
        otherwise: &'static str,
        document: Option<&'a Document<'a>>,
    ) -> Part<'a> {
        let uri = |uri: &'a Str<'a>| FileData {
            mime_type: media::media_of(uri, otherwise),
            file_uri: uri,
        };
        match source {
            Source::Data { media, base64 } => Part {
                inline_data: Some(InlineData {
                    mime_type: media,
                    data: base64,
                }),
                ..Part::default()
            },
            Source::Url(url) => Part {
                file_data: Some(uri(url)),
                ..Part::default()
            },
            Source::File { keeper: _, id } => Part {
                file_data: Some(uri(id)),
                ..Part::default()
            },
            Source::Words(words) => match document {
                Some(document) => Part::said(media::framed(document, words)),
                None => Part::said(&**words),
            },
        }
    }

    fn mark(&mut self, mark: Option<Mark>) {
        self.dropped
            .note_if(mark.is_some(), Field::CacheMark, Why::NoPlace);
    }
}

fn told<'a>(call: &'a ToolUse<'a>) -> Cow<'a, str> {
    name::told(call.space.as_deref(), &call.name)
}
