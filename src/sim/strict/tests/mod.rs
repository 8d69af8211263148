//! For each dialect: a good request passes, and one with a single fault does not.

use serde_json::{Value, json};

use super::*;
use crate::sim::seal::Kind;

mod chat;
mod gemini;
mod messages;
mod responses;

/// What is given out in these tests is sealed with this.
fn seals() -> Seals {
    Seals::new(7)
}

fn refusal(door: Door, body: &Value) -> Option<String> {
    let way = Way {
        door,
        model: (door == Door::Generate).then_some("gemini-4"),
        stream: false,
    };
    let body = body.to_string();
    let checked = check(Strictness::Provider, way, body.as_bytes(), &seals());
    checked.err().map(|refusal| refusal.message().to_owned())
}

/// The body with one place changed; `null` takes it out, `-` adds to a list.
fn with(body: &Value, place: &str, value: Value) -> Value {
    let mut body = body.clone();
    let (parent, key) = place.rsplit_once('/').expect("a place begins with a slash");
    match body.pointer_mut(parent).expect("the place is there") {
        Value::Object(fields) if value.is_null() => drop(fields.remove(key)),
        Value::Object(fields) => drop(fields.insert(key.to_owned(), value)),
        Value::Array(list) => match key.parse::<usize>() {
            Ok(at) if value.is_null() => drop(list.remove(at)),
            Ok(at) => list[at] = value,
            Err(_) => list.push(value),
        },
        other => unreachable!("{other} has no places"),
    }
    body
}

/// Each change of the good body is refused, in words that hold these.
fn faults(door: Door, good: &Value, faults: Vec<(&str, Value, &str)>) {
    assert_eq!(refusal(door, good), None);
    for (place, value, words) in faults {
        let text = refusal(door, &with(good, place, value.clone()));
        let told = text.as_deref().is_some_and(|text| text.contains(words));
        assert!(told, "{place} = {value}: {text:?} is not about {words:?}");
    }
}

/// Each change of the good body is taken.
fn fine(door: Door, good: &Value, changes: Vec<(&str, Value)>) {
    for (place, value) in changes {
        let text = refusal(door, &with(good, place, value.clone()));
        assert_eq!(text, None, "{place} = {value}");
    }
}

fn schema() -> Value {
    json!({"type": "object", "properties": {"n": {"type": "integer"}}})
}

#[test]
fn who_is_lenient_takes_what_can_be_read() {
    let way = Way {
        door: Door::Messages,
        model: None,
        stream: false,
    };
    let odd = br#"{"messages": [{"role": "nobody"}], "x": 1e999}"#;

    assert!(check(Strictness::Lenient, way, odd, &seals()).is_ok());
    assert!(check(Strictness::Server, way, odd, &seals()).is_err());
}
