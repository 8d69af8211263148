//! Values that are assigned to a telling name: `password = "…"`, `"clientSecret": "…"`, `API_KEY=…`, `--token …`.
//!
//! Code is full of such names, and nearly always what they are given is a call, another name or an example. So a value
//! counts only where it looks drawn by lot.

use super::kinds::Kind;
use super::secrets::{Hit, Place};
use super::text::{Set, Value, char_at, char_before, run_back};
use super::worth::{contains, entropy, is_drawn_by_lot};

/// The longest value that counts.
const LONGEST: usize = 200;

/// Judges what is assigned to the name that the anchor is part of.
pub(super) fn find(place: &Place<'_>) -> Hit {
    let start = run_back(place.text, place.at, Set::Url, 40);
    // The anchors of connection strings end with the sign.
    let closed = place.text[place.end - 1] == b'=';
    let end = if closed { place.end - 1 } else { place.end };
    let rest = place.text[end..].iter().take(40);
    let last = end + rest.take_while(|c| Set::Url.has(**c)).count();
    let at = behind_sign(place.text, start, last)?;
    let name = &place.text[start..last];
    let (value, quoted) = value(place.text, at)?;
    let least = if quoted { 12 } else { 16 };
    let counts = is_drawn_by_lot(value.bytes(), least)
        && !is_harmless(&place.text[start..place.at], &place.text[end..last]);
    counts.then(|| (kind(place.kind, name, value.bytes()), start..value.end))
}

/// Names whose values are public, or belong to the course of a program, by how they begin and by how they end.
fn is_harmless(before: &[u8], after: &[u8]) -> bool {
    const BEFORE: &[&[u8]] = &[
        b"page", b"next", b"csrf", b"xsrf", b"continu", b"sync", b"cache", b"cancel", b"public",
        b"cursor", b"mock", b"idempot", b"design", b"resume",
    ];
    const AFTER: &[&[u8]] = &[
        b"hash",
        b"digest",
        b"type",
        b"url",
        b"uri",
        b"path",
        b"file",
        b"name",
        b"count",
        b"header",
        b"field",
        b"param",
        b"label",
        b"regex",
        b"pattern",
        b"format",
        b"prefix",
        b"izer",
        b"endpoint",
        b"version",
        b"policy",
        b"ref",
    ];
    let has = |text: &[u8], words: &[&[u8]]| words.iter().any(|word| contains(text, word));
    has(before, BEFORE) || has(after, AFTER) || after.to_ascii_lowercase().ends_with(b"id")
}

/// Where the value begins, behind the sign that assigns it.
fn behind_sign(text: &[u8], start: usize, end: usize) -> Option<usize> {
    // The quote or bracket that ends the name.
    let at = skip(text, end, 2, |c| b"\"'`]".contains(&c));
    let at = skip(text, at, 16, is_blank);
    let (sign, next) = char_at(text, at)?;
    let at = match sign {
        b'=' => skip(text, next, 2, |c| b"=>".contains(&c)),
        b':' => behind_type(text, skip(text, next, 1, |c| c == b'=')),
        // `<password>…</password>`.
        b'>' if char_before(text, start) == b'<' => next,
        // `--token …`; the dashes are a part of the name.
        _ if at > end && text[start..].starts_with(b"--") => at,
        _ => return None,
    };
    Some(skip(text, at, 4, is_blank))
}

/// Behind a type that was named: `secret: &str = …`.
fn behind_type(text: &[u8], at: usize) -> usize {
    let end = skip(text, at, 24, |c| Set::Word.has(c) || b" &<>?|".contains(&c));
    match char_at(text, end) {
        Some((b'=', next)) if text[..end].ends_with(b" ") => next,
        _ => at,
    }
}

fn is_blank(c: u8) -> bool {
    c == b' ' || c == b'\t'
}

fn skip(text: &[u8], mut at: usize, most: usize, wanted: impl Fn(u8) -> bool) -> usize {
    for _ in 0..most {
        match char_at(text, at) {
            Some((c, next)) if wanted(c) => at = next,
            _ => break,
        }
    }
    at
}

/// The value at a place, and whether it stands in quotes.
fn value(text: &[u8], at: usize) -> Option<(Value, bool)> {
    // `b"…"`, `f'…'`.
    let prefixed = matches!(text.get(at), Some(b'b' | b'r' | b'f' | b'u'))
        && matches!(text.get(at + 1), Some(b'"' | b'\'' | b'\\'));
    let at = at + usize::from(prefixed);
    let (first, next) = char_at(text, at)?;
    if !b"\"'`".contains(&first) {
        let value = Value::read(text, at, Set::Bare, LONGEST);
        // A call, an index, a path of names: code, no value.
        let code = char_at(text, value.end).is_some_and(|(c, _)| b"([{&".contains(&c));
        return (!code).then_some((value, false));
    }
    let inside = |c: u8| c.is_ascii_graphic() && c != first && !b"(){}<>,;\\|".contains(&c);
    let value = Value::read_while(text, next, LONGEST, inside);
    let closed = char_at(text, value.end).is_some_and(|(c, _)| c == first);
    (closed && !value.bytes().starts_with(b"/") && !contains(value.bytes(), b"://"))
        .then_some((value, true))
}

/// What it is, by its name and its form.
fn kind(usual: Kind, name: &[u8], value: &[u8]) -> Kind {
    let aws =
        value.len() == 40 && value.iter().all(|c| Set::Base64.has(*c)) && entropy(value) >= 4.0;
    if aws && contains(name, b"access") && contains(name, b"secret") {
        Kind::AwsSecretKey
    } else if contains(name, b"twilio") {
        Kind::Twilio
    } else {
        usual
    }
}
