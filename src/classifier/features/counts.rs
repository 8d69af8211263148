//! The numbers beside the words: how long, how much of it code, what signs of errors, changes and structure; and what the
//! whole call is made of. Each grows with a logarithm or is a share, so that no size runs away.

use super::Input;
use super::telling::{self, Of};
use super::words::{Kind, Word};
use crate::domain::dialect::Endpoint;

/// What the numbers are called.
pub const NAMES: [&str; DENSE] = [
    "bytes",
    "lines",
    "words",
    "different words",
    "share of different words",
    "share of letters",
    "share of digits",
    "share of spaces",
    "share of signs",
    "braces",
    "semicolons",
    "round brackets",
    "square brackets",
    "dollars",
    "share of indented lines",
    "length of words",
    "deepest indent",
    "questions",
    "fences",
    "numbers",
    "largest number",
    "loops",
    "branches",
    "returns",
    "definitions",
    "error words",
    "stack traces",
    "links",
    "changed lines",
    "files named",
    "examples",
    "inputs and outputs",
    "limits",
    "share beyond ascii",
    "arrows",
    "assignments",
    "longest line",
    "prompts",
    "includes",
    "access words",
    "self",
    "share of code lines",
    // From here on: the whole call. Rows that are a text alone do not vary in these.
    "cut off",
    "asked before",
    "system prompt",
    "tools",
    "tools on offer",
    "said by the model",
    "tool results",
    "messages",
    "tool turns",
    "pictures",
    "after tools",
    "limit of output",
    "fill in the middle",
];

/// How many numbers stand beside the words.
pub const DENSE: usize = 55;

/// What is counted on the way through a text.
#[derive(Debug, Default)]
pub(super) struct Counts {
    letters: u32,
    digits: u32,
    signs: u32,
    wide: u32,
    numbers: u32,
    largest: f32,
    braces: u32,
    semicolons: u32,
    round: u32,
    square: u32,
    dollars: u32,
    questions: u32,
    ticks: u32,
    loops: u32,
    branches: u32,
    returns: u32,
    definitions: u32,
    errors: u32,
    traces: u32,
    links: u32,
    files: u32,
    examples: u32,
    inputs: u32,
    limits: u32,
    arrows: u32,
    assignments: u32,
    includes: u32,
    access: u32,
    selves: u32,
    // By lines.
    lines: u32,
    indented: u32,
    deepest: u32,
    longest: u32,
    changed: u32,
    prompts: u32,
    code: u32,
    before: (u8, usize),
}

impl Counts {
    pub(super) fn word(&mut self, text: &str, word: &Word) {
        let (start, end) = word.at;
        let bytes = text.as_bytes();
        let size = (end - start) as u32;
        match word.kind {
            Kind::Letters => {
                self.letters += size;
                self.wide += u32::from(bytes[start] >= 0x80);
                self.named(bytes, word);
            }
            Kind::Digits => {
                self.digits += size;
                self.numbers += 1;
                if size < 12 {
                    let digits = bytes[start..end].iter();
                    let value = digits.fold(0.0, |sum, b| sum * 10.0 + f32::from(b - b'0'));
                    self.largest = self.largest.max(value);
                }
            }
            Kind::Sign => {
                self.signs += size;
                self.wide += u32::from(bytes[start] >= 0x80);
                self.sign(bytes[start], start);
            }
        }
    }

    fn named(&mut self, bytes: &[u8], word: &Word) {
        let Some(of) = telling::of(word.hash) else {
            return;
        };
        let before = word.at.0.checked_sub(1).and_then(|at| bytes.get(at));
        match of {
            Of::Ending => self.files += u32::from(before == Some(&b'.')),
            Of::Loop => self.loops += 1,
            Of::Branch => self.branches += 1,
            Of::Return => self.returns += 1,
            Of::Definition => self.definitions += 1,
            Of::Error => self.errors += 1,
            Of::Trace => {
                self.errors += 1;
                self.traces += 1;
            }
            Of::Link => self.links += 1,
            Of::Example => self.examples += 1,
            Of::Input => self.inputs += 1,
            Of::Limit => self.limits += 1,
            Of::Include => self.includes += 1,
            Of::Access => self.access += 1,
            Of::Own => self.selves += 1,
        }
    }

    fn sign(&mut self, sign: u8, at: usize) {
        let beside = at.checked_sub(1) == Some(self.before.1);
        let before = if beside { self.before.0 } else { 0 };
        match (before, sign) {
            (b'-' | b'=', b'>') | (b':', b':') | (b'&', b'&') | (b'|', b'|') => self.arrows += 1,
            (b'+' | b'-' | b'*', b'=') | (b'+', b'+') => self.assignments += 1,
            (b'<', b'=') => self.limits += 1,
            _ => {}
        }
        match sign {
            b'{' | b'}' => self.braces += 1,
            b';' => self.semicolons += 1,
            b'(' => self.round += 1,
            b'[' => self.square += 1,
            b'$' => self.dollars += 1,
            b'?' => self.questions += 1,
            b'`' => self.ticks += 1,
            b'^' => self.limits += 1,
            _ => {}
        }
        self.before = (sign, at);
    }

