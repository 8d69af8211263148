//! Writing JSON by hand into a string: frames are rendered once a reply, and most of a frame is the same each time.

use std::fmt::{self, Write as _};

/// Appends formatted text. Writing to a `String` cannot fail.
macro_rules! put {
    ($out:expr, $($format:tt)+) => {{
        use std::fmt::Write as _;
        let _ = write!($out, $($format)+);
    }};
}
pub(super) use put;

/// Displays a text as a JSON string, quotes included.
pub(super) struct Quoted<'a>(pub(super) &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        let mut plain = 0;
        for (at, byte) in self.0.bytes().enumerate() {
            let escape = match byte {
                b'"' => "\\\"",
                b'\\' => "\\\\",
                b'\n' => "\\n",
                b'\r' => "\\r",
                b'\t' => "\\t",
                0..=0x1f => "",
                _ => continue,
            };
            // Every escaped byte is ASCII, so both cuts are at character boundaries.
            f.write_str(&self.0[plain..at])?;
            match escape {
                "" => write!(f, "\\u{byte:04x}")?,
                _ => f.write_str(escape)?,
            }
            plain = at + 1;
        }
        f.write_str(&self.0[plain..])?;
        f.write_char('"')
    }
}

/// Bytes in base64, with padding.
pub(super) fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let byte = |at: usize| u32::from(group.get(at).copied().unwrap_or(0));
        let bits = (byte(0) << 16) | (byte(1) << 8) | byte(2);
        for at in 0..4_usize {
            let sixth = (bits >> (18 - 6 * at)) & 63;
            let letter = ALPHABET[usize::try_from(sixth).expect("six bits")];
            out.push(if at <= group.len() {
                char::from(letter)
            } else {
                '='
            });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_quoted_text_reads_back(text in "(.|[\\x00-\\x1f])*") {
            let read: String = serde_json::from_str(&Quoted(&text).to_string()).expect("JSON");
            prop_assert_eq!(read, text);
        }
    }

    #[test]
    fn base64_is_the_usual_one() {
        // The number 1.0 in its little-endian bytes.
        assert_eq!(base64(&[0, 0, 0x80, 0x3f]), "AACAPw==");
        assert_eq!(
            base64(&[0, 0, 0x80, 0x3f, 0, 0, 0x80, 0x3f]),
            "AACAPwAAgD8="
        );
    }
}
