//! Items of a conversation, written: of requests and of answers.

use std::borrow::Cow;

use serde::Serialize;

use super::super::block::{
    Block, Document, Image, Input, Kind, Mark, Source, Text, Thought, ToolReply, ToolUse,
};
use super::super::chat::message::FAILED;
use super::super::dropped::{Dropped, Field, Why};
use super::super::json::{Json, Str};
use super::super::manner::Manner;
use super::super::media;
use super::super::name;
use super::super::sealed::{Form, Sealed};
use crate::domain::dialect::Dialect;

/// An item.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum ItemOut<'a> {
    Known(Known<'a>),
    Raw(&'a Json<'a>),
}

#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Known<'a> {
    Message {
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        status: Option<&'static str>,
        role: &'static str,
        content: Vec<PartOut<'a>>,
    },
    Reasoning(ReasoningOut<'a>),
    FunctionCall {
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        status: Option<&'static str>,
        call_id: Cow<'a, str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        namespace: Option<&'a str>,
        name: Cow<'a, str>,
        arguments: Cow<'a, str>,
    },
    CustomToolCall {
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        status: Option<&'static str>,
        call_id: Cow<'a, str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        namespace: Option<&'a str>,
        name: Cow<'a, str>,
        input: Cow<'a, str>,
    },
    FunctionCallOutput {
        call_id: &'a str,
        output: Output<'a>,
    },
    CustomToolCallOutput {
        call_id: &'a str,
        output: Output<'a>,
    },
}

/// What a model thought.
#[derive(Debug, Serialize)]
pub(super) struct ReasoningOut<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<Cow<'a, str>>,
    pub(super) summary: Vec<Readable<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) content: Vec<Readable<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) encrypted_content: Option<Cow<'a, str>>,
}

