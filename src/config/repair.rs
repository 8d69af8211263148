//! What a policy says of flawed answers, as it is written.

use super::node::Kind;
use super::policies::Known;
use super::reader::Cursor;
use super::rules;
use crate::policy::{Catch, Hold, Repair};

/// The most bytes that may be held back of one answer.
const MOST: u64 = 16 << 20;

/// Reads what is caught, of whom, and how long it is held. A mistake is reported, and leaves the default in its place.
pub(super) fn read(cursor: &Cursor<'_>, known: &Known) -> Repair {
    if let Kind::Text(text) = &cursor.node.kind {
        if text != "none" {
            cursor.fault(
                "this is not a map",
                "write keys below it, or `repair: none`",
            );
        }
        return Repair::none();
    }
    let Some(fields) = cursor.fields(&["of", "catch", "again", "hold"]) else {
        return Repair::default();
    };
    let plain = Repair::default();
    let words: Vec<_> = Catch::ALL.iter().map(|it| (it.as_str(), *it)).collect();
    let of = fields.get("of").and_then(|it| rules::any(&it, known));
    let catch = fields.get("catch").and_then(|it| it.some_of(&words));
    let again = fields.get("again");
    let again = again.and_then(|it| it.one_of(&[("once", true), ("never", false)]));
    let hold = fields.get("hold").map(|it| hold(&it));
    Repair {
        of: of.unwrap_or(plain.of),
        catch: catch.unwrap_or(plain.catch),
        again: again.unwrap_or(plain.again),
        hold: hold.unwrap_or_default(),
    }
}

fn hold(cursor: &Cursor<'_>) -> Hold {
    let plain = Hold::default();
    let Some(fields) = cursor.fields(&["text_bytes", "bytes", "ms"]) else {
        return plain;
    };
    let count = |key, example| fields.get(key).and_then(|it| it.count(0, MOST, example));
    let size = |key, example| count(key, example).and_then(|it| usize::try_from(it).ok());
    Hold {
        text: size("text_bytes", 400).unwrap_or(plain.text),
        bytes: size("bytes", 65_536).unwrap_or(plain.bytes),
        millis: count("ms", 30_000).unwrap_or(plain.millis),
    }
}
