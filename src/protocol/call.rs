//! A request body, read once and kept as it came: what the gateway needs to know of it, and where it is edited.

use std::fmt;

use bytes::Bytes;
use serde::Deserialize;

use super::asks::Asks;
use super::canon::{Canon, Marks, canon};
use super::edit::{Edit, Pieces};
use super::fit;
use super::message::Message;
use super::outline::Outline;
use super::person;
use super::scan::{self, Fields, ScanError, Span};
use super::weight::prompt;
use crate::domain::dialect::{Dialect, Endpoint};
use crate::domain::kind::Habits;
use crate::domain::kind::habits::StreamUsage;
use crate::domain::tokens::TokenCount;

/// A call's body and what it says.
#[derive(Debug)]
pub struct Call {
    /// The door that it came in by.
    pub endpoint: Endpoint,
    /// The model that was asked for.
    pub asked: String,
    /// The caller wants a stream.
    pub stream: bool,
    /// The stream's usage is asked for by us alone, and kept from the caller.
    pub hide_usage: bool,
    /// The most output that the caller allows.
    pub max_output: Option<TokenCount>,
    /// Tools are offered.
    pub tools: bool,
    /// Pictures are in it.
    pub images: bool,
    /// The middle is to be filled in.
    pub fim: bool,
    /// Prompt tokens, estimated from bytes.
    pub prompt: TokenCount,
    /// The newest words of the person, the beginning and the end of them.
    pub text: String,
    /// What the call is made of.
    pub outline: Outline,
    /// The conversation, in order.
    pub messages: Vec<Message>,
    /// Where the system prompt stands, if it stands apart from the conversation.
    pub system_at: Option<Span>,
    /// Where the tools on offer stand, if they stand apart.
    pub tools_at: Option<Span>,
    /// `prompt_cache_key`, where the caller gives one.
    pub cache_key: Option<String>,
    /// `metadata.user_id`, where the caller gives one.
    pub user: Option<String>,
    /// What else tells whose call it is, and of what kind.
    pub asks: Asks,
    marks: Marks,
    body: Bytes,
    model_at: Span,
    usage_edit: Option<Edit>,
    /// Where the values of the most output stand, by its names in the chat dialect.
    pub(super) limits_at: [Option<Span>; 2],
}

/// Why a body is refused: what is wrong, and with which field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadCall {
    /// A stable word for programs.
    pub code: &'static str,
    /// The field that is wrong.
    pub param: Option<&'static str>,
    /// A sentence for people.
    pub message: String,
}

impl fmt::Display for BadCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for BadCall {}

impl From<ScanError> for BadCall {
    fn from(error: ScanError) -> Self {
        let code = match error {
            ScanError::TooDeep(_) => "json_too_deep",
            ScanError::TooMany(_) => "too_many_messages",
            ScanError::Duplicate(_) => "duplicate_field",
            ScanError::NotUtf8(_) | ScanError::Invalid(_) | ScanError::NotAnObject => {
                "invalid_json"
            }
        };
        Self {
            code,
            param: None,
            message: error.to_string(),
        }
    }
}

fn wrong(param: &'static str, message: impl Into<String>) -> BadCall {
    BadCall {
        code: "invalid_value",
        param: Some(param),
        message: message.into(),
    }
}

