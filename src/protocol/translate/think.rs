//! Thoughts that stand before the words, between `<think>` and `</think>`: so own servers tell them whose parser of reasoning is off.
//! Only at the very beginning of an answer: further on these are words like others.

use super::block::{Block, Text, Thought};
use super::sealed::Sealed;
use crate::domain::dialect::Dialect;

const OPEN: &str = "<think>";
const CLOSE: &str = "</think>";
/// More blanks are no beginning of anything.
const BLANKS: usize = 64;

/// Whose words a piece is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    /// The model thinks.
    Thought,
    /// The model speaks.
    Words,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum At {
    /// Nothing has been said that tells.
    #[default]
    Beginning,
    /// In the thought.
    Inside,
    /// Behind it, before the first word.
    Gap,
    /// In the words.
    Words,
}

/// Tells thoughts from words as they come.
#[derive(Debug, Default)]
pub struct Think {
    at: At,
    /// The beginning of a mark, maybe.
    held: String,
}

impl Think {
    /// Takes the next piece of what the model says, however it is cut, and calls `each` with what is known by now.
    pub fn push(&mut self, piece: &str, mut each: impl FnMut(Said, &str)) {
        if self.at == At::Words {
            return each(Said::Words, piece);
        }
        let mut rest = std::mem::take(&mut self.held) + piece;
        loop {
            let (at, said, left) = match self.at {
                At::Beginning => match begins(&rest) {
                    Some(true) => (At::Inside, None, after(&rest, OPEN)),
                    Some(false) => (At::Words, None, rest),
                    None => return self.held = rest,
                },
                At::Inside => match rest.split_once(CLOSE) {
                    Some((thought, words)) => (At::Gap, Some(thought.to_owned()), words.to_owned()),
                    None => {
                        let held = rest.split_off(rest.len() - open_end(&rest));
                        self.held = held;
                        return told(&rest, Said::Thought, &mut each);
                    }
                },
                At::Gap => match rest.trim_start() {
                    "" => return,
                    words => (At::Words, None, words.to_owned()),
                },
                At::Words => return told(&rest, Said::Words, &mut each),
            };
            if let Some(thought) = said {
                told(&thought, Said::Thought, &mut each);
            }
            (self.at, rest) = (at, left);
        }
    }

    /// Nothing more comes.
    pub fn end(&mut self, mut each: impl FnMut(Said, &str)) {
        let said = match self.at {
            At::Inside => Said::Thought,
            At::Beginning | At::Gap | At::Words => Said::Words,
        };
        told(&std::mem::take(&mut self.held), said, &mut each);
    }
}

fn told(text: &str, said: Said, each: &mut impl FnMut(Said, &str)) {
    if !text.is_empty() {
        each(said, text);
    }
}

/// Whether it begins with a thought; `None` while that cannot be said.
fn begins(text: &str) -> Option<bool> {
    let said = text.trim_start();
    match said.len() < OPEN.len() && text.len() <= BLANKS {
        true if OPEN.starts_with(said) => None,
        _ => Some(said.starts_with(OPEN)),
    }
}

fn after(text: &str, mark: &str) -> String {
    let behind = text.split_once(mark).map(|(_, behind)| behind);
    behind.unwrap_or_default().to_owned()
}

/// How much of the end may be the beginning of the closing mark.
fn open_end(text: &str) -> usize {
    let fits = |length: &usize| text.ends_with(&CLOSE[..*length]);
    (1..CLOSE.len()).rev().find(fits).unwrap_or(0)
}

/// Parts a whole answer in two where it begins so.
pub fn part(blocks: &mut Vec<Block<'_>>) {
    let Some(Block::Text(text)) = blocks.first() else {
        return;
    };
    if begins(&text.text) != Some(true) {
        return;
    }
    let (mut thought, mut words) = (String::new(), String::new());
    let mut think = Think::default();
    let mut add = |said, piece: &str| match said {
        Said::Thought => thought.push_str(piece),
        Said::Words => words.push_str(piece),
    };
    think.push(&text.text, &mut add);
    think.end(&mut add);
    let words = Text {
        text: words.into(),
        ..text.clone()
    };
    let thought = Thought {
        text: thought.into(),
        sealed: Some(Sealed::plain(Dialect::Chat)),
        ..Thought::default()
    };
    let parts = [Block::Thought(thought), Block::Text(words)];
    let said = |block: &Block<'_>| !matches!(block, Block::Text(it) if it.text.is_empty());
    blocks.splice(..1, parts.into_iter().filter(said));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parted(pieces: &[&str]) -> (String, String) {
        let (mut thought, mut words) = (String::new(), String::new());
        let mut add = |said, piece: &str| match said {
            Said::Thought => thought.push_str(piece),
            Said::Words => words.push_str(piece),
        };
        let mut think = Think::default();
        pieces.iter().for_each(|piece| think.push(piece, &mut add));
        think.end(&mut add);
        (thought, words)
    }

    #[test]
    fn a_thought_before_the_words_is_told_from_them() {
        for (text, thought, words) in [
            ("<think>hm</think>\n\nYes.", "hm", "Yes."),
            ("\n<think>\nhm\n</think>Yes.", "\nhm\n", "Yes."),
            ("<think>cut", "cut", ""),
            ("<think>a < b</thin", "a < b</thin", ""),
            ("<think></think>Yes </think>", "", "Yes </think>"),
            ("Write <think>x</think>", "", "Write <think>x</think>"),
            ("<thin air>", "", "<thin air>"),
            ("<thi", "", "<thi"),
        ] {
            assert_eq!(parted(&[text]), (thought.into(), words.into()), "{text}");
        }
    }

    proptest! {
        #[test]
        fn it_makes_no_difference_where_the_text_is_cut(
            text in "( |\n){0,2}(<think>)?[a<é/]{0,6}(</think>)?( |\n){0,2}[a<é>]{0,6}",
            cuts in proptest::collection::vec(0usize..40, 0..6),
        ) {
            let mut places: Vec<usize> = cuts.into_iter().map(|at| text.floor_char_boundary(at.min(text.len()))).collect();
            places.extend([0, text.len()]);
            places.sort_unstable();
            let pieces: Vec<&str> = places.windows(2).map(|pair| &text[pair[0]..pair[1]]).collect();
            prop_assert_eq!(parted(&pieces), parted(&[&text]));
        }
    }
}
