//! The record of a call as one log line. It holds names, counts and amounts; never a prompt, an answer or a key.

use std::fmt::{self, Write};

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
fn some(count: TokenCount) -> Option<Value<'static>> {
    (count.0 > 0).then_some(Value::Count(count.0))
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
        info!(target: TARGET, message = ?Line(self));
    }

    /// Calls `each` with every field that there is, in the order of the line.
    fn fields(&self, mut each: impl FnMut(&str, Value<'_>) -> fmt::Result) -> fmt::Result {
        use Value::{Count, Flag, Shown, Text};

        let mut put = |name: &str, value: Option<Value<'_>>| match value {
            Some(value) => each(name, value),
            None => Ok(()),
        };
        put("request_id", Some(Shown(&self.request)))?;
        put("tenant", self.tenant.as_ref().map(|it| Text(it.as_str())))?;
        put("key_id", self.key.as_ref().map(|it| Text(it.as_str())))?;
        put("session", self.session.as_ref().map(|it| Text(it.as_str())))?;
        put(
            "dialect",
            self.endpoint.map(|it| Text(it.dialect().as_str())),
        )?;
        put("endpoint", self.endpoint.map(|it| Text(it.as_str())))?;
        put("asked", self.asked.as_deref().map(Text))?;
        put("stream", Some(Flag(self.stream)))?;
        put("task", self.task.map(|it| Text(it.as_str())))?;
        put("model", self.model.as_ref().map(|it| Text(it.as_str())))?;
        put(
            "target_id",
            self.target.as_ref().map(|it| Text(it.as_str())),
        )?;
        put("hosting", self.hosting.map(|it| Text(it.as_str())))?;
        put("policy", self.policy.as_ref().map(|it| Text(it.as_str())))?;
        put("rule", self.rule.as_deref().map(Text))?;
        put("reason", self.reason.map(Text))?;
        put("status", Some(Count(self.status.into())))?;
        put("error", self.error.map(Text))?;
        put("attempts", Some(Count(self.attempts.into())))?;
        put("input", Some(Count(self.usage.input.0)))?;
        put("cache_read", some(self.usage.cache_read))?;
        put("cache_write_5m", some(self.usage.cache_write_short))?;
        put("cache_write_1h", some(self.usage.cache_write_long))?;
        put("output", Some(Count(self.usage.output.0)))?;
        put("reasoning", some(self.usage.reasoning))?;
        put("settled", self.settled.map(|it| Text(it.as_str())))?;
        put("cost_usd", Some(Shown(&self.cost)))?;
        put("saved_usd", self.saved.as_ref().map(|it| Shown(it)))?;
        put("first_byte_ms", self.first_byte_ms.map(Count))?;
        put("duration_ms", Some(Count(self.duration_ms)))?;
        put("client_gone", self.client_gone.then_some(Flag(true)))
    }
}

/// Bytes that a line seldom goes beyond.
const USUAL: usize = 1 << 10;

/// The target of the line.
pub(super) const TARGET: &str = "tollgate::call";

/// What a field of the line holds.
enum Value<'a> {
    /// Text, also from outside.
    Text(&'a str),
    Count(u64),
    Flag(bool),
    /// What shows itself in letters, digits, points and lines.
    Shown(&'a dyn fmt::Display),
}

/// The line. `{:#?}` is the inside of a JSON object, `{:?}` is for people.
///
/// It is one value to `tracing`: its way of taking thirty fields one by one took longer than the rest of the line's way.
struct Line<'r>(&'r Record);

impl fmt::Debug for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match f.alternate() {
            true => self.json(f),
            false => self.text(f),
        }
    }
}

impl Line<'_> {
    /// Written in one place first: a formatter takes longer for each of a hundred pieces than for all of them in one.
    fn json(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = String::with_capacity(USUAL);
        out.push_str(r#""message":"call""#);
        self.0.fields(|name, value| {
            out.push_str(",\"");
            out.push_str(name);
            out.push_str("\":");
            match value {
                Value::Text(text) => quoted(&mut out, text),
                Value::Shown(shown) => write!(out, "\"{shown}\""),
                Value::Count(count) => write!(out, "{count}"),
                Value::Flag(flag) => write!(out, "{flag}"),
            }
        })?;
        f.write_str(&out)
    }

    fn text(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("call")?;
        self.0.fields(|name, value| match value {
            Value::Text(text) => write!(f, " {name}={text:?}"),
            Value::Shown(shown) => write!(f, " {name}={shown}"),
            Value::Count(count) => write!(f, " {name}={count}"),
            Value::Flag(flag) => write!(f, " {name}={flag}"),
        })
    }
}

/// Writes a text as JSON does.
fn quoted(out: &mut String, text: &str) -> fmt::Result {
    let plain = |byte: u8| byte >= 0x20 && byte != b'"' && byte != b'\\';
    if text.bytes().all(plain) {
        out.push('"');
        out.push_str(text);
        out.push('"');
        return Ok(());
    }
    let escaped = serde_json::to_string(text).map_err(|_| fmt::Error)?;
    out.push_str(&escaped);
    Ok(())
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
        assert_eq!(line["message"], "call");
        assert_eq!(line["level"], "INFO");
        assert!(line["timestamp"].is_string());
    }

    #[test]
    fn for_people_it_is_one_line_too() {
        let mut record = Record::new(RequestId(7));
        record.tenant = Some(TenantId::from("team"));
        record.asked = Some("a\"b\n".into());
        record.status = 404;

        let text = logged(Format::Text, "info", || record.log());

        let line = text.strip_suffix('\n').unwrap();
        assert!(!line.contains('\n'), "{text}");
        let (_, told) = line.split_once("INFO tollgate::call: call ").unwrap();
        assert_eq!(
            told,
            format!(
                r#"request_id={} tenant="team" asked="a\"b\n" stream=false status=404 attempts=0 input=0 output=0 cost_usd=0.000000000 duration_ms=0"#,
                RequestId(7)
            )
        );
    }

    #[test]
    fn a_filter_that_leaves_calls_out_leaves_them_out() {
        let record = Record::new(RequestId(7));

        assert_eq!(
            logged(Format::Json, "info,tollgate::call=off", || record.log()),
            ""
        );
    }
}
