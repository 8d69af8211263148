//! The record of a call as one log line. It holds names, counts and amounts; never a prompt, an answer or a key.

use tracing::info;

use crate::domain::dialect::{Endpoint, Hosting};
use crate::domain::facts::Task;
use crate::domain::ids::{KeyId, ModelId, PolicyId, RequestId, SessionId, TargetId, TenantId};
use crate::domain::money::NanoUsd;
use crate::domain::tokens::{TokenCount, Usage};

use super::labels::Settled;

/// What is told of a call after it has ended. What was not reached is absent.
#[derive(Clone, Debug)]
pub struct Record {
    /// The call.
    pub request: RequestId,
    /// Who pays, once the key was known.
    pub tenant: Option<TenantId>,
    /// The key's public part.
    pub key: Option<KeyId>,
    /// The conversation.
    pub session: Option<SessionId>,
    /// The door, and with it the caller's dialect.
    pub endpoint: Option<Endpoint>,
    /// The model's name in the request. From outside; the log escapes it.
    pub asked: Option<Box<str>>,
    /// Whether a stream was asked for.
    pub stream: bool,
    /// Kind of work.
    pub task: Option<Task>,
    /// The model that answered last.
    pub model: Option<ModelId>,
    /// Its target.
    pub target: Option<TargetId>,
    /// Who runs it.
    pub hosting: Option<Hosting>,
    /// The policy that ruled.
    pub policy: Option<PolicyId>,
    /// The rule of it that decided, by name.
    pub rule: Option<Box<str>>,
    /// Why this model: a word of the policy's closed set.
    pub reason: Option<&'static str>,
    /// The status that the caller saw.
    pub status: u16,
    /// The stable code of the gateway's own error.
    pub error: Option<&'static str>,
    /// Tries at targets.
    pub attempts: u32,
    /// Tokens of all attempts.
    pub usage: Usage,
    /// What the last attempt's end is called.
    pub settled: Option<Settled>,
    /// What all attempts cost.
    pub cost: NanoUsd,
    /// Less than always asking the frontier, by this much.
    pub saved: Option<NanoUsd>,
    /// To the first byte of the answer.
    pub first_byte_ms: Option<u64>,
    /// To the end of the answer.
    pub duration_ms: u64,
    /// The caller hung up before the end.
    pub client_gone: bool,
}

/// A count, where there is one: each field of a line takes time.
fn some(count: TokenCount) -> Option<u64> {
    (count.0 > 0).then_some(count.0)
}

impl Record {
    /// Begins the record of a call of which only its id is known.
    pub fn new(request: RequestId) -> Self {
        Self {
            request,
            tenant: None,
            key: None,
            session: None,
            endpoint: None,
            asked: None,
            stream: false,
            task: None,
            model: None,
            target: None,
            hosting: None,
            policy: None,
            rule: None,
            reason: None,
            status: 0,
            error: None,
            attempts: 0,
            usage: Usage::default(),
            settled: None,
            cost: NanoUsd::ZERO,
            saved: None,
            first_byte_ms: None,
            duration_ms: 0,
            client_gone: false,
        }
    }

    /// Writes the line, at info, under the target `tollgate::call`.
    pub fn log(&self) {
        info!(
            target: "tollgate::call",
            request_id = %self.request,
            tenant = self.tenant.as_ref().map(TenantId::as_str),
            key_id = self.key.as_ref().map(KeyId::as_str),
            session = self.session.as_ref().map(SessionId::as_str),
            dialect = self.endpoint.map(|it| it.dialect().as_str()),
            endpoint = self.endpoint.map(Endpoint::as_str),
            asked = self.asked.as_deref(),
            stream = self.stream,
            task = self.task.map(Task::as_str),
            model = self.model.as_ref().map(ModelId::as_str),
            target_id = self.target.as_ref().map(TargetId::as_str),
            hosting = self.hosting.map(Hosting::as_str),
            policy = self.policy.as_ref().map(PolicyId::as_str),
            rule = self.rule.as_deref(),
            reason = self.reason,
            status = self.status,
            error = self.error,
            attempts = self.attempts,
            input = self.usage.input.0,
            cache_read = some(self.usage.cache_read),
            cache_write_5m = some(self.usage.cache_write_short),
            cache_write_1h = some(self.usage.cache_write_long),
            output = self.usage.output.0,
            reasoning = some(self.usage.reasoning),
            settled = self.settled.map(Settled::as_str),
            cost_usd = %self.cost,
            saved_usd = self.saved.map(tracing::field::display),
            first_byte_ms = self.first_byte_ms,
            duration_ms = self.duration_ms,
            client_gone = self.client_gone.then_some(true),
            "call"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::super::log::Format;
    use super::super::log::tests::logged;
    use super::*;

    #[test]
    fn a_call_is_one_line_with_what_is_known_of_it() {
        let mut record = Record::new(RequestId(7));
        record.tenant = Some(TenantId::from("team"));
        record.endpoint = Some(Endpoint::CountTokens);
        record.asked = Some("a\"b\n".into());
        record.cost = NanoUsd(12_345);
        record.saved = Some(NanoUsd(-1));
        record.status = 200;

        let text = logged(Format::Json, "tollgate::call=info", || record.log());

        assert_eq!(text.matches('\n').count(), 1, "{text}");
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(line["request_id"], RequestId(7).to_string());
        assert_eq!(line["tenant"], "team");
        assert_eq!(line["dialect"], "messages");
        assert_eq!(line["endpoint"], "count_tokens");
        assert_eq!(line["asked"], "a\"b\n");
        assert_eq!(line["cost_usd"], "0.000012345");
        assert_eq!(line["saved_usd"], "-0.000000001");
        assert_eq!(line["target"], "tollgate::call");
        assert_eq!(line["status"], 200);
        assert!(line.get("model").is_none());
    }
}
