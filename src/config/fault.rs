//! What is wrong in a file, where, and the mend.

use std::fmt;
use std::sync::Arc;

/// Where a value was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In a file; line and column count from 1.
    File {
        /// The file's name, as it was given.
        file: Arc<str>,
        /// The line.
        line: usize,
        /// The column, in characters.
        column: usize,
    },
    /// In an environment variable.
    Variable(Arc<str>),
    /// On the command line.
    Flag(Arc<str>),
    /// In no text at all: it was put together by the program.
    Built,
}

impl Place {
    /// The beginning of a file.
    pub(crate) fn top(file: &str) -> Self {
        Self::File {
            file: file.into(),
            line: 1,
            column: 1,
        }
    }

    /// Whether a person may have it under version control: a secret must not stand there.
    pub(crate) fn is_file(&self) -> bool {
        matches!(self, Self::File { .. })
    }
}

impl Place {
    /// What faults are listed by: files by name and from the top, then the rest.
    fn rank(&self) -> (u8, &str, usize, usize) {
        match self {
            Self::File { file, line, column } => (0, file, *line, *column),
            Self::Variable(name) => (1, name, 0, 0),
            Self::Flag(name) => (2, name, 0, 0),
            Self::Built => (3, "", 0, 0),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { file, line, column } => write!(f, "{file}:{line}:{column}"),
            Self::Variable(name) | Self::Flag(name) => f.write_str(name),
            Self::Built => f.write_str("(built in)"),
        }
    }
}

/// One mistake: where, what, and the mend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where it was written.
    pub place: Place,
    /// The key's path, like `targets.gpu.url`; empty for the whole file.
    pub path: String,
    /// What is wrong.
    pub what: String,
    /// What to do about it; empty where nothing helps.
    pub mend: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.place)?;
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.what)?;
        if !self.mend.is_empty() {
            write!(f, "; {}", self.mend)?;
        }
        Ok(())
    }
}

/// All the mistakes at once; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Faults(pub Vec<Fault>);

impl Faults {
    /// Puts them into the order in which a person mends them.
    pub(crate) fn sorted(mut faults: Vec<Fault>) -> Self {
        faults.sort_by(|a, b| a.place.rank().cmp(&b.place.rank()));
        Self(faults)
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            fault.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}
