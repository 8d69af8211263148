//! Reading a request: in one pass, borrowing from the bytes that came, and only as far as an answer needs it.
//!
//! The pieces below are the union of what the four dialects send; serde ignores what it is not asked for, and refuses a
//! field that stands twice. What it means to the model is in [`super::ask`].

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserializer, IgnoredAny, SeqAccess, Visitor, value::SeqAccessDeserializer};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::prompt::Life;

/// A JSON string, borrowed where it has no escapes. (`Option<Cow<str>>` would always copy.)
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(super) struct Text<'a>(pub(super) Cow<'a, str>);

impl Text<'_> {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(Read)
    }
}

/// Either one text or a list: how all dialects write content, `system` and `input`.
#[derive(Debug)]
pub(super) enum TextOr<'a, T> {
    /// One text.
    Text(Text<'a>),
    /// A list.
    List(Vec<T>),
}

impl<'de: 'a, 'a, T: Deserialize<'de>> Deserialize<'de> for TextOr<'a, T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read<T>(std::marker::PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Read<T> {
            type Value = TextOr<'de, T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or a list")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(TextOr::Text(Text(Cow::Borrowed(text))))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(TextOr::Text(Text(Cow::Owned(text.to_owned()))))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Self::Value, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(list)).map(TextOr::List)
            }
        }
        deserializer.deserialize_any(Read(std::marker::PhantomData))
    }
}

pub(super) type Content<'a> = TextOr<'a, Block<'a>>;

/// A piece of content.
#[derive(Debug, Deserialize)]
pub(super) struct Block<'a> {
    #[serde(borrow, rename = "type")]
    pub(super) kind: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) text: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) name: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) input: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) content: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) source: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) image_url: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) thinking: Option<&'a RawValue>,
    pub(super) cache_control: Option<CacheControl>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
pub(super) struct CacheControl {
    #[serde(default)]
    ttl: Ttl,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
enum Ttl {
    #[default]
    #[serde(rename = "5m")]
    Short,
    #[serde(rename = "1h")]
    Long,
}

impl CacheControl {
    pub(super) fn life(self) -> Life {
        match self.ttl {
            Ttl::Short => Life::Short,
            Ttl::Long => Life::Long,
        }
    }
}

/// A message, or an item of the Responses dialect.
#[derive(Debug, Deserialize)]
pub(super) struct Turn<'a> {
    #[serde(borrow)]
    pub(super) role: Option<Text<'a>>,
    #[serde(borrow, rename = "type")]
    pub(super) kind: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) content: Option<Content<'a>>,
    #[serde(borrow)]
    pub(super) tool_calls: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) name: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) arguments: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) input: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) output: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) encrypted_content: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) tools: Option<Vec<Tool<'a>>>,
}

/// A tool, in any dialect's form.
#[derive(Debug, Deserialize)]
pub(super) struct Tool<'a> {
    #[serde(borrow, rename = "type")]
    pub(super) kind: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) name: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) description: Option<Text<'a>>,
    #[serde(borrow, alias = "input_schema")]
    pub(super) parameters: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) function: Option<Box<Tool<'a>>>,
    #[serde(borrow)]
    pub(super) tools: Option<Vec<Tool<'a>>>,
    pub(super) cache_control: Option<CacheControl>,
}

impl<'a> Tool<'a> {
    /// Whether the model can call it and the caller runs it.
    pub(super) fn is_function(&self) -> bool {
        let kind = self.kind.as_ref().map(Text::as_str);
        match kind {
            Some("function") => true,
            None | Some("custom") => self.parameters.is_some(),
            Some(_) => false,
        }
    }

    pub(super) fn called(&self) -> Option<&Text<'a>> {
        self.function.as_deref().unwrap_or(self).name.as_ref()
    }

    pub(super) fn schema(&self) -> Option<&'a RawValue> {
        self.function.as_deref().unwrap_or(self).parameters
    }
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct StreamOptions {
    pub(super) include_usage: Option<bool>,
}

/// `{type, …}`: thinking, reasoning and formats, as far as they matter here.
#[derive(Debug, Deserialize)]
pub(super) struct Setting<'a> {
    #[serde(borrow, rename = "type")]
    pub(super) kind: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) display: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) effort: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) summary: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) schema: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) json_schema: Option<Box<Setting<'a>>>,
    #[serde(borrow)]
    pub(super) format: Option<Box<Setting<'a>>>,
}

impl<'a> Setting<'a> {
    /// The JSON schema that the answer has to keep to, wherever the dialect puts it.
    pub(super) fn wanted_schema(&self) -> Option<&'a RawValue> {
        let inner = self.json_schema.as_deref().or(self.format.as_deref());
        self.schema.or_else(|| inner?.wanted_schema())
    }
}

/// The body of any endpoint that writes text.
#[derive(Debug, Deserialize)]
pub(super) struct Body<'a> {
    #[serde(borrow)]
    pub(super) model: Option<Text<'a>>,
    pub(super) stream: Option<bool>,
    pub(super) stream_options: Option<StreamOptions>,
    pub(super) max_tokens: Option<u64>,
    pub(super) max_completion_tokens: Option<u64>,
    pub(super) max_output_tokens: Option<u64>,
    #[serde(borrow)]
    pub(super) messages: Option<Vec<Turn<'a>>>,
    #[serde(borrow)]
    pub(super) input: Option<TextOr<'a, Turn<'a>>>,
    #[serde(borrow)]
    pub(super) instructions: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) system: Option<Content<'a>>,
    #[serde(borrow)]
    pub(super) prompt: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) suffix: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) tools: Option<Vec<Tool<'a>>>,
    #[serde(borrow)]
    pub(super) tool_choice: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) reasoning_effort: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) reasoning: Option<Setting<'a>>,
    #[serde(borrow)]
    pub(super) thinking: Option<Setting<'a>>,
    #[serde(borrow)]
    pub(super) response_format: Option<Setting<'a>>,
    #[serde(borrow)]
    pub(super) text: Option<Setting<'a>>,
    #[serde(borrow)]
    pub(super) output_config: Option<Setting<'a>>,
    pub(super) cache_control: Option<CacheControl>,
    pub(super) temperature: Option<IgnoredAny>,
    pub(super) top_p: Option<IgnoredAny>,
    pub(super) top_k: Option<IgnoredAny>,
    #[serde(borrow)]
    pub(super) previous_response_id: Option<Text<'a>>,
    pub(super) store: Option<bool>,
    #[serde(borrow)]
    pub(super) include: Option<&'a RawValue>,
    pub(super) parallel_tool_calls: Option<bool>,
}
