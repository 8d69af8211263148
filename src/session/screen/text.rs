//! Reads the text that JSON stands for, a character at a time: `\n`, `\/`, `\"` and `\u003d` inside, and the same again where
//! JSON stands in a string of JSON (`\\n`, `\\\"`).
//!
//! How deep a text is wrapped nobody says, so a run of backslashes of any length is read as one escape.

/// What stands for all that is not ASCII.
pub(super) const FOREIGN: u8 = 0x80;

/// The character at `at` and where the next one begins.
pub(super) fn char_at(text: &[u8], at: usize) -> Option<(u8, usize)> {
    let byte = *text.get(at)?;
    if byte != b'\\' {
        return Some((byte, at + 1));
    }
    let run = text[at..].iter().take(RUN).take_while(|it| **it == b'\\');
    let after = at + run.count();
    Some(match text.get(after) {
        Some(b'n' | b'r' | b't' | b'b' | b'f') => (b'\n', after + 1),
        Some(c @ (b'/' | b'"' | b'\'' | b'`')) => (*c, after + 1),
        Some(b'u') => match unit(&text[after..]) {
            Some(c) => (c, after + UNIT),
            None => (b'\\', after),
        },
        _ => (b'\\', after),
    })
}

/// The character that ends at `at`; a line break where the text begins.
pub(super) fn char_before(text: &[u8], at: usize) -> u8 {
    let Some(byte) = at.checked_sub(1).and_then(|at| text.get(at)) else {
        return b'\n';
    };
    let escaped = at >= 2 && text[at - 2] == b'\\';
    match byte {
        b'n' | b'r' | b't' | b'b' | b'f' if escaped => b'\n',
        _ => {
            let start = at.saturating_sub(UNIT);
            let wrapped = at > UNIT && text[start - 1] == b'\\';
            let unit = wrapped.then(|| unit(&text[start..at])).flatten();
            unit.unwrap_or(*byte)
        }
    }
}

/// `u` and four digits.
const UNIT: usize = 5;

/// JSON in JSON in JSON has seven backslashes before a quote.
const RUN: usize = 16;

/// The character of `u003d`.
fn unit(text: &[u8]) -> Option<u8> {
    let digits = text.strip_prefix(b"u")?.get(..UNIT - 1)?;
    let unit = digits.iter().try_fold(0u32, |unit, byte| {
        Some(unit << 4 | char::from(*byte).to_digit(16)?)
    })?;
    Some(match u8::try_from(unit) {
        Ok(c) if c.is_ascii() => c,
        _ => FOREIGN,
    })
}

/// Letters of which values are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Set {
    /// Capitals and digits.
    Upper,
    /// Hexadecimal digits.
    Hex,
    /// Letters and digits.
    Alnum,
    /// And `_`.
    Word,
    /// And `-`.
    Url,
    /// And `.`.
    Dotted,
    /// And `%`.
    Percent,
    /// Base64 of either alphabet.
    Base64,
    /// All that headers allow in a token.
    Header,
    /// All that may stand in a value without quotes.
    Bare,
}

impl Set {
    /// Whether a character is one of these.
    pub(super) fn has(self, c: u8) -> bool {
        match self {
            Self::Upper => c.is_ascii_uppercase() || c.is_ascii_digit(),
            Self::Hex => c.is_ascii_hexdigit(),
            Self::Alnum => c.is_ascii_alphanumeric(),
            Self::Word => Self::Alnum.has(c) || c == b'_',
            Self::Url => Self::Word.has(c) || c == b'-',
            Self::Dotted => Self::Url.has(c) || c == b'.',
            Self::Percent => Self::Dotted.has(c) || c == b'%',
            Self::Base64 => Self::Url.has(c) || matches!(c, b'+' | b'/' | b'='),
            Self::Header => Self::Base64.has(c) || matches!(c, b'.' | b'~'),
            Self::Bare => Self::Header.has(c) || b"!@#%^*?$".contains(&c),
        }
    }
}

/// The longest value that is looked at.
pub(super) const LONGEST: usize = 1_024;

/// A value that was read. It may be a secret: so it has no `Debug`, and lives on the stack.
pub(super) struct Value {
    bytes: [u8; LONGEST],
    length: usize,
    /// Where it ends in the text.
    pub(super) end: usize,
}