/// What may be read of a thought.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Readable<'a> {
    SummaryText { text: &'a str },
    ReasoningText { text: &'a str },
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Output<'a> {
    Text(Cow<'a, str>),
    Parts(Vec<PartOut<'a>>),
}

/// A part of a content.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum PartOut<'a> {
    Known(KnownPart<'a>),
    Raw(&'a Json<'a>),
}

#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum KnownPart<'a> {
    InputText {
        text: Cow<'a, str>,
    },
    OutputText {
        text: &'a str,
        annotations: Vec<AnnotationOut<'a>>,
    },
    Refusal {
        refusal: &'a str,
    },
    InputImage {
        #[serde(skip_serializing_if = "Option::is_none")]
        image_url: Option<Cow<'a, str>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        file_id: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        detail: Option<&'a str>,
    },
    InputFile {
        #[serde(skip_serializing_if = "Option::is_none")]
        filename: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        file_data: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        file_url: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        file_id: Option<&'a str>,
    },
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum AnnotationOut<'a> {
    Page {
        #[serde(rename = "type")]
        kind: &'static str,
        url: Str<'a>,
        title: Str<'a>,
        start_index: u64,
        end_index: u64,
    },
    Raw(&'a Json<'a>),
}

/// Writes blocks of a request as items and parts.
pub(super) struct Writer<'w> {
    pub(super) manner: &'w Manner,
    pub(super) dropped: &'w mut Dropped,
}

impl Writer<'_> {
    /// What somebody instructs or asks.
    pub(super) fn said<'a>(&mut self, role: &'static str, blocks: &'a [Block<'a>]) -> ItemOut<'a> {
        ItemOut::Known(Known::Message {
            id: None,
            status: None,
            role,
            content: blocks.iter().filter_map(|it| self.part(it)).collect(),
        })
    }

    /// What the model said: words that follow each other are one message, all else is an item of its own.
    pub(super) fn spoken<'a>(&mut self, blocks: &'a [Block<'a>], items: &mut Vec<ItemOut<'a>>) {
        for block in blocks {
            let part = match block {
                Block::Text(text) => self.output_text(text),
                Block::Refusal(refusal) => KnownPart::Refusal { refusal },
                Block::Thought(thought) => {
                    items.push(ItemOut::Known(reasoning(thought)));
                    continue;
                }
                Block::Use(call) => {
                    items.push(ItemOut::Known(self.call(call)));
                    continue;
                }
                Block::Foreign(foreign) => {
                    items.push(ItemOut::Raw(&foreign.json));
                    continue;
                }
                Block::Image(_) | Block::Document(_) | Block::Reply(_) => {
                    self.dropped.note(Field::Block, Why::NoPlace);
                    continue;
                }
            };
            let part = PartOut::Known(part);
            match items.last_mut() {
                Some(ItemOut::Known(Known::Message { role, content, .. }))
                    if *role == ASSISTANT =>
                {
                    content.push(part);
                }
                _ => items.push(ItemOut::Known(Known::Message {
                    id: None,
                    status: None,
                    role: ASSISTANT,
                    content: vec![part],
                })),
            }
        }
    }

    /// What tools gave back.
    pub(super) fn replies<'a>(&mut self, blocks: &'a [Block<'a>], items: &mut Vec<ItemOut<'a>>) {
        for block in blocks {
            match block {
                Block::Reply(reply) => items.push(ItemOut::Known(self.reply(reply))),
                Block::Foreign(foreign) => items.push(ItemOut::Raw(&foreign.json)),
                _ => self.dropped.note(Field::Block, Why::NoPlace),
            }
        }
    }

    fn part<'a>(&mut self, block: &'a Block<'a>) -> Option<PartOut<'a>> {
        let known = match block {
            Block::Text(text) => {
                let Text {
                    text,
                    citations,
                    mark,
                } = text;
                self.mark(*mark);
                self.dropped
                    .note_if(!citations.is_empty(), Field::Citation, Why::NoPlace);
                input_text(&**text)
            }
            Block::Refusal(text) => input_text(&**text),
            Block::Image(image) => self.image(image),
            Block::Document(document) => self.document(document),
            Block::Foreign(foreign) => return Some(PartOut::Raw(&foreign.json)),
            Block::Thought(_) | Block::Use(_) | Block::Reply(_) => {
                self.dropped.note(Field::Block, Why::NoPlace);
                return None;
            }
        };
        Some(PartOut::Known(known))
    }

    fn mark(&mut self, mark: Option<Mark>) {
        self.dropped
            .note_if(mark.is_some(), Field::CacheMark, Why::NoPlace);
    }

    fn output_text<'a>(&mut self, text: &'a Text<'a>) -> KnownPart<'a> {
        let Text {
            text,
            citations,
            mark,
        } = text;
        self.mark(*mark);
        // Where old words came from no model is told again.
        self.dropped
            .note_if(!citations.is_empty(), Field::Citation, Why::Idle);
        KnownPart::OutputText {
            text,
            annotations: Vec::new(),
        }
    }

    fn image<'a>(&mut self, image: &'a Image<'a>) -> KnownPart<'a> {
        let Image {
            source,
            detail,
            mark,
        } = image;
        self.mark(*mark);
        let (image_url, file_id) = match source {
            Source::Data { media, base64 } => (Some(media::data_url(media, base64).into()), None),
            Source::Url(url) => (Some(Cow::Borrowed(&**url)), None),
            Source::File { keeper: _, id } => (None, Some(&**id)),
            // There are no pictures of words.
            Source::Words(words) => return input_text(&**words),
        };
        KnownPart::InputImage {
            image_url,
            file_id,
            detail: detail.as_deref(),
        }
    }

    fn document<'a>(&mut self, document: &'a Document<'a>) -> KnownPart<'a> {
        let Document {
            source,
            name,
            context,
            cited,
            mark,
        } = document;
        self.mark(*mark);
        self.dropped
            .note_if(context.is_some(), Field::DocumentContext, Why::NoPlace);
        self.dropped
            .note_if(*cited == Some(true), Field::Citation, Why::NoPlace);
        let (mut file_data, mut file_url, mut file_id) = (None, None, None);
        match source {
            Source::Data { media, base64 } => file_data = Some(media::data_url(media, base64)),
            Source::Url(url) => file_url = Some(&**url),
            Source::File { keeper: _, id } => file_id = Some(&**id),
            Source::Words(words) => return input_text(media::framed(document, words)),
        }
        // Bytes without a name are refused.
        let unnamed = file_data.is_some().then_some("document.pdf");
        KnownPart::InputFile {
            filename: name.as_deref().or(unnamed),
            file_data,
            file_url,
            file_id,
        }
    }

    fn call<'a>(&mut self, call: &'a ToolUse<'a>) -> Known<'a> {
        let ToolUse {
            id,
            name,
            space,
            kind,
            input,
            mark,
        } = call;
        self.mark(*mark);
        let (call_id, name) = (Cow::Borrowed(&**id), name::told(None, name));
        let custom = *kind == Kind::Custom;
        if custom && self.manner.custom_tools {
            return Known::CustomToolCall {
                id: None,
                status: None,
                call_id,
                namespace: space.as_deref(),
                name,
                input: input.get().into(),
            };
        }
        let arguments = match input {
            Input::Text(text) if custom => media::wrapped(text).get().to_owned().into(),
            input => Cow::Borrowed(input.get()),
        };
        Known::FunctionCall {
            id: None,
            status: None,
            call_id,
            namespace: space.as_deref(),
            name,
            arguments,
        }
    }

    fn reply<'a>(&mut self, reply: &'a ToolReply<'a>) -> Known<'a> {
        let ToolReply {
            id,
            kind,
            content,
            failed,
            mark,
        } = reply;
        self.mark(*mark);
        let mut parts: Vec<_> = content.iter().filter_map(|it| self.part(it)).collect();
        if *failed {
            failure(&mut parts);
        }
        let output = output(parts);
        match kind {
            Kind::Custom if self.manner.custom_tools => Known::CustomToolCallOutput {
                call_id: id,
                output,
            },
            Kind::Custom | Kind::Function => Known::FunctionCallOutput {
                call_id: id,
                output,
            },
        }
    }
}

