//! What servers of one dialect take of a call that was written for another of the same dialect: what can be changed in place, and
//! what has to be written anew.

use bytes::Bytes;
use memchr::memmem;

use super::call::Call;
use super::edit::Edit;
use super::message::Role;
use super::scan::{Fields, Span, elements, members, scan};
use crate::domain::dialect::{Dialect, Endpoint};
use crate::domain::kind::Habits;
use crate::domain::kind::habits::{CallIds, Developer, Limit, Thoughts};

/// The names of the most output in the chat dialect: the older and the newer.
const LIMITS: [&str; 2] = ["max_tokens", "max_completion_tokens"];

/// Where their values stand.
pub(super) fn limits(endpoint: Endpoint, fields: &Fields<'_>) -> [Option<Span>; 2] {
    let chat = endpoint == Endpoint::Chat;
    LIMITS.map(|name| fields.get(name).filter(|_| chat))
}

/// The most output by the name that a target knows, where the caller wrote the other one alone.
pub(super) fn renamed(body: &Bytes, limits_at: &[Option<Span>; 2], limit: Limit) -> Option<Edit> {
    let [older, newer] = LIMITS;
    let (value, from, to) = match (limit, limits_at) {
        (Limit::MaxTokens, [None, Some(value)]) => (value, newer, older),
        (Limit::MaxCompletionTokens, [Some(value), None]) => (value, older, newer),
        _ => return None,
    };
    let end = memchr::memrchr(b'"', &body[..value.start])?;
    let start = end.checked_sub(from.len())?;
    // A name may be written with escapes; then it stays.
    (body.get(start..end)? == from.as_bytes()).then(|| Edit {
        place: start..end,
        with: Bytes::from_static(to.as_bytes()),
    })
}

/// Takes `safeguards` out of a call of Messages, by which a client asks Anthropic to look over what tools may do. No other server
/// can, and where the answer says nothing of it, the client looks itself.
pub fn without_safeguards(call: &Call) -> Option<Edit> {
    const NAME: &[u8] = b"\"safeguards\"";
    let (body, talks) = (call.body(), call.endpoint.dialect() == Dialect::Messages);
    if !talks || memmem::find(body, NAME).is_none() {
        return None;
    }
    let value = scan(body, usize::MAX).ok()?.get("safeguards")?;
    let before = body[..value.start].trim_ascii_end().strip_suffix(b":")?;
    // A name may be written with escapes; then it stays.
    let before = before.trim_ascii_end().strip_suffix(NAME)?;
    let after = body[value.end..].trim_ascii_start();
    let place = match after.strip_prefix(b",") {
        Some(rest) => before.len()..body.len() - rest.len(),
        // It is the last, and so there is another one before it.
        None => before.trim_ascii_end().strip_suffix(b",")?.len()..value.end,
    };
    let with = Bytes::new();
    Some(Edit { place, with })
}

/// Whether servers of such habits take a call of their own dialect as it came. They differ in the chat dialect alone.
pub fn takes(call: &Call, habits: &Habits) -> bool {
    if call.endpoint != Endpoint::Chat {
        return true;
    }
    roles(call, habits) && thoughts(call, habits) && call_ids(call, habits) && fields(call, habits)
}

fn roles(call: &Call, habits: &Habits) -> bool {
    // As a text of its own, quotes and all, it stands nowhere else in such a message.
    habits.developer != Developer::Refused || !any_says(call, Role::System, "\"developer\"")
}

fn thoughts(call: &Call, habits: &Habits) -> bool {
    match habits.thoughts {
        Thoughts::Refused => !any_says(call, Role::Assistant, "\"reasoning_content\""),
        // Whoever else made a call, or lost the thought that it came from, has none to show.
        Thoughts::BesideCalls => {
            let mut messages = call.messages.iter();
            messages.all(|message| {
                let json = call.json(message.bytes.clone());
                let calls = message.role == Role::Assistant && message.holds.calls;
                !calls || says(json, "\"reasoning_content\"")
            })
        }
        Thoughts::Ignored | Thoughts::ReasoningContent | Thoughts::Reasoning => true,
    }
}

fn call_ids(call: &Call, habits: &Habits) -> bool {
    let mut fits = true;
    if habits.call_ids == CallIds::Nine {
        for message in &call.messages {
            let json = std::str::from_utf8(call.json(message.bytes.clone())).unwrap_or_default();
            members(json, |key, value| match key {
                "tool_call_id" => fits &= is_nine(value),
                "tool_calls" => {
                    elements(value, |one| {
                        members(one, |key, value| fits &= key != "id" || is_nine(value));
                    });
                }
                _ => {}
            });
        }
    }
    fits
}

/// A text of JSON, quotes and all, of nine letters and digits.
fn is_nine(json: &str) -> bool {
    let text = json.strip_prefix('"').and_then(|it| it.strip_suffix('"'));
    text.is_some_and(|text| text.len() == 9 && text.bytes().all(|b| b.is_ascii_alphanumeric()))
}

fn fields(call: &Call, habits: &Habits) -> bool {
    let Some(known) = habits.fields else {
        return true;
    };
    let mut fits = true;
    let [older, newer] = LIMITS;
    let limits = &call.limits_at;
    let body = std::str::from_utf8(call.body()).unwrap_or_default();
    members(body, |key, _| {
        // The newer name of the most output is changed in place where it stands alone.
        let renamed = key == newer && known.contains(&older) && limits[0].is_none();
        fits &= known.contains(&key) || renamed;
    });
    fits && messages(call, habits)
}

fn messages(call: &Call, habits: &Habits) -> bool {
    let mut fits = true;
    for message in &call.messages {
        let json = std::str::from_utf8(call.json(message.bytes.clone())).unwrap_or_default();
        members(json, |key, _| fits &= habits.message_fields.contains(&key));
    }
    fits
}

