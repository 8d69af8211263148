//! What kinds of pieces a text is made of. Tables of tokens differ in some kinds of pieces far more than in others: figures,
//! indentation, rare words. So the pieces of one table, told apart by kind, tell how many those of another table are.

use std::ops::AddAssign;

/// How many kinds there are.
pub(super) const KINDS: usize = WORDS + DIGITS + MARKS + BLANKS + 1;

/// Capitals or none; what it begins with; how rare it is.
const WORDS: usize = 2 * 3 * 4;
/// One, two, three.
const DIGITS: usize = 3;
/// One, two, more; with the end of a line or not.
const MARKS: usize = 3 * 2;
/// A space, several; an end of a line, that and more, several.
const BLANKS: usize = 5;

/// Kinds that are taken together, where little is known of each: words by capitals and beginnings, figures, marks and those that
/// end a line, blanks, ends of lines, and what is none of these.
pub(super) const GROUPS: usize = 2 * 3 + 1 + 2 + 2 + 1;

/// Tokens before these places in the table are common, less so, rare.
const RARE: [u32; 3] = [4_000, 16_000, 64_000];

/// The kind of a token, by its place in the table and what it stands for.
pub(super) fn kind(rank: u32, bytes: &[u8]) -> usize {
    let has = |is: fn(&u8) -> bool| bytes.iter().any(is);
    if has(|it| !it.is_ascii()) {
        KINDS - 1
    } else if !has(|it| !it.is_ascii_whitespace()) {
        WORDS + DIGITS + MARKS + blank(bytes)
    } else if has(u8::is_ascii_alphabetic) {
        word(rank, bytes)
    } else {
        match count(bytes, u8::is_ascii_digit) {
            0 => WORDS + DIGITS + mark(bytes),
            digits => WORDS + digits.min(DIGITS) - 1,
        }
    }
}

/// With which others a kind is taken together.
fn group(kind: usize) -> usize {
    let (marks, blanks) = (WORDS + DIGITS, WORDS + DIGITS + MARKS);
    match kind {
        _ if kind < WORDS => kind / 4,
        _ if kind < marks => 6,
        _ if kind < blanks => 7 + (kind - marks) % 2,
        _ if kind < blanks + 2 => 9,
        _ if kind < KINDS - 1 => 10,
        _ => 11,
    }
}

fn word(rank: u32, bytes: &[u8]) -> usize {
    let capitals = usize::from(bytes.iter().any(u8::is_ascii_uppercase));
    let begins = match bytes.first() {
        Some(b' ') => 1,
        Some(first) if first.is_ascii_alphabetic() => 0,
        _ => 2,
    };
    let rare = RARE.iter().filter(|place| rank >= **place).count();
    (capitals * 3 + begins) * 4 + rare
}

fn mark(bytes: &[u8]) -> usize {
    let marks = bytes.trim_ascii().len().clamp(1, 3) - 1;
    marks * 2 + usize::from(bytes.contains(&b'\n'))
}

fn blank(bytes: &[u8]) -> usize {
    match (count(bytes, |it| *it == b'\n'), bytes.len()) {
        (0, 1) => 0,
        (0, _) => 1,
        (1, 1) => 2,
        (1, _) => 3,
        _ => 4,
    }
}

fn count(bytes: &[u8], is: fn(&u8) -> bool) -> usize {
    bytes.iter().filter(|it| is(it)).count()
}

/// How many there are of each kind.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Pieces(pub(super) [f64; KINDS]);

impl Default for Pieces {
    fn default() -> Self {
        Self([0.0; KINDS])
    }
}

impl AddAssign<&Self> for Pieces {
    fn add_assign(&mut self, other: &Self) {
        for (ours, more) in self.0.iter_mut().zip(other.0) {
            *ours += more;
        }
    }
}

impl Pieces {
    /// The same, so many times as large.
    pub(super) fn times(mut self, times: f64) -> Self {
        self.0.iter_mut().for_each(|it| *it *= times);
        self
    }

    /// How many tokens of another table they are, by groups, where it has so many for one of each kind.
    pub(super) fn weighed(&self, weights: &[f32; KINDS]) -> [f64; GROUPS] {
        let mut groups = [0.0; GROUPS];
        for (kind, (pieces, weight)) in self.0.iter().zip(weights).enumerate() {
            groups[group(kind)] += pieces * f64::from(*weight);
        }
        groups
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_of_one_kind() {
        let mut kinds = Vec::new();
        for (rank, text) in [
            (500, "int"),
            (5_000, "int"),
            (500, " int"),
            (500, "_int"),
            (500, "Int"),
            (90_000, ".Int"),
            (10, "7"),
            (10, "42"),
            (10, "365"),
            (10, "("),
            (10, ");\n"),
            (10, " =="),
            (10, "////"),
            (10, " "),
            (10, "    "),
            (10, "\n"),
            (10, "\r\n"),
            (10, "\n\n"),
            (10, "\u{e9}t"),
        ] {
            let kind = kind(rank, text.as_bytes());
            assert!(kind < KINDS && !kinds.contains(&kind), "{text:?} {kind}");
            kinds.push(kind);
        }
        let mut groups: Vec<usize> = (0..KINDS).map(group).collect();
        groups.sort_unstable();
        groups.dedup();
        assert_eq!(groups, (0..GROUPS).collect::<Vec<_>>());
        assert_eq!(kind(10, b" =="), kind(10, b"=>"));
        assert_eq!(kind(10, &[0xff]), KINDS - 1);
    }
}