    pub(super) fn lines(&mut self, text: &str) {
        for line in text.as_bytes().split(|b| *b == b'\n') {
            self.lines += 1;
            self.longest = self.longest.max(line.len() as u32);
            let blank = |b: &&u8| matches!(b, b' ' | b'\t');
            let indent = line.iter().take_while(blank).count();
            let rest = &line[indent..];
            let rest = rest.strip_suffix(b"\r").unwrap_or(rest);
            let (Some(first), Some(last)) = (rest.first(), rest.last()) else {
                continue;
            };
            self.indented += u32::from(indent > 1 || line.first() == Some(&b'\t'));
            self.deepest = self.deepest.max(indent as u32);
            let code =
                matches!(last, b';' | b'{' | b'}' | b',') || matches!(first, b'}' | b'#' | b'@');
            self.code += u32::from(code || (indent > 1 && matches!(last, b':' | b')' | b']')));
            let change =
                indent == 0 && matches!(first, b'+' | b'-') && rest.len() > 2 && rest[1] != b' ';
            self.changed +=
                u32::from(change || rest.starts_with(b"@@ ") || rest.starts_with(b"diff "));
            self.prompts += u32::from(rest.starts_with(b">>> ") || rest.starts_with(b"$ "));
            let frame = rest.starts_with(b"at ") || rest.starts_with(b"File \"");
            self.traces += u32::from(frame && indent > 0);
        }
    }

    /// The numbers, in the order of their names.
    pub(super) fn dense(
        &self,
        text: &str,
        input: &Input<'_>,
        different: u32,
        words: u32,
    ) -> [f32; DENSE] {
        let bytes = text.len().max(1) as f32;
        let part = |count: u32, of: f32| count as f32 / of.max(1.0);
        let lines = self.lines as f32;
        let filled = (self.letters + self.digits + self.signs) as f32;
        let of_text = [
            log(input.outline.newest.max(text.len())),
            log(self.lines),
            log(words),
            log(different),
            part(different, words as f32),
            part(self.letters, bytes),
            part(self.digits, bytes),
            1.0 - (filled / bytes).min(1.0),
            part(self.signs, bytes),
            log(self.braces),
            log(self.semicolons),
            log(self.round),
            log(self.square),
            log(self.dollars),
            part(self.indented, lines),
            (part(self.letters, words as f32) / 8.0).min(4.0),
            (self.deepest.min(40) as f32) / 20.0,
            log(self.questions),
            log(self.ticks / 3),
            log(self.numbers),
            (1.0 + self.largest).ln() / 4.0,
            log(self.loops),
            log(self.branches),
            log(self.returns),
            log(self.definitions),
            log(self.errors),
            log(self.traces),
            log(self.links),
            log(self.changed),
            log(self.files),
            log(self.examples),
            log(self.inputs),
            log(self.limits),
            part(self.wide, bytes),
            log(self.arrows),
            log(self.assignments),
            log(self.longest),
            log(self.prompts),
            log(self.includes),
            log(self.access),
            log(self.selves),
            part(self.code, lines),
        ];
        let mut all = [0.0; DENSE];
        let (text_part, call_part) = all.split_at_mut(of_text.len());
        text_part.copy_from_slice(&of_text);
        call_part.copy_from_slice(&of_call(text, input));
        all
    }
}

/// What the call is made of beside its newest text.
fn of_call(text: &str, input: &Input<'_>) -> [f32; 13] {
    let outline = input.outline;
    let flag = |set: bool| f32::from(u8::from(set));
    // Twice as much is still the same text, written as JSON.
    let before = outline.person.saturating_sub(2 * outline.newest + 64);
    [
        log(outline.newest.saturating_sub(text.len())),
        log(before),
        log(outline.system),
        log(outline.tools),
        log(outline.tool_count),
        log(outline.assistant),
        log(outline.results),
        log(outline.messages.max(1) - 1),
        log(outline.tool_turns),
        log(outline.images),
        flag(outline.tool_turn),
        input.max_output.map_or(0.0, |most| log(most.0)),
        flag(input.endpoint == Endpoint::Completions),
    ]
}

/// A count or size that may be anything: its logarithm.
fn log(count: impl TryInto<u64>) -> f32 {
    let count = count.try_into().unwrap_or(u64::MAX) as f32;
    (1.0 + count).ln() / 4.0
}
