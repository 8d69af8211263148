//! A call as people and tools read it: the exact JSON of the admin API.

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use crate::domain::clock::Timestamp;
use crate::domain::dialect::{Dialect, Endpoint, Hosting};
use crate::domain::facts::Task;
use crate::domain::ids::{
    AttemptId, KeyId, ModelId, PolicyId, PriceId, RequestId, SessionId, TargetId, TenantId,
};
use crate::domain::money::NanoUsd;
use crate::domain::tokens::Usage;

use super::entry::{Amount, CallEnd, CallHead, End, Intent, State};

/// One attempt of a call.
#[derive(Clone, Debug, Serialize)]
pub struct AttemptRecord {
    /// The attempt.
    pub attempt_id: AttemptId,
    /// The model asked.
    pub model: ModelId,
    /// Where it lives.
    pub target: TargetId,
    /// Who runs that.
    pub hosting: Hosting,
    /// Where it stands.
    pub state: State,
    /// How it ended.
    pub end: Option<End>,
    /// The price it is billed by.
    pub price_id: Option<PriceId>,
    /// Its cost; while it is open, what a recovery would settle. `None`: no price is known.
    pub cost_nano_usd: Option<NanoUsd>,
    /// The same in dollars.
    pub cost_usd: Option<String>,
    /// What it used.
    pub tokens: Usage,
}

impl AttemptRecord {
    /// An attempt that has just been opened.
    pub(super) fn open(intent: &Intent) -> Self {
        let mut record = Self {
            attempt_id: intent.attempt,
            model: intent.model.clone(),
            target: intent.target.clone(),
            hosting: intent.hosting,
            state: State::Open,
            end: None,
            price_id: intent.price.clone(),
            cost_nano_usd: None,
            cost_usd: None,
            tokens: Usage::default(),
        };
        record.put(intent.mark);
        record
    }

    pub(super) fn put(&mut self, amount: Amount) {
        self.tokens = amount.usage;
        self.cost_nano_usd = amount.cost;
        self.cost_usd = amount.cost.map(|cost| cost.to_string());
    }

    /// Whether it ended with a bill.
    pub fn settled(&self) -> bool {
        matches!(self.state, State::Actual | State::Estimated)
    }
}

/// Labels; a JSON object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tags(pub Vec<(String, String)>);

impl Tags {
    /// The first value of this name.
    pub fn value(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }
}

impl Serialize for Tags {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (key, value) in &self.0 {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

/// One call.
#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "the names are those of the admin API")]
pub struct Record {
    pub request_id: RequestId,
    pub time: Timestamp,
    pub tenant: TenantId,
    pub key_id: KeyId,
    pub session: Option<SessionId>,
    pub dialect: Dialect,
    pub endpoint: Endpoint,
    pub task: Task,
    pub tags: Tags,
    pub asked: String,
    pub model: Option<ModelId>,
    pub hosting: Option<Hosting>,
    pub policy: PolicyId,
    pub rule: Option<String>,
    pub reason: String,
    /// `None` while the call is under way, and when the process died under it.
    pub status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The sum of what the attempts cost; `None` where none of those settled has a price.
    pub cost_nano_usd: Option<NanoUsd>,
    pub cost_usd: Option<String>,
    /// Some settled attempt has no known price, so that the cost is not all.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub unpriced: bool,
    pub baseline_nano_usd: Option<NanoUsd>,
    pub saved_nano_usd: Option<NanoUsd>,
    pub first_byte_ms: Option<u64>,
    pub duration_ms: Option<u64>,
    pub attempts: Vec<AttemptRecord>,
    /// What the last attempt was asked in, where that was another dialect than the caller's, and what was left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub translation: Option<Box<RawValue>>,
    /// What was wrong with answers, each with its model, its flaw and what became of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flaws: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub explanation: Option<Box<RawValue>>,
}

impl Record {
    /// A call that is under way, without attempts.
    pub(super) fn open(head: &CallHead) -> Self {
        Self {
            request_id: head.request,
            time: head.at,
            tenant: head.tenant.clone(),
            key_id: head.key.clone(),
            session: head.session.clone(),
            dialect: head.endpoint.dialect(),
            endpoint: head.endpoint,
            task: head.task,
            tags: Tags(head.tags.clone()),
            asked: head.asked.clone(),
            model: None,
            hosting: None,
            policy: head.policy.clone(),
            rule: head.rule.clone(),
            reason: head.reason.clone(),
            status: None,
            error: None,
            cost_nano_usd: None,
            cost_usd: None,
            unpriced: false,
            baseline_nano_usd: None,
            saved_nano_usd: None,
            first_byte_ms: None,
            duration_ms: None,
            attempts: Vec::new(),
            translation: None,
            flaws: None,
            explanation: None,
        }
    }

