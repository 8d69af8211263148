//! Input of tools that take a text of their own.
//!
//! A target that has only tools with JSON input is told of them as tools with one text, `input`: what it calls them with is taken out
//! again. It is kept until it is whole, for half a JSON text is none.

use std::borrow::Cow;

use serde::Deserialize;

use crate::protocol::translate::block::Kind;
use crate::protocol::translate::json::Str;

/// The input of one call.
#[derive(Debug)]
pub(super) enum Custom {
    /// It comes as a text of its own.
    Plain,
    /// It comes as JSON, of which this much has come.
    Wrapped(String),
}

impl Custom {
    /// What to do with the input of a call that comes as `comes` and that the caller wants as `wants`. `None`: pass it on as JSON.
    pub(super) fn of(comes: Kind, wants: Kind) -> Option<Self> {
        match (comes, wants) {
            (Kind::Custom, _) => Some(Self::Plain),
            (Kind::Function, Kind::Custom) => Some(Self::Wrapped(String::new())),
            (Kind::Function, Kind::Function) => None,
        }
    }

    /// The next piece: what of it can be passed on.
    pub(super) fn push<'a>(&mut self, piece: &'a str) -> Option<&'a str> {
        match self {
            Self::Plain => Some(piece),
            Self::Wrapped(kept) => {
                kept.push_str(piece);
                None
            }
        }
    }

    /// Bytes that are kept: it is for the writer to bound them.
    pub(super) fn kept(&self) -> usize {
        match self {
            Self::Plain => 0,
            Self::Wrapped(kept) => kept.len(),
        }
    }

    /// What is left when all has come.
    pub(super) fn close(self) -> Option<String> {
        match self {
            Self::Plain => None,
            Self::Wrapped(kept) => Some(match serde_json::from_str::<Wrapped<'_>>(&kept) {
                Ok(wrapped) => wrapped.input.into_owned(),
                // The model did not keep to it: perhaps it wrote the text itself.
                Err(_) => kept,
            }),
        }
    }
}

#[derive(Deserialize)]
struct Wrapped<'a> {
    #[serde(borrow)]
    input: Str<'a>,
}

/// The text of a tool's own as a JSON object, for a caller who knows only such.
pub(super) fn wrapped(text: &str) -> Cow<'static, str> {
    let text = serde_json::to_string(text).expect("a text is always JSON");
    Cow::Owned(format!("{{\"input\":{text}}}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_is_taken_out_of_its_object() {
        let mut custom = Custom::of(Kind::Function, Kind::Custom).expect("a custom tool");

        for piece in ["{\"inp", "ut\": \"a\\", "nb\"}"] {
            assert!(custom.push(piece).is_none());
        }

        assert_eq!(custom.close().as_deref(), Some("a\nb"));
    }

    #[test]
    fn what_is_no_object_is_the_text_itself() {
        let custom = Custom::Wrapped("*** Begin Patch".into());

        assert_eq!(custom.close().as_deref(), Some("*** Begin Patch"));
    }
}
