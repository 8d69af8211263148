//! A prompt as a target's cache sees it: a chain of boundaries, each with a hash of all before it.

use crate::domain::clock::mix;

/// How long a cache entry lives after its last use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Life {
    /// Five minutes.
    Short,
    /// One hour.
    Long,
}

impl Life {
    pub(super) fn millis(self) -> i64 {
        match self {
            Self::Short => 300_000,
            Self::Long => 3_600_000,
        }
    }
}

/// A place where a prefix of the prompt may end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Boundary {
    /// Stands for everything before this place.
    pub(super) key: u64,
    /// Tokens before this place.
    pub(super) tokens: u64,
    /// The caller asked to have the prefix cached up to here.
    pub(super) mark: Option<Life>,
}

/// Grows while the request is read.
#[derive(Debug, Default)]
pub(super) struct Prompt {
    pub(super) boundaries: Vec<Boundary>,
    fold: Fold,
    bytes: u64,
}

impl Prompt {
    /// Adds bytes that the model would read.
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        self.fold.feed(bytes);
        self.bytes += bytes.len() as u64;
    }

    /// Adds bytes that the model would read, but that nothing it says follows from.
    pub(super) fn weigh(&mut self, bytes: usize) {
        self.bytes += bytes as u64;
    }

    /// Adds what tells two prompts apart but is no text of its own.
    pub(super) fn tag(&mut self, tag: &str) {
        self.fold.feed(tag.as_bytes());
    }

    /// Ends a unit: a message, a block, the tools.
    pub(super) fn close(&mut self, mark: Option<Life>) {
        let (key, tokens) = (self.key(), self.bytes.div_ceil(4));
        self.boundaries.push(Boundary { key, tokens, mark });
    }

    /// Tokens of the whole prompt: a quarter of its bytes, rounded up.
    pub(super) fn tokens(&self) -> u64 {
        self.bytes.div_ceil(4).max(1)
    }

    /// Stands for the whole prompt.
    pub(super) fn key(&self) -> u64 {
        mix(self.fold.0)
    }
}

/// A quick hash over eight bytes at a time; stable from build to build, not meant against malice.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Fold(u64);

impl Fold {
    pub(super) fn of(text: &str) -> u64 {
        let mut fold = Self(0);
        fold.feed(text.as_bytes());
        mix(fold.0)
    }

    fn feed(&mut self, bytes: &[u8]) {
        let mut words = bytes.chunks_exact(8);
        for word in &mut words {
            self.step(u64::from_le_bytes(word.try_into().expect("eight bytes")));
        }
        let mut last = [0; 8];
        last[..words.remainder().len()].copy_from_slice(words.remainder());
        self.step(u64::from_le_bytes(last));
        self.step(bytes.len() as u64);
    }

    fn step(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(0x517c_c1b7_2722_0a95);
    }
}
