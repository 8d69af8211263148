//! One message of a conversation, read into its parts, whatever the dialect. All is borrowed from the body, and texts keep
//! their escapes until someone asks for them. What is not known is passed over; nothing here can fail.

use super::escape;
use super::scan::{elements, members};

use self::fields::Fields;
pub use self::fields::ToolCall;

mod fields;
#[cfg(test)]
mod tests;

/// A part of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part<'a> {
    /// Words.
    Text(Text<'a>),
    /// What a model thought, where it may be read.
    Thinking(Text<'a>),
    /// A tool is called.
    Call(ToolCall<'a>),
    /// What a tool gave back.
    Result(ToolResult<'a>),
    /// A picture.
    Image,
}

/// A text as it stands in the body: the inside of a JSON string.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Text<'a>(&'a str);

impl<'a> Text<'a> {
    /// The text of a JSON string in its quotes; of anything else, none.
    fn of(json: &'a str) -> Self {
        Self::quoted(json).unwrap_or_default()
    }

    fn quoted(json: &'a str) -> Option<Self> {
        let inside = json.strip_prefix('"')?;
        inside.strip_suffix('"').map(Self)
    }

    /// The text with its escapes.
    pub fn raw(self) -> &'a str {
        self.0
    }

    /// Nothing is in it but space.
    pub fn is_blank(self) -> bool {
        let mut rest = self.0.trim_start();
        while let Some(behind) = ["\\n", "\\t", "\\r"]
            .iter()
            .find_map(|it| rest.strip_prefix(it))
        {
            rest = behind.trim_start();
        }
        rest.is_empty()
    }

    /// Writes the text into `plain`, in place of what is there: all of it, or this much of its beginning and of its end.
    /// `true` if it is all.
    pub fn read(self, reach: usize, plain: &mut String) -> bool {
        escape::unescape(self.0, reach, plain).is_none()
    }
}

/// What a tool is called with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arguments<'a> {
    /// JSON as it stands in the body.
    Json(&'a str),
    /// A text that stands for JSON, or is a tool's own language.
    Text(Text<'a>),
}

impl<'a> Arguments<'a> {
    fn of(json: &'a str) -> Self {
        match Text::quoted(json) {
            Some(text) => Self::Text(text),
            None => Self::Json(json),
        }
    }

    /// As they stand in the body, to be compared.
    pub fn raw(self) -> &'a str {
        match self {
            Self::Json(json) => json,
            Self::Text(text) => text.raw(),
        }
    }

    /// Writes them as plain text, as [`Text::read`] does. What stands in the body as JSON is written as it is.
    pub fn read(self, reach: usize, plain: &mut String) -> bool {
        match self {
            Self::Text(text) => text.read(reach, plain),
            Self::Json(json) => {
                let (head, tail) = escape::ends(json, reach);
                plain.clear();
                plain.push_str(&json[..head]);
                plain.push_str(&json[tail..]);
                head == tail
            }
        }
    }
}

/// What a tool gave back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ToolResult<'a> {
    /// The name of the call, if it has one.
    pub id: Text<'a>,
    /// What came back.
    pub content: Content<'a>,
    /// The client says that it went wrong.
    pub error: bool,
}

/// The content of a result: a text, or a list of parts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Content<'a>(&'a str);

impl Content<'_> {
    /// Writes the texts that are in it into `plain`, in place of what is there, a line for each: all of them, or the
    /// beginning and the end.
    pub fn read(self, reach: usize, plain: &mut String) {
        plain.clear();
        match Text::quoted(self.0) {
            Some(text) => {
                text.read(reach, plain);
            }
            None => {
                let mut scratch = String::new();
                each_text(self.0, &mut |text| {
                    text.read(reach, &mut scratch);
                    if !plain.is_empty() {
                        plain.push('\n');
                    }
                    plain.push_str(&scratch);
                    if plain.len() > 4 * reach {
                        cut(plain, reach);
                    }
                });
            }
        }
    }
}

/// Takes out the middle.
fn cut(plain: &mut String, reach: usize) {
    let (head, tail) = escape::ends(plain, reach);
    plain.replace_range(head..tail, "\n");
}

/// The texts of a result that is more than one: parts, or what a shell wrote to each of its outputs.
fn each_text(json: &str, each: &mut impl FnMut(Text<'_>)) {
    let text = |each: &mut dyn FnMut(Text<'_>), json: &str| {
        members(json, |key, value| {
            if matches!(key, "text" | "stdout" | "stderr" | "output") {
                Text::quoted(value).into_iter().for_each(&mut *each);
            }
        });
    };
    match json.as_bytes().first() {
        Some(b'[') => {
            elements(json, |element| match Text::quoted(element) {
                Some(alone) => each(alone),
                None => text(each, element),
            });
        }
        Some(b'{') => text(each, json),
        _ => {}
    }
}

/// Reads one message, the JSON of an element of a conversation, and calls `each` with its parts in order. `true` if it is
/// a message of somebody's, and no item of another kind.
pub fn read<'a>(json: &'a str, mut each: impl FnMut(Part<'a>)) -> bool {
    match json.as_bytes().first() {
        Some(b'{') => {
            let fields = Fields::read(json);
            fields.element(&mut each);
            fields.has_role()
        }
        Some(b'[') => elements(json, |part| Fields::part(part, &mut each)),
        _ => {
            let text = Text::quoted(json);
            text.into_iter().for_each(|text| each(Part::Text(text)));
            text.is_some()
        }
    }
}
