//! Kind of work by the words that people use, difficulty by the size of the call: what is known without a model.
//!
//! It never claims much: the difficulty's variance stays wide.

use crate::domain::dialect::Endpoint;
use crate::domain::facts::{Classification, Task};
use crate::domain::tokens::TokenCount;

/// Words by kind of work; the kind whose word stands first in the text wins.
const WORDS: &[(Task, &[&str])] = &[
    (
        Task::Fix,
        &[
            "fix",
            "bug",
            "error",
            "fails",
            "failing",
            "crash",
            "broken",
            "traceback",
            "panic",
            "exception",
        ],
    ),
    (
        Task::Test,
        &["test", "tests", "coverage", "pytest", "unittest"],
    ),
    (
        Task::Refactor,
        &[
            "refactor",
            "clean up",
            "rename",
            "extract",
            "simplify",
            "restructure",
        ],
    ),
    (
        Task::Explain,
        &[
            "explain",
            "what does",
            "how does",
            "why does",
            "what is",
            "understand",
        ],
    ),
    (
        Task::Review,
        &["review", "feedback", "look over", "critique"],
    ),
    (
        Task::Plan,
        &["plan", "design", "architecture", "approach", "steps to"],
    ),
    (
        Task::Command,
        &[
            "commit", "run ", "install", "deploy", "shell", "bash", "docker", "git ",
        ],
    ),
    (
        Task::Edit,
        &[
            "change", "update", "modify", "replace", "remove", "move", "edit",
        ],
    ),
    (
        Task::Generate,
        &[
            "write",
            "create",
            "add",
            "implement",
            "build",
            "generate",
            "make",
        ],
    ),
];

/// How much of a text is looked at.
const WINDOW: usize = 600;

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
    let output = max_output.map_or(output, |most| most.0.min(output));
    Classification {
        task,
        difficulty: difficulty + larger,
        variance: 1.5,
        output: TokenCount(output),
    }
}

fn kind(text: &str) -> Task {
    let start: String = text
        .chars()
        .take(WINDOW)
        .flat_map(char::to_lowercase)
        .collect();
    let first = |words: &[&str]| {
        words
            .iter()
            .filter_map(|word| find_word(&start, word))
            .min()
    };
    let found = WORDS
        .iter()
        .filter_map(|(task, words)| first(words).map(|at| (at, *task)));
    found
        .min_by_key(|(at, _)| *at)
        .map_or(Task::Other, |(_, task)| task)
}

/// Where `word` stands as a word of its own, or begins one.
fn find_word(text: &str, word: &str) -> Option<usize> {
    text.match_indices(word)
        .map(|(at, _)| at)
        .find(|at| !text[..*at].ends_with(char::is_alphanumeric))
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
