//! What people, tools and models say in a session: the persons' words are those of `tests/data/requests.jsonl`, the rest is
//! made here in the formats of the real tools.

use serde::Deserialize;

use crate::dice::Dice;

const REQUESTS: &str = include_str!("../../data/requests.jsonl");

/// A request, and whether it wants code changed.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) text: String,
    pub(crate) changes: bool,
}

/// The requests that an agent works at with tools.
pub(crate) fn requests() -> Result<Vec<Request>, serde_json::Error> {
    #[derive(Deserialize)]
    struct Row {
        text: String,
        task: String,
    }
    let mut all = Vec::new();
    for line in REQUESTS.lines() {
        let Row { text, task } = serde_json::from_str(line)?;
        let changes = match task.as_str() {
            "fix" | "edit" | "generate" | "refactor" | "test" => true,
            "explain" | "plan" | "review" | "command" => false,
            _ => continue,
        };
        all.push(Request { text, changes });
    }
    Ok(all)
}

const COMPLAINTS: [&str; 8] = [
    "it still fails, same error as before",
    "that's not right, the case I described is still wrong",
    "still broken. please look again at what it returns",
    "no, that does not work",
    "das funktioniert immer noch nicht",
    "still not working here, the result is off",
    "this is wrong, you missed the empty case",
    "sigue fallando, revísalo otra vez",
];

pub(crate) fn complaint(dice: Dice) -> &'static str {
    dice.one_of(&COMPLAINTS)
}

/// How a session's project is tested.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Runner {
    Pytest,
    Cargo,
    Jest,
}

impl Runner {
    pub(crate) const ALL: [Self; 3] = [Self::Pytest, Self::Cargo, Self::Jest];

    pub(crate) fn command(self) -> &'static str {
        match self {
            Self::Pytest => "python -m pytest -q tests/",
            Self::Cargo => "cargo test",
            Self::Jest => "npx jest",
        }
    }

    pub(crate) fn ending(self) -> &'static str {
        match self {
            Self::Pytest => "py",
            Self::Cargo => "rs",
            Self::Jest => "ts",
        }
    }

    /// The tool's output where none fails.
    pub(crate) fn green(self, dice: Dice) -> String {
        let all = dice.whole(8, 60);
        match self {
            Self::Pytest => format!(
                "{}\n============================== {all} passed in 1.42s ==============================",
                ".".repeat(all as usize)
            ),
            Self::Cargo => format!(
                "running {all} tests\n{}\ntest result: ok. {all} passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.31s",
                lines(dice, all, |at| format!("test unit::case_{at} ... ok"))
            ),
            Self::Jest => format!(
                "PASS src/unit.test.ts\n\nTest Suites: 4 passed, 4 total\nTests:       {all} passed, {all} total\nSnapshots:   0 total\nTime:        2.1 s"
            ),
        }
    }

    /// The tool's output where so many fail; `which` tells the failure from another.
    pub(crate) fn red(self, dice: Dice, failed: u64, which: u64) -> String {
        let passed = dice.whole(8, 60);
        let case = format!("case_{}", which % 40);
        match self {
            Self::Pytest => format!(
                "{}\n=================================== FAILURES ===================================\n________________________________ test_{case} ________________________________\n\n    def test_{case}():\n>       assert total(cart_{which}) == {which}\nE       assert {} == {which}\n\ntests/test_unit.py:{}: AssertionError\n=========================== short test summary info ============================\n{}\n========================= {failed} failed, {passed} passed in 1.51s =========================",
                "F".repeat(failed as usize),
                which + 1,
                which % 90 + 8,
                lines(dice, failed, |at| format!(
                    "FAILED tests/test_unit.py::test_{case}_{at} - assert {} == {which}",
                    which + 1
                ))
            ),
            Self::Cargo => format!(
                "running {} tests\n{}\n\nfailures:\n\n---- unit::{case} stdout ----\nthread 'unit::{case}' panicked at src/unit.rs:{}:9:\nassertion `left == right` failed\n  left: {}\n right: {which}\n\ntest result: FAILED. {passed} passed; {failed} failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.33s\n\nerror: test failed, to rerun pass `--lib`",
                passed + failed,
                lines(dice, failed, |at| format!(
                    "test unit::{case}_{at} ... FAILED"
                )),
                which % 90 + 8,
                which + 1
            ),
            Self::Jest => format!(
                "FAIL src/unit.test.ts\n  \u{25cf} unit \u{203a} {case}\n\n    expect(received).toBe(expected)\n\n    Expected: {which}\n    Received: {}\n\n      at Object.<anonymous> (src/unit.test.ts:{}:12)\n\nTest Suites: 1 failed, 3 passed, 4 total\nTests:       {failed} failed, {passed} passed, {} total\nSnapshots:   0 total\nTime:        2.2 s",
                which + 1,
                which % 90 + 8,
                passed + failed
            ),
        }
    }

    /// What it says where the code does not even compile, or cannot be read.
    pub(crate) fn broken(self, which: u64) -> String {
        let line = which % 90 + 8;
        match self {
            Self::Pytest => format!(
                "==================================== ERRORS ====================================\n_____________________ ERROR collecting tests/test_unit.py ______________________\nE     File \"/srv/app/src/unit.py\", line {line}\nE       return total(\nE                   ^\nE   SyntaxError: '(' was never closed\n=========================== short test summary info ============================\nERROR tests/test_unit.py\n!!!!!!!!!!!!!!!!!!!! Interrupted: 1 error during collection !!!!!!!!!!!!!!!!!!!!\n1 error in 0.21s"
            ),
            Self::Cargo => format!(
                "   Compiling app v0.1.0 (/srv/app)\nerror[E0308]: mismatched types\n  --> src/unit.rs:{line}:9\n   |\n{line} |         total\n   |         ^^^^^ expected `Option<u64>`, found `u64`\n\nerror: could not compile `app` (lib) due to 1 previous error"
            ),
            Self::Jest => format!(
                "FAIL src/unit.test.ts\n  \u{25cf} Test suite failed to run\n\n    src/unit.ts:{line}:9 - error TS2322: Type 'number' is not assignable to type 'string'.\n\nTest Suites: 1 failed, 3 passed, 4 total\nTests:       0 total\nSnapshots:   0 total\nTime:        1.9 s"
            ),
        }
    }
}

