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
}
