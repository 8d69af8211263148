//! Google's stream: each event is a whole `GenerateContentResponse`, and the end is where the target closes.
//!
//! Calls come whole. A thought's signature may sit on a call, on words, or on an empty text of its own: it becomes a thought that only
//! its owner reads, just before what it is bound to. Calls in pieces (`partialArgs`) come only to those who ask for them; we do not.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::blocks::{Sink, Steps, call, thought};
use crate::domain::dialect::Dialect;
use crate::protocol::translate::answer::{Failure, Refused, Stop};
use crate::protocol::translate::dropped::{Field, Why};
use crate::protocol::translate::event::{Delta, Opened, Start};
use crate::protocol::translate::json::{Str, text};
use crate::protocol::translate::sealed::{Form, Sealed};
use crate::protocol::usage;

/// Reads a stream of responses.
#[derive(Debug, Default)]
pub(super) struct Gemini {
    pub(super) steps: Steps,
    /// The block of words that is open, and whether they are thoughts.
    words: Option<(u32, bool)>,
    calls: u32,
}

impl Gemini {
    pub(super) fn event(&mut self, data: &[u8], each: Sink<'_>) {
        let Ok(event) = serde_json::from_slice::<Response<'_>>(data) else {
            return self.steps.unknown("response");
        };
        if let Some(error) = event.error {
            let failure = Failure {
                code: error.status.and_then(text).unwrap_or_default(),
                message: error.message.and_then(text).unwrap_or_default(),
            };
            return self.steps.fail(failure, each);
        }
        let start = |event: &Response<'_>| Start {
            id: event
                .id
                .and_then(text)
                .unwrap_or_default()
                .into_owned()
                .into(),
            model: event
                .model
                .and_then(text)
                .unwrap_or_default()
                .into_owned()
                .into(),
            ..Start::default()
        };
        if !self.steps.begun() {
            self.steps.begin(start(&event), each);
        }
        for candidate in event.candidates.unwrap_or_default() {
            self.candidate(candidate, each);
        }
        if let Some(feedback) = event.prompt_feedback
            && let Some(reason) = feedback.block_reason
        {
            self.turn(each);
            self.refuse(reason, feedback.block_reason_message, each);
        }
        self.steps.usage(event.usage.and_then(usage::google), each);
    }

    /// The target has closed: that is how its answers end.
    pub(super) fn close(&mut self, each: Sink<'_>) {
        self.steps.end(each);
    }

    fn candidate(&mut self, candidate: Candidate<'_>, each: Sink<'_>) {
        if candidate.index.is_some_and(|index| index > 0) {
            return self.steps.dropped.note(Field::Choices, Why::NoPlace);
        }
        let content = candidate.content.unwrap_or_default();
        for part in content.parts.unwrap_or_default() {
            self.part(part, each);
        }
        if let Some(reason) = candidate.finish_reason {
            self.turn(each);
            self.finish(reason, candidate.finish_message, each);
        }
    }

    fn part(&mut self, part: Part<'_>, each: Sink<'_>) {
        if let Some(signature) = part.thought_signature.and_then(text) {
            self.turn(each);
            let sealed = Sealed::read(Dialect::Gemini, Form::ThoughtSignature, signature);
            self.steps.sealed(sealed, each);
        }
        if let Some(words) = part.text.and_then(text) {
            self.say(words, part.thought.unwrap_or(false), each);
        } else if let Some(function) = part.function_call {
            self.call(function, each);
        } else {
            self.steps.dropped.note(Field::Block, Why::Foreign);
        }
    }

    fn say(&mut self, words: Str<'_>, thinks: bool, each: Sink<'_>) {
        if words.is_empty() {
            return;
        }
        let index = match self.words {
            Some((index, thought)) if thought == thinks => index,
            _ => {
                self.turn(each);
                // What Google shows of thoughts are summaries.
                let block = if thinks { thought(true) } else { Opened::Text };
                let index = self.steps.open(block, each);
                self.words = Some((index, thinks));
                index
            }
        };
        self.steps.add(index, Delta::Text(words), each);
    }

    fn turn(&mut self, each: Sink<'_>) {
        if let Some((index, _)) = self.words.take() {
            self.steps.close(index, each);
        }
    }

    fn call(&mut self, function: FunctionCall<'_>, each: Sink<'_>) {
        self.turn(each);
        self.calls = self.calls.saturating_add(1);
        let id = function.id.and_then(text).filter(|id| !id.is_empty());
        let id = id.unwrap_or_else(|| Cow::Owned(self.steps.call_id()));
        let name = function.name.and_then(text).unwrap_or_default();
        let input = function.args.map_or("{}", RawValue::get);
        let index = self.steps.open(call(id, name), each);
        self.steps
            .add(index, Delta::Input(Cow::Borrowed(input)), each);
        self.steps.close(index, each);
    }

    fn finish(&mut self, reason: &RawValue, message: Option<&RawValue>, each: Sink<'_>) {
        let stop = match text(reason).unwrap_or_default().as_ref() {
            "STOP" if self.calls > 0 => Stop::Tools,
            "STOP" => Stop::Done,
            "MAX_TOKENS" => Stop::Length,
            "CONTINUATION" => Stop::Paused,
            "MALFORMED_FUNCTION_CALL"
            | "UNEXPECTED_TOOL_CALL"
            | "TOO_MANY_TOOL_CALLS"
            | "MISSING_THOUGHT_SIGNATURE"
            | "MALFORMED_RESPONSE" => return self.fail(reason, message, each),
            "FINISH_REASON_UNSPECIFIED" | "OTHER" if self.calls > 0 => Stop::Tools,
            "FINISH_REASON_UNSPECIFIED" | "OTHER" => Stop::Done,
            _ => return self.refuse(reason, message, each),
        };
        self.steps.stop(stop, each);
    }

    fn refuse(&mut self, reason: &RawValue, message: Option<&RawValue>, each: Sink<'_>) {
        let refused = Refused {
            category: text(reason),
            explanation: message.and_then(text),
        };
        self.steps.stop(Stop::Refused(refused), each);
    }

    /// The model called a tool in a way that Google itself could not read.
    fn fail(&mut self, reason: &RawValue, message: Option<&RawValue>, each: Sink<'_>) {
        let failure = Failure {
            code: text(reason).unwrap_or_default(),
            message: message.and_then(text).unwrap_or_default(),
        };
        self.steps.fail(failure, each);
    }
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct Response<'a> {
    #[serde(borrow)]
    candidates: Option<Vec<Candidate<'a>>>,
    #[serde(borrow)]
    prompt_feedback: Option<Feedback<'a>>,
    #[serde(borrow, rename = "usageMetadata")]
    usage: Option<&'a RawValue>,
    #[serde(borrow, rename = "modelVersion")]
    model: Option<&'a RawValue>,
    #[serde(borrow, rename = "responseId")]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<Broken<'a>>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct Candidate<'a> {
    index: Option<u64>,
    #[serde(borrow)]
    content: Option<Content<'a>>,
    #[serde(borrow)]
    finish_reason: Option<&'a RawValue>,
    #[serde(borrow)]
    finish_message: Option<&'a RawValue>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Content<'a> {
    #[serde(borrow)]
    parts: Option<Vec<Part<'a>>>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct Part<'a> {
    #[serde(borrow)]
    text: Option<&'a RawValue>,
    thought: Option<bool>,
    #[serde(borrow)]
    thought_signature: Option<&'a RawValue>,
    #[serde(borrow)]
    function_call: Option<FunctionCall<'a>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct FunctionCall<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    name: Option<&'a RawValue>,
    #[serde(borrow)]
    args: Option<&'a RawValue>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct Feedback<'a> {
    #[serde(borrow)]
    block_reason: Option<&'a RawValue>,
    #[serde(borrow)]
    block_reason_message: Option<&'a RawValue>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Broken<'a> {
    #[serde(borrow)]
    status: Option<&'a RawValue>,
    #[serde(borrow)]
    message: Option<&'a RawValue>,
}
