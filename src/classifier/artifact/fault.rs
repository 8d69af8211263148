//! Why a classifier is not used: what is wrong with which file, and the mend.

use std::fmt;
use std::io;

use super::{VERSION, features};

/// Why a classifier is not used.
#[derive(Debug)]
pub enum ArtifactError {
    /// The folder is not there.
    NoFolder(String),
    /// A file is not there.
    Missing(String),
    /// The manifest does not name the weights.
    Unlisted(String),
    /// A file cannot be read.
    Unreadable {
        /// The file.
        file: String,
        /// Why.
        error: io::Error,
    },
    /// More than a classifier has.
    TooLarge {
        /// The file, or the folder.
        file: String,
        /// How large it is.
        bytes: u64,
        /// How large it may be.
        most: u64,
    },
    /// The manifest is none.
    Manifest {
        /// The file.
        file: String,
        /// What is wrong in it.
        what: String,
    },
    /// The folder is of another version.
    Version {
        /// The file.
        file: String,
        /// The version that it names.
        found: u32,
    },
    /// The weights belong to another version of the features.
    Features {
        /// The file.
        file: String,
        /// The version that it names.
        found: u32,
    },
    /// A file is longer or shorter than the manifest says.
    Length {
        /// The file.
        file: String,
        /// Its length.
        found: u64,
        /// What the manifest says.
        told: u64,
    },
    /// A file is not the one that the manifest means.
    Sum(String),
    /// The weights do not fit the net.
    Tensors {
        /// The file.
        file: String,
        /// What does not fit.
        what: String,
    },
    /// A file cannot be written.
    Unwritten {
        /// The file.
        file: String,
        /// Why.
        error: io::Error,
    },
}

impl ArtifactError {
    pub(super) fn tensors(file: &str, what: impl fmt::Display) -> Self {
        Self::Tensors {
            file: file.to_owned(),
            what: what.to_string(),
        }
    }

    /// What to do about it.
    pub fn mend(&self) -> &'static str {
        match self {
            Self::NoFolder(_) => "name the folder that holds manifest.json, or write none",
            Self::Missing(_) | Self::Unlisted(_) | Self::Length { .. } | Self::Sum(_) => {
                "copy the whole folder again, manifest.json last"
            }
            Self::Unreadable { .. } => "make it readable for the user that runs tollgate",
            Self::TooLarge { .. } => "this is no classifier: name another folder",
            Self::Manifest { .. } => "do not edit it: tollgate train writes it",
            Self::Version { .. } | Self::Features { .. } | Self::Tensors { .. } => {
                "train it again with tollgate train of this version"
            }
            Self::Unwritten { .. } => "make room, or name a folder that may be written",
        }
    }
}

impl fmt::Display for ArtifactError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoFolder(folder) => write!(f, "there is no folder {folder}"),
            Self::Missing(file) => write!(f, "{file} is missing"),
            Self::Unlisted(file) => write!(f, "the manifest does not name {file}"),
            Self::Unreadable { file, error } => write!(f, "{file} cannot be read: {error}"),
            Self::TooLarge { file, bytes, most } => {
                write!(f, "{file} has {bytes} bytes, more than the {most} allowed")
            }
            Self::Manifest { file, what } => write!(f, "{file} is not a manifest: {what}"),
            Self::Version { file, found } => write!(
                f,
                "{file} is of version {found} of the format; this program reads version {VERSION}"
            ),
            Self::Features { file, found } => write!(
                f,
                "{file} belongs to version {found} of the features; this program has version {}",
                features::VERSION
            ),
            Self::Length { file, found, told } => {
                let word = if found < told {
                    "cut short"
                } else {
                    "too long"
                };
                write!(
                    f,
                    "{file} is {word}: {found} bytes where the manifest says {told}"
                )
            }
            Self::Sum(file) => write!(f, "{file} is not the file whose sum the manifest holds"),
            Self::Tensors { file, what } => write!(f, "{file} does not fit the net: {what}"),
            Self::Unwritten { file, error } => write!(f, "{file} cannot be written: {error}"),
        }
    }
}

impl std::error::Error for ArtifactError {}
