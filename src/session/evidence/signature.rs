//! Hashes: of calls, and of errors without what changes from one run to the next.

/// FNV-1a: short, and the same in every version, for hashes are kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hash(u64);

impl Default for Hash {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Hash {
    pub(super) fn of(text: &str) -> u64 {
        let mut hash = Self::default();
        hash.write(text.as_bytes());
        hash.finish()
    }

    pub(super) fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
        }
    }

    pub(super) fn finish(self) -> u64 {
        self.0
    }
}

/// Lines of an error that count; the first say enough.
const MOST: usize = 4;

/// What an error is known by: the first of its telling lines, in any order, for tests run side by side.
#[derive(Debug, Default)]
pub(super) struct Signature {
    seen: [u64; MOST],
    lines: usize,
    plain: String,
}

impl Signature {
    pub(super) fn add(&mut self, line: &str) {
        if self.lines == MOST {
            return;
        }
        normalise(line, &mut self.plain);
        let hash = Hash::of(&self.plain);
        if !self.plain.is_empty() && !self.seen[..self.lines].contains(&hash) {
            self.seen[self.lines] = hash;
            self.lines += 1;
        }
    }

    /// `None` if no line told anything.
    pub(super) fn finish(&self) -> Option<u64> {
        let sum = |sum: u64, hash: &u64| sum.wrapping_add(*hash);
        (self.lines > 0).then(|| self.seen[..self.lines].iter().fold(0, sum))
    }
}

/// Writes a line without what changes though the error is the same: numbers (lines, times, addresses), and the folders of
/// paths. Names and quoted words stay: they say which error it is.
fn normalise(line: &str, plain: &mut String) {
    plain.clear();
    for word in line.split_ascii_whitespace().take(40) {
        let word = word.rsplit(['/', '\\']).next().unwrap_or(word);
        let number = word.bytes().any(|byte| byte.is_ascii_digit())
            && word
                .bytes()
                .all(|byte| byte.is_ascii_hexdigit() || b"x.:,()[]+-%ms".contains(&byte));
        match number {
            true => plain.push('#'),
            false => {
                let mut digits = false;
                for c in word.chars() {
                    let digit = c.is_ascii_digit();
                    if !(digit && digits) {
                        plain.push(if digit { '#' } else { c });
                    }
                    digits = digit;
                }
            }
        }
        plain.push(' ');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(line: &str) -> String {
        let mut plain = String::new();
        normalise(line, &mut plain);
        plain
    }

    #[test]
    fn what_changes_from_run_to_run_goes() {
        let same = [
            (
                "src/a.rs:10:5: error: no field `x`",
                "/tmp/b1/src/a.rs:112:15: error:  no field `x`",
            ),
            (
                "panic at 0x7f3a21 after 0.12s",
                "panic at 0x00ff11 after 10.9s",
            ),
            ("test_a FAILED [ 10%]", "test_a FAILED [ 40%]"),
        ];
        for (one, other) in same {
            assert_eq!(plain(one), plain(other));
        }
        assert_ne!(plain("no field `x`"), plain("no field `y`"));
    }

    #[test]
    fn the_order_of_lines_does_not_matter() {
        let of = |lines: &[&str]| {
            let mut signature = Signature::default();
            lines.iter().for_each(|line| signature.add(line));
            signature.finish()
        };

        assert_eq!(
            of(&["FAILED a", "FAILED b"]),
            of(&["FAILED b", "FAILED a", "FAILED a"])
        );
        assert_ne!(of(&["FAILED a"]), of(&["FAILED b"]));
        assert_eq!(of(&[]), None);
    }
}
