//! Chat Completions as targets stream them. Servers of this kind differ in much; what they do is taken, and the callers' writers say it
//! strictly.
//!
//! The dialect says neither when a block begins nor when it ends. Words end where words of another kind or a call begin. A call ends
//! where something else begins and its arguments are a whole object; one whose arguments are not stays open, for its rest may still come.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::super::balance::Balance;
use super::super::limit;
use super::blocks::{Sink, Steps, TOO_MANY, call, count, thought};
use super::cited;
use crate::domain::dialect::Dialect;
use crate::protocol::translate::answer::{Failure, Refused, Stop};
use crate::protocol::translate::dropped::{Field, Why};
use crate::protocol::translate::event::{Delta, Opened, Start};
use crate::protocol::translate::json::{Str, text};
use crate::protocol::translate::sealed::Sealed;
use crate::protocol::translate::think::{Said, Think};
use crate::protocol::usage;

/// Reads a stream of chunks.
#[derive(Debug, Default)]
pub(super) struct Chat {
    pub(super) steps: Steps,
    /// The block of words that is open.
    words: Option<(u32, Words)>,
    calls: Vec<Call>,
    refused: bool,
    /// Thoughts may stand among the words.
    think: Option<Think>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Words {
    Text,
    Thought,
    Refusal,
}

/// A call that has begun.
#[derive(Debug)]
struct Call {
    /// The target's number of it.
    place: u64,
    /// Its block, once its name is known.
    index: Option<u32>,
    id: String,
    balance: Balance,
    closed: bool,
}

impl Chat {
    /// The same for a server that may tell thoughts among the words.
    pub(super) fn thinking_aloud(mut self) -> Self {
        self.think = Some(Think::default());
        self
    }

    /// Words, or a thought among them.
    fn aloud(&mut self, words: Option<Str<'_>>, each: Sink<'_>) {
        let Some(mut think) = self.think.take() else {
            if let Some(words) = words {
                self.say(Words::Text, words, each);
            }
            return;
        };
        let mut say = |said, piece: &str| {
            let words = match said {
                Said::Thought => Words::Thought,
                Said::Words => Words::Text,
            };
            self.say(words, piece.into(), each);
        };
        match words {
            Some(words) => think.push(&words, &mut say),
            None => think.end(&mut say),
        }
        self.think = Some(think);
    }

    pub(super) fn event(&mut self, data: &[u8], each: Sink<'_>) {
        if data == b"[DONE]" {
            return self.steps.end(each);
        }
        let Ok(chunk) = serde_json::from_slice::<Chunk<'_>>(data) else {
            return self.steps.unknown("chunk");
        };
        if let Some(error) = chunk.error {
            return self.steps.fail(failure(error), each);
        }
        let told = chunk.usage.and_then(usage::openai);
        let choices = chunk.choices.unwrap_or_default();
        if !self.steps.begun() {
            // Azure's first chunk has neither an id nor a choice.
            if choices.is_empty() && told.is_none() {
                return self.steps.ping(each);
            }
            let start = Start {
                id: chunk.id.and_then(text).unwrap_or_default(),
                model: chunk.model.and_then(text).unwrap_or_default(),
                created: chunk.created.and_then(count),
                usage: None,
                tier: chunk.service_tier.and_then(text),
            };
            self.steps.begin(start, each);
        }
        for choice in choices {
            self.choice(choice, each);
        }
        self.steps.usage(told, each);
    }

    fn choice(&mut self, choice: Choice<'_>, each: Sink<'_>) {
        if choice.index.is_some_and(|index| index > 0) {
            return self.steps.dropped.note(Field::Choices, Why::NoPlace);
        }
        if self.steps.stopped() {
            return;
        }
        let likely = choice.logprobs.is_some();
        self.steps
            .dropped
            .note_if(likely, Field::Logprobs, Why::NoPlace);
        self.delta(choice.delta.unwrap_or_default(), each);
        // Some servers say at each step that it has no reason to be the last.
        let reason = choice.finish_reason.and_then(text);
        if let Some(reason) = reason.filter(|reason| !reason.is_empty()) {
            self.finish(&reason, each);
        }
    }