    pub(super) fn close(&mut self, end: &CallEnd) {
        self.status = Some(end.status);
        self.model = end.model.clone();
        self.hosting = end.hosting;
        self.baseline_nano_usd = end.baseline;
        self.first_byte_ms = end.first_byte_ms;
        self.duration_ms = Some(end.duration_ms);
        self.error = end.error.clone();
        self.translation = end.translation.as_deref().and_then(explanation);
        self.flaws = end.flaws.as_deref().and_then(explanation);
    }

    /// Adds the attempts up.
    #[must_use]
    pub(super) fn totalled(mut self) -> Self {
        let settled = || self.attempts.iter().filter(|attempt| attempt.settled());
        let unpriced = settled().any(|attempt| attempt.cost_nano_usd.is_none());
        let priced = settled().any(|attempt| attempt.cost_nano_usd.is_some());
        let sum = settled().filter_map(|attempt| attempt.cost_nano_usd).sum();
        self.unpriced = unpriced;
        self.cost_nano_usd = (priced || !unpriced).then_some(sum);
        self.cost_usd = self.cost_nano_usd.map(|cost| cost.to_string());
        self.saved_nano_usd = match (self.baseline_nano_usd, self.cost_nano_usd) {
            (Some(baseline), Some(cost)) if !unpriced => Some(baseline.saturating_sub(cost)),
            _ => None,
        };
        self
    }
}

/// The explanation as JSON; a text that is none becomes a JSON string.
pub(super) fn explanation(text: &str) -> Option<Box<RawValue>> {
    if text.is_empty() {
        return None;
    }
    RawValue::from_string(text.to_owned())
        .or_else(|_| serde_json::value::to_raw_value(text))
        .ok()
}

/// Which calls to list.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Not older than this.
    pub since: Option<Timestamp>,
    /// Of this tenant only.
    pub tenant: Option<TenantId>,
    /// At most so many; 1 to 1,000, and 100 where 0 is asked.
    pub limit: usize,
    /// Older than this call: where the last page ended.
    pub cursor: Option<RequestId>,
}

impl Filter {
    pub(super) fn size(&self) -> usize {
        match self.limit {
            0 => 100,
            asked => asked.min(1_000),
        }
    }
}

/// A part of the list.
#[derive(Clone, Debug, Serialize)]
pub struct Page {
    /// Newest first.
    pub requests: Vec<Record>,
    /// Where to go on, if there is more.
    pub cursor: Option<RequestId>,
}

impl Page {
    /// Makes a page of one record more than it holds, if there is one more.
    pub(super) fn of(mut found: Vec<Record>, size: usize) -> Self {
        let more = found.len() > size;
        found.truncate(size);
        let last = found.last().map(|record| record.request_id);
        Self {
            cursor: last.filter(|_| more),
            requests: found,
        }
    }
}

/// The lowest id of a call that came in at this moment or later.
pub fn first_at(at: Timestamp) -> RequestId {
    let millis = u128::try_from(at.millis()).unwrap_or(0);
    RequestId(millis.min(0xffff_ffff_ffff) << 80)
}
