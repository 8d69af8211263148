//! A request as a tree to walk, and the small questions that all dialects ask of it.

use std::collections::BTreeMap;

use serde_json::Value;
use serde_json::value::RawValue;

use super::super::refusal::Refusal;

/// A body, its fields unread: what is not looked at may hold anything, numbers that nobody can count with among it.
pub(super) struct Tree<'a>(BTreeMap<String, &'a RawValue>);

impl<'a> Tree<'a> {
    pub(super) fn read(body: &'a [u8]) -> Result<Self, Refusal> {
        let fields = serde_json::from_slice(body);
        fields
            .map(Self)
            .map_err(|error| Refusal::unreadable(&error))
    }

    /// A field, `null` where it is missing.
    pub(super) fn get(&self, field: &str) -> Result<Value, Refusal> {
        let Some(raw) = self.0.get(field) else {
            return Ok(Value::Null);
        };
        serde_json::from_str(raw.get()).map_err(|error| Refusal::unreadable(&error))
    }

    /// A field by its name in camel case, or in snake case as Google takes it too.
    pub(super) fn either(&self, camel: &str) -> Result<Value, Refusal> {
        match self.get(camel)? {
            Value::Null => self.get(&snake(camel)),
            value => Ok(value),
        }
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

/// `aName` as `a_name`.
pub(super) fn snake(camel: &str) -> String {
    let mut out = String::with_capacity(camel.len() + 4);
    for letter in camel.chars() {
        if letter.is_ascii_uppercase() {
            out.push('_');
        }
        out.push(letter.to_ascii_lowercase());
    }
    out
}

/// The items of a list; none where it is no list.
pub(super) fn items(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// A text, empty where there is none.
pub(super) fn text<'v>(value: &'v Value, field: &str) -> &'v str {
    value[field].as_str().unwrap_or_default()
}

/// The first field that is not among `known`.
pub(super) fn foreign<'v>(value: &'v Value, known: &[&str]) -> Option<&'v str> {
    let mut names = value.as_object()?.keys();
    names
        .find(|name| !known.contains(&name.as_str()))
        .map(String::as_str)
}

/// Letters, digits, `_` and `-`, at least one and at most so many.
pub(super) fn is_plain(name: &str, most: usize) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    !name.is_empty() && name.len() <= most && name.chars().all(plain)
}

/// Base64 with padding.
pub(super) fn is_base64(data: &str) -> bool {
    let body = data.trim_end_matches('=');
    let letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/');
    !body.is_empty()
        && data.len().is_multiple_of(4)
        && data.len() - body.len() <= 2
        && body.chars().all(letter)
}

/// Whether a schema is of an object.
pub(super) fn is_object_schema(schema: &Value) -> bool {
    let kind = &schema["type"];
    let named = kind
        .as_str()
        .is_some_and(|kind| kind.eq_ignore_ascii_case("object"));
    schema.is_object() && named
}

/// The kinds of pictures that everybody sees.
const PICTURES: [&str; 4] = ["image/jpeg", "image/png", "image/gif", "image/webp"];

pub(super) fn is_picture(media: &str) -> bool {
    PICTURES.contains(&media)
}

/// An address of a picture, or the picture itself as a `data:` URL.
pub(super) fn is_picture_url(url: &str) -> bool {
    if let Some(data) = url.strip_prefix("data:") {
        return data
            .split_once(";base64,")
            .is_some_and(|(media, data)| is_picture(media) && is_base64(data));
    }
    url.starts_with("https://") || url.starts_with("http://")
}

/// The first name that stands twice.
pub(super) fn twice<'v>(names: impl IntoIterator<Item = &'v str>) -> Option<&'v str> {
    let mut seen = std::collections::BTreeSet::new();
    names.into_iter().find(|name| !seen.insert(*name))
}