    fn delta(&mut self, delta: ChatDelta<'_>, each: Sink<'_>) {
        let thoughts = delta.reasoning_content.or(delta.reasoning).and_then(text);
        if let Some(thoughts) = thoughts {
            self.say(Words::Thought, thoughts, each);
        }
        if let Some(content) = delta.content {
            self.content(content, each);
        }
        if let Some(refusal) = delta.refusal.and_then(text) {
            self.refused |= !refusal.is_empty();
            self.say(Words::Refusal, refusal, each);
        }
        for annotation in delta.annotations.unwrap_or_default() {
            self.cite(annotation, each);
        }
        for piece in delta.tool_calls.unwrap_or_default() {
            self.call(piece, each);
        }
        if let Some(function) = delta.function_call {
            let piece = CallPiece {
                index: Some(0),
                id: None,
                function: Some(function),
            };
            self.call(piece, each);
        }
    }

    /// A text, or Mistral's list of parts.
    fn content(&mut self, content: &RawValue, each: Sink<'_>) {
        if let Some(words) = text(content) {
            return self.aloud(Some(words), each);
        }
        let parts: Vec<Part<'_>> = serde_json::from_str(content.get()).unwrap_or_default();
        for part in parts {
            for thought in part.thinking.unwrap_or_default() {
                if let Some(words) = thought.text.and_then(text) {
                    self.say(Words::Thought, words, each);
                }
            }
            if let Some(words) = part.text.and_then(text) {
                self.say(Words::Text, words, each);
            }
        }
    }

    fn say(&mut self, words: Words, said: Str<'_>, each: Sink<'_>) {
        if said.is_empty() {
            return;
        }
        let index = match self.words {
            Some((index, open)) if open == words => index,
            _ => {
                self.turn(each);
                let index = self.steps.open(words.opened(), each);
                self.words = Some((index, words));
                index
            }
        };
        self.steps.add(index, Delta::Text(said), each);
    }

    fn cite(&mut self, annotation: &RawValue, each: Sink<'_>) {
        match self.words {
            Some((index, Words::Text)) => {
                let citation = cited::citation(Dialect::Chat, annotation);
                self.steps.add(index, Delta::Citation(citation), each);
            }
            _ => self.steps.dropped.note(Field::Citation, Why::NoPlace),
        }
    }

    /// Something else begins: what is certainly whole is closed.
    fn turn(&mut self, each: Sink<'_>) {
        self.close_words(each);
        for call in &mut self.calls {
            if call.balance.whole() {
                call.close(&self.steps, each);
            }
        }
    }

    fn close_words(&mut self, each: Sink<'_>) {
        let Some((index, words)) = self.words.take() else {
            return;
        };
        if words == Words::Thought {
            // Its maker may want it back as it was said.
            let state = Sealed::plain(Dialect::Chat);
            self.steps.add(index, Delta::Sealed(state), each);
        }
        self.steps.close(index, each);
    }

    fn call(&mut self, piece: CallPiece<'_>, each: Sink<'_>) {
        self.aloud(None, each);
        let function = piece.function.unwrap_or_default();
        let name = function.name.and_then(text).unwrap_or_default();
        let input = function.arguments.and_then(text).unwrap_or_default();
        let id = piece.id.and_then(text).filter(|id| id.len() <= limit::ID);
        let id = id.unwrap_or_default();
        let at = self.find(piece.index, &id, !name.is_empty());
        if self.calls.len() > limit::BLOCKS as usize {
            return self.steps.fail(TOO_MANY, each);
        }
        if self.calls[at].closed {
            // White space behind an object, or words that no call can have.
            return;
        }
        if self.calls[at].id.is_empty() && !id.is_empty() {
            self.calls[at].id = id.into_owned();
        }
        let index = match self.calls[at].index {
            Some(index) => index,
            // A name may come later than the id, but never behind the first argument.
            None if name.is_empty() && input.is_empty() => return,
            None => self.begin(at, name, each),
        };
        self.calls[at].balance.push(&input);
        self.steps.add(index, Delta::Input(input), each);
    }

    /// The call that a piece belongs to: by the target's number, or by its id where numbers are missing or all the same.
    fn find(&mut self, place: Option<u64>, id: &str, named: bool) -> usize {
        let other = |call: &Call| !id.is_empty() && !call.id.is_empty() && call.id != id;
        let found = match place {
            Some(place) => self.calls.iter().rposition(|call| call.place == place),
            None => self.calls.len().checked_sub(1),
        };
        let found = found.filter(|at| !(named && other(&self.calls[*at])));
        found.unwrap_or_else(|| {
            self.calls.push(Call {
                place: place.unwrap_or(u64::MAX),
                index: None,
                id: String::new(),
                balance: Balance::default(),
                closed: false,
            });
            self.calls.len() - 1
        })
    }

