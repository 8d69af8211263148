//! The target's own account of what it served, to be held against the ledger.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;

use super::door::Door;
use crate::domain::tokens::{TokenCount, Usage};

/// What the target would charge for one request that it answered with 200.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BillLine {
    /// The header `x-tollgate-attempt-id`, where the request had one.
    pub attempt: Option<String>,
    /// The model that was asked for.
    pub model: String,
    /// The door.
    pub door: Door,
    /// The prompt in its classes, and the output as far as it was produced.
    pub usage: Usage,
    /// Output tokens handed to the socket so far, hidden reasoning included. Exact to the token while the profile paces
    /// them; without pacing, what the connection has buffered counts as written.
    pub produced_output: u64,
    /// The answer went out whole.
    pub finished: bool,
    /// The status that was answered.
    pub status: u16,
}

/// A line that is still being written to.
#[derive(Debug)]
pub(super) struct Line {
    attempt: Option<String>,
    model: String,
    door: Door,
    /// What a finished answer would cost.
    whole: Usage,
    reasoning: u64,
    produced: AtomicU64,
    finished: AtomicBool,
}

impl Line {
    /// Counts tokens that go out now.
    pub(super) fn produce(&self, tokens: u64) {
        self.produced.fetch_add(tokens, Ordering::Relaxed);
    }

    /// The answer has gone out whole.
    pub(super) fn finish(&self) {
        self.finished.store(true, Ordering::Release);
    }

    fn read(&self) -> BillLine {
        let finished = self.finished.load(Ordering::Acquire);
        let produced = self.produced.load(Ordering::Relaxed);
        BillLine {
            attempt: self.attempt.clone(),
            model: self.model.clone(),
            door: self.door,
            usage: Usage {
                output: TokenCount(produced),
                reasoning: TokenCount(self.reasoning.min(produced)),
                ..self.whole
            },
            produced_output: produced,
            finished,
            status: 200,
        }
    }
}

/// All lines, oldest first.
#[derive(Debug, Default)]
pub(super) struct Bill(Mutex<VecDeque<Arc<Line>>>);

impl Bill {
    /// Opens a line. `usage` says what a finished answer would cost; its output counts only as it is produced.
    pub(super) fn open(
        &self,
        attempt: Option<String>,
        model: &str,
        door: Door,
        usage: Usage,
        keep: usize,
    ) -> Arc<Line> {
        let line = Arc::new(Line {
            attempt,
            model: model.to_owned(),
            door,
            whole: usage,
            reasoning: usage.reasoning.0,
            produced: AtomicU64::new(0),
            finished: AtomicBool::new(false),
        });
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while lines.len() >= keep.max(1) {
            lines.pop_front();
        }
        lines.push_back(line.clone());
        line
    }

    /// How many lines there are, and what the newest will come to once its answer is out.
    pub(super) fn newest(&self) -> (usize, Usage) {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let whole = lines.back().map(|line| line.whole);
        (lines.len(), whole.unwrap_or_default())
    }

    pub(super) fn read(&self) -> Vec<BillLine> {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().map(|line| line.read()).collect()
    }
}
