//! Patterns for lines of output, in a language small enough to be read in a table.
//!
//! `@` is a number, `*` anything, `&` a name (letters, digits, `_`, `.`), a space any space but none; the rest stands for
//! itself. A pattern matches from the beginning of a line, and to its end only with a `$` at its own.

use aho_corasick::AhoCorasick;
use memchr::memmem;

/// Longer lines are not looked at beyond this.
const LONGEST: usize = 512;

/// A pattern.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pattern(pub(super) &'static str);

/// A pattern whose longest word is ready to be searched for.
#[derive(Debug)]
pub(super) struct Sought {
    pattern: Pattern,
    needle: memmem::Finder<'static>,
}

impl Sought {
    fn new(pattern: Pattern) -> Self {
        let needle = memmem::Finder::new(pattern.needle());
        Self { pattern, needle }
    }

    pub(super) fn matches(&self, line: &str) -> bool {
        // To try a pattern that may begin anywhere is long; most lines have not even its longest word.
        let anywhere = self.pattern.0.starts_with(['*', '&']);
        let has = || self.needle.find(line.as_bytes()).is_some();
        (!anywhere || has()) && self.pattern.matches(line)
    }
}

/// Patterns and what they say, whose longest words are searched for in one pass: most texts have but a few of them.
#[derive(Debug)]
pub(super) struct Table<T> {
    rows: Vec<(Sought, T)>,
    needles: AhoCorasick,
}

impl<T> Table<T> {
    pub(super) fn new(rows: impl Iterator<Item = (&'static str, T)>) -> Self {
        let rows: Vec<_> = rows
            .map(|(pattern, says)| (Sought::new(Pattern(pattern)), says))
            .collect();
        let needles = rows.iter().map(|(sought, _)| sought.pattern.needle());
        let needles = AhoCorasick::new(needles).expect("a table makes an automaton");
        Self { rows, needles }
    }

    /// The rows that can match a line of a text, in their order.
    pub(super) fn likely_in(&self, text: &str) -> Vec<&(Sought, T)> {
        let mut there = vec![false; self.rows.len()];
        for found in self.needles.find_overlapping_iter(text) {
            there[found.pattern().as_usize()] = true;
        }
        let rows = self.rows.iter().zip(there);
        rows.filter_map(|(row, there)| there.then_some(row))
            .collect()
    }
}

impl Pattern {
    /// The longest piece that stands for itself.
    fn needle(self) -> &'static str {
        let pieces = self.0.split(['@', '*', '&', ' ', '$']);
        pieces.max_by_key(|piece| piece.len()).unwrap_or_default()
    }

    pub(super) fn matches(self, line: &str) -> bool {
        let line = &line.as_bytes()[..line.len().min(LONGEST)];
        // Nearly all lines are told by their first byte.
        let first = self.0.as_bytes().first();
        match (first, line.first()) {
            (Some(b'*' | b'&'), _) => {}
            (Some(b'@'), Some(byte)) if byte.is_ascii_digit() => {}
            (Some(first), Some(byte)) if first == byte => {}
            _ => return false,
        }
        matches(self.0.as_bytes(), line)
    }
}

fn matches(pattern: &[u8], line: &[u8]) -> bool {
    let Some((first, rest)) = pattern.split_first() else {
        return true;
    };
    let run = |is: fn(&u8) -> bool| line.iter().take_while(|byte| is(byte)).count();
    match first {
        b'$' if rest.is_empty() => line.trim_ascii_end().is_empty(),
        b'@' => some(run(u8::is_ascii_digit), |n| matches(rest, &line[n..])),
        b' ' => some(run(u8::is_ascii_whitespace), |n| matches(rest, &line[n..])),
        // As many as may be, then fewer: a name may end in what comes behind it.
        b'&' => {
            let longest = run(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.'));
            (1..=longest).rev().any(|n| matches(rest, &line[n..]))
        }
        b'*' => match rest.first() {
            None => true,
            Some(b'@' | b'&' | b' ' | b'$') => (0..=line.len()).any(|n| matches(rest, &line[n..])),
            Some(next) => {
                memchr::memchr_iter(*next, line).any(|at| matches(&rest[1..], &line[at + 1..]))
            }
        },
        byte => line.first() == Some(byte) && matches(rest, &line[1..]),
    }
}

fn some(run: usize, rest: impl FnOnce(usize) -> bool) -> bool {
    run > 0 && rest(run)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_is_what_it_says() {
        let cases = [
            ("error[E@]", "error[E0308]: x", true),
            ("error[E@]", "error[Exx]", false),
            ("*:@:@: error:", "src/a b.c:3:14: error: x", true),
            ("*:@:@: error:", "error: x", false),
            ("ok *@.@s$", "ok  \tx.y/z\t0.012s", true),
            ("ok *@.@s$", "ok  \tx.y/z\t0.012s (cached)", false),
            ("OK$", "OK", true),
            ("OK$", "OK then", false),
            ("&Error:", "pkg.mod.ValueError: x", true),
            ("&Error:", "an Error: x", false),
            ("@ passed", "3   passed", true),
            ("@ passed", "x passed", false),
            ("*é", "ééé", true),
        ];
        for (pattern, line, want) in cases {
            assert_eq!(Pattern(pattern).matches(line), want, "{pattern} {line}");
            let table = Table::new([(pattern, ())].into_iter());
            let likely = table.likely_in(line);
            let found = likely.iter().any(|(sought, ())| sought.matches(line));
            assert!(!want || found, "{pattern} {line}");
        }
    }
}
