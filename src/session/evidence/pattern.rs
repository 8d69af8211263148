//! Patterns for lines of output, in a language small enough to be read in a table.
//!
//! `@` is a number, `*` anything, `&` a name (letters, digits, `_`, `.`), a space any space but none; the rest stands for
//! itself. A pattern matches from the beginning of a line, and to its end only with a `$` at its own.

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
    pub(super) fn new(pattern: &'static str) -> Self {
        let pattern = Pattern(pattern);
        Self {
            pattern,
            needle: memmem::Finder::new(pattern.needle()),
        }
    }

    /// A text may have lines that match.
    pub(super) fn is_likely_in(&self, text: &str) -> bool {
        self.needle.find(text.as_bytes()).is_some()
    }

    pub(super) fn matches(&self, line: &str) -> bool {
        // To try a pattern that may begin anywhere is long; most lines have not even its longest word.
        let anywhere = self.pattern.0.starts_with(['*', '&']);
        let has = || self.needle.find(line.as_bytes()).is_some();
        (!anywhere || has()) && self.pattern.matches(line)
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
            let sought = Sought::new(pattern);
            let found = sought.is_likely_in(line) && sought.matches(line);
            assert!(!want || found, "{pattern} {line}");
        }
    }
}
