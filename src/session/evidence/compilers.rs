//! Compilers, type checkers, linters and what breaks off while it runs: which lines say so. One table.

use std::sync::LazyLock;

use super::pattern::{Pattern, Sought, Table};
use super::signature::Signature;

/// What a line is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Theme {
    Compile,
    Lint,
    Crash,
    /// A build went through.
    Built,
}

/// What a line tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tells {
    /// That there is an error.
    There,
    /// Which error it is.
    Which,
    Both,
    /// Both, if a line before it begins so.
    Behind(&'static str),
}

const TABLE: &[(&str, Theme, Tells)] = &[
    // rustc, cargo.
    ("error[E@]", Theme::Compile, Tells::Both),
    ("error: could not compile", Theme::Compile, Tells::There),
    ("error: aborting due to", Theme::Compile, Tells::There),
    ("--> *.rs:@:@", Theme::Compile, Tells::Behind("error: ")),
    // gcc, clang, swiftc, ghc, zig, and the linkers.
    ("*:@:@: error:", Theme::Compile, Tells::Both),
    ("*:@:@: fatal error:", Theme::Compile, Tells::Both),
    ("*: undefined reference to", Theme::Compile, Tells::Both),
    ("*: error: ld returned", Theme::Compile, Tells::There),
    ("ld: symbol(s) not found", Theme::Compile, Tells::There),
    ("CMake Error at ", Theme::Compile, Tells::Both),
    // tsc, and who bundles.
    ("*: error TS@:", Theme::Compile, Tells::Both),
    ("*:@:@ - error TS@:", Theme::Compile, Tells::Both),
    ("ERROR in ", Theme::Compile, Tells::Both),
    ("Module not found: Error:", Theme::Compile, Tells::Both),
    ("Failed to compile", Theme::Compile, Tells::There),
    ("✘ [ERROR] ", Theme::Compile, Tells::Both),
    // javac, kotlinc, scalac, Maven, Gradle.
    ("*.java:@: error:", Theme::Compile, Tells::Both),
    ("e: *.kt", Theme::Compile, Tells::Both),
    ("[error] *.scala:@", Theme::Compile, Tells::Both),
    ("[ERROR] COMPILATION ERROR", Theme::Compile, Tells::There),
    ("[ERROR] *.java:[@,@]", Theme::Compile, Tells::Both),
    (
        "Execution failed for task ':*compile",
        Theme::Compile,
        Tells::There,
    ),
    // go.
    ("*.go:@:@: ", Theme::Compile, Tells::Both),
    ("FAIL * [build failed]", Theme::Compile, Tells::There),
    // C#.
    ("*: error CS@:", Theme::Compile, Tells::Both),
    // mypy, pyright.
    ("*.py:@: error:", Theme::Compile, Tells::Both),
    ("*.py:@:@ - error:", Theme::Compile, Tells::Both),
    // Others.
    ("SyntaxError: ", Theme::Compile, Tells::Both),
    ("== Compilation error in file", Theme::Compile, Tells::Both),
    ("PHP Parse error:", Theme::Compile, Tells::Both),
    ("Parse error: syntax error", Theme::Compile, Tells::Both),
    ("*.rb:@: syntax error", Theme::Compile, Tells::Both),
    // eslint, ruff, flake8, rubocop, rustfmt, prettier.
    ("@:@ error ", Theme::Lint, Tells::Both),
    ("✖ @ problem", Theme::Lint, Tells::There),
    ("*.py:@:@: ", Theme::Lint, Tells::Both),
    ("*.rb:@:@: ", Theme::Lint, Tells::Both),
    ("Diff in *.rs", Theme::Lint, Tells::Both),
    ("[warn] Code style issues", Theme::Lint, Tells::There),
    ("would reformat ", Theme::Lint, Tells::Both),
    // Python, node, and other exceptions that nobody caught.
    (
        "Traceback (most recent call last)",
        Theme::Crash,
        Tells::There,
    ),
    ("&Error: ", Theme::Crash, Tells::Which),
    ("&Exception: ", Theme::Crash, Tells::Which),
    ("Error: ", Theme::Crash, Tells::Which),
    ("at *:@:@", Theme::Crash, Tells::Behind("&Error")),
    ("at *:@:@", Theme::Crash, Tells::Behind("Error: ")),
    ("Uncaught &Error", Theme::Crash, Tells::Both),
    ("Exception in thread ", Theme::Crash, Tells::Both),
    ("Unhandled exception", Theme::Crash, Tells::Both),
    ("PHP Fatal error: ", Theme::Crash, Tells::Both),
    // Panics, signals.
    ("thread '*' * panicked at", Theme::Crash, Tells::Both),
    ("thread '*' panicked at", Theme::Crash, Tells::Both),
    ("panic: ", Theme::Crash, Tells::Both),
    (
        "fatal error: all goroutines are asleep",
        Theme::Crash,
        Tells::Both,
    ),
    ("terminate called after throwing", Theme::Crash, Tells::Both),
    ("*Segmentation fault", Theme::Crash, Tells::Both),
    ("*ERROR: AddressSanitizer", Theme::Crash, Tells::Both),
    // Green.
    ("Finished `*` profile", Theme::Built, Tells::There),
    ("BUILD SUCCESSFUL in ", Theme::Built, Tells::There),
    ("[INFO] BUILD SUCCESS", Theme::Built, Tells::There),
    ("Build succeeded", Theme::Built, Tells::There),
    ("* BUILD SUCCEEDED *", Theme::Built, Tells::There),
    ("Build complete!", Theme::Built, Tells::There),
    ("Success: no issues found", Theme::Built, Tells::There),
    ("@ errors, @ warnings", Theme::Built, Tells::There),
    ("Compiled successfully", Theme::Built, Tells::There),
    ("✓ built in ", Theme::Built, Tells::There),
    ("Found 0 errors", Theme::Built, Tells::There),
];

