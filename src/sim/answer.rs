//! What a simulated model says: how many tokens, which words, whether it calls a tool. All of it follows from a seed.

use std::ops::RangeInclusive;

use serde_json::value::RawValue;

use super::cue::Cue;
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
    /// A call of each of these tools, with arguments by its schema.
    Calls(Vec<(String, Option<&'a RawValue>)>),
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

    /// Cuts a text into tokens of about four bytes, keeping at most `most` of them, and says whether all of it was kept.
    fn cut(mut text: String, most: u64) -> (Self, bool) {
        let mut ends = Vec::with_capacity(text.len() / 4 + 1);
        let mut end = 0;
        while end < text.len() && (ends.len() as u64) < most {
            end = text.len().min(end + 4);
            while !text.is_char_boundary(end) {
                end += 1;
            }
            ends.push(end);
        }
        let whole = end == text.len();
        text.truncate(end);
        (Self { text, ends }, whole)
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

/// A tool that is called.
#[derive(Debug)]
pub(super) struct Called {
    pub(super) name: String,
    /// JSON, unless the answer was cut.
    pub(super) arguments: Pieces,
}

/// What the model says: thoughts, then words, then calls.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) thought: Pieces,
    pub(super) thinking: Thinking,
    /// What was thought is shown to nobody, not even in part.
    pub(super) redacted: bool,
    pub(super) said: Pieces,
    pub(super) calls: Vec<Called>,
    pub(super) stop: Stop,
}

/// An answer that is being made, with so many tokens left.
struct Making {
    answer: Answer,
    room: u64,
}

impl Making {
    fn new(thought: Pieces, thinking: Thinking, most: u64) -> Self {
        let room = most.saturating_sub(thought.len());
        let answer = Answer {
            thought,
            thinking,
            redacted: false,
            said: Pieces::default(),
            calls: Vec::new(),
            stop: Stop::Done,
        };
        Self { answer, room }
    }

    /// As much of a text as there is room for.
    fn take(&mut self, text: String) -> Pieces {
        let (pieces, whole) = Pieces::cut(text, self.room);
        self.room -= pieces.len();
        if !whole {
            self.answer.stop = Stop::Length;
        }
        pieces
    }

    fn say(&mut self, text: String) {
        self.answer.said = self.take(text);
    }

    fn call(&mut self, name: String, arguments: String) {
        if self.answer.stop == Stop::Length {
            return;
        }
        self.answer.stop = Stop::Tool;
        let arguments = self.take(arguments);
        self.answer.calls.push(Called { name, arguments });
    }
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
        let mut making = Making::new(Pieces::words(seed ^ 3, thought), thinking, most);
        match wanted {
            Wanted::Text => {
                let spread = words.end().saturating_sub(*words.start()) + 1;
                let wish = words.start() + mix(seed) % spread;
                let wish = wish.saturating_sub(thought).max(1);
                making.answer.said = Pieces::words(seed ^ 2, wish.min(making.room));
                if wish > making.room {
                    making.answer.stop = Stop::Length;
                }
            }
            Wanted::Calls(tools) => {
                for (at, (name, schema)) in (0_u64..).zip(tools) {
                    making.call(name, schema::fill(schema, seed.wrapping_add(at)));
                }
            }
            Wanted::Deed(name, arguments) => making.call(name, arguments),
            Wanted::Line(text) => making.say(text),
            Wanted::Json(schema) => making.say(schema::fill(Some(schema), seed)),
        }
        making.answer
    }

    /// Says what was scripted. Thoughts need a caller who lets the model think.
    pub(super) fn cued(cue: Cue, thinking: Thinking, most: u64) -> Self {
        let thought = cue.thought.filter(|_| thinking != Thinking::No);
        let thinking = match (&thought, cue.redacted) {
            (None, _) => Thinking::No,
            (Some(_), true) => Thinking::Hidden,
            (Some(_), false) => thinking,
        };
        let (thought, whole) = Pieces::cut(thought.unwrap_or_default(), most);
        let mut making = Making::new(thought, thinking, most);
        making.answer.redacted = cue.redacted && thinking != Thinking::No;
        if !whole {
            making.answer.stop = Stop::Length;
        }
        making.say(cue.text);
        for (name, arguments) in cue.calls {
            making.call(name, arguments);
        }
        making.answer
    }

    pub(super) fn tokens(&self) -> u64 {
        let calls = self.calls.iter().map(|call| call.arguments.len());
        self.thought.len() + self.said.len() + calls.sum::<u64>()
    }

    /// About how many bytes it has.
    pub(super) fn size(&self) -> usize {
        let calls = self
            .calls
            .iter()
            .map(|call| call.arguments.text.len() + 200);
        self.thought.text.len() + self.said.text.len() + calls.sum::<usize>()
    }

    /// The calls that are whole: what was cut is no JSON, and not every dialect has a place for half an object.
    pub(super) fn whole_calls(&self) -> &[Called] {
        match (self.stop, self.calls.split_last()) {
            (Stop::Length, Some((_, whole))) => whole,
            _ => &self.calls,
        }
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
        let call = || Wanted::Calls(vec![("weather".to_owned(), Some(schema))]);

        let compose = |most| Answer::compose(1, call(), Thinking::No, &(20..=200), most);
        let whole = compose(100);
        let cut = compose(2);

        assert_eq!(
            (whole.calls[0].arguments.text(), whole.stop),
            (r#"{"städte": null}"#, Stop::Tool)
        );
        assert_eq!((cut.tokens(), cut.stop), (2, Stop::Length));
        assert!(cut.whole_calls().is_empty());
    }

    #[test]
    fn what_is_scripted_is_said_within_the_limit() {
        let cue = || {
            Cue::says("two words")
                .thinks("hm")
                .calls("a", "{}")
                .calls("b", "[1,2,3]")
        };

        let whole = Answer::cued(cue(), Thinking::Shown, 100);
        let plain = Answer::cued(cue(), Thinking::No, 100);
        let cut = Answer::cued(cue().redacted(), Thinking::Shown, 6);

        assert_eq!(
            (whole.thought.text(), whole.said.text()),
            ("hm", "two words")
        );
        assert_eq!((whole.calls.len(), whole.stop), (2, Stop::Tool));
        assert_eq!((plain.thought.len(), plain.thinking), (0, Thinking::No));
        assert_eq!((cut.tokens(), cut.stop), (6, Stop::Length));
        assert_eq!((cut.whole_calls().len(), cut.redacted), (1, true));
    }
}
