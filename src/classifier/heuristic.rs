//! Kind of work by the words that people use, difficulty by the size of the call: what is known without a model.
//!
//! It never claims much: the difficulty's variance stays wide.

use crate::domain::dialect::Endpoint;
use crate::domain::facts::{Classification, Language, Task};
use crate::domain::tokens::TokenCount;

/// How many words of a text are looked at.
const WINDOW: usize = 100;

/// The kind of work that a word, or it and the next, tells of.
fn tells(word: &str, next: &str) -> Option<Task> {
    Some(match (word, next) {
        (
            "fix" | "fixes" | "bug" | "bugs" | "error" | "errors" | "fails" | "failing" | "failed"
            | "crash",
            _,
        )
        | ("crashes" | "broken" | "traceback" | "panic" | "panics" | "exception" | "debug", _) => {
            Task::Fix
        }
        ("test" | "tests" | "testing" | "coverage" | "pytest" | "unittest", _) => Task::Test,
        ("refactor" | "rename" | "extract" | "simplify" | "restructure", _) | ("clean", "up") => {
            Task::Refactor
        }
        ("explain" | "understand", _) | ("what" | "how" | "why", "does" | "is" | "do" | "are") => {
            Task::Explain
        }
        ("review" | "feedback" | "critique", _) | ("look", "over") => Task::Review,
        ("plan" | "design" | "architecture" | "approach", _) => Task::Plan,
        ("commit" | "install" | "deploy" | "shell" | "bash" | "docker" | "git" | "run", _) => {
            Task::Command
        }
        ("change" | "update" | "modify" | "replace" | "remove" | "move" | "edit", _) => Task::Edit,
        ("write" | "create" | "add" | "implement" | "build" | "generate" | "make", _) => {
            Task::Generate
        }
        _ => return None,
    })
}

/// Classifies by the newest text of the person and the size of the whole prompt.
pub fn classify(
    endpoint: Endpoint,
    text: &str,
    prompt: TokenCount,
    max_output: Option<TokenCount>,
) -> Classification {
    let task = match endpoint {
        Endpoint::Completions => Task::Complete,
        _ => kind(text),
    };
    let (difficulty, output) = match task {
        Task::Complete => (-1.5, 60),
        Task::Explain | Task::Command => (-0.5, 400),
        Task::Edit | Task::Generate | Task::Test | Task::Review => (0.0, 600),
        Task::Fix | Task::Refactor | Task::Plan => (0.5, 800),
        Task::Other => (0.0, 500),
    };
    let larger = if prompt.0 > 20_000 { 0.3 } else { 0.0 };
    // A word says little: the next likeliest is whatever people ask for most.
    let (confidence, second) = match task {
        Task::Complete => (1.0, Task::Generate),
        Task::Other => (0.3, Task::Edit),
        Task::Edit => (0.5, Task::Fix),
        _ => (0.5, Task::Edit),
    };
    Classification {
        task,
        second,
        confidence,
        difficulty: difficulty + larger,
        variance: 1.5,
        output: TokenCount(output),
        output_low: TokenCount(output / 8),
        output_high: TokenCount(output * 6),
        language: Language::Other,
    }
    .within(max_output)
}

/// The first telling word decides.
fn kind(text: &str) -> Task {
    let mut words = text
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .take(WINDOW)
        .peekable();
    let mut task = None;
    let (mut this, mut next) = (Lower::default(), Lower::default());
    while let (None, Some(word)) = (task, words.next()) {
        task = tells(
            this.of(word),
            next.of(words.peek().copied().unwrap_or_default()),
        );
    }
    task.unwrap_or(Task::Other)
}

/// A word in lower case, without an allocation; one that is longer than any that tells is none.
#[derive(Default)]
struct Lower([u8; 16]);

impl Lower {
    fn of(&mut self, word: &str) -> &str {
        let Some(room) = self.0.get_mut(..word.len()) else {
            return "";
        };
        room.copy_from_slice(word.as_bytes());
        room.make_ascii_lowercase();
        std::str::from_utf8(room).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(text: &str) -> Task {
        classify(Endpoint::Chat, text, TokenCount(100), None).task
    }

    #[test]
    fn the_first_telling_word_decides() {
        assert_eq!(task("Fix the failing test in parser.rs"), Task::Fix);
        assert_eq!(task("please write tests for this"), Task::Generate);
        assert_eq!(task("What does this function do?"), Task::Explain);
        assert_eq!(task("prefix"), Task::Other);
        assert_eq!(task(""), Task::Other);
        assert_eq!(
            classify(Endpoint::Completions, "fix", TokenCount(1), None).task,
            Task::Complete
        );
    }
}
