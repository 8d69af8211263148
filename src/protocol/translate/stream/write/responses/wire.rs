//! Responses' events, items and the response itself, as JSON.

use bytes::BytesMut;
use serde::Serialize;
use serde_json::value::RawValue;

use super::super::frame::frame;
use super::super::shown::Named;
use crate::domain::tokens::Usage;
use crate::protocol::translate::block::Page;
use crate::protocol::translate::json::Json;
use crate::protocol::translate::usage::ResponsesUsage;

/// Numbers events and items, each without a gap.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    events: u64,
    items: u64,
}

impl Numbers {
    /// The number of a new item.
    pub(super) fn item(&mut self) -> u64 {
        self.items += 1;
        self.items - 1
    }

    /// Tells an event.
    pub(super) fn tell(&mut self, name: &str, told: Told<'_>, out: &mut BytesMut) {
        let event = Event {
            kind: name,
            sequence_number: self.events,
            told,
        };
        self.events += 1;
        frame(out, Some(name), &event);
    }
}

#[derive(Serialize)]
struct Event<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    sequence_number: u64,
    #[serde(flatten)]
    told: Told<'a>,
}

/// What an event tells; each has a few of these.
#[derive(Serialize, Default)]
pub(super) struct Told<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) response: Option<&'a Object<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) item_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) output_index: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) content_index: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) summary_index: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) annotation_index: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) item: Option<ItemJson<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) part: Option<Part<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) annotation: Option<&'a Json<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) delta: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) refusal: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) arguments: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) input: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) logprobs: Option<[(); 0]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) code: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) message: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) param: Option<()>,
}

/// An item.
#[derive(Serialize, Default)]
pub(super) struct ItemJson<'a> {
    pub(super) id: &'a str,
    #[serde(rename = "type")]
    pub(super) kind: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) status: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) role: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) content: Option<Vec<Part<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) summary: Option<Vec<Part<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) encrypted_content: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) call_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) namespace: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) arguments: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) input: Option<&'a str>,
}

/// A part of an item.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Part<'a> {
    OutputText {
        text: &'a str,
        annotations: &'a [Json<'static>],
        logprobs: [(); 0],
    },
    Refusal {
        refusal: &'a str,
    },
    SummaryText {
        text: &'a str,
    },
}

impl<'a> Part<'a> {
    pub(super) fn text(text: &'a str, annotations: &'a [Json<'static>]) -> Self {
        Self::OutputText {
            text,
            annotations,
            logprobs: [],
        }
    }

    pub(super) fn refusal(refusal: &'a str) -> Self {
        Self::Refusal { refusal }
    }

    pub(super) fn summary(text: &'a str) -> Self {
        Self::SummaryText { text }
    }
}

/// How far a response has come.
#[derive(Debug)]
pub(super) enum Ending {
    Running,
    Completed,
    /// Cut, and why.
    Incomplete(&'static str),
    /// Failed: a word for programs and a sentence for people.
    Failed(&'static str, String),
}

impl Ending {
    /// The event that tells it.
    pub(super) fn event(&self) -> &'static str {
        match self {
            Self::Running => "response.in_progress",
            Self::Completed => "response.completed",
            Self::Incomplete(_) => "response.incomplete",
            Self::Failed(..) => "response.failed",
        }
    }

    fn status(&self) -> &'static str {
        match self {
            Self::Running => "in_progress",
            Self::Completed => "completed",
            Self::Incomplete(_) => "incomplete",
            Self::Failed(..) => "failed",
        }
    }
}

/// The response.
#[derive(Serialize)]
pub(super) struct Object<'a> {
    id: &'a str,
    object: &'static str,
    created_at: u64,
    status: &'static str,
    background: bool,
    error: Option<Failure<'a>>,
    incomplete_details: Option<Details>,
    instructions: Option<()>,
    max_output_tokens: Option<u64>,
    model: &'a str,
    output: Box<RawValue>,
    parallel_tool_calls: bool,
    previous_response_id: Option<()>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_tier: Option<&'a str>,
    store: bool,
    temperature: Option<f32>,
    tool_choice: &'static str,
    tools: [(); 0],
    top_p: Option<f32>,
    truncation: &'static str,
    usage: Option<ResponsesUsage>,
    user: Option<()>,
    metadata: Empty,
}

#[derive(Serialize)]
struct Empty {}

#[derive(Serialize)]
struct Failure<'a> {
    code: &'a str,
    message: &'a str,
}

#[derive(Serialize)]
struct Details {
    reason: &'static str,
}

impl<'a> Object<'a> {
    /// `output` is a JSON list without its end, or nothing.
    pub(super) fn new(
        named: &'a Named,
        ending: &'a Ending,
        mut output: String,
        usage: Option<Usage>,
    ) -> Self {
        if output.is_empty() {
            output.push('[');
        }
        output.push(']');
        let over = matches!(ending, Ending::Completed | Ending::Incomplete(_));
        Self {
            id: &named.id,
            object: "response",
            created_at: named.created,
            status: ending.status(),
            background: false,
            error: match ending {
                Ending::Failed(code, message) => Some(Failure { code, message }),
                _ => None,
            },
            incomplete_details: match ending {
                Ending::Incomplete(reason) => Some(Details { reason }),
                _ => None,
            },
            instructions: None,
            max_output_tokens: None,
            model: &named.model,
            output: RawValue::from_string(output).expect("items were written as JSON"),
            parallel_tool_calls: true,
            previous_response_id: None,
            service_tier: named.openai_tier(),
            store: false,
            temperature: None,
            tool_choice: "auto",
            tools: [],
            top_p: None,
            truncation: "disabled",
            usage: usage.as_ref().filter(|_| over).map(ResponsesUsage::from),
            user: None,
            metadata: Empty {},
        }
    }
}

/// A page that is cited.
pub(super) fn page(page: &Page<'_>) -> Json<'static> {
    let (start_index, end_index) = page.span.unwrap_or_default();
    Json::of(&Cited {
        kind: "url_citation",
        url: &page.url,
        title: page.title.as_deref().unwrap_or_default(),
        start_index,
        end_index,
    })
}

#[derive(Serialize)]
struct Cited<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    url: &'a str,
    title: &'a str,
    start_index: u64,
    end_index: u64,
}
