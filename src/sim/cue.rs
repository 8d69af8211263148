//! What the model says next, word for word, where a test wants a certain conversation rather than any.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use serde::Deserialize;

/// One answer. As JSON (for `POST /sim/cues`): `{"thought": "…", "text": "…", "calls": [["name", "{…}"]]}`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Cue {
    pub(super) thought: Option<String>,
    pub(super) redacted: bool,
    pub(super) text: String,
    pub(super) calls: Vec<(String, String)>,
}

impl Cue {
    /// Answers with these words.
    pub fn says(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            ..Self::default()
        }
    }

    /// Thinks this before it answers, where the caller lets it think.
    #[must_use]
    pub fn thinks(mut self, thought: impl Into<String>) -> Self {
        self.thought = Some(thought.into());
        self
    }

    /// Shows nobody what it thinks.
    #[must_use]
    pub fn redacted(mut self) -> Self {
        self.redacted = true;
        self
    }

    /// Calls this tool, behind the words and the calls before.
    #[must_use]
    pub fn calls(mut self, name: impl Into<String>, arguments: impl Into<String>) -> Self {
        self.calls.push((name.into(), arguments.into()));
        self
    }
}

/// The answers to come. Each request that is answered by the model uses up one.
#[derive(Debug, Default)]
pub(super) struct Cues(Mutex<VecDeque<Cue>>);

impl Cues {
    pub(super) fn add(&self, cues: impl IntoIterator<Item = Cue>) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.extend(cues);
    }

    pub(super) fn next(&self) -> Option<Cue> {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.pop_front()
    }
}