const ASSISTANT: &str = "assistant";

fn input_text<'a>(text: impl Into<Cow<'a, str>>) -> KnownPart<'a> {
    KnownPart::InputText { text: text.into() }
}

/// Says of what a tool gave back that the tool failed.
fn failure(parts: &mut Vec<PartOut<'_>>) {
    match parts.first_mut() {
        Some(PartOut::Known(KnownPart::InputText { text })) => {
            *text = format!("{FAILED}\n{text}").into();
        }
        _ => parts.insert(0, PartOut::Known(input_text(FAILED))),
    }
}

/// One text is written as such.
fn output(mut parts: Vec<PartOut<'_>>) -> Output<'_> {
    match parts.as_mut_slice() {
        [] => Output::Text("".into()),
        [PartOut::Known(KnownPart::InputText { text })] => Output::Text(std::mem::take(text)),
        _ => Output::Parts(parts),
    }
}

/// A thought for its owner, as its owner wrote it; the mending has left out all others.
fn reasoning<'a>(thought: &'a Thought<'a>) -> Known<'a> {
    let Thought {
        text,
        summary: _,
        sealed,
        item,
    } = thought;
    let id = item.as_deref().map(Cow::Borrowed);
    Known::Reasoning(reasoning_out(id, text, sealed.as_ref(), |sealed| {
        Cow::Borrowed(&*sealed.data)
    }))
}

/// A thought: open where its maker wants it back so, else what may be read and what is sealed.
pub(super) fn reasoning_out<'a>(
    id: Option<Cow<'a, str>>,
    text: &'a str,
    sealed: Option<&'a Sealed<'a>>,
    told: impl FnOnce(&'a Sealed<'a>) -> Cow<'a, str>,
) -> ReasoningOut<'a> {
    let open =
        sealed.is_some_and(|it| it.form == Form::Plain && it.owner.dialect == Dialect::Responses);
    let some = (!text.is_empty()).then_some(text).into_iter();
    let (summary, content) = match open {
        true => (
            Vec::new(),
            some.map(|text| Readable::ReasoningText { text }).collect(),
        ),
        false => (
            some.map(|text| Readable::SummaryText { text }).collect(),
            Vec::new(),
        ),
    };
    ReasoningOut {
        id,
        summary,
        content,
        encrypted_content: sealed.filter(|_| !open).map(told),
    }
}
