//! Sealed state as it passes by in its owner's own dialect, where nothing is translated: what an answer gives out, and what a
//! conversation brings back. It is only looked at, so that it can be told later whose it is.

use std::borrow::Cow;
use std::sync::LazyLock;

use memchr::memmem;

use super::call::Call;
use super::message::Role;
use super::scan::{elements, members};
use crate::domain::dialect::Dialect;

/// Only a message or an event in which one of these stands is looked into.
const MARKS: [&[u8]; 4] = [
    b"signature",
    b"thinking\"",
    b"\"reasoning\"",
    b"\"item_reference\"",
];

/// The same, ready to be searched for: each event of a stream is looked through.
static SOUGHT: LazyLock<Vec<memmem::Finder<'static>>> =
    LazyLock::new(|| MARKS.iter().map(memmem::Finder::new).collect());

/// One piece of state that a conversation brings back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seal<'a> {
    /// What stands for it: a signature, what is encrypted, or the name of what lies at its provider.
    State(Cow<'a, str>),
    /// A thought that nobody has signed.
    Open,
}

/// Calls `each` with the state in an event of a stream, what stands behind its `data:`.
pub fn of_event(dialect: Dialect, data: &[u8], mut each: impl FnMut(Cow<'_, str>)) {
    let mut state = |seal: Seal<'_>| {
        if let Seal::State(state) = seal {
            each(state);
        }
    };
    let Some(event) = marked(data) else { return };
    members(event, |key, value| match (dialect, key) {
        (Dialect::Messages, "delta") => signature(value, &mut state),
        (Dialect::Messages, "content_block") => block(value, &mut state),
        (Dialect::Responses, "item") => item(value, &mut state),
        _ => {}
    });
}

/// Calls `each` with the state in a whole answer.
pub fn of_answer(dialect: Dialect, body: &[u8], mut each: impl FnMut(Cow<'_, str>)) {
    let mut state = |seal: Seal<'_>| {
        if let Seal::State(state) = seal {
            each(state);
        }
    };
    let Some(body) = marked(body) else { return };
    members(body, |key, value| match (dialect, key) {
        (Dialect::Messages, "content") => {
            elements(value, |it| block(it, &mut state));
        }
        (Dialect::Responses, "output") => {
            elements(value, |it| item(it, &mut state));
        }
        _ => {}
    });
}