impl Call {
    /// Reads a body; `depth` bounds its nesting.
    pub fn read(endpoint: Endpoint, body: Bytes, depth: usize) -> Result<Self, BadCall> {
        let fields = scan::scan(&body, depth)?;
        let reader = Reader {
            text: fields.text,
            fields: &fields,
        };
        let model_at = fields.get("model").ok_or_else(|| BadCall {
            code: "missing_field",
            param: Some("model"),
            message: "the field \"model\" is missing".into(),
        })?;
        // Only these can stream; a target would answer the others whole.
        let streams = !matches!(endpoint, Endpoint::CountTokens | Endpoint::Embeddings);
        let stream = reader.flag("stream")? && streams;
        let usage = match endpoint {
            Endpoint::Chat | Endpoint::Completions if stream => reader.ask_for_usage()?,
            _ => None,
        };
        let (text, newest) = person::newest(&fields);
        let limits_at = fit::limits(endpoint, &fields);
        let call = Self {
            endpoint,
            asked: reader.model(model_at.clone())?,
            stream,
            hide_usage: usage.is_some(),
            max_output: reader.max_output(endpoint.dialect())?,
            tools: reader.is_filled("tools"),
            images: fields.images,
            fim: endpoint == Endpoint::Completions && fields.get("suffix").is_some(),
            prompt: prompt(&body, fields.images || fields.outline.papers > 0),
            text,
            outline: Outline {
                newest,
                ..fields.outline
            },
            cache_key: reader.string("prompt_cache_key"),
            user: reader.user(),
            asks: Asks::read(&fields),
            system_at: fields.first(&["system", "instructions"]),
            tools_at: fields.first(&["tools", "functions"]),
            messages: fields.messages,
            model_at,
            usage_edit: usage,
            limits_at,
            marks: fields.marks,
            body: body.clone(),
        };
        Ok(call)
    }

    /// The body for a target of such habits that calls the model `name`, and must not see what `without` takes out.
    pub fn outgoing(&self, name: &str, habits: &Habits, without: Option<Edit>) -> Pieces {
        let mut edits = Vec::with_capacity(3);
        edits.extend(without);
        if name != self.asked {
            let quoted = serde_json::to_vec(name).expect("a text is always JSON");
            edits.push(Edit {
                place: self.model_at.clone(),
                with: quoted.into(),
            });
        }
        edits.extend(fit::renamed(&self.body, &self.limits_at, habits.limit));
        let asks = habits.usage == StreamUsage::Asked;
        edits.extend(self.usage_edit.clone().filter(|_| asks));
        Pieces::new(&self.body, edits)
    }

    /// The JSON of a message, or of another place in the body.
    pub fn json(&self, place: Span) -> &[u8] {
        self.body.get(place).unwrap_or_default()
    }

    /// A message as it counts, whatever way it was written; see [`canon`].
    pub fn canon<'a>(&'a self, message: &Message, scratch: &'a mut Vec<u8>) -> Canon<'a> {
        let (place, start) = (message.bytes.clone(), message.bytes.start);
        // Words alone are the person's: so they stand in a list, once more is said.
        if self.json(place.clone()).starts_with(b"\"") {
            return Canon {
                parts: [br#"{"role":"user","content":"#, self.json(place), b"}"],
                mark: None,
            };
        }
        let content = message.content.as_ref();
        let content = content.map(|place| place.start - start..place.end - start);
        let marked = self.marks.are_in(&place);
        canon(self.json(place), content, marked, scratch)
    }

    /// Another piece of the body as it counts.
    pub fn canon_at<'a>(&'a self, place: Span, scratch: &'a mut Vec<u8>) -> Canon<'a> {
        let marked = self.marks.are_in(&place);
        let json = self.json(place);
        canon(json, Some(0..json.len()), marked, scratch)
    }

    /// The body as it came.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// The body's length as it came.
    pub fn size(&self) -> usize {
        self.body.len()
    }
}

struct Reader<'a> {
    text: &'a str,
    fields: &'a Fields<'a>,
}

