//! The messages of a request, written.

use std::borrow::Cow;

use serde::Serialize;

use super::super::asked::{Passage, Speaker};
use super::super::block::{
    Block, Document, Image, Input, Kind, Mark, Source, Text, Thought, ToolReply, ToolUse,
};
use super::super::dropped::{Dropped, Field, Why};
use super::super::json::Json;
use super::super::manner::{Manner, Thoughts};
use super::super::media;
use super::super::name;
use super::super::repair::Mended;

/// A message.
#[derive(Debug, Default, Serialize)]
pub(super) struct Message<'a> {
    role: &'static str,
    /// `null` for a model that only called tools.
    content: Option<Content<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_content: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refusal: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<CallOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_call_id: Option<&'a str>,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Content<'a> {
    Text(Cow<'a, str>),
    Parts(Vec<Part<'a>>),
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Part<'a> {
    Known(Known<'a>),
    Raw(&'a Json<'a>),
}

#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Known<'a> {
    Text { text: Cow<'a, str> },
    ImageUrl { image_url: ImageOut<'a> },
    File { file: FileOut<'a> },
}

#[derive(Debug, Serialize)]
struct ImageOut<'a> {
    url: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
}

#[derive(Debug, Default, Serialize)]
struct FileOut<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    filename: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file_data: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file_id: Option<&'a str>,
}

/// A call of a tool, in a request and in an answer alike.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(in super::super) enum CallOut<'a> {
    Function {
        id: Cow<'a, str>,
        #[serde(rename = "type")]
        kind: &'static str,
        function: Arguments<'a>,
    },
    Custom {
        id: Cow<'a, str>,
        #[serde(rename = "type")]
        kind: &'static str,
        custom: CustomInput<'a>,
    },
}

#[derive(Debug, Serialize)]
pub(in super::super) struct Arguments<'a> {
    name: Cow<'a, str>,
    arguments: Cow<'a, str>,
}

#[derive(Debug, Serialize)]
pub(in super::super) struct CustomInput<'a> {
    name: Cow<'a, str>,
    input: Cow<'a, str>,
}

impl<'a> CallOut<'a> {
    pub(in super::super) fn function(
        id: Cow<'a, str>,
        name: Cow<'a, str>,
        arguments: Cow<'a, str>,
    ) -> Self {
        Self::Function {
            id,
            kind: "function",
            function: Arguments { name, arguments },
        }
    }

    pub(in super::super) fn custom(
        id: Cow<'a, str>,
        name: Cow<'a, str>,
        input: Cow<'a, str>,
    ) -> Self {
        Self::Custom {
            id,
            kind: "custom",
            custom: CustomInput { name, input },
        }
    }
}

/// Writes passages as messages.
pub(super) struct Turns<'w, 'a> {
    manner: &'w Manner,
    dropped: &'w mut Dropped,
    messages: Vec<Message<'a>>,
}

