//! The output of a command that runs something: how it ended, and what that says.

use super::commands::Does;
use super::compilers::Faults;
use super::runners::{Runs, Verdict};
use super::signature::Signature;
use crate::domain::sign::{Sign, Signs};
use crate::protocol::scan::members;

/// What an output says.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) signs: Signs,
    /// Something went wrong.
    pub(super) failed: bool,
    /// What the error is known by.
    pub(super) error: Option<u64>,
    pub(super) tests: Option<Verdict>,
}

impl Outcome {
    /// A sign that stands for a failure.
    pub(super) fn fail(sign: Sign, error: Option<u64>) -> Self {
        Self {
            signs: Signs::from_iter([sign]),
            failed: true,
            error,
            tests: None,
        }
    }
}

/// How clients say that a command failed; a number follows.
const EXITS: &[&str] = &[
    "exit code",
    "exited with code",
    "exit status",
    "exited with",
    "exit_code",
];

/// Where clients say it: this near to the beginning or the end.
const EXIT_WITHIN: usize = 400;

/// What shells say of a command that is not there: no test has failed then.
const MISSING: &[&str] = &[
    "command not found",
    "not recognized as",
    "No module named pytest",
    "no such command",
    "Missing script",
    "unknown command",
    "can't open file",
    "No rule to make target",
];

/// Judges the output of a command; `error` says that the client calls it one.
pub(super) fn judge(text: &str, does: Does, error: bool) -> Outcome {
    let wrapped = unwrapped(text);
    let (text, code) = match &wrapped {
        Some((inside, code)) => (inside.as_str(), *code),
        None => (text, None),
    };
    let colourless = without_colours(text);
    let text = colourless.as_deref().unwrap_or(text);
    let code = code.or_else(|| exit_code(text));
    let error = (error || code.is_some_and(|code| code != 0)) && !does.has(Does::PIPED);
    let (mut runs, mut faults) = (Runs::of(text), Faults::of(text));
    for line in text.lines() {
        let line = line.trim_start_matches([' ', '\t', '=']);
        if !line.is_empty() {
            runs.line(line);
            faults.line(line);
        }
    }
    Read {
        text,
        does,
        error,
        runs,
        faults,
    }
    .weigh()
}

/// Whether a client says above or below an output that the command failed.
pub(super) fn failed(text: &str) -> bool {
    let wrapped = unwrapped(text);
    let code = match &wrapped {
        Some((_, code)) => *code,
        None => exit_code(text),
    };
    code.is_some_and(|code| code != 0)
}

struct Read<'a> {
    text: &'a str,
    does: Does,
    error: bool,
    runs: Runs,
    faults: Faults,
}

impl Read<'_> {
    /// Tests first, for their outputs hold what the code under test printed; then what is the most certain.
    fn weigh(&self) -> Outcome {
        let verdict = self.runs.verdict(self.does.has(Does::TEST));
        match verdict {
            Some(Verdict::Failed(_)) => Outcome {
                tests: verdict,
                ..Outcome::fail(Sign::TestsFailed, self.runs.signature.finish())
            },
            Some(Verdict::Passed) => {
                let mut outcome = match self.error {
                    // Something else on the same line failed.
                    true => self.fault(true).unwrap_or_default(),
                    false => self.done(),
                };
                outcome.signs.add(Sign::TestsPassed);
                outcome.tests = verdict;
                outcome
            }
            None => self.fault(false).unwrap_or_else(|| self.done()),
        }
    }

    /// What went wrong; `passed` says that it was not the tests.
    fn fault(&self, passed: bool) -> Option<Outcome> {
        let faults = &self.faults;
        let found = [
            (Sign::CompileError, &faults.compile),
            (Sign::Crash, &faults.crash),
            (Sign::LintError, &faults.lint),
        ];
        if let Some((sign, found)) = found.iter().find(|(_, found)| found.there) {
            return Some(Outcome::fail(*sign, found.signature.finish()));
        }
        self.error.then(|| {
            let missing = MISSING.iter().any(|it| self.text.contains(it));
            let sign = match self.does {
                _ if missing || passed => Sign::ErrorResult,
                does if does.has(Does::TEST) => Sign::TestsFailed,
                does if does.has(Does::BUILD) => Sign::CompileError,
                does if does.has(Does::LINT) => Sign::LintError,
                _ => Sign::ErrorResult,
            };
            Outcome::fail(sign, first_line(self.text))
        })
    }

    /// Nothing went wrong.
    fn done(&self) -> Outcome {
        let mut signs = Signs::default();
        if self.does.has(Does::BUILD) || self.faults.built {
            signs.add(Sign::BuildGreen);
        }
        if self.does.has(Does::COMMIT) && self.text.lines().any(is_commit) {
            signs.add(Sign::Committed);
        }
        Outcome {
            signs,
            ..Outcome::default()
        }
    }
}

