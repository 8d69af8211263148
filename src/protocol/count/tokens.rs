//! Tokens of a text by the table of newer OpenAI models (`o200k`), told apart by kind. The table takes 50 MB and a fifth of a
//! second when it is first asked for: whoever never counts never pays for it. Counting reads some 14 MB a second, so it belongs on
//! a thread of its own.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering};

use super::pieces::{KINDS, Pieces, kind};

/// A text is cut into pieces of so many bytes, between lines where there are any: what is matched in one piece is bounded, and a
/// cut in the wrong place costs a token at most.
const PIECE: usize = 4_096;
/// Beyond so many bytes the rest is taken to be like what was counted.
const MOST: usize = 4 << 20;

static READ: AtomicBool = AtomicBool::new(false);

/// Whether somebody has counted already, so that to count again costs no more than the counting.
pub fn is_ready() -> bool {
    READ.load(Ordering::Relaxed)
}

/// Of what kind each token is.
static KIND_OF: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let table = tiktoken_rs::o200k_base_singleton();
    let tokens = (0..).map_while(|rank| Some((rank, table.decode_bytes(&[rank]).ok()?)));
    let kinds = tokens.map(|(rank, bytes)| kind(rank, &bytes));
    kinds.map(|kind| u8::try_from(kind).unwrap_or(0)).collect()
});

/// Adds up the tokens of texts.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pieces: Pieces,
    bytes: usize,
    /// Not looked at.
    left: usize,
}

impl Tally {
    pub(super) fn add(&mut self, text: &str) {
        let room = text.floor_char_boundary(MOST - self.bytes);
        let (text, left) = text.split_at(room);
        self.left += left.len();
        self.bytes += text.len();
        pieces(text).for_each(|piece| self.pieces += &tokens(piece));
    }

    pub(super) fn total(&self) -> Pieces {
        match self.bytes {
            0 => self.pieces,
            bytes => {
                let all = bytes as f64 + self.left as f64;
                self.pieces.times(all / bytes as f64)
            }
        }
    }
}

fn tokens(piece: &str) -> Pieces {
    let table = tiktoken_rs::o200k_base_singleton();
    let mut found = Pieces([0.0; KINDS]);
    for token in table.encode_ordinary(piece) {
        let kind = KIND_OF.get(token as usize).copied().unwrap_or(0);
        found.0[usize::from(kind)] += 1.0;
    }
    READ.store(true, Ordering::Relaxed);
    found
}

fn pieces(mut text: &str) -> impl Iterator<Item = &str> {
    std::iter::from_fn(move || {
        if text.is_empty() {
            return None;
        }
        let (piece, rest) = text.split_at(cut(text));
        text = rest;
        Some(piece)
    })
}

/// Where a text may be cut: behind a line, else before a word, else anywhere.
fn cut(text: &str) -> usize {
    if text.len() <= PIECE {
        return text.len();
    }
    let most = text.floor_char_boundary(PIECE);
    let window = &text.as_bytes()[..most];
    let line = memchr::memrchr(b'\n', window).map(|at| at + 1);
    let word = || memchr::memrchr(b' ', window).filter(|at| *at > 0);
    line.or_else(word).unwrap_or(most)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn count(text: &str) -> u64 {
        let mut tally = Tally::default();
        tally.add(text);
        tally.total().0.iter().sum::<f64>().round() as u64
    }

    #[test]
    fn known_texts_have_their_known_counts() {
        assert_eq!(count(""), 0);
        assert_eq!(count("hello world"), 2);
        assert_eq!(count("fn main() {\n    println!(\"hi\");\n}\n"), 10);
        assert!(is_ready());
    }

    #[test]
    fn code_that_is_cut_counts_as_if_it_were_whole() {
        let code = include_str!("../../policy/decide.rs").repeat(3);
        let table = tiktoken_rs::o200k_base_singleton();

        let (cut, whole) = (count(&code), table.encode_ordinary(&code).len() as u64);

        assert!(cut.abs_diff(whole) * 1_000 <= whole, "{cut} {whole}");
    }

    #[test]
    fn texts_that_are_made_to_be_slow_are_not() {
        for text in ["a", " ", "\n", "=", "\u{200b}", "9"] {
            assert!(count(&text.repeat(200_000)) > 0);
        }
    }

    #[test]
    fn the_rest_of_what_is_far_too_long_is_taken_to_be_alike() {
        let line = "let total = total + price;\n";
        let once = count(line) as f64;
        let times = 2 * MOST / line.len();
        let before = MOST / line.len() - 100;
        let mut tally = Tally {
            bytes: before * line.len(),
            ..Tally::default()
        };
        tally.pieces.0[0] = once * before as f64;

        tally.add(&line.repeat(times - before));

        let (is, should) = (tally.total().0.iter().sum::<f64>(), once * times as f64);
        assert!((is - should).abs() * 100.0 <= should, "{is} {should}");
    }

    proptest! {
        #[test]
        fn pieces_are_the_text(text in "(\\PC|\n| ){0,40}", times in 1_usize..600) {
            let text = text.repeat(times);

            let pieces: Vec<&str> = pieces(&text).collect();

            prop_assert!(pieces.iter().all(|it| !it.is_empty() && it.len() <= PIECE));
            prop_assert_eq!(pieces.concat(), text);
        }
    }
}
