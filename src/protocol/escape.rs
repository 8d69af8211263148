//! The text that a JSON string stands for, as far as anyone looks at it.

/// How far into a text we look, from its beginning and from its end: what is copied stays bounded, however long the call.
pub(super) const REACH: usize = 32 * 1_024;

/// Where the middle of a long text was left out, and how much of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Gap {
    /// Before this byte of what is left.
    pub(super) at: usize,
    /// Bytes.
    pub(super) length: usize,
}

/// Writes the text of a valid JSON string (without its quotes) into `plain`, in place of what is there: all of it, or,
/// where it is longer than twice the `reach`, that much of its beginning and of its end.
pub(super) fn unescape(raw: &str, reach: usize, plain: &mut String) -> Option<Gap> {
    plain.clear();
    let (head, tail) = ends(raw, reach);
    // No escape has a space in it: what follows one can be read without what is before it.
    let near = &raw.as_bytes()[tail..raw.len().min(tail + 1_024)];
    let space = memchr::memchr(b' ', near);
    let tail = tail + space.unwrap_or(0);
    let mut gap = None;
    let mut at = 0;
    while at < raw.len() {
        if space.is_some() && at >= head {
            at = at.max(tail);
        }
        let rest = &raw.as_bytes()[at..];
        let next = memchr::memchr(b'\\', rest).map_or(raw.len(), |run| at + run);
        plain.push_str(&raw[at..next.min(head).max(at)]);
        if next >= tail && gap.is_none() && head < tail {
            gap = Some(Gap {
                at: plain.len(),
                length: tail - head,
            });
        }
        plain.push_str(&raw[at.max(tail).min(next)..next]);
        if next == raw.len() {
            break;
        }
        let (char, size) = escaped(&raw[next..]);
        if next < head || next >= tail {
            plain.push(char);
        }
        at = next + size;
    }
    gap
}

/// Where the beginning of a text ends and its end begins, both of them the text's end where it is short.
pub(super) fn ends(text: &str, reach: usize) -> (usize, usize) {
    if text.len() <= reach.saturating_mul(2) {
        return (text.len(), text.len());
    }
    let tail = text.ceil_char_boundary(text.len() - reach);
    (text.floor_char_boundary(reach), tail)
}

/// The character of an escape, and the bytes that it takes.
fn escaped(raw: &str) -> (char, usize) {
    match raw.as_bytes().get(1) {
        Some(b'n') => ('\n', 2),
        Some(b't') => ('\t', 2),
        Some(b'r' | b'b' | b'f') => (' ', 2),
        Some(b'u') => unit(raw),
        Some(byte) if byte.is_ascii() => (char::from(*byte), 2),
        _ => (char::REPLACEMENT_CHARACTER, 1),
    }
}

/// The character of one `\uXXXX`, or of the two that make up one beyond the basic plane.
fn unit(raw: &str) -> (char, usize) {
    let unit = |raw: &str| u32::from_str_radix(raw.strip_prefix("\\u")?.get(..4)?, 16).ok();
    let high = unit(raw);
    let low = raw.get(6..).and_then(unit);
    let pair = match (high, low) {
        (Some(high @ 0xd800..=0xdbff), Some(low @ 0xdc00..=0xdfff)) => {
            char::from_u32(0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00))
        }
        _ => None,
    };
    match pair {
        Some(pair) => (pair, 12),
        None => {
            let single = high.and_then(char::from_u32);
            (
                single.unwrap_or(char::REPLACEMENT_CHARACTER),
                6.min(raw.len()),
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn plain(raw: &str, reach: usize) -> (String, Option<Gap>) {
        let mut plain = String::from("before");
        let gap = unescape(raw, reach, &mut plain);
        (plain, gap)
    }

    #[test]
    fn escapes_become_what_they_stand_for() {
        let (text, gap) = plain(r#"a\n\t\"\\n\/\u00e9 \ud83d\ude00 é"#, 1_000);

        assert_eq!(text, "a\n\t\"\\n/é 😀 é");
        assert_eq!(gap, None);
    }

    #[test]
    fn the_middle_of_a_long_text_is_left_out() {
        let (text, gap) = plain(r"0123456789\n\n\n\n\nabcdefghij", 5);

        assert_eq!(text, "01234fghij");
        assert_eq!(gap, Some(Gap { at: 5, length: 20 }));
    }

    proptest! {
        #[test]
        fn a_text_is_had_back(text in "\\PC{0,80}|[\\\\\"\\n\\t😀é/u0d8]{0,80}") {
            let quoted = serde_json::to_string(&text).expect("JSON");

            let (back, _) = plain(&quoted[1..quoted.len() - 1], 1_000);

            prop_assert_eq!(back, text);
        }

        /// However a text is cut, the ends are made of characters that it has.
        #[test]
        fn no_cut_makes_up_characters(text in "[\\\\\"\\nx😀é]{0,60}", reach in 0usize..40, ascii: bool) {
            let quoted = serde_json::to_string(&text).expect("JSON");
            let quoted = if ascii { to_ascii(&quoted) } else { quoted };

            let (back, gap) = plain(&quoted[1..quoted.len() - 1], reach);

            prop_assert!(back.chars().all(|c| text.contains(c)), "{back:?}");
            prop_assert!(gap.is_none_or(|gap| back.is_char_boundary(gap.at)));
        }
    }

    /// With each character beyond ASCII as its escape.
    fn to_ascii(text: &str) -> String {
        let mut units = [0; 2];
        let mut ascii = String::new();
        for c in text.chars() {
            match c.is_ascii() {
                true => ascii.push(c),
                false => {
                    for unit in c.encode_utf16(&mut units) {
                        ascii.push_str(&format!("\\u{unit:04x}"));
                    }
                }
            }
        }
        ascii
    }
}