/// git's word of a commit: `[main 1a2b3c4] subject`.
fn is_commit(line: &str) -> bool {
    let inside = line.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    let hash = inside.and_then(|(inside, _)| inside.rsplit(' ').next());
    hash.is_some_and(|hash| hash.len() >= 7 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// Whether an output has more in it than how the command ended.
pub(super) fn says_more(text: &str) -> bool {
    first_line(text).is_some()
}

/// The signature of an error of which no more is known: its first line that says something.
fn first_line(text: &str) -> Option<u64> {
    let says = |line: &&str| {
        let line = line.trim().to_ascii_lowercase();
        !line.is_empty() && !EXITS.iter().any(|it| line.starts_with(it))
    };
    let mut signature = Signature::default();
    text.lines()
        .find(says)
        .into_iter()
        .for_each(|line| signature.add(line));
    signature.finish()
}

/// The exit code that a client writes above or below an output.
fn exit_code(text: &str) -> Option<i32> {
    let head = &text[..text.floor_char_boundary(EXIT_WITHIN)];
    let tail = &text[text.ceil_char_boundary(text.len().saturating_sub(EXIT_WITHIN))..];
    [head, tail].iter().find_map(|near| {
        let near = near.to_ascii_lowercase();
        near.lines().find_map(|line| {
            let behind = EXITS.iter().find_map(|words| line.split_once(words))?.1;
            let number = behind.trim_start_matches([' ', ':', '=', '(', '>', '"', '\'']);
            let end = number.find(|c: char| !(c.is_ascii_digit() || c == '-'));
            number[..end.unwrap_or(number.len())].parse().ok()
        })
    })
}

/// The output and the exit code of a shell tool that answers in JSON.
fn unwrapped(text: &str) -> Option<(String, Option<i32>)> {
    let text = text.trim();
    if !text.starts_with('{') {
        return None;
    }
    let (mut output, mut code) = (String::new(), None);
    members(text, |key, value| match key {
        "output" | "stdout" | "stderr" => {
            output.extend(serde_json::from_str::<String>(value).ok());
            output.push('\n');
        }
        "exit_code" | "exitCode" | "returncode" => code = value.parse().ok(),
        "metadata" => {
            members(value, |key, value| {
                if key == "exit_code" {
                    code = value.parse().ok();
                }
            });
        }
        _ => {}
    });
    (code.is_some() || !output.trim().is_empty()).then_some((output, code))
}

/// The text without what a terminal takes for colours; `None` if there is none.
fn without_colours(text: &str) -> Option<String> {
    memchr::memchr(0x1b, text.as_bytes())?;
    let mut plain = String::with_capacity(text.len());
    let mut pieces = text.split('\u{1b}');
    plain.extend(pieces.next());
    for piece in pieces {
        let rest = piece.strip_prefix('[').and_then(|rest| {
            let end = rest.find(|c: char| c.is_ascii_alphabetic())?;
            rest.get(end + 1..)
        });
        plain.push_str(rest.unwrap_or(piece));
    }
    Some(plain)
}
