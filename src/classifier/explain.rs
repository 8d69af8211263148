//! Which parts of a call counted most, found by leaving each out and asking again: the sizes one by one, and the words.

use std::collections::HashSet;

use super::features::Input;
use super::worker::Mind;
use crate::domain::facts::Classification;
use crate::protocol::outline::Outline;

/// Different words that are left out, one at a time, from the beginning of the text.
const WORDS: usize = 256;

/// A part of a call, and what it changed.
#[derive(Clone, Debug, PartialEq)]
pub struct Influence {
    /// The size's name, or the word in quotes.
    pub name: String,
    /// By how much it made the kind of work that was told likelier. Where without it another kind would have been told,
    /// at least by so much.
    pub task: f32,
    /// How much it added to the difficulty.
    pub difficulty: f32,
}

impl Influence {
    /// A tenth of likelihood counts as much as a tenth of difficulty.
    fn weight(&self) -> f32 {
        self.task.abs() + self.difficulty.abs()
    }
}

/// Says what counted, the strongest first; what changed nothing is left out. Asks `mind` some hundred times.
pub fn explain(mind: &dyn Mind, input: &Input<'_>) -> Vec<Influence> {
    let whole = mind.classify(input);
    let mut found = Vec::new();
    let mut note = |name: String, without: &Input<'_>| {
        let influence = influence(name, &whole, &mind.classify(without));
        if influence.weight() > 1e-4 {
            found.push(influence);
        }
    };
    for (name, clear) in SIZES {
        let mut outline = *input.outline;
        clear(&mut outline);
        if outline != *input.outline {
            let without = Input {
                outline: &outline,
                ..*input
            };
            note((*name).to_owned(), &without);
        }
    }
    if input.max_output.is_some() {
        let without = Input {
            max_output: None,
            ..*input
        };
        note("limit of output".to_owned(), &without);
    }
    for word in words(input.text) {
        let text = without(input.text, word);
        let without = Input {
            text: &text,
            ..*input
        };
        note(format!("\u{201c}{word}\u{201d}"), &without);
    }
    found.sort_by(|a, b| b.weight().total_cmp(&a.weight()));
    found
}

fn influence(name: String, whole: &Classification, without: &Classification) -> Influence {
    let left = if without.task == whole.task {
        without.confidence
    } else {
        // Another came first, so it had no more than the rest, nor more than that other.
        (1.0 - without.confidence).min(without.confidence)
    };
    Influence {
        name,
        task: whole.confidence - left,
        difficulty: whole.difficulty - without.difficulty,
    }
}

type Clear = fn(&mut Outline);

/// The sizes of an outline: what each is called, and how it is left out.
const SIZES: &[(&str, Clear)] = &[
    ("size of the system prompt", |it| it.system = 0),
    ("size of the tools on offer", |it| it.tools = 0),
    ("size of what the person wrote", |it| it.person = 0),
    ("size of what the model wrote", |it| it.assistant = 0),
    ("size of the tool results", |it| it.results = 0),
    ("size of the newest text", |it| it.newest = 0),
    ("number of messages", |it| it.messages = 0),
    ("turns of the person", |it| it.person_turns = 0),
    ("tool turns", |it| it.tool_turns = 0),
    ("number of tools on offer", |it| it.tool_count = 0),
    ("pictures", |it| it.images = 0),
    ("last message carries tool results", |it| {
        it.tool_turn = false;
    }),
];

fn is_of_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The different words of a text.
fn words(text: &str) -> Vec<&str> {
    let mut seen = HashSet::new();
    let words = text.split(|c| !is_of_word(c)).filter(|it| !it.is_empty());
    words.filter(|it| seen.insert(*it)).take(WORDS).collect()
}

/// The text without a word, wherever it stands alone.
fn without(text: &str, word: &str) -> String {
    let parts = text.split_inclusive(|c| !is_of_word(c));
    let parts = parts.map(|part| {
        let rest = part.strip_prefix(word)?;
        // What follows is at most the one letter that ended it.
        rest.chars().all(|c| !is_of_word(c)).then_some(rest)
    });
    let originals = text.split_inclusive(|c| !is_of_word(c));
    let kept = originals.zip(parts);
    kept.map(|(part, rest)| rest.unwrap_or(part)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::dialect::Endpoint;
    use crate::domain::facts::Task;
    use crate::domain::tokens::TokenCount;

    /// Takes "crash" for a fault, and a long conversation for a hard one.
    #[derive(Debug)]
    struct Simple;

    impl Mind for Simple {
        fn classify(&self, input: &Input<'_>) -> Classification {
            let crash = input.text.contains("crash");
            Classification {
                task: if crash { Task::Fix } else { Task::Edit },
                confidence: if crash { 0.95 } else { 0.6 },
                difficulty: if input.outline.messages > 10 {
                    1.0
                } else {
                    0.5
                },
                ..Classification::UNKNOWN
            }
        }
    }

    #[test]
    fn what_counted_comes_first_and_what_did_not_is_left_out() {
        let outline = Outline {
            messages: 20,
            system: 5_000,
            ..Outline::default()
        };
        let input = Input {
            endpoint: Endpoint::Chat,
            text: "it crash, crash: crashes not",
            outline: &outline,
            max_output: Some(TokenCount(100)),
        };

        let none = explain(&Simple, &input);
        let input = Input {
            text: "a crash, and a crash!",
            ..input
        };
        let found = explain(&Simple, &input);

        let names = |found: &[Influence]| -> Vec<String> {
            found.iter().map(|it| it.name.clone()).collect()
        };
        // "crashes" still tells of it.
        assert_eq!(names(&none), ["number of messages"]);
        assert_eq!(
            names(&found),
            ["\u{201c}crash\u{201d}", "number of messages"]
        );
        assert!((found[0].task - 0.55).abs() < 1e-6 && found[0].difficulty == 0.0);
        assert!((found[1].difficulty - 0.5).abs() < 1e-6);
    }

    #[test]
    fn a_word_is_left_out_where_it_stands_alone() {
        assert_eq!(without("a b, ab b", "b"), "a , ab ");
        assert_eq!(without("größe größen größe", "größe"), " größen ");
        assert_eq!(without("", "x"), "");
        assert_eq!(words("a b a, c"), ["a", "b", "c"]);
    }
}
