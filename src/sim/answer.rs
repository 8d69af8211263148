//! What a simulated model says: how many tokens, which words, whether it calls a tool. All of it follows from a seed.

use std::ops::RangeInclusive;

use serde_json::value::RawValue;

use super::schema;
use crate::domain::clock::mix;
use crate::domain::tokens::{TokenCount, Usage};

/// One token each. No character here needs an escape in JSON.
pub(super) const WORDS: [&str; 32] = [
    " the", " code", " reads", " a", " file", " then", " checks", " every", " line", " and",
    " returns", " what", " changed", " test", " passes", " when", " value", " is", " set",
    " before", " call", " so", " that", " next", " step", " finds", " it", " in", " order",
    " without", " extra", " work",
];

/// What the caller asked to get.
#[derive(Debug)]
pub(super) enum Wanted<'a> {
    /// Plain text.
    Text,
    /// A call of the tool of this name, with arguments by its schema.
    Call(String, Option<&'a RawValue>),
    /// A call of the tool of this name with these arguments.
    Deed(String, String),
    /// Just this text.
    Line(String),
    /// JSON by this schema.
    Json(&'a RawValue),
}

/// Whether the model thinks before it answers, and who sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Thinking {
    No,
    Hidden,
    Shown,
}

/// A text cut into tokens.
#[derive(Debug, Default)]
pub(super) struct Pieces {
    text: String,
    ends: Vec<usize>,
}

impl Pieces {
    fn words(seed: u64, count: u64) -> Self {
        let mut pieces = Self::default();
        for at in 0..count {
            let pick = mix(seed.wrapping_add(at));
            let word = WORDS[usize::from(pick as u8) % WORDS.len()];
            pieces
                .text
                .push_str(if at == 0 { word.trim_start() } else { word });
            pieces.ends.push(pieces.text.len());
        }
        pieces
    }

    /// Cuts a text into tokens of about four bytes, keeping at most `most` of them.
    fn cut(mut text: String, most: u64) -> Self {
        let mut ends = Vec::with_capacity(text.len() / 4 + 1);
        let mut end = 0;
        while end < text.len() && (ends.len() as u64) < most {
            end = text.len().min(end + 4);
            while !text.is_char_boundary(end) {
                end += 1;
            }
            ends.push(end);
        }
        text.truncate(end);
        Self { text, ends }
    }

    /// The text cut into tokens, and whether all of it is there.
    fn within(text: String, most: u64) -> (Self, bool) {
        let length = text.len();
        let pieces = Self::cut(text, most);
        let whole = pieces.text.len() == length;
        (pieces, whole)
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn len(&self) -> u64 {
        self.ends.len() as u64
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts
            .zip(&self.ends)
            .map(|(start, end)| &self.text[start..*end])
    }
}

/// Why the model stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    Done,
    Tool,
    Length,
}

/// What the model says.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) thought: Pieces,
    pub(super) thinking: Thinking,
    /// The name of the tool that is called; then `said` is its arguments.
    pub(super) tool: Option<String>,
    pub(super) said: Pieces,
    pub(super) stop: Stop,
}

impl Answer {
    /// Makes the answer up: one in words has as many tokens as `words` allows, and any has `most` at most.
    pub(super) fn compose(
        seed: u64,
        wanted: Wanted<'_>,
        thinking: Thinking,
        words: &RangeInclusive<u64>,
        most: u64,
    ) -> Self {
        let thought = match thinking {
            Thinking::No => 0,
            Thinking::Hidden | Thinking::Shown => (5 + mix(seed ^ 1) % 36).min(most),
        };
        let room = most - thought;
        let (tool, said, whole) = match wanted {
            Wanted::Text => {
                let spread = words.end().saturating_sub(*words.start()) + 1;
                let wish = words.start() + mix(seed) % spread;
                let wish = wish.saturating_sub(thought).max(1);
                (None, Pieces::words(seed ^ 2, wish.min(room)), wish <= room)
            }
            Wanted::Call(name, schema) => {
                let (said, whole) = Pieces::within(schema::fill(schema, seed), room);
                (Some(name), said, whole)
            }
            Wanted::Deed(name, arguments) => {
                let (said, whole) = Pieces::within(arguments, room);
                (Some(name), said, whole)
            }
            Wanted::Line(text) => {
                let (said, whole) = Pieces::within(text, room);
                (None, said, whole)
            }
            Wanted::Json(schema) => {
                let (said, whole) = Pieces::within(schema::fill(Some(schema), seed), room);
                (None, said, whole)
            }
        };
        let stop = match (whole, &tool) {
            (false, _) => Stop::Length,
            (true, Some(_)) => Stop::Tool,
            (true, None) => Stop::Done,
        };
        let thought = Pieces::words(seed ^ 3, thought);
        Self {
            thought,
            thinking,
            tool,
            said,
            stop,
        }
    }

    pub(super) fn tokens(&self) -> u64 {
        self.thought.len() + self.said.len()
    }

    /// The prompt's usage with this answer's output added.
    pub(super) fn usage(&self, prompt: Usage) -> Usage {
        Usage {
            output: TokenCount(self.tokens()),
            reasoning: TokenCount(self.thought.len()),
            ..prompt
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_repeats_and_keeps_to_the_limit() {
        let compose =
            |thinking, most| Answer::compose(9, Wanted::Text, thinking, &(20..=200), most);
        let long = compose(Thinking::Shown, 10_000);
        let again = compose(Thinking::Shown, 10_000);
        let short = compose(Thinking::Shown, 7);

        assert!((20..=200).contains(&long.tokens()), "{}", long.tokens());
        assert_eq!(long.said.text(), again.said.text());
        assert_eq!(long.said.iter().collect::<String>(), long.said.text());
        assert_eq!((short.tokens(), short.stop), (7, Stop::Length));
        assert_eq!(compose(Thinking::No, 0).tokens(), 0);
    }

    #[test]
    fn a_call_that_does_not_fit_is_cut_by_length() {
        let schema: &RawValue = serde_json::from_str(r#"{"required": ["städte"]}"#).expect("JSON");
        let call = || Wanted::Call("weather".to_owned(), Some(schema));

        let compose = |most| Answer::compose(1, call(), Thinking::No, &(20..=200), most);
        let whole = compose(100);
        let cut = compose(2);

        assert_eq!(
            (whole.said.text(), whole.stop),
            (r#"{"städte": null}"#, Stop::Tool)
        );
        assert_eq!((cut.said.len(), cut.stop), (2, Stop::Length));
    }
}