/// Calls `each` with what the conversation of a call brings back.
pub fn of_call(call: &Call, mut each: impl FnMut(Seal<'_>)) {
    let dialect = call.endpoint.dialect();
    if !matches!(dialect, Dialect::Messages | Dialect::Responses) {
        return;
    }
    let models = call.messages.iter();
    for message in models.filter(|it| matches!(it.role, Role::Assistant | Role::Other)) {
        let Some(json) = marked(call.json(message.bytes.clone())) else {
            continue;
        };
        match dialect {
            Dialect::Messages => {
                members(json, |key, value| {
                    if key == "content" {
                        elements(value, |it| block(it, &mut each));
                    }
                });
            }
            _ => item(json, &mut each),
        }
    }
}

fn marked(json: &[u8]) -> Option<&str> {
    let there = SOUGHT.iter().any(|mark| mark.find(json).is_some());
    std::str::from_utf8(json).ok().filter(|_| there)
}

/// The whole signature comes in one piece.
fn signature(delta: &str, each: &mut impl FnMut(Seal<'_>)) {
    members(delta, |key, value| {
        if key == "signature" {
            told(text(value), each);
        }
    });
}

/// A block of Anthropic's.
fn block(json: &str, each: &mut impl FnMut(Seal<'_>)) {
    let (mut kind, mut state) = ("", None);
    members(json, |key, value| match key {
        "type" => kind = value,
        "signature" | "data" => state = text(value),
        _ => {}
    });
    match kind {
        "\"redacted_thinking\"" => told(state, each),
        "\"thinking\"" if state.is_some() => told(state, each),
        "\"thinking\"" => each(Seal::Open),
        _ => {}
    }
}

/// An item of OpenAI's. One that is not sealed lies at its provider under its name.
fn item(json: &str, each: &mut impl FnMut(Seal<'_>)) {
    let (mut kind, mut name, mut state) = ("", None, None);
    members(json, |key, value| match key {
        "type" => kind = value,
        "id" => name = text(value),
        "encrypted_content" => state = text(value),
        _ => {}
    });
    match kind {
        "\"reasoning\"" => told(state.or(name), each),
        "\"item_reference\"" => told(name, each),
        _ => {}
    }
}

fn told(state: Option<Cow<'_, str>>, each: &mut impl FnMut(Seal<'_>)) {
    if let Some(state) = state {
        each(Seal::State(state));
    }
}

/// A text that says something.
fn text(json: &str) -> Option<Cow<'_, str>> {
    let plain = json.strip_prefix('"')?.strip_suffix('"')?;
    let text = match memchr::memchr(b'\\', plain.as_bytes()) {
        None => Cow::Borrowed(plain),
        Some(_) => Cow::Owned(serde_json::from_str(json).ok()?),
    };
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::domain::dialect::Endpoint;

    fn event(dialect: Dialect, data: &str) -> Vec<String> {
        let mut found = Vec::new();
        of_event(dialect, data.as_bytes(), |it| found.push(it.into_owned()));
        found
    }

    fn answer(dialect: Dialect, body: &str) -> Vec<String> {
        let mut found = Vec::new();
        of_answer(dialect, body.as_bytes(), |it| found.push(it.into_owned()));
        found
    }

    fn call(endpoint: Endpoint, body: String) -> Vec<String> {
        let call = Call::read(endpoint, Bytes::from(body), 64).expect("a valid body");
        let mut found = Vec::new();
        of_call(&call, |it| {
            found.push(match it {
                Seal::State(state) => state.into_owned(),
                Seal::Open => "(open)".into(),
            });
        });
        found
    }

    #[test]
    fn a_stream_gives_out_its_state_once() {
        let messages = |data: &str| event(Dialect::Messages, data);
        let responses = |data: &str| event(Dialect::Responses, data);
        let begun = r#"{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}"#;
        let signed = r#"{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"c2\/n"}}"#;
        let redacted = r#"{"type":"content_block_start","index":1,"content_block":{"type":"redacted_thinking","data":"cmVk"}}"#;
        let words = r#"{"type":"content_block_delta","index":2,"delta":{"type":"text_delta","text":"\"signature\":\"x\""}}"#;
        let item = r#"{"type":"response.output_item.done","item":{"type":"reasoning","id":"rs_1","encrypted_content":"ZW5j"}}"#;

        assert!(messages(begun).is_empty() && messages(words).is_empty());
        assert_eq!(
            (messages(signed), messages(redacted)),
            (vec!["c2/n".into()], vec!["cmVk".into()])
        );
        assert_eq!(responses(item), ["ZW5j"]);
        assert_eq!(responses(&item.replace("\"ZW5j\"", "null")), ["rs_1"]);
    }

    #[test]
    fn a_whole_answer_gives_out_all_of_it() {
        let messages = r#"{"content":[{"type":"thinking","thinking":"x","signature":"a"},{"type":"redacted_thinking","data":"b"},{"type":"text","text":"signature"}]}"#;
        let responses = r#"{"output":[{"type":"reasoning","id":"rs_1","encrypted_content":"a"},{"type":"message","id":"msg_1"}]}"#;

        assert_eq!(answer(Dialect::Messages, messages), ["a", "b"]);
        assert_eq!(answer(Dialect::Responses, responses), ["a"]);
    }

    #[test]
    fn a_conversation_brings_it_back() {
        let messages = r#"{"model":"m","thinking":{"type":"adaptive"},"messages":[{"role":"user","content":"thinking\""},
            {"role":"assistant","content":[{"type":"thinking","thinking":"x","signature":"a"},{"type":"thinking","thinking":"y"},{"type":"text","text":"z"}]}]}"#;
        let responses = r#"{"model":"m","input":[{"type":"reasoning","id":"rs_1","summary":[],"encrypted_content":"a"},{"type":"item_reference","id":"msg_1"},{"role":"user","content":"x"}]}"#;

        assert_eq!(call(Endpoint::Messages, messages.into()), ["a", "(open)"]);
        assert_eq!(call(Endpoint::Responses, responses.into()), ["a", "msg_1"]);
        assert!(call(Endpoint::Chat, messages.into()).is_empty());
    }
}
