//! What is remembered of a conversation between its calls: counts and hashes, no text.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::commands::Does;
use super::output::Outcome;
use super::runners::Verdict;
use super::tools::Use;
use crate::domain::sign::{Sign, Signs};

/// Calls that a repeat is looked for among.
const CALLS: usize = 24;

/// Calls that wait for their results.
const OPEN: usize = 32;

/// Files whose edits are counted.
const FILES: usize = 32;

/// So many turns without an edit, and every so many more, are a sign.
const IDLE: u32 = 12;

/// So many edits of one file, and every so many more, are a sign.
const CHURN: u16 = 5;

/// So many errors in a row, and every so many more, are a sign.
const STREAK: u32 = 3;

/// Signs that work may show which nobody has begun.
const FOUND: [Sign; 4] = [
    Sign::TestsFailed,
    Sign::MoreFailed,
    Sign::CompileError,
    Sign::Crash,
];

/// What is remembered of a conversation. Small, and the same however its messages came in.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    signs: Signs,
    /// Those that say how the work was found, not how it was done.
    #[serde(default)]
    found: Signs,
    /// Something may have been changed since the piece of work began.
    #[serde(default)]
    touched: bool,
    turns: u32,
    /// Turns when the person last spoke.
    #[serde(default)]
    asked: u32,
    /// Turns since something was edited or turned green.
    idle: u32,
    /// Errors in a row.
    streak: u32,
    /// Edits and pieces of work so far: a call is a repeat only if nothing has changed since.
    changes: u32,
    error: Option<Error>,
    tests: Option<Tests>,
    calls: VecDeque<u64>,
    files: VecDeque<(u64, u16)>,
    open: VecDeque<Open>,
    /// The model has said something.
    answered: bool,
    /// The last message was the model's.
    by_model: bool,
    /// Signs that were seen in an answer on its way out, which the transcript may show once more.
    #[serde(default)]
    shown: Signs,
    /// After how many turns.
    #[serde(default)]
    shown_at: u32,
}

/// The last error, and after how many changes it was seen.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Error {
    hash: u64,
    changes: u32,
}

/// The last run of tests.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Tests {
    scope: u64,
    failed: u32,
}

/// A call whose result has not come.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Open {
    id: u64,
    used: Use,
}

impl State {
    /// The signs of the piece of work that the conversation is at: since the person said something else than that it is wrong.
    pub fn signs(&self) -> &Signs {
        &self.signs
    }

    /// Those of them that say something of whoever is at it: red tests that nobody has touched yet are the work itself.
    pub fn telling(&self) -> Signs {
        self.signs.less(&self.found)
    }

    /// Turns of the model in all.
    pub fn turns(&self) -> u32 {
        self.turns
    }

    /// Turns of the model since the person spoke.
    pub fn steps(&self) -> u32 {
        self.turns.saturating_sub(self.asked)
    }

    /// Tests that failed in the last run of which a number is known.
    pub fn failing(&self) -> Option<u32> {
        self.tests.map(|tests| tests.failed)
    }

    pub(super) fn answered(&self) -> bool {
        self.answered
    }

    /// The model speaks: a turn, unless it spoke before.
    pub(super) fn model_speaks(&mut self, new: &mut Signs) {
        self.answered = true;
        // Of an answer before the last nothing is told any more.
        if !self.by_model && self.turns > self.shown_at {
            self.shown = Signs::default();
        }
        if !std::mem::replace(&mut self.by_model, true) {
            self.turns += 1;
            self.idle += 1;
            if self.idle.is_multiple_of(IDLE) {
                self.sign(Sign::NoProgress, new);
            }
        }
    }

    /// Somebody else speaks.
    pub(super) fn others_speak(&mut self) {
        self.by_model = false;
    }

    /// The person has spoken.
    pub(super) fn asked(&mut self) {
        self.asked = self.turns;
    }

    /// Keeps apart what a result shows beside what was seen `before`, where nothing can have been changed yet.
    pub(super) fn found(&mut self, before: &Signs) {
        if self.touched {
            return;
        }
        let new = self.signs.less(before);
        for (sign, count) in new.iter().filter(|(sign, _)| FOUND.contains(sign)) {
            (0..count).for_each(|_| self.found.add(sign));
        }
    }

