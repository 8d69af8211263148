//! What an element of a prompt comes to, whatever way its client wrote it this time: without the marks by which callers ask
//! for caching, and a list of one text as that text. Clients move marks from turn to turn, and a message that was a list while
//! it was the last becomes a plain text behind the next; to a provider's cache both are the same.

use std::ops::Range;

use memchr::memchr_iter;
use memchr::memmem;

/// How long the caller asks to have a prefix cached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mark {
    /// The provider's short life.
    Short,
    /// Its long one.
    Long,
}

impl Mark {
    /// What a value of `cache_control` asks for.
    pub(super) fn of(value: &str) -> Option<Self> {
        let long = || value.contains("\"1h\"") || value.contains("\"12h\"");
        value.starts_with('{').then(|| match long() {
            true => Self::Long,
            false => Self::Short,
        })
    }
}

const KEY: &[u8] = b"\"cache_control\"";
/// The same without its quotes.
const NAME: &[u8] = b"cache_control";

/// A piece of JSON as it counts.
#[derive(Debug, PartialEq, Eq)]
pub struct Canon<'a> {
    /// What stands before the content, the content, and what stands behind it. Where the content is more than one text, all
    /// is in the middle.
    pub parts: [&'a [u8]; 3],
    /// The last mark in it.
    pub mark: Option<Mark>,
}

/// Where marks may stand in a body: whoever reads it sees them in passing.
#[derive(Clone, Debug, Default)]
pub struct Marks(Vec<usize>);

impl Marks {
    /// Looks at a text of the body whose quote stands `at`. Texts come in their order.
    pub(super) fn see(&mut self, inside: &[u8], at: usize) {
        if inside == NAME {
            self.0.push(at);
        }
    }

    /// Whether any may stand in this place.
    pub fn are_in(&self, place: &Range<usize>) -> bool {
        let first = self.0.partition_point(|at| *at < place.start);
        self.0.get(first).is_some_and(|at| *at < place.end)
    }
}

/// Reads a piece of a scanned body. `content` is where its content stands in it; `marked` says that marks may be in it;
/// `scratch` is used where they have to be taken out, and nothing is copied elsewhere.
pub fn canon<'a>(
    json: &'a [u8],
    content: Option<Range<usize>>,
    marked: bool,
    scratch: &'a mut Vec<u8>,
) -> Canon<'a> {
    let (mut content, mut mark) = (content, None);
    let json = match marked {
        false => json,
        true => {
            mark = unmark(json, content.as_mut(), scratch);
            scratch.as_slice()
        }
    };
    let split = content.and_then(|place| Some((alone(json, &place)?, place)));
    let parts = match split {
        Some((text, place)) => [&json[..place.start], &json[text], &json[place.end..]],
        None => [&json[..0], json, &json[..0]],
    };
    Canon { parts, mark }
}

/// Writes `json` without its marks; `content` moves along. Returns the last mark.
fn unmark(
    json: &[u8],
    mut content: Option<&mut Range<usize>>,
    scratch: &mut Vec<u8>,
) -> Option<Mark> {
    scratch.clear();
    let (mut copied, mut gone, mut mark) = (0, 0, None);
    let place = content.as_ref().map(|content| (**content).clone());
    for at in memmem::find_iter(json, KEY) {
        let Some((cut, found)) = member(json, at) else {
            continue;
        };
        mark = found.or(mark);
        scratch.extend_from_slice(&json[copied..cut.start]);
        copied = cut.end;
        gone += cut.len();
        if let (Some(content), Some(place)) = (content.as_deref_mut(), &place) {
            if cut.start < place.start {
                content.start = place.start - gone;
            }
            if cut.start < place.end {
                content.end = place.end - gone;
            }
        }
    }
    scratch.extend_from_slice(&json[copied..]);
    mark
}

/// The member whose key stands at `at`, with the comma that goes with it, and what it asks for. None where this is no key.
fn member(json: &[u8], at: usize) -> Option<(Range<usize>, Option<Mark>)> {
    let skip = |from: usize| from + json[from..].iter().take_while(|byte| space(**byte)).count();
    let colon = skip(at + KEY.len());
    let value = match json.get(colon) {
        Some(b':') => skip(colon + 1),
        _ => return None,
    };
    let end = match json.get(value)? {
        b'{' => value + memchr::memchr(b'}', &json[value..])? + 1,
        b'n' => value + 4,
        _ => return None,
    };
    let mark = std::str::from_utf8(json.get(value..end)?).map(Mark::of);
    let before = json[..at].iter().rposition(|byte| !space(*byte));
    let cut = match before.map(|before| (before, json[before])) {
        Some((comma, b',')) => comma..end,
        _ => match json.get(skip(end)) {
            Some(b',') => at..skip(skip(end) + 1),
            _ => at..end,
        },
    };
    Some((cut, mark.ok().flatten()))
}