/// A line before counts this far: a message, some blank, the place.
const NEAR: usize = 6;

/// One kind of error: whether it is there, and which.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) there: bool,
    pub(super) signature: Signature,
}

/// The table, ready to be searched for.
static ROWS: LazyLock<Table<(Theme, Tells)>> = LazyLock::new(|| {
    let rows = TABLE.iter();
    Table::new(rows.map(|(pattern, theme, tells)| (*pattern, (*theme, *tells))))
});

/// Reads an output line by line.
#[derive(Debug, Default)]
pub(super) struct Faults {
    rows: Vec<&'static (Sought, (Theme, Tells))>,
    /// For each row, how many lines ago the line was that it waits for.
    since: Vec<usize>,
    pub(super) compile: Found,
    pub(super) lint: Found,
    pub(super) crash: Found,
    pub(super) built: bool,
}

impl Faults {
    /// For a text; only rows that can match are kept.
    pub(super) fn of(text: &str) -> Self {
        let rows = ROWS.likely_in(text);
        Self {
            since: vec![NEAR; rows.len()],
            rows,
            ..Self::default()
        }
    }

    pub(super) fn line(&mut self, line: &str) {
        for at in 0..self.rows.len() {
            let (pattern, (theme, tells)) = self.rows[at];
            let (matches, theme, tells) = (pattern.matches(line), *theme, *tells);
            if let Tells::Behind(before) = tells {
                if matches && self.since[at] < NEAR {
                    self.take(theme, Tells::Both, line);
                }
                let opens = Pattern(before).matches(line);
                self.since[at] = if opens {
                    0
                } else {
                    self.since[at].saturating_add(1)
                };
            } else if matches {
                self.take(theme, tells, line);
            }
        }
    }

    fn take(&mut self, theme: Theme, tells: Tells, line: &str) {
        let found = match theme {
            Theme::Compile => &mut self.compile,
            Theme::Lint => &mut self.lint,
            Theme::Crash => &mut self.crash,
            Theme::Built => {
                // `0 errors, 0 warnings` is green, `2 errors, 0 warnings` is not.
                self.built |= !line.starts_with(|c: char| ('1'..='9').contains(&c));
                return;
            }
        };
        found.there |= tells != Tells::Which;
        if tells != Tells::There {
            found.signature.add(line);
        }
    }
}
