//! Events that are the same but for one text, as most of an answer's are: the second need not be read to know what it says.

use std::ops::Range;

/// The most of an event, its text left out, that is remembered.
const LONGEST: usize = 2 << 10;

/// Remembers one event but for its text.
#[derive(Debug, Default)]
pub(super) struct Alike {
    /// The event without its text.
    rest: Vec<u8>,
    /// Where in it the text stood.
    at: usize,
}

impl Alike {
    /// Remembers an event of which the JSON string at `place`, its quotes included, is the text.
    pub(super) fn learn(&mut self, event: &[u8], place: &Range<usize>) {
        self.rest.clear();
        let (before, after) = (&event[..place.start], &event[place.end..]);
        if before.len() + after.len() > LONGEST {
            return;
        }
        self.rest.reserve_exact(before.len() + after.len());
        self.rest.extend_from_slice(before);
        self.rest.extend_from_slice(after);
        self.at = place.start;
    }

    /// The event before is one that has to be read.
    pub(super) fn forget(&mut self) {
        self.rest.clear();
    }

    /// Where the text of an event stands that is the same but for it. `None` also for one that has to be read to know.
    pub(super) fn text(&self, event: &[u8]) -> Option<Range<usize>> {
        if self.rest.is_empty() {
            return None;
        }
        let (before, after) = self.rest.split_at(self.at);
        let text = event.strip_prefix(before)?.strip_suffix(after)?;
        is_string(text).then(|| before.len()..before.len() + text.len())
    }
}

/// These bytes are one whole JSON string, as far as that is plain to see.
fn is_string(json: &[u8]) -> bool {
    let inside = json
        .strip_prefix(b"\"")
        .and_then(|rest| rest.strip_suffix(b"\""));
    let Some(inside) = inside else { return false };
    let mut bytes = inside.iter();
    while let Some(byte) = bytes.next() {
        let plain = match byte {
            b'"' | 0..0x20 => false,
            b'\\' => matches!(
                bytes.next(),
                Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't')
            ),
            _ => true,
        };
        if !plain {
            return false;
        }
    }
    std::str::from_utf8(inside).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: &[u8] = br#"{"choices":[{"delta":{"content":"one"}}]}"#;

    fn learned() -> Alike {
        let mut alike = Alike::default();
        let at = FIRST.windows(5).position(|it| it == b"\"one\"").unwrap();
        alike.learn(FIRST, &(at..at + 5));
        alike
    }

    #[test]
    fn an_event_that_differs_in_its_text_alone_is_known() {
        let alike = learned();
        for text in [r#""two""#, r#""""#, r#""a \"b\" \n c\\""#, "\"\u{e9}\""] {
            let event = format!(r#"{{"choices":[{{"delta":{{"content":{text}}}}}]}}"#);
            let place = alike.text(event.as_bytes()).unwrap();
            assert_eq!(&event[place], text);
        }
    }

    #[test]
    fn any_other_event_is_read() {
        let alike = learned();
        let others: [&[u8]; 9] = [
            br#"{"choices":[{"delta":{"content":"two"},"finish_reason":"stop"}]}"#,
            br#"{"choices":[{"delta":{"content":"two"},"x":{"y":"z"}}]}"#,
            br#"{"choices":[{"delta":{"content":null}}]}"#,
            br#"{"choices":[{"delta":{"content":"two}}]}"#,
            br#"{"choices":[{"delta":{"content":"}}]}"#,
            br#"{"choices":[{"delta":{"content":"a","b":"c"}}]}"#,
            br#"{"choices":[{"delta":{"content":"\u00e9"}}]}"#,
            b"{\"choices\":[{\"delta\":{\"content\":\"a\nb\"}}]}",
            b"{\"choices\":[{\"delta\":{\"content\":\"\xff\"}}]}",
        ];
        for event in others {
            assert_eq!(alike.text(event), None, "{}", event.escape_ascii());
        }
        assert_eq!(Alike::default().text(FIRST), None);
    }
}
