//! What a passage is made of: words, pictures, papers, thoughts, calls of tools and what came of them.

use std::borrow::Cow;

use super::json::{Json, Object, Str};
use super::sealed::Sealed;
use crate::domain::dialect::Dialect;

/// A part of what somebody says.
#[derive(Clone, Debug, PartialEq)]
pub enum Block<'a> {
    /// Words.
    Text(Text<'a>),
    /// A picture.
    Image(Image<'a>),
    /// A document.
    Document(Document<'a>),
    /// What the model thought.
    Thought(Thought<'a>),
    /// The model calls a tool.
    Use(ToolUse<'a>),
    /// What a tool gave back.
    Reply(ToolReply<'a>),
    /// The model will not.
    Refusal(Str<'a>),
    /// What only one dialect knows: tools that the provider runs itself, sounds, and whatever is new.
    Foreign(Foreign<'a>),
}

impl<'a> Block<'a> {
    /// Plain words.
    pub fn text(text: impl Into<Str<'a>>) -> Self {
        Self::Text(Text::plain(text))
    }
}

/// Words.
#[derive(Clone, Debug, PartialEq)]
pub struct Text<'a> {
    /// The words.
    pub text: Str<'a>,
    /// Where they come from.
    pub citations: Vec<Citation<'a>>,
    /// The prompt is cached up to here.
    pub mark: Option<Mark>,
}

impl<'a> Text<'a> {
    /// Words without more.
    pub fn plain(text: impl Into<Str<'a>>) -> Self {
        Self {
            text: text.into(),
            citations: Vec::new(),
            mark: None,
        }
    }
}

/// Where words come from.
#[derive(Clone, Debug, PartialEq)]
pub enum Citation<'a> {
    /// A page.
    Page(Page<'a>),
    /// A source that only one dialect knows.
    Foreign(Dialect, Json<'a>),
}

impl<'a> Citation<'a> {
    /// The page, also of a citation that is kept whole because its own dialect wants it back so.
    pub fn page(&self) -> Option<Page<'a>> {
        let json = match self {
            Self::Page(page) => return Some(page.clone()),
            Self::Foreign(_, json) => json,
        };
        let mut object = Object::read(json.get()).ok()?;
        let mut text = |name| Some(Cow::Owned(object.text(name).ok()??.into_owned()));
        Some(Page {
            url: text("url")?,
            title: text("title"),
            quote: text("cited_text"),
            span: None,
        })
    }
}

/// A page that is cited.
#[derive(Clone, Debug, PartialEq)]
pub struct Page<'a> {
    /// Its address.
    pub url: Str<'a>,
    /// Its title.
    pub title: Option<Str<'a>>,
    /// What is cited.
    pub quote: Option<Str<'a>>,
    /// Which characters of the answer rest on it: from, to.
    pub span: Option<(u64, u64)>,
}

/// A place up to which the prompt is to be cached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// How long, if it is said.
    pub life: Option<Life>,
}

/// How long a cached prompt lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// 5 or 30 minutes, by provider.
    Short,
    /// 1 or 12 hours, by provider.
    Long,
}

/// A picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Image<'a> {
    /// Where it is.
    pub source: Source<'a>,
    /// How closely it is looked at: OpenAI's `detail`.
    pub detail: Option<Str<'a>>,
    /// The prompt is cached up to here.
    pub mark: Option<Mark>,
}

/// A document.
#[derive(Clone, Debug, PartialEq)]
pub struct Document<'a> {
    /// Where it is.
    pub source: Source<'a>,
    /// Its title, or the name of its file.
    pub name: Option<Str<'a>>,
    /// What the caller says of it.
    pub context: Option<Str<'a>>,
    /// The answer should cite it.
    pub cited: Option<bool>,
    /// The prompt is cached up to here.
    pub mark: Option<Mark>,
}

/// Where a picture or a document is.
#[derive(Clone, Debug, PartialEq)]
pub enum Source<'a> {
    /// Here, in base64.
    Data {
        /// `image/png` and the like.
        media: Str<'a>,
        /// The bytes.
        base64: Str<'a>,
    },
    /// Here, as words.
    Words(Str<'a>),
    /// At an address.
    Url(Str<'a>),
    /// With a provider, to which it was uploaded.
    File {
        /// Whose file it is.
        keeper: Dialect,
        /// Its name there.
        id: Str<'a>,
    },
}

/// What the model thought.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Thought<'a> {
    /// What may be read of it; empty where it is only sealed.
    pub text: Str<'a>,
    /// It is a summary and not the thought itself.
    pub summary: bool,
    /// What its owner wants back.
    pub sealed: Option<Sealed<'a>>,
    /// The id of the item that it came in: OpenAI's `rs_…`.
    pub item: Option<Str<'a>>,
}

/// In whose words a tool takes its input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// JSON by a schema.
    #[default]
    Function,
    /// A text in a language of its own.
    Custom,
}

/// A call of a tool.
#[derive(Clone, Debug, PartialEq)]
pub struct ToolUse<'a> {
    /// Its id, as whoever made it wrote it.
    pub id: Str<'a>,
    /// The tool.
    pub name: Str<'a>,
    /// The group that the tool is in.
    pub space: Option<Str<'a>>,
    /// In whose words.
    pub kind: Kind,
    /// What the tool is given.
    pub input: Input<'a>,
    /// The prompt is cached up to here.
    pub mark: Option<Mark>,
}

/// What a tool is given.
#[derive(Clone, Debug, PartialEq)]
pub enum Input<'a> {
    /// A JSON object.
    Json(Json<'a>),
    /// A custom tool's own language; or what should be JSON and is not, because the model was cut off or erred.
    Text(Str<'a>),
}

impl<'a> Input<'a> {
    /// Arguments as OpenAI writes them: a text that should be an object. Nothing at all is an empty object.
    pub fn of_arguments(text: Str<'a>) -> Self {
        if text.trim().is_empty() {
            return Self::Json(Json::empty());
        }
        match Json::parse(&text).filter(Json::is_object) {
            Some(json) => Self::Json(json),
            None => Self::Text(text),
        }
    }

    /// The text of it.
    pub fn get(&self) -> &str {
        match self {
            Self::Json(json) => json.get(),
            Self::Text(text) => text,
        }
    }
}

/// What a tool gave back.
#[derive(Clone, Debug, PartialEq)]
pub struct ToolReply<'a> {
    /// The id of the call.
    pub id: Str<'a>,
    /// In whose words the call was.
    pub kind: Kind,
    /// What came back.
    pub content: Vec<Block<'a>>,
    /// The tool failed, as the client says.
    pub failed: bool,
    /// The prompt is cached up to here.
    pub mark: Option<Mark>,
}

/// A block that only one dialect knows.
#[derive(Clone, Debug, PartialEq)]
pub struct Foreign<'a> {
    /// The dialect.
    pub from: Dialect,
    /// Its type there.
    pub kind: Str<'a>,
    /// All of it.
    pub json: Json<'a>,
}
