//! Sends one small call and hears what comes of it, by when it must have come.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};
use http_body_util::{BodyExt as _, Limited};
use reqwest::Url;
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use crate::catalog::{Billed, Model, Target};
use crate::domain::clock::{Entropy, Timestamp};
use crate::domain::dialect::{Dialect, Endpoint, Hosting};
use crate::domain::ids::AttemptId;
use crate::domain::money::NanoUsd;
use crate::domain::tokens::{TokenCount, Usage};
use crate::domain::wire::Wire;
use crate::protocol::edit::Pieces;
use crate::protocol::follow::Follower;
use crate::protocol::headers;
use crate::protocol::sse::Splitter;
use crate::protocol::usage::{self, Told};
use crate::upstream::client::{self, Upstream};
use crate::upstream::error::{UpstreamError, Why};

/// No answer to a small call is larger; a provider's list of models may be.
const LARGEST: usize = 8 << 20;
/// Tokens that a provider puts before a prompt by itself, at most: how tools are called, what its models are told of the day.
const ADDED: u64 = 1_024;
/// What of a refusal is shown.
const SHOWN: usize = 160;

/// What came of a call.
#[derive(Debug)]
pub(super) enum Heard {
    /// An answer, with what it used where that was told.
    Good { body: Bytes, used: Option<Usage> },
    /// A refusal, with what it says.
    Refused { status: u16, said: String },
    /// No answer.
    Failed(UpstreamError),
    /// There was no time left.
    Late,
}

/// What came of a stream.
#[derive(Debug)]
pub(super) enum Streamed {
    /// It came.
    Good {
        /// To its end.
        complete: bool,
        /// With its usage.
        used: Option<Usage>,
        /// All of it.
        text: Bytes,
    },
    /// It did not.
    Not(Heard),
}

/// What the calls came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bill {
    /// Calls of models that were sent.
    pub calls: u32,
    /// What they cost, by our own prices.
    pub spent: NanoUsd,
    /// Calls of models that no price is known of.
    pub unpriced: u32,
    /// Calls whose usage was not told: the most that they can have cost was counted.
    pub estimated: u32,
}

impl Bill {
    /// Adds what a call has used.
    pub fn add(&mut self, model: &Model, used: Usage, at: Timestamp) {
        match model.tariff(at).cost(&Billed::plain(used, at)) {
            Ok(Some(cost)) => self.spent = self.spent + cost,
            // A machine of one's own writes no bill.
            Ok(None) if model.target.hosting == Hosting::Own => {}
            Ok(None) | Err(_) => self.unpriced += 1,
        }
    }

    /// Adds what others came to.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            calls: self.calls + other.calls,
            spent: self.spent + other.spent,
            unpriced: self.unpriced + other.unpriced,
            estimated: self.estimated + other.estimated,
        }
    }
}

/// The most that a call can use: no token is shorter than a byte.
pub(super) fn most(body: &str, output: u64) -> Usage {
    let length = u64::try_from(body.len()).unwrap_or(u64::MAX);
    Usage {
        input: TokenCount(length.saturating_add(ADDED)),
        output: TokenCount(output),
        ..Usage::default()
    }
}

/// One target, and the way to it.
#[derive(Debug)]
pub(super) struct Errand<'a> {
    pub(super) target: &'a Target,
    pub(super) client: reqwest::Client,
    pub(super) deadline: Instant,
    pub(super) at: Timestamp,
    pub(super) entropy: &'a Entropy,
    pub(super) bill: Bill,
}

