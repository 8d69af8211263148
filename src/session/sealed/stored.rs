//! Conversations that callers go on from by the name of the last answer: what was said in them is kept, so that whoever answers next
//! can be told all of it.

use std::borrow::Cow;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::Seals;
use crate::domain::dialect::Endpoint;
use crate::protocol::call::Call;
use crate::protocol::scan::{elements, members};
use crate::session::keep::Shelf;

/// The longest step of a conversation that is kept, in bytes.
const LONGEST: usize = 4 << 20;
/// The longest conversation that is put together.
const WHOLE: usize = 32 << 20;

/// One call and its answer.
#[derive(Serialize, Deserialize)]
struct Link<'a> {
    /// The answer that the call went on from.
    #[serde(borrow, rename = "p")]
    previous: Option<Cow<'a, str>>,
    /// What the call brought.
    #[serde(borrow, rename = "i")]
    input: &'a RawValue,
    /// What was answered.
    #[serde(borrow, rename = "o")]
    output: &'a RawValue,
}

impl Seals {
    /// Keeps a call and its answer, as the caller is told it, unless the caller wants nothing kept.
    pub fn store(&self, call: &Call, answer: &[u8]) {
        if call.endpoint != Endpoint::Responses || !call.asks.stores {
            return;
        }
        let Ok(answer) = serde_json::from_slice::<Answered<'_>>(answer) else {
            return;
        };
        let body = String::from_utf8_lossy(call.body());
        let Some(input) = raw(&body, "input") else {
            return;
        };
        let link = Link {
            previous: call.asks.previous.as_deref().map(Cow::Borrowed),
            input,
            output: answer.output,
        };
        let text = serde_json::to_string(&link).unwrap_or_default();
        if !text.is_empty() && text.len() <= LONGEST {
            let id = self.talks.answer(&self.caller, &answer.id);
            self.talks.shelve(Shelf::Stored, id, &text);
        }
    }

    /// The body of a call that goes on from an answer with all that was said before in it; `None` where that is not known whole.
    pub fn unfold(&self, call: &Call) -> Option<Bytes> {
        let mut previous = call.asks.previous.clone().map(Cow::Owned);
        let (mut links, mut size) = (Vec::new(), call.size());
        while let Some(id) = previous {
            let id = self.talks.answer(&self.caller, &id);
            let text = self.talks.shelved(Shelf::Stored, id)?;
            size += text.len();
            if size > WHOLE {
                return None;
            }
            let link: Link<'_> = serde_json::from_str(&text).ok()?;
            previous = link.previous.map(|id| Cow::Owned(id.into_owned()));
            links.push(text);
        }
        let body = std::str::from_utf8(call.body()).ok()?;
        let mut items = Items::default();
        for text in links.iter().rev() {
            let link: Link<'_> = serde_json::from_str(text).ok()?;
            items.add(link.input.get());
            items.add(link.output.get());
        }
        items.add(raw(body, "input")?.get());
        Some(with_input(body, &items.0).into())
    }
}

#[derive(Deserialize)]
struct Answered<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    output: &'a RawValue,
}

fn raw<'a>(body: &'a str, name: &str) -> Option<&'a RawValue> {
    let mut found = None;
    members(body, |key, value| {
        if key == name {
            found = serde_json::from_str(value).ok();
        }
    });
    found
}

/// Items of a conversation, one behind the other.
#[derive(Default)]
struct Items(String);

impl Items {
    /// A list of them, or words of the person.
    fn add(&mut self, json: &str) {
        if json.starts_with('"') {
            return self.push(&format!(r#"{{"role":"user","content":{json}}}"#));
        }
        elements(json, |item| self.push(item));
    }

    fn push(&mut self, item: &str) {
        if !self.0.is_empty() {
            self.0.push(',');
        }
        self.0.push_str(item);
    }
}

fn with_input(body: &str, items: &str) -> String {
    let mut whole = format!(r#"{{"input":[{items}]"#);
    members(body, |key, value| {
        if !matches!(key, "input" | "previous_response_id") {
            let key = serde_json::to_string(key).unwrap_or_default();
            whole.push_str(&format!(",{key}:{value}"));
        }
    });
    whole.push('}');
    whole
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::clock::{Clock, Entropy, Timestamp};
    use crate::session::talk::Talks;

    fn call(body: &str) -> Call {
        let body = Bytes::copy_from_slice(body.as_bytes());
        Call::read(Endpoint::Responses, body, 64).expect("a valid body")
    }

    fn seals() -> Seals {
        let clock = Clock::fixed(Timestamp::from_millis(1_795_262_400_000));
        Seals::of(&Talks::alone(clock, &Entropy::seeded(3)), &"k".into())
    }

    const ANSWER: &str =
        r#"{"id":"resp_1","output":[{"type":"message","role":"assistant","content":"b"}]}"#;

    #[test]
    fn a_conversation_is_told_whole() {
        let seals = seals();
        seals.store(&call(r#"{"model":"m","input":"a"}"#), ANSWER.as_bytes());
        let second = call(
            r#"{"model":"m","input":[{"role":"user","content":"c"}],"previous_response_id":"resp_1"}"#,
        );
        seals.store(&second, ANSWER.replace("resp_1", "resp_2").as_bytes());
        let third = call(r#"{"previous_response_id":"resp_2","model":"m","tools":[],"input":"e"}"#);

        let whole = seals.unfold(&third).expect("all is known");

        assert_eq!(
            whole,
            r#"{"input":[{"role":"user","content":"a"},{"type":"message","role":"assistant","content":"b"},{"role":"user","content":"c"},{"type":"message","role":"assistant","content":"b"},{"role":"user","content":"e"}],"model":"m","tools":[]}"#
        );
        let other = Seals::of(&seals.talks, &"other".into());
        assert_eq!(other.unfold(&third), None);
    }

    #[test]
    fn what_the_caller_wants_not_kept_is_not() {
        let seals = seals();
        seals.store(
            &call(r#"{"model":"m","input":"a","store":false}"#),
            ANSWER.as_bytes(),
        );

        let next = call(r#"{"model":"m","input":"c","previous_response_id":"resp_1"}"#);

        assert_eq!(seals.unfold(&next), None);
    }
}
