//! Words that are counted, found by their hash in a table that is made when this is compiled.

use super::words::hash;

/// What a word tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Of {
    /// A file, if a dot stands before it.
    Ending,
    Loop,
    Branch,
    Return,
    Definition,
    Error,
    Trace,
    Link,
    Example,
    Input,
    Limit,
    Include,
    Access,
    Own,
}

/// The words, each once.
const WORDS: &[(Of, &[&str])] = &[
    (
        Of::Ending,
        &[
            "py", "js", "jsx", "ts", "tsx", "java", "kt", "swift", "cs", "cpp", "cc", "hpp", "h",
            "c", "go", "rs", "rb", "php", "sh", "sql", "html", "css", "md", "json", "yaml", "yml",
            "toml", "xml", "txt", "vue", "tf", "gradle", "lock",
        ],
    ),
    (Of::Loop, &["for", "while", "foreach", "loop"]),
    (
        Of::Branch,
        &["if", "else", "elif", "switch", "case", "match"],
    ),
    (Of::Return, &["return", "returns"]),
    (
        Of::Definition,
        &[
            "def",
            "function",
            "class",
            "struct",
            "fn",
            "func",
            "interface",
            "enum",
            "impl",
        ],
    ),
    (
        Of::Error,
        &[
            "error",
            "errors",
            "exception",
            "fail",
            "fails",
            "failed",
            "failing",
            "failure",
            "crash",
            "crashes",
            "bug",
            "bugs",
            "undefined",
            "segfault",
            "fatal",
            "broken",
            "wrong",
            "cannot",
            "unexpected",
            "typeerror",
            "valueerror",
            "keyerror",
            "err",
            "nullpointerexception",
        ],
    ),
    (
        Of::Trace,
        &[
            "traceback",
            "panicked",
            "goroutine",
            "stacktrace",
            "backtrace",
        ],
    ),
    (Of::Link, &["http", "https"]),
    (Of::Example, &["example", "examples"]),
    (
        Of::Input,
        &["input", "output", "inputs", "outputs", "stdin", "stdout"],
    ),
    (Of::Limit, &["leq", "le", "constraints"]),
    (
        Of::Include,
        &["include", "using", "import", "require", "namespace"],
    ),
    (
        Of::Access,
        &[
            "public",
            "private",
            "static",
            "protected",
            "const",
            "let",
            "var",
        ],
    ),
    (Of::Own, &["self", "this"]),
];

/// A power of two, four times as many as there are words.
const SLOTS: usize = 512;

static TABLE: [Option<(u64, Of)>; SLOTS] = table();

const fn table() -> [Option<(u64, Of)>; SLOTS] {
    let mut table = [None; SLOTS];
    let mut kind = 0;
    while kind < WORDS.len() {
        let (of, words) = WORDS[kind];
        let mut word = 0;
        while word < words.len() {
            let hash = hash(words[word]);
            let mut at = slot(hash);
            while table[at].is_some() {
                at = (at + 1) % SLOTS;
            }
            table[at] = Some((hash, of));
            word += 1;
        }
        kind += 1;
    }
    table
}

const fn slot(hash: u64) -> usize {
    (hash >> 20) as usize % SLOTS
}

/// What the word of this hash tells of.
pub(super) fn of(hash: u64) -> Option<Of> {
    let mut at = slot(hash);
    while let Some((known, of)) = TABLE[at] {
        if known == hash {
            return Some(of);
        }
        at = (at + 1) % SLOTS;
    }
    None
}

#[test]
fn each_word_is_found_and_no_other() {
    let found = WORDS
        .iter()
        .flat_map(|(of, words)| words.iter().map(move |word| (of, word)));
    for (kind, word) in found {
        assert_eq!(of(hash(word)), Some(*kind), "{word}");
    }
    assert_eq!(of(hash("zebra")), None);
}