impl<'a> Reader<'a> {
    fn raw(&self, key: &str) -> Option<&'a str> {
        self.fields
            .get(key)
            .map(|span| &self.text[span])
            .filter(|raw| *raw != "null")
    }

    fn model(&self, at: Span) -> Result<String, BadCall> {
        match serde_json::from_str::<String>(&self.text[at]) {
            Ok(name) if name.is_empty() => Err(wrong("model", "the field \"model\" is empty")),
            Ok(name) => Ok(name),
            Err(_) => Err(wrong("model", "the field \"model\" is not a text")),
        }
    }

    fn flag(&self, key: &'static str) -> Result<bool, BadCall> {
        match self.raw(key) {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(wrong(
                key,
                format!("the field \"{key}\" is neither true nor false"),
            )),
        }
    }

    fn string(&self, key: &str) -> Option<String> {
        self.raw(key).and_then(|raw| serde_json::from_str(raw).ok())
    }

    fn is_filled(&self, key: &str) -> bool {
        self.raw(key)
            .is_some_and(|raw| raw[1..].trim_start() != "]")
    }

    fn max_output(&self, dialect: Dialect) -> Result<Option<TokenCount>, BadCall> {
        let keys: &[&'static str] = match dialect {
            Dialect::Chat => &["max_completion_tokens", "max_tokens"],
            Dialect::Responses => &["max_output_tokens"],
            Dialect::Messages | Dialect::Completions | Dialect::Gemini => &["max_tokens"],
        };
        let mut least: Option<TokenCount> = None;
        for key in keys {
            let Some(raw) = self.raw(key) else { continue };
            let count = raw
                .parse::<u32>()
                .ok()
                .map(|count| TokenCount(count.into()));
            // Anthropic takes zero: it only warms the cache.
            let allowed = count.filter(|count| count.0 > 0 || dialect == Dialect::Messages);
            let count = allowed.ok_or_else(|| {
                wrong(key, format!("the field \"{key}\" is not a count of tokens"))
            })?;
            least = Some(least.map_or(count, |least| least.min(count)));
        }
        Ok(least)
    }

    /// The edit that asks for the usage of a stream whose caller did not; `None` where the caller did.
    fn ask_for_usage(&self) -> Result<Option<Edit>, BadCall> {
        const ASK: &[u8] = br#""stream_options":{"include_usage":true}"#;
        let refused = || {
            wrong(
                "stream_options",
                "the field \"stream_options\" is not an object",
            )
        };
        let Some(span) = self.fields.get("stream_options") else {
            // Before the last brace, so that nothing of the prompt moves. A stream has fields, so a comma comes first.
            let end = self.text.rfind('}').expect("the body is an object");
            return Ok(Some(Edit {
                place: end..end,
                with: [b",", ASK].concat().into(),
            }));
        };
        let raw = &self.text[span.clone()];
        if raw == "null" {
            let value = Bytes::from_static(br#"{"include_usage":true}"#);
            return Ok(Some(Edit {
                place: span,
                with: value,
            }));
        }
        let inner = scan::scan(raw.as_bytes(), 8).map_err(|_| refused())?;
        match inner.get("include_usage") {
            Some(value) if &raw[value.clone()] == "true" => Ok(None),
            Some(value) => {
                let place = span.start + value.start..span.start + value.end;
                Ok(Some(Edit {
                    place,
                    with: Bytes::from_static(b"true"),
                }))
            }
            None => {
                let comma = if raw[1..].trim_start() == "}" {
                    ""
                } else {
                    ","
                };
                let with = format!("\"include_usage\":true{comma}");
                Ok(Some(Edit {
                    place: span.start + 1..span.start + 1,
                    with: with.into(),
                }))
            }
        }
    }

    fn user(&self) -> Option<String> {
        #[derive(Deserialize)]
        struct Metadata {
            user_id: Option<String>,
        }
        serde_json::from_str::<Metadata>(self.raw("metadata")?)
            .ok()?
            .user_id
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(endpoint: Endpoint, body: &str) -> Result<Call, BadCall> {
        Call::read(endpoint, Bytes::copy_from_slice(body.as_bytes()), 64)
    }

    fn habits() -> &'static Habits {
        crate::domain::kind::Kind::Other.habits(crate::domain::dialect::Hosting::Vendor)
    }

    fn sent(body: &str, name: &str) -> String {
        let call = read(Endpoint::Chat, body).expect("a valid body");
        String::from_utf8(call.outgoing(name, habits(), None).concat().to_vec()).expect("text")
    }

    #[test]
    fn only_the_models_name_is_replaced() {
        let body = r#"{ "model" : "auto", "messages":[], "x":1.50 }"#;

        assert_eq!(
            sent(body, "gpt"),
            r#"{ "model" : "gpt", "messages":[], "x":1.50 }"#
        );
        assert_eq!(sent(body, "auto"), body);
    }

    #[test]
    fn usage_is_asked_for_where_the_caller_did_not() {
        let asks = |body: &str| sent(body, "m");

        assert_eq!(
            asks(r#"{"model":"m","stream":true}"#),
            r#"{"model":"m","stream":true,"stream_options":{"include_usage":true}}"#
        );
        assert_eq!(
            asks(r#"{"model":"m","stream":true,"stream_options":null}"#),
            r#"{"model":"m","stream":true,"stream_options":{"include_usage":true}}"#
        );
        assert_eq!(
            asks(r#"{"model":"m","stream":true,"stream_options":{"x":1}}"#),
            r#"{"model":"m","stream":true,"stream_options":{"include_usage":true,"x":1}}"#
        );
        assert_eq!(
            asks(r#"{"model":"m","stream":true,"stream_options":{ "include_usage" : false }}"#),
            r#"{"model":"m","stream":true,"stream_options":{ "include_usage" : true }}"#
        );
        let asked = r#"{"model":"m","stream":true,"stream_options":{"include_usage":true}}"#;
        assert_eq!(asks(asked), asked);
        assert!(!read(Endpoint::Chat, asked).expect("valid").hide_usage);
        assert_eq!(asks(r#"{"model":"m"}"#), r#"{"model":"m"}"#);
    }

    #[test]
    fn wrong_types_name_their_field() {
        let param = |endpoint, body: &str| read(endpoint, body).expect_err("a wrong body").param;

        assert_eq!(param(Endpoint::Chat, "{}"), Some("model"));
        assert_eq!(param(Endpoint::Chat, r#"{"model":1}"#), Some("model"));
        assert_eq!(
            param(Endpoint::Chat, r#"{"model":"m","stream":"yes"}"#),
            Some("stream")
        );
        for wrong in ["-1", "0", "1.5", "\"10\"", "1e18", "99999999999"] {
            let body = format!(r#"{{"model":"m","max_tokens":{wrong}}}"#);
            assert_eq!(param(Endpoint::Chat, &body), Some("max_tokens"), "{wrong}");
        }
        assert!(read(Endpoint::Messages, r#"{"model":"m","max_tokens":0}"#).is_ok());
    }

    #[test]
    fn the_newest_text_of_the_person_is_found() {
        let newest = |endpoint, body: &str| read(endpoint, body).expect("a valid body").text;

        let tool_turn = r#"{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"fix \"it\"\n"}]},
            {"role":"assistant","content":"ok"},{"role":"user","content":[{"type":"tool_result","content":"x"}]}]}"#;
        assert_eq!(newest(Endpoint::Messages, tool_turn), "fix \"it\"");
        assert_eq!(
            newest(Endpoint::Responses, r#"{"model":"m","input":"hello"}"#),
            "hello"
        );
        assert_eq!(
            newest(Endpoint::Completions, r#"{"model":"m","prompt":"fn main"}"#),
            "fn main"
        );
        assert_eq!(newest(Endpoint::Chat, r#"{"model":"m"}"#), "");
    }

    #[test]
    fn a_picture_counts_by_its_number_not_its_bytes() {
        let data = "A".repeat(400_000);
        let body = format!(
            r#"{{"model":"m","messages":[{{"role":"user","content":[{{"type":"image_url","image_url":{{"url":"data:image/png;base64,{data}"}}}}]}}]}}"#
        );

        let call = read(Endpoint::Chat, &body).expect("a valid body");

        assert!(
            call.images && call.prompt < TokenCount(2_000),
            "{:?}",
            call.prompt
        );
        let text = r#"{"model":"m","messages":[{"role":"user","content":"write \"image\" and \"image_url\""}]}"#;
        assert!(!read(Endpoint::Chat, text).expect("a valid body").images);
    }

    proptest! {
        #[test]
        fn reading_never_panics(text in "\\PC{0,200}", endpoint in 0usize..6) {
            let quoted = serde_json::to_string(&text).expect("JSON");
            let body = format!(r#"{{"model":"m","stream":true,"messages":[{{"role":"user","content":{quoted}}}]}}"#);
            let call = read(Endpoint::ALL[endpoint], &body).expect("a valid body");
            prop_assert!(serde_json::from_slice::<serde_json::Value>(&call.outgoing("other", habits(), None).concat()).is_ok());
        }
    }
}
