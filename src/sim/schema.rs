//! A JSON value that keeps to a JSON schema: what a simulated model gives as a tool's arguments or as structured output.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::answer::WORDS;
use super::json::{Quoted, put};
use super::request::Text;
use crate::domain::clock::mix;

/// Deeper than this, a value is `null`: schemas may be circular.
const DEEPEST: u8 = 12;

#[derive(Deserialize, Default)]
struct Schema<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<&'a RawValue>,
    #[serde(borrow)]
    properties: Option<BTreeMap<String, &'a RawValue>>,
    required: Option<Vec<String>>,
    #[serde(borrow, rename = "enum")]
    one_of: Option<Vec<&'a RawValue>>,
    #[serde(borrow, rename = "const")]
    fixed: Option<&'a RawValue>,
    #[serde(borrow, alias = "oneOf", rename = "anyOf")]
    any_of: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    items: Option<&'a RawValue>,
    #[serde(rename = "minItems")]
    min_items: Option<u8>,
    minimum: Option<f64>,
    #[serde(borrow, rename = "$ref")]
    refers: Option<Text<'a>>,
    #[serde(borrow, rename = "$defs", alias = "definitions")]
    definitions: Option<BTreeMap<String, &'a RawValue>>,
}

/// Returns JSON that fits `schema`, the same for the same seed. A schema that cannot be read gives `{}`.
pub(super) fn fill(schema: Option<&RawValue>, seed: u64) -> String {
    let mut out = String::new();
    let Some(root) = schema.and_then(read) else {
        return "{}".to_owned();
    };
    let mut filler = Filler { root: &root, seed };
    filler.object_or(&root, &mut out);
    out
}

fn read(raw: &RawValue) -> Option<Schema<'_>> {
    serde_json::from_str(raw.get()).ok()
}

struct Filler<'a> {
    root: &'a Schema<'a>,
    seed: u64,
}

impl<'a> Filler<'a> {
    fn object_or(&mut self, root: &Schema<'a>, out: &mut String) {
        // A tool without a type takes an object.
        match root.kind {
            None if root.any_of.is_none() && root.refers.is_none() => self.object(root, 0, out),
            _ => self.value(root, 0, out),
        }
    }

    fn value(&mut self, schema: &Schema<'a>, depth: u8, out: &mut String) {
        let chosen = schema
            .fixed
            .or_else(|| schema.one_of.as_ref()?.first().copied());
        if let Some(raw) = chosen {
            return out.push_str(raw.get());
        }
        let elsewhere = schema.any_of.as_ref().and_then(|any| any.first().copied());
        if let Some(raw) = elsewhere.or_else(|| self.followed(schema)) {
            return self.raw(raw, depth + 1, out);
        }
        match kind(schema) {
            "object" => self.object(schema, depth, out),
            "array" => self.array(schema, depth, out),
            "boolean" => out.push_str("true"),
            "null" => out.push_str("null"),
            "integer" | "number" => match schema.minimum {
                Some(least) => put!(out, "{}", least.ceil()),
                None => put!(out, "{}", self.chance() % 9 + 1),
            },
            _ => {
                let pick = self.chance();
                let word =
                    |shift: u32| WORDS[usize::from((pick >> shift) as u8) % WORDS.len()].trim();
                put!(out, "{}", Quoted(&format!("{} {}", word(0), word(8))));
            }
        }
    }

    fn followed(&self, schema: &Schema<'a>) -> Option<&'a RawValue> {
        let name = schema.refers.as_ref()?.as_str().rsplit('/').next()?;
        self.root.definitions.as_ref()?.get(name).copied()
    }

    fn raw(&mut self, raw: &'a RawValue, depth: u8, out: &mut String) {
        match read(raw) {
            Some(schema) if depth < DEEPEST => self.value(&schema, depth, out),
            _ => out.push_str("null"),
        }
    }

    fn object(&mut self, schema: &Schema<'a>, depth: u8, out: &mut String) {
        out.push('{');
        let none = BTreeMap::new();
        let properties = schema.properties.as_ref().unwrap_or(&none);
        for (at, name) in schema.required.iter().flatten().enumerate() {
            put!(out, "{}{}: ", if at > 0 { ", " } else { "" }, Quoted(name));
            match properties.get(name) {
                Some(raw) => self.raw(raw, depth + 1, out),
                None => out.push_str("null"),
            }
        }
        out.push('}');
    }

    fn array(&mut self, schema: &Schema<'a>, depth: u8, out: &mut String) {
        out.push('[');
        for at in 0..schema.min_items.unwrap_or(1).min(8) {
            let Some(raw) = schema.items else { break };
            if at > 0 {
                out.push_str(", ");
            }
            self.raw(raw, depth + 1, out);
        }
        out.push(']');
    }

    fn chance(&mut self) -> u64 {
        self.seed = mix(self.seed);
        self.seed
    }
}

/// The type, or the first of several, or what the other words of the schema say.
fn kind<'a>(schema: &Schema<'a>) -> &'a str {
    match schema.kind {
        Some(raw) => raw.get().split('"').nth(1).unwrap_or("string"),
        None if schema.properties.is_some() => "object",
        None if schema.items.is_some() => "array",
        None => "string",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_required_is_filled_by_its_type() {
        let schema = r##"{"type": "object", "required": ["path", "mode", "lines", "deep", "tags", "maybe"],
            "$defs": {"Deep": {"type": "object", "required": ["on"], "properties": {"on": {"type": "boolean"}}}},
            "properties": {"path": {"type": "string"}, "mode": {"enum": ["fast", "slow"]}, "unused": {},
            "lines": {"type": "integer", "minimum": 3}, "deep": {"$ref": "#/$defs/Deep"},
            "tags": {"type": "array", "items": {"type": "string"}}, "maybe": {"type": ["null", "string"]}}}"##;
        let raw: &RawValue = serde_json::from_str(schema).expect("JSON");

        let filled = fill(Some(raw), 1);

        let value: serde_json::Value = serde_json::from_str(&filled).expect("JSON");
        assert!(value["path"].is_string() && value["tags"][0].is_string());
        assert_eq!(
            (&value["mode"], &value["lines"]),
            (&"fast".into(), &3.into())
        );
        assert_eq!(
            (&value["deep"]["on"], value["maybe"].is_null()),
            (&true.into(), true)
        );
        assert!(value.get("unused").is_none());
        assert_eq!(filled, fill(Some(raw), 1));
    }

    #[test]
    fn a_circular_or_unreadable_schema_still_gives_json() {
        let circular = r##"{"$ref": "#/$defs/A", "$defs": {"A": {"$ref": "#/$defs/A"}}}"##;
        let raw: &RawValue = serde_json::from_str(circular).expect("JSON");
        assert_eq!(fill(Some(raw), 1), "null");

        let odd: &RawValue = serde_json::from_str("[1]").expect("JSON");
        assert_eq!(
            (fill(Some(odd), 1), fill(None, 1)),
            ("{}".to_owned(), "{}".to_owned())
        );
    }
}
