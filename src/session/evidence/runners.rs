//! Test runners: what their outputs say of how many tests failed. One table; to know one more is one line more.

use std::sync::LazyLock;

use super::pattern::{Pattern, Sought, Table};
use super::signature::Signature;

/// What a line that matches says.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Says {
    /// Numbers before their words (`2 failed`). The largest count, for runners that print parts and a whole.
    Before,
    /// The same, but each such line stands for other tests.
    BeforeEach,
    /// Numbers behind their words (`Failures: 2`).
    Behind,
    /// One test failed.
    Fails,
    /// One test, or one package of them, passed.
    Passes,
    /// Some failed.
    Red,
    /// All passed.
    Green,
    /// So it says, but others say it too: only where tests were asked for.
    RedIfAsked,
    GreenIfAsked,
    /// A name of what failed.
    Name,
}

const TABLE: &[(&str, Says)] = &[
    // cargo test, nextest.
    ("test result: *. @ passed; @ failed", Says::BeforeEach),
    ("test * ... FAILED", Says::Fails),
    ("error: test failed, to rerun pass", Says::RedIfAsked),
    ("Summary [ *] @ test", Says::Before),
    ("FAIL [ *@", Says::Name),
    // pytest; its last line is of numbers.
    ("FAILED *::", Says::Name),
    ("ERROR *::", Says::Name),
    ("ERROR *.py", Says::Name),
    // unittest, Django.
    ("FAILED (*=@", Says::Behind),
    ("FAIL: &", Says::Name),
    ("ERROR: &", Says::Name),
    ("OK$", Says::GreenIfAsked),
    ("OK (skipped=@", Says::GreenIfAsked),
    // go.
    ("--- FAIL: ", Says::Fails),
    ("--- PASS: ", Says::Passes),
    ("ok *@.@s", Says::Passes),
    ("ok * (cached)", Says::Passes),
    ("FAIL *@.@s$", Says::Red),
    ("FAIL$", Says::RedIfAsked),
    ("PASS$", Says::GreenIfAsked),
    // jest, vitest, playwright; the last two have lines of numbers too.
    ("Tests: *@ ", Says::Before),
    ("Tests @ ", Says::Before),
    ("Test Suites: @ failed", Says::Before),
    ("Test Files @ ", Says::Before),
    ("● * › ", Says::Name),
    ("✕ *", Says::Name),
    ("× *", Says::Name),
    ("FAIL * > ", Says::Name),
    // bun.
    ("(fail) ", Says::Name),
    // deno.
    ("ok | @ passed", Says::Before),
    ("FAILED | @ passed", Says::Before),
    // node's own, and others that write TAP.
    ("not ok @", Says::Fails),
    ("ok @ ", Says::Passes),
    ("# pass @", Says::Behind),
    ("# fail @", Says::Behind),
    ("ℹ pass @", Says::Behind),
    ("ℹ fail @", Says::Behind),
    ("Result: PASS", Says::GreenIfAsked),
    ("Result: FAIL", Says::RedIfAsked),
    ("All tests successful.", Says::Green),
    // mocha, rspec: a list of what failed.
    ("@) &", Says::Name),
    ("rspec ./", Says::Name),
    // JUnit in Maven, Gradle, its console.
    ("[ERROR] Tests run: @", Says::Behind),
    ("[WARNING] Tests run: @", Says::Behind),
    ("[INFO] Tests run: @", Says::Behind),
    ("Tests run: @", Says::Behind),
    ("[ERROR] &.&:@ ", Says::Name),
    ("[ @ tests failed ", Says::Before),
    ("[ @ tests successful ", Says::Before),
    ("There were failing tests", Says::RedIfAsked),
    ("Execution failed for task ':test", Says::RedIfAsked),
    ("* > * FAILED$", Says::Fails),
    ("BUILD SUCCESSFUL in ", Says::GreenIfAsked),
    // phpunit, pest.
    ("OK (@ test", Says::Before),
    ("Tests: @, Assertions:", Says::Behind),
    ("FAILURES!", Says::Red),
    // dotnet.
    ("Failed! - Failed: @", Says::Behind),
    ("Passed! - Failed: @", Says::Behind),
    ("Failed & [", Says::Name),
    // ctest.
    ("@% tests passed, @ tests failed out of @", Says::Before),
    ("@ - * (Failed)", Says::Name),
    ("100% tests passed", Says::Green),
    // googletest, Catch2.
    ("[ PASSED ] @ test", Says::Behind),
    ("[ FAILED ] @ test", Says::Behind),
    ("[ FAILED ] &", Says::Name),
    ("All tests passed (", Says::Green),
    ("test cases: @ | *", Says::Before),
    // XCTest, swift testing.
    ("Executed @ test", Says::Before),
    ("Test Case '* failed", Says::Name),
    ("Test run with @ test* passed", Says::Green),
    ("Test run with @ test* failed", Says::Red),
    ("* TEST FAILED *", Says::Red),
    ("* TEST SUCCEEDED *", Says::Green),
];