fn lines(_: Dice, count: u64, line: impl Fn(u64) -> String) -> String {
    (0..count).map(line).collect::<Vec<_>>().join("\n")
}

const CODE: [&str; 12] = [
    "    let total = items.iter().map(|item| item.price).sum();",
    "    if order.is_empty() { return default(order); }",
    "    for entry in entries { cache.insert(entry.key, entry.value); }",
    "def load(path, limit=100):",
    "    return [row for row in rows if row.amount > limit]",
    "export function render(state: State): View {",
    "  const next = await fetchPage(cursor);",
    "    # the caller holds the lock",
    "    self.queue.push(job);",
    "}",
    "",
    "    match kind { Kind::Plain => plain(input), Kind::Packed => unpack(input) }",
];

/// A piece of a file, about so long, with numbered lines as tools show them.
pub(crate) fn code(dice: Dice, bytes: u64) -> String {
    let mut text = String::with_capacity(bytes as usize + 100);
    let mut line = dice.whole(1, 400);
    while (text.len() as u64) < bytes {
        let code = dice.at(line).one_of(&CODE);
        text.push_str(&format!("{line:>6}\t{code}\n"));
        line += 1;
    }
    text
}

/// Prose of instructions, about so long.
pub(crate) fn prose(dice: Dice, bytes: usize) -> String {
    const WORDS: [&str; 16] = [
        "keep", "answers", "short", "and", "read", "files", "before", "a", "change", "prefer",
        "the", "tools", "run", "tests", "when", "done.",
    ];
    let mut text = String::with_capacity(bytes + 8);
    let mut at = 0;
    while text.len() < bytes {
        text.push_str(dice.at(at).one_of(&WORDS));
        text.push(' ');
        at += 1;
    }
    text
}