fn any_says(call: &Call, role: Role, text: &str) -> bool {
    let mut messages = call.messages.iter().filter(|it| it.role == role);
    messages.any(|message| says(call.json(message.bytes.clone()), text))
}

fn says(json: &[u8], text: &str) -> bool {
    memmem::find(json, text.as_bytes()).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::dialect::Hosting;
    use crate::domain::kind::Kind;

    fn call(body: &str) -> Call {
        Call::read(Endpoint::Chat, Bytes::copy_from_slice(body.as_bytes()), 64).expect("a call")
    }

    fn sent(body: &str, kind: Kind) -> String {
        let body = call(body).outgoing("m", kind.habits(Hosting::Vendor), None);
        String::from_utf8(body.concat().to_vec()).expect("text")
    }

    #[test]
    fn the_most_output_is_told_by_the_name_that_the_server_knows() {
        let older = r#"{"model":"m", "max_tokens" : 9,"x":"max_tokens"}"#;
        let newer = r#"{"model":"m", "max_completion_tokens" : 9,"x":"max_tokens"}"#;

        assert_eq!(sent(older, Kind::OpenAi), newer);
        assert_eq!(sent(newer, Kind::Mistral), older);
        assert_eq!(sent(newer, Kind::Ollama), older);
        for kind in [Kind::Other, Kind::Vllm, Kind::Google] {
            assert_eq!(
                (sent(older, kind), sent(newer, kind)),
                (older.into(), newer.into())
            );
        }
        let both = r#"{"model":"m","max_tokens":9,"max_completion_tokens":9}"#;
        assert_eq!(sent(both, Kind::OpenAi), both);
        let escaped = r#"{"model":"m","max_token\u0073":9}"#;
        assert_eq!(sent(escaped, Kind::OpenAi), escaped);
    }

    #[test]
    fn usage_is_not_asked_for_where_to_ask_is_refused() {
        let body = r#"{"model":"m","stream":true}"#;

        assert_eq!(sent(body, Kind::Mistral), body);
        assert!(sent(body, Kind::DeepSeek).contains("include_usage"));
    }

    #[test]
    fn what_a_kind_refuses_has_to_be_written_anew() {
        let takes = |kind: Kind, messages: &str| {
            let body = format!(r#"{{"model":"m","messages":[{messages}]}}"#);
            super::takes(&call(&body), kind.habits(Hosting::Vendor))
        };
        let developer = r#"{"role":"developer","content":"x"}"#;
        let thought = r#"{"role":"assistant","content":"x","reasoning_content":"hm"}"#;
        let calls = |id: &str, more: &str| {
            format!(
                r#"{{"role":"assistant","tool_calls":[{{"id":"{id}","type":"function","function":{{"name":"f","arguments":"{{}}"}}}}]{more}}}"#
            )
        };
        let lost = calls("call_1", "");
        let kept = calls("call_1", r#","reasoning_content":"hm""#);

        for (kind, message, taken) in [
            (Kind::OpenAi, developer, true),
            (Kind::Other, developer, true),
            (Kind::DeepSeek, developer, false),
            (Kind::Mistral, developer, false),
            (Kind::Vllm, developer, false),
            (Kind::Mistral, thought, false),
            (Kind::OpenAi, thought, false),
            (Kind::DeepSeek, thought, true),
            (Kind::DeepSeek, &lost, false),
            (Kind::DeepSeek, &kept, true),
            (Kind::Moonshot, &lost, true),
            (Kind::Mistral, &lost, false),
            (Kind::Mistral, &calls("abcDEF123", ""), true),
            (
                Kind::DeepSeek,
                r#"{"role":"user","content":"say \"developer\""}"#,
                true,
            ),
        ] {
            assert_eq!(takes(kind, message), taken, "{kind}: {message}");
        }
    }

    #[test]
    fn a_field_that_a_strict_server_does_not_know_is_left_out() {
        let takes = |body: &str| super::takes(&call(body), Kind::Mistral.habits(Hosting::Vendor));

        assert!(takes(
            r#"{"model":"m","messages":[],"max_completion_tokens":9}"#
        ));
        assert!(!takes(r#"{"model":"m","messages":[],"store":false}"#));
        // So clients give back what OpenAI's SDK gave them.
        assert!(!takes(
            r#"{"model":"m","messages":[{"role":"assistant","content":"x","refusal":null}]}"#
        ));
        assert!(!takes(
            r#"{"model":"m","messages":[],"max_tokens":9,"max_completion_tokens":9}"#
        ));
        assert!(!takes(
            r#"{"model":"m","messages":[],"stream":true,"stream_options":{"include_usage":true}}"#
        ));
    }

    #[test]
    fn safeguards_are_taken_out_with_their_comma_wherever_they_stand() {
        let without = |body: &str| {
            let body = Bytes::copy_from_slice(body.as_bytes());
            let call = Call::read(Endpoint::Messages, body, 64).expect("a call");
            let habits = Kind::Other.habits(Hosting::Own);
            let sent = call.outgoing("m", habits, without_safeguards(&call));
            String::from_utf8(sent.concat().to_vec()).expect("text")
        };
        let plain = r#"{"model":"m","messages":[]}"#;

        for body in [
            r#"{"safeguards":[{"a":1}],"model":"m","messages":[]}"#,
            r#"{"model":"m","safeguards":[],"messages":[]}"#,
            r#"{"model":"m","messages":[] , "safeguards" : null}"#,
        ] {
            assert_eq!(without(body).replace(' ', ""), plain);
        }
        for body in [plain, r#"{"model":"m","messages":["safeguards"]}"#] {
            assert_eq!(without(body), body);
        }
    }
}
