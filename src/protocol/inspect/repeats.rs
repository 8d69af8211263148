//! Whether a text only says the same again, at its end and since long.
//!
//! A table, an array or test data says much the same for long as well, and must pass. So what is looked for is the very same words, in
//! prose, over and over; within code, or where hardly any words are in it, a text may go on far longer, and an array never ends it.

use memchr::memmem;

/// How much of the end is kept where it repeats.
const KEPT: usize = (6 << 10) + 512;

/// How much of it where it does not: twice the longest that may be said again. A thousand streams keep an end each.
const QUIET: usize = 2 * FURTHEST;

/// How far before itself what is said again stands at most.
const FURTHEST: usize = KEPT / PROSE.times + LETTERS;

/// The last letters, of which it is asked whether they stood there before.
const LETTERS: usize = 16;

/// The text is looked at each time that so much of it is new.
const EACH: usize = 1 << 10;

/// How much of the same has to stand at the end, and how often.
struct Bar {
    bytes: usize,
    times: usize,
}

const PROSE: Bar = Bar {
    bytes: 800,
    times: 12,
};

/// Words within code: a list of test data may well have fifty equal lines.
const CODE: Bar = Bar {
    bytes: 6 << 10,
    times: 60,
};

/// Signs and numbers, outside of code: a broken model may say `!` for ever.
const SIGNS: Bar = Bar {
    bytes: 4 << 10,
    times: 200,
};

/// Follows a text to its end.
#[derive(Debug, Default)]
pub struct Repeats {
    end: Vec<u8>,
    new: usize,
    /// The text is within a fence of code.
    fenced: bool,
    ticks: u8,
    found: bool,
}

impl Repeats {
    /// Takes what is said next.
    pub fn push(&mut self, text: &str) {
        self.fences(text);
        let bytes = text.as_bytes();
        if self.end.capacity() == 0 {
            self.end.reserve_exact(QUIET + EACH + EACH / 4);
        }
        self.end
            .extend_from_slice(&bytes[bytes.len().saturating_sub(KEPT)..]);
        // Shortened seldom, for it costs a move.
        if self.end.len() > KEPT + EACH {
            self.end.drain(..self.end.len() - KEPT);
        }
        self.new += bytes.len();
        if self.new >= EACH {
            self.look();
        }
    }

    /// Whether that was all that was said at the end of the text so far; the last thousand letters may not have been looked at.
    pub fn found(&self) -> bool {
        self.found
    }

    /// The same of the text to its last letter.
    pub fn ended(&mut self) -> bool {
        if self.new > 0 {
            self.look();
        }
        self.found
    }

    fn fences(&mut self, text: &str) {
        for byte in text.bytes() {
            self.ticks = match byte {
                b'`' => self.ticks + 1,
                _ => 0,
            };
            if self.ticks == 3 {
                self.fenced = !self.fenced;
                self.ticks = 0;
            }
        }
    }

    fn look(&mut self) {
        self.new = 0;
        let end = &self.end[self.end.len().saturating_sub(KEPT)..];
        if !may_repeat(end) {
            return self.quiet();
        }
        let (unit, bytes) = unit(end);
        if unit.is_empty() || bytes < 2 * unit.len() {
            return self.quiet();
        }
        let bar = match (is_prose(unit), self.fenced) {
            (true, false) => PROSE,
            (true, true) => CODE,
            (false, false) => SIGNS,
            (false, true) => {
                self.found = false;
                return;
            }
        };
        let times = bytes / unit.len();
        self.found = bytes >= bar.bytes && times >= bar.times;
    }

    /// Nothing is said again at the end.
    fn quiet(&mut self) {
        self.found = false;
        let old = self.end.len().saturating_sub(QUIET);
        self.end.drain(..old);
    }
}

/// Whether it is worth to look: what is said again so often that a bar is reached has its last letters a little before them as well.
fn may_repeat(end: &[u8]) -> bool {
    let Some(at) = end.len().checked_sub(LETTERS) else {
        return false;
    };
    let before = &end[at.saturating_sub(FURTHEST)..end.len() - 1];
    memmem::rfind(before, &end[at..]).is_some()
}

/// What a text says again and again at its end, and how many bytes of the end are made of it: of all such the one that stands
/// there most often, in at least two hundred bytes.
fn unit(text: &[u8]) -> (&[u8], usize) {
    const LEAST: usize = 200;
    // How long a beginning of the text, read from behind, is an end of it as well: from that follows by what it repeats.
    let backwards: Vec<u8> = text.iter().rev().copied().collect();
    let mut borders = vec![0_usize; backwards.len()];
    let mut best: (usize, usize) = (0, 0);
    let mut most = 0;
    for at in 1..backwards.len() {
        let mut border = borders[at - 1];
        while border > 0 && backwards[at] != backwards[border] {
            border = borders[border - 1];
        }
        if backwards[at] == backwards[border] {
            border += 1;
        }
        borders[at] = border;
        let length = at + 1;
        let period = length - border;
        let times = length / period;
        if length >= LEAST && times >= most {
            most = times;
            best = (period, length);
        }
    }
    let (period, length) = best;
    (&text[text.len() - period..], length)
}

