//! The signs that a transcript gives of how the work goes, and how often each was seen.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::closed::closed;

closed!(
    /// What a transcript says of how the work goes.
    Sign {
        /// A run of tests in which some failed.
        TestsFailed = "tests_failed",
        /// Fewer of the same tests failed than before.
        FewerFailed = "fewer_failed",
        /// More of the same tests failed than before.
        MoreFailed = "more_failed",
        /// A run of tests in which none failed.
        TestsPassed = "tests_passed",
        /// What was written does not compile, or has types that do not fit.
        CompileError = "compile_error",
        /// A linter or formatter found fault.
        LintError = "lint_error",
        /// What was run broke off: an exception that nobody caught, a panic.
        Crash = "crash",
        /// The same error again, after an edit.
        SameError = "same_error",
        /// An edit that did not apply.
        PatchFailed = "patch_failed",
        /// The same call again, though nothing had changed.
        RepeatedCall = "repeated_call",
        /// A call that the tool could not take: no JSON, an unknown tool, a missing field.
        BadArguments = "bad_arguments",
        /// An answer without words or calls, or one that only says the same again.
        EmptyAnswer = "empty_answer",
        /// A result that is an error, and nothing more is known of it.
        ErrorResult = "error_result",
        /// Three errors in a row.
        ErrorStreak = "error_streak",
        /// Five edits of one file.
        ManyEdits = "many_edits",
        /// Many turns without an edit.
        NoProgress = "no_progress",
        /// The person stopped or refused what the model was about to do.
        Interrupted = "interrupted",
        /// The person says that it is wrong.
        Complaint = "complaint",
        /// The person says that it is right.
        Thanks = "thanks",
        /// A commit was made.
        Committed = "committed",
        /// A build without errors.
        BuildGreen = "build_green",
    }
);

impl Sign {
    /// Something went wrong.
    pub fn is_bad(self) -> bool {
        !matches!(
            self,
            Self::FewerFailed
                | Self::TestsPassed
                | Self::Thanks
                | Self::Committed
                | Self::BuildGreen
        )
    }
}

/// How often each sign was seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Signs([u16; Sign::ALL.len()]);

impl Signs {
    /// How often a sign was seen.
    pub fn count(&self, sign: Sign) -> u16 {
        self.0[sign as usize]
    }

    /// Adds a sign.
    pub fn add(&mut self, sign: Sign) {
        let count = &mut self.0[sign as usize];
        *count = count.saturating_add(1);
    }

    /// Takes one of a sign away, if there is one.
    pub fn take(&mut self, sign: Sign) -> bool {
        let count = &mut self.0[sign as usize];
        let there = *count > 0;
        *count = count.saturating_sub(1);
        there
    }

    /// What both count.
    #[must_use]
    pub fn common(&self, others: &Self) -> Self {
        let mut common = *self;
        for (count, other) in common.0.iter_mut().zip(others.0) {
            *count = other.min(*count);
        }
        common
    }

    /// Adds what others count.
    pub fn merge(&mut self, other: &Self) {
        for (count, more) in self.0.iter_mut().zip(other.0) {
            *count = count.saturating_add(more);
        }
    }

    /// What is left of them without others.
    #[must_use]
    pub fn less(&self, others: &Self) -> Self {
        let mut left = *self;
        for (count, less) in left.0.iter_mut().zip(others.0) {
            *count = count.saturating_sub(less);
        }
        left
    }

    /// The signs that were seen, and how often.
    pub fn iter(&self) -> impl Iterator<Item = (Sign, u16)> + '_ {
        let counts = Sign::ALL.iter().map(|sign| (*sign, self.count(*sign)));
        counts.filter(|(_, count)| *count > 0)
    }

    /// None was seen.
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }
}

impl FromIterator<Sign> for Signs {
    fn from_iter<I: IntoIterator<Item = Sign>>(signs: I) -> Self {
        let mut all = Self::default();
        signs.into_iter().for_each(|sign| all.add(sign));
        all
    }
}

/// As words and counts, so that a kept state outlives a new sign.
impl Serialize for Signs {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl<'de> Deserialize<'de> for Signs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let counts = BTreeMap::<Sign, u16>::deserialize(deserializer)?;
        let mut signs = Self::default();
        for (sign, count) in counts {
            signs.0[sign as usize] = count;
        }
        Ok(signs)
    }
}