/// What a word beside a number counts.
#[derive(Clone, Copy, PartialEq)]
enum Counted {
    Failed,
    /// Failed, if it is tests that are counted: compilers count errors too.
    Errors,
    Passed,
    All,
    Nothing,
    Unknown,
}

fn counted(word: &str) -> Counted {
    match word {
        "failed" | "failures" | "failure" | "failing" | "fail" | "broken" | "crashed" => {
            Counted::Failed
        }
        "errors" | "error" | "errored" => Counted::Errors,
        "passed" | "passing" | "pass" | "successful" | "succeeded" | "ok" => Counted::Passed,
        "tests" | "test" | "examples" | "example" | "runs" | "run" | "total" | "subtests"
        | "specs" => Counted::All,
        "skipped" | "skips" | "skip" | "ignored" | "pending" | "assertions" | "warnings"
        | "warning" | "deselected" | "xfailed" | "xpassed" | "flaky" | "did" | "not" | "todo"
        | "in" | "s" | "ms" | "m" | "seconds" | "out" | "of" | "completed" | "with" | "and"
        | "rerun" | "suites" | "files" | "expect" | "calls" | "measured" | "filtered"
        | "finished" | "omissions" | "notifications" | "invalid" | "outside" => Counted::Nothing,
        _ => Counted::Unknown,
    }
}

/// Tests counted in a line.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Tally {
    failed: u32,
    errors: u32,
    passed: u32,
    all: u32,
    /// It says how many passed or failed.
    tells: bool,
    strange: bool,
}

impl Tally {
    fn put(&mut self, what: Counted, number: u32) {
        self.tells |= matches!(what, Counted::Failed | Counted::Passed);
        let place = match what {
            Counted::Failed => &mut self.failed,
            Counted::Errors => &mut self.errors,
            Counted::Passed => &mut self.passed,
            Counted::All => &mut self.all,
            Counted::Nothing | Counted::Unknown => return,
        };
        *place = place.saturating_add(number);
    }

    fn of(line: &str, before: bool) -> Self {
        let mut tally = Self::default();
        let mut number = None;
        let mut word = None;
        for token in tokens(line) {
            match token {
                Token::Number(count) if before => number = Some(count),
                Token::Number(count) => {
                    if let Some(what) = word.take() {
                        tally.put(what, count);
                    }
                }
                Token::Word(what) => {
                    word = Some(what);
                    tally.strange |= what == Counted::Unknown;
                    if let Some(count) = number {
                        tally.put(what, count);
                        // `3 tests failed`: the number is of both.
                        number = (what == Counted::All).then_some(count);
                    }
                }
                Token::Break => number = None,
            }
        }
        tally
    }

    fn bad(self) -> u32 {
        self.failed.saturating_add(self.errors)
    }

    fn good(self) -> u32 {
        self.passed.max(self.all.saturating_sub(self.bad()))
    }
}

enum Token {
    Number(u32),
    Word(Counted),
    Break,
}