impl<'w, 'a> Turns<'w, 'a> {
    pub(super) fn write(
        mended: &'a Mended<'a>,
        manner: &'w Manner,
        dropped: &'w mut Dropped,
    ) -> Vec<Message<'a>> {
        let passages = mended.system.iter().chain(&mended.passages);
        let mut turns = Self {
            manner,
            dropped,
            messages: Vec::new(),
        };
        passages.for_each(|passage| turns.passage(passage));
        turns.messages
    }

    fn passage(&mut self, Passage { speaker, blocks }: &'a Passage<'a>) {
        match speaker {
            Speaker::System => self.words("system", blocks),
            Speaker::Developer if self.manner.developer => self.words("developer", blocks),
            Speaker::Developer => self.words("system", blocks),
            Speaker::Person => self.words("user", blocks),
            Speaker::Assistant => self.assistant(blocks),
            Speaker::Tools => self.replies(blocks),
        }
    }

    fn words(&mut self, role: &'static str, blocks: &'a [Block<'a>]) {
        let parts: Vec<_> = blocks.iter().filter_map(|it| self.part(it)).collect();
        if !parts.is_empty() {
            self.messages.push(Message {
                role,
                content: Some(self.content(parts, "\n\n")),
                ..Message::default()
            });
        }
    }

    /// One text is written as such. So are several for a server that knows no other way.
    fn content(&self, mut parts: Vec<Part<'a>>, joint: &str) -> Content<'a> {
        let texts = parts
            .iter()
            .all(|it| matches!(it, Part::Known(Known::Text { .. })));
        if !texts || (parts.len() > 1 && !self.manner.plain_text) {
            return Content::Parts(parts);
        }
        if let (1, Some(Part::Known(Known::Text { text }))) = (parts.len(), parts.last_mut()) {
            return Content::Text(std::mem::take(text));
        }
        let texts = parts.iter().filter_map(|part| match part {
            Part::Known(Known::Text { text }) => Some(&**text),
            _ => None,
        });
        Content::Text(texts.collect::<Vec<_>>().join(joint).into())
    }

    fn part(&mut self, block: &'a Block<'a>) -> Option<Part<'a>> {
        let known = match block {
            Block::Text(text) => Known::Text {
                text: self.text(text).into(),
            },
            Block::Refusal(text) => Known::Text {
                text: (&**text).into(),
            },
            Block::Image(image) => self.image(image)?,
            Block::Document(document) => self.document(document)?,
            Block::Foreign(foreign) => return Some(Part::Raw(&foreign.json)),
            // These are no content; whoever writes a passage of the model or of tools takes them out first.
            Block::Thought(_) | Block::Use(_) | Block::Reply(_) => return None,
        };
        Some(Part::Known(known))
    }

    fn text(&mut self, text: &'a Text<'a>) -> &'a str {
        let Text {
            text,
            citations,
            mark,
        } = text;
        self.dropped
            .note_if(!citations.is_empty(), Field::Citation, Why::NoPlace);
        self.mark(*mark);
        text
    }

    fn mark(&mut self, mark: Option<Mark>) {
        self.dropped
            .note_if(mark.is_some(), Field::CacheMark, Why::NoPlace);
    }

    fn image(&mut self, image: &'a Image<'a>) -> Option<Known<'a>> {
        let Image {
            source,
            detail,
            mark,
        } = image;
        self.mark(*mark);
        let url = match source {
            Source::Data { media, base64 } => media::data_url(media, base64).into(),
            Source::Url(url) => Cow::Borrowed(&**url),
            Source::Words(_) | Source::File { .. } => {
                self.dropped.note(Field::Image, Why::NoPlace);
                return None;
            }
        };
        let detail = detail.as_deref();
        Some(Known::ImageUrl {
            image_url: ImageOut { url, detail },
        })
    }

    fn document(&mut self, document: &'a Document<'a>) -> Option<Known<'a>> {
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
        let file = FileOut {
            filename: name.as_deref(),
            ..FileOut::default()
        };
        let file = match source {
            Source::Words(words) => {
                return Some(Known::Text {
                    text: media::framed(document, words).into(),
                });
            }
            Source::Data { media, base64 } => FileOut {
                file_data: Some(media::data_url(media, base64)),
                ..file
            },
            Source::File { keeper: _, id } => FileOut {
                file_id: Some(id),
                ..file
            },
            Source::Url(url) => {
                // There is no place for an address; the model may at least say that it cannot open it.
                self.dropped.note(Field::Document, Why::NoPlace);
                return Some(Known::Text {
                    text: format!("[document at {url}]").into(),
                });
            }
        };
        Some(Known::File { file })
    }

    fn assistant(&mut self, blocks: &'a [Block<'a>]) {
        let mut message = Message {
            role: "assistant",
            ..Message::default()
        };
        let mut parts = Vec::new();
        for block in blocks {
            match block {
                Block::Thought(thought) => self.thought(thought, &mut message),
                Block::Use(call) => {
                    let call = self.call(call);
                    message.tool_calls.push(call);
                }
                // A target that minds fields which it does not know has no place for it but among the words.
                Block::Refusal(text) if self.manner.fields.is_none() => {
                    add(&mut message.refusal, text, "");
                }
                block => parts.extend(self.part(block)),
            }
        }
        if !parts.is_empty() {
            message.content = Some(self.content(parts, ""));
        } else if message.tool_calls.is_empty() && message.refusal.is_none() {
            // Only a thought is left: a message must say something.
            message.content = Some(Content::Text("".into()));
        }
        if self.manner.thoughts == Thoughts::BesideCalls {
            let beside = !message.tool_calls.is_empty();
            // One that is missed is an empty one: whoever else made the calls has none to show.
            let thought = message.reasoning_content.take().unwrap_or_default();
            message.reasoning_content = beside.then_some(thought);
        }
        self.messages.push(message);
    }

    fn thought(&mut self, thought: &'a Thought<'a>, message: &mut Message<'a>) {
        let Thought {
            text,
            summary: _,
            sealed: _,
            item: _,
        } = thought;
        match self.manner.thoughts {
            Thoughts::Ignored | Thoughts::Refused => {
                self.dropped.note(Field::Thought, Why::Unable);
            }
            Thoughts::ReasoningContent | Thoughts::BesideCalls => {
                add(&mut message.reasoning_content, text, "\n\n");
            }
            Thoughts::Reasoning => add(&mut message.reasoning, text, "\n\n"),
        }
    }

    fn call(&mut self, call: &'a ToolUse<'a>) -> CallOut<'a> {
        let ToolUse {
            id,
            name,
            space,
            kind,
            input,
            mark,
        } = call;
        self.mark(*mark);
        let id = Cow::Borrowed(&**id);
        let name = name::told(space.as_deref(), name);
        match (kind, input) {
            (Kind::Custom, input) if self.manner.custom_tools => {
                CallOut::custom(id, name, input.get().into())
            }
            (Kind::Custom, Input::Text(text)) => {
                let wrapped = media::wrapped(text).get().to_owned();
                CallOut::function(id, name, wrapped.into())
            }
            (Kind::Custom | Kind::Function, input) => {
                CallOut::function(id, name, input.get().into())
            }
        }
    }

    /// A message for each result, and behind them what only a person may show in this dialect: pictures and documents.
    fn replies(&mut self, blocks: &'a [Block<'a>]) {
        let mut shown = Vec::new();
        for block in blocks {
            if let Block::Reply(reply) = block {
                let message = self.reply(reply, &mut shown);
                self.messages.push(message);
            }
        }
        if !shown.is_empty() {
            self.messages.push(Message {
                role: "user",
                content: Some(Content::Parts(shown)),
                ..Message::default()
            });
        }
    }

    fn reply(&mut self, reply: &'a ToolReply<'a>, shown: &mut Vec<Part<'a>>) -> Message<'a> {
        let ToolReply {
            id,
            kind: _,
            content,
            failed,
            mark,
        } = reply;
        self.mark(*mark);
        let mut texts = Vec::new();
        let mut others = Vec::new();
        for part in content.iter().filter_map(|it| self.part(it)) {
            match part {
                Part::Known(Known::Text { text }) => texts.push(text),
                part => others.push(part),
            }
        }
        if !others.is_empty() {
            texts.push("[shown in the next message]".into());
            let says = format!("[given back by the tool call {id}]");
            shown.push(Part::Known(Known::Text { text: says.into() }));
            shown.extend(others);
        }
        if *failed {
            failure(&mut texts);
        }
        Message {
            role: "tool",
            content: Some(self.results(texts)),
            tool_call_id: Some(id),
            ..Message::default()
        }
    }

    fn results(&self, mut texts: Vec<Cow<'a, str>>) -> Content<'a> {
        match texts.len() {
            0 => Content::Text("".into()),
            1 => Content::Text(texts.remove(0)),
            _ => {
                let part = |text| Part::Known(Known::Text { text });
                self.content(texts.into_iter().map(part).collect(), "\n")
            }
        }
    }
}

/// Says of what a tool gave back that the tool failed.
fn failure(texts: &mut Vec<Cow<'_, str>>) {
    match texts.first_mut() {
        Some(first) => *first = format!("{FAILED}\n{first}").into(),
        None => texts.push(FAILED.into()),
    }
}

/// Says that a tool failed, in a dialect that has no flag for it.
pub(in super::super) const FAILED: &str = "[the tool failed]";

fn add(place: &mut Option<String>, text: &str, joint: &str) {
    match place {
        None => *place = Some(text.to_owned()),
        Some(before) => {
            before.push_str(joint);
            before.push_str(text);
        }
    }
}