impl Errand<'_> {
    /// No time is left.
    pub(super) fn is_late(&self) -> bool {
        Instant::now() >= self.deadline
    }

    /// Fetches a page of the target's.
    pub(super) async fn fetch(&self, url: Url, headers: HeaderMap) -> Heard {
        let fetched = async {
            let sent = self.client.get(url).headers(headers).send().await;
            let answer = sent.map_err(|error| client::sorted(error.without_url()))?;
            body(answer.into()).await
        };
        match timeout_at(self.deadline, fetched).await {
            Err(_) => Heard::Late,
            Ok(Err(failed)) => Heard::Failed(failed),
            Ok(Ok((status, body))) => self.heard(status, body, None),
        }
    }

    /// Asks for an answer that comes whole.
    pub(super) async fn whole(
        &mut self,
        model: &Model,
        wire: Wire,
        body: String,
        output: u64,
    ) -> Heard {
        if self.is_late() {
            return Heard::Late;
        }
        let most = most(&body, output);
        let fetched = async { self::body(self.send(model, wire, body, false).await?).await };
        let heard = match timeout_at(self.deadline, fetched).await {
            Err(_) => Heard::Late,
            Ok(Err(failed)) => Heard::Failed(failed),
            Ok(Ok((status, body))) => {
                let whole = usage::whole(wire, &body);
                let used = whole.and_then(|it| it.told).and_then(counts);
                self.heard(status, body, used)
            }
        };
        match &heard {
            Heard::Good { used, .. } => self.count(model, *used, most),
            // It may have been answered all the same.
            Heard::Late => self.count(model, None, most),
            Heard::Failed(failed) if !failed.not_sent() => self.count(model, None, most),
            Heard::Failed(_) => {}
            Heard::Refused { .. } => self.bill.calls += 1,
        }
        heard
    }

    /// Asks for a stream.
    pub(super) async fn stream(
        &mut self,
        model: &Model,
        wire: Wire,
        body: String,
        output: u64,
    ) -> Streamed {
        if self.is_late() {
            return Streamed::Not(Heard::Late);
        }
        let most = most(&body, output);
        let flowed = async {
            let answer = self.send(model, wire, body, true).await?;
            let is_stream = is_stream(answer.headers());
            self::body(answer)
                .await
                .map(|(status, body)| (status, body, is_stream))
        };
        match timeout_at(self.deadline, flowed).await {
            Err(_) => {
                self.count(model, None, most);
                Streamed::Not(Heard::Late)
            }
            Ok(Err(failed)) => {
                if !failed.not_sent() {
                    self.count(model, None, most);
                }
                Streamed::Not(Heard::Failed(failed))
            }
            Ok(Ok((200..=299, text, true))) => {
                let mut follower = Follower::new(wire.dialect, false);
                let followed = Splitter::default().push(text.clone(), |event| {
                    follower.event(event.data.as_ref());
                });
                // Google has no mark of the end.
                let ended = follower.complete() || follower.finished();
                let used = follower.told().and_then(counts);
                self.count(model, used, most);
                Streamed::Good {
                    complete: followed.is_ok() && ended,
                    used,
                    text,
                }
            }
            Ok(Ok((status @ 200..=299, body, false))) => {
                let whole = usage::whole(wire, &body);
                let used = whole.and_then(|it| it.told).and_then(counts);
                self.count(model, used, most);
                Streamed::Not(self.heard(status, body, used))
            }
            Ok(Ok((status, body, _))) => {
                self.bill.calls += 1;
                Streamed::Not(self.heard(status, body, None))
            }
        }
    }

    async fn send(
        &self,
        model: &Model,
        wire: Wire,
        body: String,
        stream: bool,
    ) -> Result<http::Response<reqwest::Body>, UpstreamError> {
        let target = self.target;
        let url = Upstream::default().address(target, wire, &model.name, stream)?;
        let mut from = HeaderMap::new();
        let name = HeaderValue::from_static(concat!("tollgate-check/", env!("CARGO_PKG_VERSION")));
        from.insert(header::USER_AGENT, name);
        let attempt = AttemptId::new(self.at, self.entropy);
        let (habits, key) = (target.habits(), target.key.as_ref());
        let headers = headers::outgoing(&from, wire, habits, key, attempt);
        let body = Pieces::new(&body.into(), Vec::new());
        client::send(&self.client, url, headers, body).await
    }

    fn count(&mut self, model: &Model, used: Option<Usage>, most: Usage) {
        self.bill.calls += 1;
        self.bill.estimated += u32::from(used.is_none());
        self.bill.add(model, used.unwrap_or(most), self.at);
    }

    fn heard(&self, status: u16, body: Bytes, used: Option<Usage>) -> Heard {
        match status {
            200..=299 => Heard::Good { body, used },
            status => Heard::Refused {
                status,
                said: self.said(status, &body),
            },
        }
    }

    /// What a refusal says, where it may be shown: of a key that is not taken, providers repeat a part.
    fn said(&self, status: u16, body: &[u8]) -> String {
        if matches!(status, 401 | 403) || self.target.tells_key(body) {
            return String::new();
        }
        let json: Option<Value> = serde_json::from_slice(body).ok();
        let json = json.unwrap_or_default();
        let error = json.get("error").unwrap_or(&json);
        let says = ["message", "detail"]
            .iter()
            .find_map(|name| error.get(name));
        let text = match says.unwrap_or(error) {
            Value::String(text) => text.clone(),
            Value::Null => String::new(),
            other => other.to_string(),
        };
        let plain = text.chars().map(|c| if c.is_control() { ' ' } else { c });
        plain.take(SHOWN).collect::<String>().trim().to_owned()
    }
}

fn counts(told: Told) -> Option<Usage> {
    match told {
        Told::Usage(usage) => Some(usage),
        Told::Rejected => None,
    }
}

fn is_stream(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    kind.to_ascii_lowercase().starts_with("text/event-stream")
}

async fn body(answer: http::Response<reqwest::Body>) -> Result<(u16, Bytes), UpstreamError> {
    let status = answer.status().as_u16();
    let read = Limited::new(answer.into_body(), LARGEST).collect().await;
    let body = read.map_err(|error| UpstreamError::new(Why::Truncated, error.to_string()))?;
    Ok((status, body.to_bytes()))
}

/// How a target is asked in a dialect that it speaks itself.
pub(super) fn wire(dialect: Dialect) -> Wire {
    match dialect {
        Dialect::Chat => Wire::own(Endpoint::Chat),
        Dialect::Responses => Wire::own(Endpoint::Responses),
        Dialect::Messages => Wire::own(Endpoint::Messages),
        Dialect::Completions => Wire::own(Endpoint::Completions),
        Dialect::Gemini => Wire {
            endpoint: Endpoint::Chat,
            dialect,
        },
    }
}
