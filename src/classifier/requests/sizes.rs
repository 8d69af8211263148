//! How long the answer will be, and how hard it is to find: plausible, with an honest spread, measured on nobody.

use super::chance::Chance;
use crate::domain::facts::Task;

/// The middle of the answer's length in tokens.
fn middle(task: Task) -> f32 {
    match task {
        Task::Complete => 70.0,
        Task::Edit => 400.0,
        Task::Generate => 950.0,
        Task::Fix => 550.0,
        Task::Test => 950.0,
        Task::Refactor => 700.0,
        Task::Explain => 450.0,
        Task::Review => 550.0,
        Task::Plan => 900.0,
        Task::Command => 130.0,
        Task::Other => 110.0,
    }
}

/// Agents answer many requests with a short step: a call of a tool, a line.
const STEP: f32 = 0.25;

/// Tokens of the answer.
pub(super) fn output(task: Task, size: f32, bytes: usize, chance: &Chance) -> u32 {
    let acts = !matches!(task, Task::Complete | Task::Explain | Task::Other);
    let step = if acts && chance.happens(STEP) {
        -1.0
    } else {
        0.0
    };
    // What is asked about at length is answered at length, though much less so.
    let long = (count(bytes) / 300.0).max(0.3).ln() * 0.15;
    let power = size + step + long + 0.7 * chance.normal();
    let tokens = (middle(task) * power.exp()).clamp(4.0, 12_000.0);
    whole(tokens)
}

/// How far the size of what is asked for spreads, where no frame tells it.
const UNTOLD: f32 = 0.5;

/// Plausible lengths of answers to requests that were not made here.
#[derive(Debug)]
pub struct Lengths(Chance);

impl Lengths {
    /// The same ones for the same seed.
    pub fn new(seed: u64) -> Self {
        Self(Chance::new(seed))
    }

    /// Tokens of an answer to such a text.
    pub fn of(&self, task: Task, text: &str) -> u32 {
        let size = UNTOLD * self.0.normal();
        output(task, size, text.len(), &self.0)
    }
}

/// From -2 to 2.
pub(super) fn difficulty(task: Task, hard: f32, chance: &Chance) -> f32 {
    let middle = match task {
        Task::Complete | Task::Other => -0.9,
        Task::Command => -0.6,
        Task::Explain => -0.4,
        Task::Edit | Task::Test | Task::Refactor => -0.1,
        Task::Generate | Task::Review => 0.1,
        Task::Fix | Task::Plan => 0.3,
    };
    let hard = (middle + hard + 0.4 * chance.normal()).clamp(-2.0, 2.0);
    (hard * 100.0).round() / 100.0
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a length of text, far below 2^24"
)]
fn count(bytes: usize) -> f32 {
    bytes as f32
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "between 4 and 12,000"
)]
fn whole(tokens: f32) -> u32 {
    tokens.round() as u32
}
