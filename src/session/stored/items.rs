//! The items of a conversation that is put together again.

use serde_json::value::RawValue;

use crate::protocol::scan::{elements, members};

/// Items of a conversation, one behind the other.
#[derive(Default)]
pub(super) struct Items {
    pub(super) json: String,
    /// Bytes that were read to find those that are only named.
    pub(super) read: usize,
}

impl Items {
    /// A list of them, or words of the person.
    pub(super) fn add(&mut self, json: Option<&RawValue>) {
        let Some(json) = json.map(RawValue::get) else {
            return;
        };
        if json.starts_with('"') {
            return self.push(&format!(r#"{{"role":"user","content":{json}}}"#));
        }
        elements(json, |item| self.push(item));
    }

    pub(super) fn push(&mut self, item: &str) {
        if !self.json.is_empty() {
            self.json.push(',');
        }
        self.json.push_str(item);
    }
}

/// The same body with these items in place of its own and of the name of what it goes on from.
pub(super) fn with_input(body: &str, items: &str) -> String {
    let mut whole = String::with_capacity(body.len() + items.len());
    whole.push('{');
    members(body, |key, value| {
        if !matches!(key, "input" | "previous_response_id") {
            let key = serde_json::to_string(key).unwrap_or_default();
            whole.push_str(&key);
            whole.push(':');
            whole.push_str(value);
            whole.push(',');
        }
    });
    whole.push_str(r#""input":["#);
    whole.push_str(items);
    whole.push_str("]}");
    whole
}
