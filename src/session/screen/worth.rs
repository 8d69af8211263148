//! Tells a secret from what only has its form: examples of manuals, placeholders, names, ids.

/// What stands in examples and nowhere else; small letters.
const MADE_UP: &[&[u8]] = &[
    b"example",
    b"placeholder",
    b"changeme",
    b"change_me",
    b"change-me",
    b"your",
    b"xxxx",
    b"dummy",
    b"fake",
    b"redacted",
    b"insert",
    b"replace",
    b"sample",
    b"_test_",
    b"pk_live_",
    b"deadbeef",
    b"${",
    b"{{",
    b"$(",
    b"%s",
    b"<",
    b"...",
    b"***",
    b"process.env",
    b"environ",
    b"getenv",
];

/// Whether a value is nobody's: a word of examples is in it, a letter comes again and again, or letters stand in their order.
pub(super) fn is_made_up(value: &[u8]) -> bool {
    MADE_UP.iter().any(|word| contains(value, word)) || is_drawn(value)
}

/// Whether `small` is in a text, whatever its case.
pub(super) fn contains(text: &[u8], small: &[u8]) -> bool {
    let Some((first, rest)) = small.split_first() else {
        return true;
    };
    let other = first.to_ascii_uppercase();
    let mut at = 0;
    while let Some(found) = memchr::memchr2(*first, other, &text[at..]) {
        at += found + 1;
        let Some(part) = text.get(at..at + rest.len()) else {
            return false;
        };
        if part.eq_ignore_ascii_case(rest) {
            return true;
        }
    }
    false
}

/// Six times the same letter, or eight in their order.
fn is_drawn(value: &[u8]) -> bool {
    let (mut same, mut rising) = (1, 1);
    value.windows(2).any(|pair| {
        let step = pair[1].wrapping_sub(pair[0]);
        same = if step == 0 { same + 1 } else { 1 };
        rising = if step == 1 { rising + 1 } else { 1 };
        same >= 6 || rising >= 8
    })
}

/// Bits by letter, as often as each letter comes in this value. 32 random hexadecimal digits have about 3.5, forty of base64
/// about 4.8, words below 3.
pub(super) fn entropy(value: &[u8]) -> f32 {
    let mut counts = [0u16; 256];
    for byte in value {
        let count = &mut counts[usize::from(*byte)];
        *count = count.saturating_add(1);
    }
    let all = value.len().max(1) as f32;
    let shares = counts.iter().filter(|count| **count > 0);
    shares
        .map(|count| f32::from(*count) / all)
        .map(|share| -share * share.log2())
        .sum()
}

/// Fit to be a key behind a prefix that says so: not an example, and not the same few letters.
pub(super) fn is_random(value: &[u8]) -> bool {
    !is_made_up(value) && entropy(value) >= 3.0
}

/// As GitHub and npm write their tokens: the last six of 36 letters are the CRC-32 of the first thirty, in base 62.
pub(super) fn has_checksum(value: &[u8]) -> bool {
    let parts = value.split_at_checked(30);
    parts.is_some_and(|(body, check)| check == checksum(body))
}

/// The CRC-32 of a text in base 62.
pub(super) fn checksum(body: &[u8]) -> [u8; 6] {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut rest = crc32(body);
    let mut digits = [b'0'; 6];
    for digit in digits.iter_mut().rev() {
        *digit = DIGITS[(rest % 62) as usize];
        rest /= 62;
    }
    digits
}

/// Only thirty bytes are ever asked for, and only behind a prefix: no table is worth it.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, byte: &u8| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg())
        })
    };
    !bytes.iter().fold(!0, step)
}

/// Whether a value that is assigned to a telling name looks drawn by lot: no words, no identifier, no id.
pub(super) fn is_drawn_by_lot(value: &[u8], least: usize) -> bool {
    if value.len() < least || is_uuid(value) {
        return false;
    }
    // The cheap questions first: nearly all values of code end here.
    let classes = Classes::of(value);
    if value.iter().all(u8::is_ascii_hexdigit) {
        let long = value.len() >= 32 && classes.has_letters();
        return long && entropy(value) >= 2.8 && !is_made_up(value);
    }
    let enough = if value.len() < 20 { 3.2 } else { 3.5 };
    let varied = classes.kinds() >= 3 || (value.len() >= 20 && classes.kinds() == 2);
    let likely = classes.digits >= 1 && varied && classes.changes() >= 0.2;
    likely && entropy(value) >= enough && !is_made_up(value)
}

/// Eight, four, four, four and twelve digits: the id of something, in most cases.
fn is_uuid(value: &[u8]) -> bool {
    let dash = |at: usize| matches!(at, 8 | 13 | 18 | 23);
    let fits = |(at, c): (usize, &u8)| match dash(at) {
        true => *c == b'-',
        false => c.is_ascii_hexdigit(),
    };
    value.len() == 36 && value.iter().enumerate().all(fits)
}

/// Of what a value is made, and how often that changes: identifiers keep to one kind for a word, random letters do not.
struct Classes {
    small: usize,
    capital: usize,
    digits: usize,
    marks: usize,
    steps: usize,
    changed: usize,
}

impl Classes {
    fn of(value: &[u8]) -> Self {
        let mut classes = Self {
            small: 0,
            capital: 0,
            digits: 0,
            marks: 0,
            steps: 0,
            changed: 0,
        };
        let mut last = None;
        // What joins words says nothing.
        for c in value.iter().filter(|c| !b"-_.=/:".contains(c)) {
            let (class, count) = match c {
                b'a'..=b'z' => (0, &mut classes.small),
                b'A'..=b'Z' => (1, &mut classes.capital),
                b'0'..=b'9' => (2, &mut classes.digits),
                _ => (3, &mut classes.marks),
            };
            *count += 1;
            classes.steps += usize::from(last.is_some());
            // A capital with small letters behind it begins a word.
            let goes_on = |last| last == class || (last == 1 && class == 0);
            classes.changed += usize::from(last.is_some_and(|last| !goes_on(last)));
            last = Some(class);
        }
        classes
    }

    fn kinds(&self) -> usize {
        let counts = [self.small, self.capital, self.digits, self.marks];
        counts.iter().filter(|count| **count > 0).count()
    }

    fn has_letters(&self) -> bool {
        self.digits > 0 && self.small + self.capital > 0
    }

    fn changes(&self) -> f32 {
        self.changed as f32 / self.steps.max(1) as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_the_one_that_github_has_published() {
        let body = concat!("zQWBuTSOoRi4A9spHcVY", "5ncnsDkxkJ");

        assert!(has_checksum(format!("{body}0mLq17").as_bytes()));
        assert!(!has_checksum(format!("{body}0mLq18").as_bytes()));
        assert!(!has_checksum(b"short"));
    }

    #[test]
    fn words_are_told_from_what_was_drawn() {
        for (value, drawn) in [
            ("q7Xv2LmP9zRt4KwB", true),
            ("9f2b7c41d8e60a35b1c7f4e2a9d06b38", true),
            ("h3k9x2m7q1w8z5v0b4n6", true),
            ("userAuthenticationTokenHandler2", false),
            ("my-app-db-credentials-v2", false),
            ("3f2504e0-4f89-11d3-9a0c-0305e82c3301", false),
            ("AKIAIOSFODNN7EXAMPLE", false),
            ("12345678901234567890", false),
            ("aaaaaaaaB1aaaaaaaaB1", false),
            ("correct horse", false),
            ("application/json", false),
        ] {
            assert_eq!(is_drawn_by_lot(value.as_bytes(), 12), drawn, "{value}");
        }
    }
}
