//! A target's refusal, told to a caller of another dialect: in the envelope that its SDK expects, and, where clients act upon
//! the words themselves, in the words that they look for.

mod quoted;
mod sizes;

use std::borrow::Cow;

use bytes::Bytes;
use serde::Deserialize;

use super::fault::Fault;
use sizes::sizes;

pub use quoted::is_quoted;
pub use sizes::TooLong;

use crate::domain::dialect::Dialect;
use crate::domain::ids::RequestId;
use crate::domain::tokens::TokenCount;

/// A refusal in the caller's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retold {
    /// The status.
    pub status: u16,
    /// The body.
    pub body: Bytes,
}

/// Tells a refusal to a caller that speaks `to`. `prompt` is how long the prompt is by our own count. `None` where the body is
/// no refusal of any dialect.
pub fn retell(
    status: u16,
    body: &[u8],
    to: Dialect,
    prompt: TokenCount,
    request: RequestId,
) -> Option<Retold> {
    let refusal = Refusal::read(body)?;
    let fault = refusal.sort(status).fault(status, &refusal, to, prompt);
    Some(Retold {
        status: fault.status,
        body: fault.body(to, request),
    })
}

/// Whether a target refuses a prompt because it is longer than the model's window, whatever its dialect.
pub fn too_long_for(status: u16, body: &[u8]) -> Option<TooLong> {
    let refusal = Refusal::read(body).filter(|it| it.sort(status) == Sort::TooLong)?;
    Some(TooLong::read(&refusal.message))
}

/// Whether a target refuses a call because nothing is there any more under a name that the call gives.
pub fn has_forgotten(status: u16, body: &[u8]) -> bool {
    const CODE: &str = "previous_response_not_found";
    if !matches!(status, 400 | 404) {
        return false;
    }
    Refusal::read(body).is_some_and(|refusal| {
        let text = refusal.message.to_ascii_lowercase();
        let has = |pieces: &[&str]| pieces.iter().any(|piece| text.contains(piece));
        let of_answer = has(&["previous response", "response with id", "item with id"]);
        let gone = has(&["not found", "does not exist", "expired"]);
        refusal.words.iter().any(|word| word == CODE) || (of_answer && gone)
    })
}