    /// The person wants something: what was seen before says little of it.
    pub(super) fn begin(&mut self) {
        self.signs = Signs::default();
        self.found = Signs::default();
        self.touched = false;
        self.idle = 0;
        self.streak = 0;
        self.files.clear();
        self.changes += 1;
    }

    /// A sign in an answer that is not in the transcript yet. `shown`: it may come to stand there.
    pub(super) fn heard(&mut self, sign: Sign, shown: bool) {
        self.signs.add(sign);
        if shown {
            self.shown.add(sign);
            self.shown_at = self.turns;
        }
    }

    pub(super) fn sign(&mut self, sign: Sign, new: &mut Signs) {
        if self.shown.take(sign) {
            return;
        }
        self.signs.add(sign);
        new.add(sign);
    }

    /// A tool is called.
    pub(super) fn call(&mut self, id: u64, used: Use, new: &mut Signs) {
        let mark = match used.does.has(Does::EDIT) {
            true => used.hash,
            false => used.hash.wrapping_add(u64::from(self.changes)),
        };
        if !used.does.has(Does::WAIT) {
            if self.calls.contains(&mark) {
                self.sign(Sign::RepeatedCall, new);
            }
            push(&mut self.calls, CALLS, mark);
        }
        if used.broken {
            self.sign(Sign::BadArguments, new);
        }
        // Nobody knows what it does.
        self.touched |= used.does == Does::NOTHING;
        push(&mut self.open, OPEN, Open { id, used });
    }

    /// The call that a result belongs to.
    pub(super) fn close(&mut self, id: u64) -> Option<Use> {
        let at = self.open.iter().rposition(|open| open.id == id)?;
        self.open.remove(at).map(|open| open.used)
    }

    /// A file was edited; 0 is one that nobody knows.
    pub(super) fn edit(&mut self, file: u64, new: &mut Signs) {
        self.changes += 1;
        self.touched = true;
        self.idle = 0;
        let at = self.files.iter().position(|(known, _)| *known == file);
        let before = at.and_then(|at| self.files.remove(at));
        let count = before.map_or(0, |(_, count)| count).saturating_add(1);
        push(&mut self.files, FILES, (file, count));
        if file != 0 && count.is_multiple_of(CHURN) {
            self.sign(Sign::ManyEdits, new);
        }
    }

    /// A result says how it went.
    pub(super) fn outcome(&mut self, used: Use, outcome: &Outcome, new: &mut Signs) {
        let told = self.shown.common(&outcome.signs);
        let signs = outcome.signs.less(&told);
        self.shown = self.shown.less(&told);
        self.signs.merge(&signs);
        new.merge(&signs);
        self.streak = match outcome.failed {
            true => self.streak + 1,
            false => 0,
        };
        if outcome.failed && self.streak.is_multiple_of(STREAK) {
            self.sign(Sign::ErrorStreak, new);
        }
        let green = [Sign::TestsPassed, Sign::BuildGreen, Sign::Committed];
        if green.iter().any(|sign| outcome.signs.count(*sign) > 0) {
            self.idle = 0;
        }
        if let Some(verdict) = outcome.tests {
            self.tested(used, verdict, new);
        }
        if let Some(hash) = outcome.error {
            self.erred(hash, new);
        }
    }

    fn tested(&mut self, used: Use, verdict: Verdict, new: &mut Signs) {
        let scope = match used.does.has(Does::TEST) {
            true => used.of,
            false => used.hash,
        };
        let failed = match verdict {
            Verdict::Failed(failed) => failed,
            Verdict::Passed => {
                self.error = None;
                0
            }
        };
        let before = self.tests.filter(|before| before.scope == scope);
        match before.map(|before| before.failed) {
            Some(before) if 0 < failed && failed < before => self.sign(Sign::FewerFailed, new),
            Some(before) if failed > before => self.sign(Sign::MoreFailed, new),
            _ => {}
        }
        self.tests = Some(Tests { scope, failed });
    }

    fn erred(&mut self, hash: u64, new: &mut Signs) {
        let same = |before: Error| before.hash == hash && before.changes < self.changes;
        if self.error.is_some_and(same) {
            self.sign(Sign::SameError, new);
        }
        self.error = Some(Error {
            hash,
            changes: self.changes,
        });
    }
}

/// Adds to what is bounded; the oldest goes.
fn push<T>(list: &mut VecDeque<T>, most: usize, item: T) {
    if list.len() == most {
        list.pop_front();
    }
    list.push_back(item);
}
