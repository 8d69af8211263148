//! Turns a call into what the net reads: hashed words and pairs of words, and a row of numbers with names.
//!
//! The same call is read alike on every machine: the hash is our own, and only the logarithms may differ in their last
//! bit. Work and memory are bounded by the window, whatever is in it.

mod counts;
mod prose;
mod telling;
mod words;

#[cfg(test)]
mod tests;

use crate::domain::dialect::Endpoint;
use crate::domain::tokens::TokenCount;
use crate::protocol::outline::Outline;
use crate::protocol::person;

pub use counts::{DENSE, NAMES};
use words::Bag;

/// Changes whenever the same call would be read differently: weights belong to one version.
pub const VERSION: u32 = 3;

/// Different pieces that are kept of a text. One text in a thousand of those we train on has more.
pub const MOST: usize = 1_024;

/// Rows of the table for prose for each row of the other one: the letters within words are many, and the fewer of them share
/// a row, the better the kind of work is known (`classifiers/README.md`).
pub const PROSE: usize = 2;

/// Bits by which a net remembers which pairs of words it was trained on.
pub const MARKS: usize = 1 << 19;

/// What the net is asked about.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// The door.
    pub endpoint: Endpoint,
    /// The newest text of the person, within the window.
    pub text: &'a str,
    /// What the call is made of.
    pub outline: &'a Outline,
    /// The most output tokens that the caller allows.
    pub max_output: Option<TokenCount>,
}

impl Input<'_> {
    /// The window and outline of a text that stands alone: a call of one message.
    pub fn bare(text: &str) -> (String, Outline) {
        person::bare(text)
    }
}

/// A call as the net reads it.
#[derive(Clone, Debug, PartialEq)]
pub struct Features {
    /// The rows of the pieces, each once, in the order in which they first stood.
    pub rows: Vec<u32>,
    /// How much each counts; their squares add up to one.
    pub weights: Vec<f32>,
    /// The pieces of what is said in words, for a table of their own that is [`PROSE`] times as long: rows and how much each
    /// counts.
    pub prose: (Vec<u32>, Vec<f32>),
    /// The marks of the pairs of words, below [`MARKS`].
    pub pairs: Vec<u32>,
    /// The numbers, named by [`NAMES`].
    pub dense: [f32; DENSE],
}

impl Features {
    /// Reads a call for a table of `rows` rows, a power of two, and one of [`PROSE`] times as many.
    pub fn read(input: &Input<'_>, rows: usize) -> Self {
        let text = &input.text[..input.text.floor_char_boundary(LONGEST)];
        let mut bag = Bag::new(rows);
        let mut counts = counts::Counts::default();
        let mut all = Vec::with_capacity(text.len() / 4);
        words::each(text, |word| {
            counts.word(text, &word);
            bag.add(&word);
            all.push(word);
        });
        let (prose, weights_of_prose, _) = prose::read(text, &all, PROSE * rows).weighed();
        counts.lines(text);
        let (different, words) = (bag.different_words, bag.words);
        let (rows, weights, pairs) = bag.weighed();
        Self {
            rows,
            weights,
            prose: (prose, weights_of_prose),
            pairs,
            dense: counts.dense(text, input, different, words),
        }
    }

    /// Reads a text that stands alone, as rows to train on do.
    pub fn of_text(text: &str, rows: usize) -> Self {
        let (window, outline) = Input::bare(text);
        let input = Input {
            endpoint: Endpoint::Chat,
            text: &window,
            outline: &outline,
            max_output: None,
        };
        Self::read(&input, rows)
    }
}

/// The window and a little more: callers that did not cut their text cost no more than those that did.
const LONGEST: usize = 2 * person::WINDOW + 64;