/// Where the text stands, in its quotes, if the content is one text: as such, or as the only part of a list.
fn alone(json: &[u8], content: &Range<usize>) -> Option<Range<usize>> {
    let (start, end) = (content.start, content.end);
    if json.get(start) == Some(&b'"') {
        return Some(content.clone());
    }
    let mut reader = Reader { json, at: start };
    reader.take(b'[')?;
    reader.take(b'{')?;
    let (mut text, mut kind) = (None, false);
    loop {
        let key = reader.string()?;
        reader.take(b':')?;
        let value = reader.string()?;
        match &json[key] {
            b"\"text\"" => text = Some(value),
            b"\"type\"" => kind = matches!(&json[value], b"\"text\"" | b"\"input_text\""),
            _ => return None,
        }
        if reader.take(b',').is_none() {
            break;
        }
    }
    reader.take(b'}')?;
    reader.take(b']')?;
    (kind && reader.at == end).then_some(text).flatten()
}

/// Reads JSON that is known to be valid, as far as it is what is looked for.
struct Reader<'a> {
    json: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn space(&mut self) {
        while self.json.get(self.at).copied().is_some_and(space) {
            self.at += 1;
        }
    }

    fn take(&mut self, byte: u8) -> Option<()> {
        self.space();
        (self.json.get(self.at) == Some(&byte)).then(|| self.at += 1)
    }

    fn string(&mut self) -> Option<Range<usize>> {
        self.take(b'"')?;
        let start = self.at;
        let rest = &self.json[start..];
        let end = memchr_iter(b'"', rest).find(|quote| {
            let slashes = rest[..*quote].iter().rev();
            slashes
                .take_while(|byte| **byte == b'\\')
                .count()
                .is_multiple_of(2)
        })?;
        self.at = start + end + 1;
        Some(start - 1..self.at)
    }
}

fn space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\n' | b'\r' | b'\t')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str, content: &str) -> (String, Option<Mark>) {
        let start = json.find(content).expect("it is there");
        let mut scratch = Vec::new();
        let place = start..start + content.len();
        let canon = canon(json.as_bytes(), Some(place), true, &mut scratch);
        let text = String::from_utf8(canon.parts.join(&b'|')).expect("text");
        (text, canon.mark)
    }

    #[test]
    fn a_list_of_one_text_is_that_text_with_or_without_a_mark() {
        let text = r#""say \"it\"\\""#;
        let marked = format!(
            r#"[{{"type":"text","text":{text},"cache_control":{{"type":"ephemeral","ttl":"1h"}}}}]"#
        );
        let spaced = format!(
            r#"[ {{"cache_control" : {{"type":"ephemeral"}}, "text": {text}, "type": "text"}} ]"#
        );
        let message = |content: &str| format!(r#"{{"role":"user","content":{content},"x":1}}"#);

        let plain = read(&message(text), text);
        let long = read(&message(&marked), &marked);
        let short = read(&message(&spaced), &spaced);

        let same = format!(r#"{{"role":"user","content":|{text}|,"x":1}}"#);
        assert_eq!(plain, (same.clone(), None));
        assert_eq!(long, (same.clone(), Some(Mark::Long)));
        assert_eq!(short, (same, Some(Mark::Short)));
    }

    #[test]
    fn marks_are_taken_out_of_what_is_more_than_a_text() {
        let content = r#"[{"type":"tool_result","content":"\"cache_control\":{","cache_control":{"type":"ephemeral"}},{"type":"image","cache_control":null}]"#;
        let message = format!(r#"{{"content":{content}}}"#);

        let (text, mark) = read(&message, content);

        let left = r#"|{"content":[{"type":"tool_result","content":"\"cache_control\":{"},{"type":"image"}]}|"#;
        assert_eq!((text.as_str(), mark), (left, Some(Mark::Short)));
    }

    #[test]
    fn what_only_looks_like_a_mark_stays() {
        let json = r#"{"content":["cache_control","x"],"y":{"cache_control":1}}"#;

        let (text, mark) = read(json, r#"["cache_control","x"]"#);

        assert_eq!((text, mark), (format!("|{json}|"), None));
    }
}