    fn begin(&mut self, at: usize, name: Str<'_>, each: Sink<'_>) -> u32 {
        self.turn(each);
        let id = match self.calls[at].id.as_str() {
            "" => self.steps.call_id(),
            id => id.to_owned(),
        };
        let index = self.steps.open(call(Cow::Owned(id), name), each);
        self.calls[at].index = Some(index);
        index
    }

    fn finish(&mut self, reason: &str, each: Sink<'_>) {
        self.aloud(None, each);
        self.close_words(each);
        for call in &mut self.calls {
            call.close(&self.steps, each);
        }
        let called = self.calls.iter().any(|call| call.index.is_some());
        let stop = match reason {
            "length" | "max_tokens" | "model_length" => Stop::Length,
            "content_filter" => Stop::Refused(Refused {
                category: Some(Cow::Borrowed(reason)),
                explanation: None,
            }),
            // Some servers say `stop` whatever the model did.
            _ if called => Stop::Tools,
            _ if self.refused => Stop::Refused(Refused::default()),
            _ => Stop::Done,
        };
        self.steps.stop(stop, each);
    }
}

impl Words {
    fn opened(self) -> Opened<'static> {
        match self {
            Self::Text => Opened::Text,
            Self::Thought => thought(false),
            Self::Refusal => Opened::Refusal,
        }
    }
}

impl Call {
    fn close(&mut self, steps: &Steps, each: Sink<'_>) {
        if let (Some(index), false) = (self.index, self.closed) {
            self.closed = true;
            steps.close(index, each);
        }
    }
}

/// An error object of the OpenAI kind, or a bare text. vLLM's code is a number.
pub(super) fn failure(error: &RawValue) -> Failure<'_> {
    if let Some(message) = text(error) {
        return Failure {
            code: Str::default(),
            message,
        };
    }
    let told: Told<'_> = serde_json::from_str(error.get()).unwrap_or_default();
    let code = told
        .code
        .map(|raw| text(raw).unwrap_or(Cow::Borrowed(raw.get())));
    Failure {
        code: code.or(told.kind.and_then(text)).unwrap_or_default(),
        message: told.message.and_then(text).unwrap_or_default(),
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Told<'a> {
    #[serde(borrow)]
    message: Option<&'a RawValue>,
    #[serde(borrow, rename = "type")]
    kind: Option<&'a RawValue>,
    #[serde(borrow)]
    code: Option<&'a RawValue>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Chunk<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    model: Option<&'a RawValue>,
    #[serde(borrow)]
    created: Option<&'a RawValue>,
    #[serde(borrow)]
    service_tier: Option<&'a RawValue>,
    #[serde(borrow)]
    choices: Option<Vec<Choice<'a>>>,
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Choice<'a> {
    index: Option<u64>,
    #[serde(borrow)]
    delta: Option<ChatDelta<'a>>,
    #[serde(borrow)]
    finish_reason: Option<&'a RawValue>,
    #[serde(borrow)]
    logprobs: Option<&'a RawValue>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct ChatDelta<'a> {
    #[serde(borrow)]
    content: Option<&'a RawValue>,
    #[serde(borrow)]
    reasoning_content: Option<&'a RawValue>,
    #[serde(borrow)]
    reasoning: Option<&'a RawValue>,
    #[serde(borrow)]
    refusal: Option<&'a RawValue>,
    #[serde(borrow)]
    annotations: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    tool_calls: Option<Vec<CallPiece<'a>>>,
    #[serde(borrow)]
    function_call: Option<FunctionPiece<'a>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct CallPiece<'a> {
    index: Option<u64>,
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    function: Option<FunctionPiece<'a>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct FunctionPiece<'a> {
    #[serde(borrow)]
    name: Option<&'a RawValue>,
    #[serde(borrow)]
    arguments: Option<&'a RawValue>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Part<'a> {
    #[serde(borrow)]
    text: Option<&'a RawValue>,
    #[serde(borrow)]
    thinking: Option<Vec<Part<'a>>>,
}
