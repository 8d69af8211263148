//! Pictures and documents as addresses that carry their bytes, and documents as words.

use std::borrow::Cow;

use super::block::{Document, Source};
use super::json::Str;
use super::json::{Json, Object};
use super::tool::Function;
use super::tool::Takes;

/// What a picture's or a document's address says: its bytes, or where they are.
pub(super) fn source(url: Str<'_>) -> Source<'_> {
    match url {
        Cow::Borrowed(text) => match split(text) {
            Some((media, base64)) => Source::Data {
                media: media.into(),
                base64: base64.into(),
            },
            None => Source::Url(url),
        },
        Cow::Owned(text) => match split(&text) {
            Some((media, base64)) => Source::Data {
                media: media.to_owned().into(),
                base64: base64.to_owned().into(),
            },
            None => Source::Url(text.into()),
        },
    }
}

fn split(url: &str) -> Option<(&str, &str)> {
    url.strip_prefix("data:")?.split_once(";base64,")
}

/// An address that carries its bytes.
pub(super) fn data_url(media: &str, base64: &str) -> String {
    format!("data:{media};base64,{base64}")
}

/// A document that is words, for a dialect that has no documents of words.
pub(super) fn framed(document: &Document<'_>, words: &str) -> String {
    let name = document.name.as_deref().unwrap_or("untitled");
    format!("Document \"{name}\":\n{words}")
}

/// What a link most likely leads to, for a dialect that wants to be told.
pub(super) fn media_of(url: &str, otherwise: &'static str) -> &'static str {
    let path = url.split(['?', '#']).next().unwrap_or(url);
    let ending = path.rsplit('.').next().unwrap_or_default();
    match ending.to_ascii_lowercase().as_str() {
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "pdf" => "application/pdf",
        "txt" => "text/plain",
        _ => otherwise,
    }
}

/// The one argument of a custom tool where it has to be a function.
pub(super) const INPUT: &str = "input";

/// A custom tool's own words as the arguments of a function.
pub(super) fn wrapped(text: &str) -> Json<'static> {
    Json::of(&std::collections::BTreeMap::from([(INPUT, text)]))
}

/// The custom tool's own words, out of the arguments of the function that stood for it.
pub(super) fn unwrapped(json: &str) -> Option<String> {
    let mut object = Object::read(json).ok()?;
    let text = object.text(INPUT).ok()??;
    Some(text.into_owned())
}

/// The schema of a tool for a dialect in which each tool has one.
pub(super) fn schema<'a>(tool: &'a Function<'_>) -> Cow<'a, Json<'a>> {
    const NOTHING: &str = r#"{"type":"object","properties":{}}"#;
    const TEXT: &str = r#"{"type":"object","properties":{"input":{"type":"string"}},"required":["input"],"additionalProperties":false}"#;
    let fixed = |text| Cow::Owned(Json::parse(text).expect("a fixed schema is JSON"));
    match &tool.takes {
        Takes::Schema(Some(schema)) if schema.get() != "{}" => Cow::Borrowed(schema),
        Takes::Schema(_) => fixed(NOTHING),
        Takes::Text(_) => fixed(TEXT),
    }
}

/// What a tool is for. A custom tool that has to be a function says its grammar in words.
pub(super) fn description<'a>(tool: &'a Function<'_>) -> Option<Cow<'a, str>> {
    let own = tool.description.as_deref();
    let Takes::Text(Some(format)) = &tool.takes else {
        return own.map(Cow::Borrowed);
    };
    let grammar = grammar(format)
        .map(|grammar| format!("The input is one text that follows this grammar:\n{grammar}"));
    match (own, grammar) {
        (Some(own), Some(grammar)) => Some(format!("{own}\n\n{grammar}").into()),
        (own, grammar) => grammar.map(Cow::Owned).or(own.map(Cow::Borrowed)),
    }
}

/// The definition in `{"type": "grammar", "definition": …}`, flat as in Responses or nested as in Chat.
fn grammar(format: &Json<'_>) -> Option<String> {
    let mut object = Object::read(format.get()).ok()?;
    let mut inner = object.object("grammar").ok()?.unwrap_or(object);
    let text = inner.text("definition").ok()??;
    Some(text.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_with_bytes_is_taken_apart_and_put_together_again() {
        let url = "data:image/png;base64,AAAA";

        let Source::Data { media, base64 } = source(url.into()) else {
            unreachable!("it has its bytes in it");
        };

        assert_eq!(data_url(&media, &base64), url);
        assert_eq!(
            source("https://x/y".into()),
            Source::Url("https://x/y".into())
        );
        assert_eq!(
            source("data:text/plain,a".into()),
            Source::Url("data:text/plain,a".into())
        );
    }

    #[test]
    fn a_custom_tools_words_survive_as_arguments() {
        let words = "*** Begin Patch\n\"x\"\\";

        assert_eq!(unwrapped(wrapped(words).get()).as_deref(), Some(words));
        assert_eq!(unwrapped(r#"{"inputs":"x"}"#), None);
        assert_eq!(unwrapped("[1"), None);
    }
}