/// Words rather than signs, numbers and columns.
fn is_prose(unit: &[u8]) -> bool {
    let text = String::from_utf8_lossy(unit);
    let shown = text.chars().filter(|it| !it.is_whitespace()).count();
    let letters = text.chars().filter(|it| it.is_alphabetic());
    let mut different: Vec<char> = letters.clone().collect();
    different.sort_unstable();
    different.dedup();
    letters.count() * 10 >= shown * 7 && different.len() >= 6
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repeats(text: &str) -> bool {
        // Split as streams are.
        let mut all = Repeats::default();
        let letters: Vec<char> = text.chars().collect();
        for piece in letters.chunks(7) {
            all.push(&piece.iter().collect::<String>());
        }
        all.ended()
    }

    #[test]
    fn a_loop_is_found_wherever_it_is_cut() {
        let line = "I will look at the file once more.\n";
        let phrase = "and then we check it again, ";
        for cut in 0..line.len() {
            let text = format!("Let me see.\n{}{}", line.repeat(40), &line[..cut]);
            assert!(repeats(&text), "{cut}");
        }
        assert!(repeats(&phrase.repeat(60)));
        assert!(repeats(&"!".repeat(9_000)));
        assert!(repeats(&format!("word {}", "0, ".repeat(4_000))));
        let several = "First I read it.\nThen I change it.\nNow I run the tests.\n\n";
        assert!(repeats(&several.repeat(20)));
        assert!(repeats(
            &"\u{8fd9}\u{662f}\u{4e00}\u{4e2a}\u{6d4b}\u{8bd5}\u{53e5}\u{5b50}\u{3002}".repeat(60)
        ));
    }

    #[test]
    fn a_loop_that_is_left_is_none() {
        let line = "I will look at the file once more.\n";
        let text = format!(
            "{}It was the third line that is wrong: it adds where it should multiply.",
            line.repeat(40)
        );

        assert!(!repeats(&text));
    }

    #[test]
    fn what_code_and_tables_repeat_is_no_loop() {
        let table = format!(
            "| name | value |\n| --- | --- |\n{}",
            "| yes | no |\n".repeat(60)
        );
        let rule = format!("Result\n{}\nGood.\n{}", "=".repeat(80), "-".repeat(120));
        let array = format!(
            "```c\nstatic const int t[] = {{\n{}",
            "    0, 0, 0, 0,\n".repeat(900)
        );
        let hex = format!("```c\n{}", "    0x00, 0x00, 0xff,\n".repeat(500));
        let data = format!(
            "```sql\n{}",
            "INSERT INTO users (name, age) VALUES ('ann', 3);\n".repeat(50)
        );
        let json = format!(
            "```json\n[\n{}",
            "  { \"name\": \"test\", \"value\": 1 },\n".repeat(50)
        );
        let ends = format!("```js\n{}", "      }\n    }\n  }\n".repeat(30));
        let tests = (0..80)
            .map(|at| format!("assert_eq!(add({at}, {at}), {});\n", 2 * at))
            .collect::<String>();
        let imports = (0..60)
            .map(|at| format!("import {{ thing{at} }} from \"./thing{at}\";\n"))
            .collect::<String>();
        let chorus = "we all live in a yellow house\n".repeat(6);
        for text in [
            table, rule, array, hex, data, json, ends, tests, imports, chorus,
        ] {
            assert!(!repeats(&text), "{}", &text[..60.min(text.len())]);
        }
        assert!(!repeats(""));
        assert!(!repeats("Yes."));
    }

    #[test]
    fn no_more_than_the_end_is_kept() {
        let mut all = Repeats::default();
        for _ in 0..1_000 {
            all.push(&"x y ".repeat(300));
        }

        assert!(all.end.len() <= KEPT + EACH + 1_200);
    }

    #[test]
    fn hardly_anything_is_kept_of_what_does_not_repeat() {
        let mut all = Repeats::default();
        let mut most = 0;
        for line in 0..2_000 {
            all.push(&format!("line {line} says {}, and so on\n", line * line));
            most = most.max(all.end.capacity());
        }

        assert!(!all.ended());
        assert!(most <= 3 << 10, "{most}");
    }

    #[test]
    fn a_loop_is_found_whatever_was_let_go_before_it() {
        let line = "I will look at the file once more, for it may hold what I have not seen yet, and then I say what it is.\n";
        for before in 0..1_100 {
            let start: String = (0..before)
                .map(|at| char::from(b'a' + (at * at % 23) as u8))
                .collect();
            assert!(
                repeats(&format!("{start}{}", line.repeat(PROSE.times))),
                "{before}"
            );
        }
    }
}