impl Value {
    /// Reads from `at` while the characters are of `set`, up to `most` of them.
    pub(super) fn read(text: &[u8], at: usize, set: Set, most: usize) -> Self {
        Self::read_while(text, at, most, |c| set.has(c))
    }

    /// Reads from `at` while the characters are wanted, up to `most` of them.
    pub(super) fn read_while(
        text: &[u8],
        at: usize,
        most: usize,
        wanted: impl Fn(u8) -> bool,
    ) -> Self {
        let mut value = Self {
            bytes: [0; LONGEST],
            length: 0,
            end: at,
        };
        while value.length < most.min(LONGEST)
            && let Some((c, next)) = char_at(text, value.end)
            && wanted(c)
        {
            value.bytes[value.length] = c;
            value.length += 1;
            value.end = next;
        }
        value
    }

    /// Leaves out the full stops at its end.
    pub(super) fn trim_dots(&mut self) {
        while self.bytes().last() == Some(&b'.') {
            self.length -= 1;
            self.end -= 1;
        }
    }

    /// What was read.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

/// Where the run of `set` that ends at `at` begins, at most `most` bytes before. What belongs to an escape is left out.
pub(super) fn run_back(text: &[u8], at: usize, set: Set, most: usize) -> usize {
    let floor = at.saturating_sub(most);
    let run = text[floor..at].iter().rev().take_while(|c| set.has(**c));
    let start = at - run.count();
    if start == 0 || text[start - 1] != b'\\' {
        return start;
    }
    let escape = match text.get(start) {
        Some(b'n' | b'r' | b't' | b'b' | b'f') => 1,
        Some(b'u') => UNIT,
        _ => 0,
    };
    (start + escape).min(at)
}

/// A text whose plain letters were written as `\u0061` with the letters in their place; `None` where none was. Nobody writes so
/// but to hide them.
pub(super) fn unescaped(text: &[u8]) -> Option<Vec<u8>> {
    let finder = memchr::memmem::Finder::new(b"\\u00");
    let letter = |at: usize| {
        let digits = std::str::from_utf8(text.get(at + 4..at + 6)?).ok()?;
        let byte = u8::from_str_radix(digits, 16).ok()?;
        let plain = (b' '..0x7f).contains(&byte) && byte != b'"' && byte != b'\\';
        plain.then_some(byte)
    };
    let mut found = finder
        .find_iter(text)
        .filter_map(|at| Some((at, letter(at)?)))
        .peekable();
    found.peek()?;
    let (mut plain, mut end) = (Vec::with_capacity(text.len()), 0);
    for (at, byte) in found {
        plain.extend_from_slice(&text[end..at]);
        plain.push(byte);
        end = at + 6;
    }
    plain.extend_from_slice(&text[end..]);
    Some(plain)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn escapes_are_read_as_what_they_stand_for() {
        let all = |text: &str| {
            let value = Value::read_while(text.as_bytes(), 0, 100, |_| true);
            String::from_utf8(value.bytes().to_vec()).expect("ASCII")
        };

        assert_eq!(all(r#"a\/b\u003d\"c\n\\\"d\\u0026"#), "a/b=\"c\n\"d&");
        assert_eq!(all(r"C:\\Users\q"), r"C:\Users\q");
        assert_eq!(char_before(br"a\nx", 3), b'\n');
        assert_eq!(char_before(br"\u003dx", 6), b'=');
        assert_eq!(char_before(b"anx", 2), b'n');
        assert_eq!(char_before(b"x", 0), b'\n');
        assert_eq!(run_back(br"x\nabc", 6, Set::Alnum, 100), 3);
        assert_eq!(run_back(br"\u003dabc", 9, Set::Alnum, 100), 6);
    }

    proptest! {
        #[test]
        fn reading_goes_on_and_ends(text in "[\\\\u0-9n\"/é]{0,40}", at in 0usize..50) {
            let text = text.as_bytes();
            let mut from = at;
            while let Some((_, next)) = char_at(text, from) {
                prop_assert!(next > from && next <= text.len());
                from = next;
            }
            let _ = char_before(text, at.min(text.len()));
            prop_assert!(run_back(text, at.min(text.len()), Set::Url, 9) <= at);
        }
    }
}