fn tokens(line: &str) -> impl Iterator<Item = Token> + '_ {
    let mut rest = line;
    std::iter::from_fn(move || {
        loop {
            let first = rest.chars().next()?;
            let run = |is: fn(char) -> bool| rest.find(|c| !is(c)).unwrap_or(rest.len());
            if first.is_ascii_digit() {
                let end = run(|c| c.is_ascii_digit() || c == '.' || c == ',');
                let text = rest[..end].trim_end_matches(['.', ',']);
                rest = &rest[text.len()..];
                let share = rest.starts_with('%');
                // Times and shares are no counts.
                if let Some(count) = text.parse().ok().filter(|_| !share) {
                    return Some(Token::Number(count));
                }
            } else if first.is_alphabetic() {
                let end = run(char::is_alphabetic);
                let word = rest[..end].to_ascii_lowercase();
                rest = &rest[end..];
                return Some(Token::Word(counted(&word)));
            } else {
                rest = &rest[first.len_utf8()..];
                if matches!(first, ',' | ';' | '|' | '(' | ':') {
                    return Some(Token::Break);
                }
            }
        }
    })
}

/// How tests went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// This many failed.
    Failed(u32),
    Passed,
}

/// The table, ready to be searched for.
static ROWS: LazyLock<Table<Says>> = LazyLock::new(|| Table::new(TABLE.iter().copied()));

/// Reads an output line by line.
#[derive(Debug, Default)]
pub(super) struct Runs {
    rows: Vec<&'static (Sought, Says)>,
    /// By the largest of the counts that a runner prints, and as the sum of those that stand for parts.
    most: Tally,
    sum: Tally,
    fails: u32,
    passes: u32,
    red: bool,
    green: bool,
    red_if_asked: bool,
    green_if_asked: bool,
    pub(super) signature: Signature,
}

impl Runs {
    /// For a text; only rows that can match are kept.
    pub(super) fn of(text: &str) -> Self {
        Self {
            rows: ROWS.likely_in(text),
            ..Self::default()
        }
    }

    pub(super) fn line(&mut self, line: &str) {
        for at in 0..self.rows.len() {
            let (pattern, says) = self.rows[at];
            if pattern.matches(line) {
                self.take(*says, line);
            }
        }
        if line.starts_with(|c: char| c.is_ascii_digit()) && line.len() < 160 {
            self.numbers(line);
        }
    }

    fn take(&mut self, says: Says, line: &str) {
        match says {
            Says::Before => self.count(Tally::of(line, true)),
            Says::Behind => self.count(Tally::of(line, false)),
            Says::BeforeEach => {
                let tally = Tally::of(line, true);
                self.sum.failed = self.sum.failed.saturating_add(tally.bad());
                self.sum.passed = self.sum.passed.saturating_add(tally.good());
            }
            Says::Fails => {
                self.fails += 1;
                self.signature.add(line);
            }
            Says::Passes => self.passes += 1,
            Says::Red => self.red = true,
            Says::Green => self.green = true,
            Says::RedIfAsked => self.red_if_asked = true,
            Says::GreenIfAsked => self.green_if_asked = true,
            Says::Name => self.signature.add(line),
        }
    }

    fn count(&mut self, tally: Tally) {
        self.most.failed = self.most.failed.max(tally.bad());
        self.most.passed = self.most.passed.max(tally.good());
    }

    /// A line of nothing but numbers and what they count: pytest, mocha, rspec, minitest, Gradle, bun, playwright.
    fn numbers(&mut self, line: &str) {
        let tally = Tally::of(line, true);
        let timed = tally.errors > 0 && Pattern("@ error* in @.@s").matches(line);
        if !tally.strange && (tally.tells || timed) {
            self.count(tally);
        }
    }

    /// What it comes to; `asked` says that the command was to run tests.
    pub(super) fn verdict(&self, asked: bool) -> Option<Verdict> {
        let failed = self.most.failed.max(self.sum.failed).max(self.fails);
        let red = self.red || (asked && self.red_if_asked);
        let passed = self.most.passed + self.sum.passed + self.passes;
        let green = self.green || (asked && self.green_if_asked);
        match failed {
            0 if red => Some(Verdict::Failed(1)),
            0 if passed > 0 || green => Some(Verdict::Passed),
            0 => None,
            failed => Some(Verdict::Failed(failed)),
        }
    }
}
