//! Answers of the Responses dialect that are made in the background: how far one has come.

use std::borrow::Cow;

use memchr::memmem;
use serde::Deserialize;

/// How far an answer has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Made {
    /// It is still being made, under this name.
    Yet(String),
    /// Nothing more becomes of it.
    Over,
}

#[derive(Deserialize)]
struct Told<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    status: Cow<'a, str>,
}

impl Made {
    /// The name of an answer that is still being made. Few are, and all are looked at.
    pub fn yet(body: &[u8]) -> Option<String> {
        const STATES: [&[u8]; 2] = [b"\"queued\"", b"\"in_progress\""];
        let may_be = STATES.iter().any(|it| memmem::find(body, it).is_some());
        match may_be.then(|| Self::read(body)).flatten() {
            Some(Self::Yet(id)) => Some(id),
            _ => None,
        }
    }

    /// Reads an answer as its provider tells it at some moment; `None` where it is none.
    pub fn read(body: &[u8]) -> Option<Self> {
        let told: Told<'_> = serde_json::from_slice(body).ok()?;
        match &*told.status {
            "queued" | "in_progress" => Some(Self::Yet(told.id.into_owned())),
            "completed" | "incomplete" | "failed" | "cancelled" => Some(Self::Over),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_tells_how_far_it_has_come() {
        let of = |status: &str| {
            let body = format!(r#"{{"id":"resp_1","status":"{status}","output":[]}}"#);
            Made::read(body.as_bytes())
        };

        assert_eq!(of("queued"), Some(Made::Yet("resp_1".into())));
        assert_eq!(of("in_progress"), Some(Made::Yet("resp_1".into())));
        for over in ["completed", "incomplete", "failed", "cancelled"] {
            assert_eq!(of(over), Some(Made::Over));
        }
        assert_eq!(of("new"), None);
        assert_eq!(Made::read(br#"{"id":"resp_1","deleted":true}"#), None);
    }
}