/// What a target says, whatever its dialect.
#[derive(Debug, Default)]
struct Refusal<'a> {
    message: Cow<'a, str>,
    /// The words for programs: `code`, `type`, `status`.
    words: [Cow<'a, str>; 3],
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Envelope<'a> {
    // Google sends errors of streams as a list.
    List(#[serde(borrow)] Vec<Wrapped<'a>>),
    One(#[serde(borrow)] Wrapped<'a>),
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Wrapped<'a> {
    #[serde(borrow)]
    error: Option<Inner<'a>>,
    #[serde(borrow)]
    message: Option<Cow<'a, str>>,
    #[serde(borrow)]
    detail: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Inner<'a> {
    Text(#[serde(borrow)] Cow<'a, str>),
    Object(#[serde(borrow)] Object<'a>),
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Object<'a> {
    #[serde(borrow)]
    message: Option<Cow<'a, str>>,
    #[serde(borrow)]
    code: Option<Word<'a>>,
    #[serde(borrow, rename = "type")]
    kind: Option<Word<'a>>,
    #[serde(borrow)]
    status: Option<Word<'a>>,
}

/// A word; some servers put a number there, which says what the status says.
#[derive(Deserialize)]
#[serde(untagged)]
enum Word<'a> {
    Text(#[serde(borrow)] Cow<'a, str>),
    Other(serde::de::IgnoredAny),
}

impl<'a> Word<'a> {
    fn text(word: Option<Self>) -> Cow<'a, str> {
        match word {
            Some(Self::Text(text)) => text,
            Some(Self::Other(_)) | None => Cow::Borrowed(""),
        }
    }
}

impl<'a> Refusal<'a> {
    fn read(body: &'a [u8]) -> Option<Self> {
        let wrapped = match serde_json::from_slice(body).ok()? {
            Envelope::One(one) => one,
            Envelope::List(list) => list.into_iter().next()?,
        };
        match wrapped.error {
            Some(Inner::Object(inner)) => Some(Self {
                message: inner.message.unwrap_or_default(),
                words: [
                    Word::text(inner.code),
                    Word::text(inner.kind),
                    Word::text(inner.status),
                ],
            }),
            Some(Inner::Text(message)) => Some(Self::plain(message)),
            None => wrapped.message.or(wrapped.detail).map(Self::plain),
        }
    }

    fn plain(message: Cow<'a, str>) -> Self {
        Self {
            message,
            words: <[_; 3]>::default(),
        }
    }

    fn sort(&self, status: u16) -> Sort {
        let text = self.message.to_ascii_lowercase();
        let named = |words: &[&str]| {
            let mut own = self.words.iter();
            own.any(|own| words.iter().any(|word| own.eq_ignore_ascii_case(word)))
        };
        if matches!(status, 400 | 413 | 422) && (named(TOO_LONG) || says_too_long(&text)) {
            return Sort::TooLong;
        }
        match status {
            429 | 402 if named(&["insufficient_quota", "billing_error"]) => Sort::NoMoney,
            429 => Sort::Rate,
            503 | 529 => Sort::Overload,
            408 | 504 => Sort::Late,
            500.. => Sort::Failed,
            404 => Sort::Missing,
            413 => Sort::Large,
            _ => Sort::Wrong,
        }
    }
}

/// Words for programs that say that a prompt is too long.
const TOO_LONG: &[&str] = &[
    "context_length_exceeded",
    "exceed_context_size_error",
    "context_window_exceeded",
];

/// Servers say it in many ways; each is a list of pieces that stand in the message together.
fn says_too_long(message: &str) -> bool {
    const WAYS: &[&[&str]] = &[
        &["prompt is too long"],
        &["input is too long"],
        &["maximum context length"],
        &["maximum model length"],
        &["maximum prompt length"],
        &["exceed context limit"],
        &["model's context length"],
        &["max_model_len"],
        &["context window", "exceed"],
        &["available context size"],
        &["token count", "exceed"],
        &["context length", "exceed"],
    ];
    let says = |way: &&[&str]| way.iter().all(|piece| message.contains(piece));
    WAYS.iter().any(says)
}

/// What sort of refusal it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sort {
    /// The prompt is longer than the model's window.
    TooLong,
    /// The account is empty.
    NoMoney,
    /// Too many calls.
    Rate,
    /// The server has too much to do.
    Overload,
    /// The server took too long.
    Late,
    /// The server failed.
    Failed,
    /// No such model, or no such thing.
    Missing,
    /// The body is too large.
    Large,
    /// The call is wrong in another way.
    Wrong,
}

impl Sort {
    fn fault(self, status: u16, refusal: &Refusal<'_>, to: Dialect, prompt: TokenCount) -> Fault {
        let anthropic = to == Dialect::Messages;
        let said = |status, code| Fault::new(status, code, refusal.message.as_ref());
        match self {
            Self::TooLong => too_long(&refusal.message, to, prompt),
            Self::NoMoney if anthropic => said(402, "billing_error"),
            Self::NoMoney => said(429, "insufficient_quota"),
            Self::Rate => said(429, "rate_limit_exceeded"),
            Self::Overload if anthropic => said(529, "overloaded_error"),
            Self::Overload => said(503, "server_is_overloaded"),
            Self::Late => said(status, "upstream_timeout"),
            Self::Failed => said(status, "upstream_error"),
            Self::Missing => said(404, "model_not_found"),
            Self::Large => said(413, "body_too_large"),
            Self::Wrong => said(status, "upstream_refused"),
        }
    }
}

/// In the words by which clients know that they have to shorten the conversation.
fn too_long(message: &str, to: Dialect, prompt: TokenCount) -> Fault {
    let (sent, most) = sizes(message, prompt.0);
    let text = match (to, most) {
        (Dialect::Messages, Some(most)) => {
            format!("prompt is too long: {sent} tokens > {most} maximum")
        }
        (Dialect::Messages, None) => "prompt is too long".to_owned(),
        (Dialect::Responses, _) => {
            "Your input exceeds the context window of this model. Please adjust your input and try again.".to_owned()
        }
        (_, Some(most)) => format!(
            "This model's maximum context length is {most} tokens. However, your messages resulted in {sent} tokens. \
             Please reduce the length of the messages."
        ),
        (_, None) => "The messages exceed this model's maximum context length. Please reduce their length.".to_owned(),
    };
    let param = match to {
        Dialect::Responses => "input",
        Dialect::Completions => "prompt",
        Dialect::Chat | Dialect::Messages | Dialect::Gemini => "messages",
    };
    Fault::new(400, "context_length_exceeded", text).param(Some(param))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(status: u16, body: &str, to: Dialect) -> (u16, String) {
        let told = retell(status, body.as_bytes(), to, TokenCount(9_000), RequestId(1));
        let told = told.expect("a refusal");
        (
            told.status,
            String::from_utf8(told.body.to_vec()).expect("text"),
        )
    }

    #[test]
    fn each_envelope_is_read_and_the_callers_own_is_written() {
        let openai =
            r#"{"error":{"message":"no","type":"invalid_request_error","param":null,"code":null}}"#;
        let vllm = r#"{"error":{"message":"no","type":"BadRequestError","param":null,"code":400}}"#;
        let anthropic =
            r#"{"type":"error","error":{"type":"invalid_request_error","message":"no"}}"#;
        let google = r#"[{"error":{"code":400,"message":"no","status":"INVALID_ARGUMENT"}}]"#;
        let bare = r#"{"object":"error","message":"no","code":400}"#;
        let plain = r#"{"error":"no"}"#;

        for body in [openai, vllm, anthropic, google, bare, plain] {
            let (status, text) = told(400, body, Dialect::Messages);
            assert_eq!(status, 400);
            assert!(
                text.starts_with(
                    r#"{"type":"error","error":{"type":"invalid_request_error","message":"no"}"#
                ),
                "{text}"
            );
            let (_, text) = told(400, body, Dialect::Chat);
            assert!(
                text.starts_with(r#"{"error":{"message":"no","type":"invalid_request_error""#),
                "{text}"
            );
        }
    }

    #[test]
    fn a_prompt_that_is_too_long_is_told_in_the_words_that_clients_look_for() {
        let vllm = r#"{"error":{"message":"This model's maximum context length is 4096 tokens. However, you requested 5000 tokens","code":400}}"#;
        let google = r#"{"error":{"code":400,"message":"The input token count (5000) exceeds the maximum number of tokens allowed (4096).","status":"INVALID_ARGUMENT"}}"#;
        let llama = r#"{"error":{"code":400,"message":"the request exceeds the available context size","type":"exceed_context_size_error"}}"#;
        let claude = r#"{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 5000 tokens > 4096 maximum"}}"#;

        for body in [vllm, google] {
            let (status, text) = told(400, body, Dialect::Messages);
            assert_eq!(status, 400);
            assert!(
                text.contains("prompt is too long: 5000 tokens > 4096 maximum"),
                "{text}"
            );
        }
        assert!(
            told(400, llama, Dialect::Messages)
                .1
                .contains("prompt is too long")
        );
        for to in [Dialect::Chat, Dialect::Responses] {
            let (_, text) = told(400, claude, to);
            assert!(
                text.contains(r#""code":"context_length_exceeded""#),
                "{text}"
            );
        }
    }

    #[test]
    fn a_prompt_that_is_too_long_is_known_in_every_dialect() {
        let openai = r#"{"error":{"message":"Your input exceeds the context window of this model.","type":"invalid_request_error","param":"input","code":"context_length_exceeded"}}"#;
        let chat = r#"{"error":{"message":"This model's maximum context length is 128000 tokens. However, your messages resulted in 130,500 tokens.","type":"invalid_request_error","code":"context_length_exceeded"}}"#;
        let vllm = r#"{"object":"error","message":"This model's maximum context length is 4096 tokens. However, you requested 5000 tokens","type":"BadRequestError","code":400}"#;
        let sglang = r#"{"error":{"message":"The input (5000 tokens) is longer than the model's context length (4096 tokens).","code":400}}"#;
        let claude = r#"{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 5000 tokens > 4096 maximum"}}"#;
        let with_answer = r#"{"type":"error","error":{"type":"invalid_request_error","message":"input length and `max_tokens` exceed context limit: 188240 + 21333 > 200000, decrease input length or `max_tokens` and try again"}}"#;
        let google = r#"{"error":{"code":400,"message":"The input token count (5000) exceeds the maximum number of tokens allowed (4096).","status":"INVALID_ARGUMENT"}}"#;
        let llama = r#"{"error":{"code":400,"message":"the request exceeds the available context size","type":"exceed_context_size_error"}}"#;
        let told = |sent: u64, most: u64| (Some(TokenCount(sent)), Some(TokenCount(most)));

        for (body, sizes) in [
            (openai, (None, None)),
            (chat, told(130_500, 128_000)),
            (vllm, told(5_000, 4_096)),
            (sglang, told(5_000, 4_096)),
            (claude, told(5_000, 4_096)),
            (google, told(5_000, 4_096)),
            (llama, (None, None)),
            (with_answer, told(209_573, 200_000)),
        ] {
            let known = too_long_for(400, body.as_bytes()).expect("too long");
            assert_eq!((known.sent, known.most), sizes, "{body}");
        }
        // The same words with another status are about something else.
        assert_eq!(too_long_for(500, chat.as_bytes()), None);
        let other = r#"{"error":{"message":"max_tokens must be positive","code":400}}"#;
        assert_eq!(too_long_for(400, other.as_bytes()), None);
        assert_eq!(too_long_for(400, b"<html>"), None);
    }

    #[test]
    fn what_is_forgotten_is_told_in_several_ways() {
        let code = r#"{"error":{"message":"No.","type":"invalid_request_error","code":"previous_response_not_found"}}"#;
        let answer = r#"{"error":{"message":"Previous response with id 'resp_1' not found.","type":"invalid_request_error","code":null}}"#;
        let item = r#"{"error":{"message":"Item with id 'rs_1' not found. Items are not persisted when `store` is set to false."}}"#;
        let model =
            r#"{"error":{"message":"The model 'x' does not exist","code":"model_not_found"}}"#;
        let call = r#"{"error":{"message":"No tool output found for function call call_1."}}"#;

        let forgotten = |status, body: &str| has_forgotten(status, body.as_bytes());

        assert!(forgotten(400, code) && forgotten(400, answer) && forgotten(404, item));
        assert!(!forgotten(500, code) && !forgotten(404, model) && !forgotten(400, call));
    }

    #[test]
    fn overload_quota_and_rate_keep_their_meaning() {
        let overload = r#"{"type":"error","error":{"type":"overloaded_error","message":"busy"}}"#;
        let quota = r#"{"error":{"message":"pay","type":"insufficient_quota","code":"insufficient_quota"}}"#;
        let rate = r#"{"type":"error","error":{"type":"rate_limit_error","message":"slower"}}"#;

        assert_eq!(told(529, overload, Dialect::Chat).0, 503);
        let (status, text) = told(503, overload, Dialect::Messages);
        assert!(
            status == 529 && text.contains(r#""type":"overloaded_error""#),
            "{text}"
        );
        let (status, text) = told(429, quota, Dialect::Messages);
        assert!(status == 402 && text.contains("billing_error"), "{text}");
        let (status, text) = told(429, rate, Dialect::Responses);
        assert!(
            status == 429 && text.contains("rate_limit_exceeded"),
            "{text}"
        );
    }

    #[test]
    fn what_is_no_refusal_is_not_retold() {
        for body in ["<html>", "[]", "{}", "1", r#"{"error":null}"#] {
            let told = retell(
                500,
                body.as_bytes(),
                Dialect::Chat,
                TokenCount(1),
                RequestId(1),
            );

            assert_eq!(told, None, "{body}");
        }
    }
}
