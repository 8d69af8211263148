//! The files of words, as they are built into the program.

use super::grammar::Grammar;

macro_rules! files {
    ($($name:literal),+ $(,)?) => {
        const FILES: &[(&str, &str)] = &[$((
            $name,
            include_str!(concat!("../../../classifiers/requests/", $name, ".txt")),
        )),+];
    };
}

files!(
    "words", "tells", "places", "matters", "around", "code", "holes", "faults", "papers",
    "complete", "edit", "generate", "fix", "test", "refactor", "explain", "review", "plan",
    "command", "other", "de", "fr", "es", "pt", "it", "pl", "ru", "uk", "tr", "zh", "ja", "ko",
    "hi", "ar", "vi", "id",
);

/// The languages of people beside English, in which each kind of work has its frames.
pub(super) const TONGUES: [&str; 16] = [
    "de", "fr", "es", "pt", "it", "pl", "ru", "uk", "tr", "zh", "ja", "ko", "hi", "ar", "vi", "id",
];

/// Reads them all.
///
/// # Panics
/// Never with the files as they are: a test reads each.
pub(super) fn embedded() -> Grammar {
    let mut grammar = Grammar::default();
    for (name, text) in FILES {
        let read = grammar.read(text);
        assert!(read.is_ok(), "{name}: {read:?}");
    }
    grammar
}
