//! How much is kept, and where.

use std::time::Duration;

/// How much is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Conversations at most.
    pub most: usize,
    /// How long one is kept after its last call.
    pub life: Duration,
    /// Ended calls that may wait to be taken in; more are passed over.
    pub queue: usize,
    /// How long a change may wait to be written.
    pub behind: Duration,
    /// Where answers are kept with what they answered, for calls that go on from them by name.
    pub answers: KeepAnswers,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            most: 50_000,
            life: Duration::from_secs(24 * 3_600),
            queue: 8_192,
            behind: Duration::from_secs(1),
            answers: KeepAnswers::Memory,
        }
    }
}

/// Where answers are kept, with what they answered, for calls that go on from them by name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeepAnswers {
    /// Nowhere.
    None,
    /// Here, until the process ends: no prompt is written to a disk that nobody said so of.
    #[default]
    Memory,
    /// In the store as well.
    Disk,
}
