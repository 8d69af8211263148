//! Which classifier is to be used, and its reading.

use std::path::PathBuf;
use std::sync::Arc;

use super::fault::{Fault, Place};
use super::ground::Ground;
use super::reader::{Fields, Sink, quoted};
use crate::classifier::artifact::{self, Artifact, MANIFEST};

/// The key.
const KEY: &str = "classifier";

/// Which classifier is to be used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Classifier {
    /// The one that ships with the program.
    #[default]
    BuiltIn,
    /// None: the heuristic alone.
    Heuristic,
    /// The one in a folder.
    Folder {
        /// The folder.
        path: PathBuf,
        /// Where it was named.
        place: Place,
    },
}

impl Classifier {
    /// The file whose change means that there is another classifier.
    pub(crate) fn watched(&self) -> Option<PathBuf> {
        match self {
            Self::Folder { path, .. } => Some(path.join(MANIFEST)),
            Self::BuiltIn | Self::Heuristic => None,
        }
    }

    /// Reads and verifies it. `None` stands for the heuristic; where something was wrong, `sink` holds it.
    pub(crate) fn load(&self, sink: &Sink) -> Option<Arc<Artifact>> {
        let (place, loaded) = match self {
            Self::Heuristic => return None,
            Self::BuiltIn => (&Place::Built, artifact::embedded()),
            Self::Folder { path, place } => (place, artifact::load(path).map(Arc::new)),
        };
        let told = loaded.map_err(|error| {
            sink.push(Fault {
                place: place.clone(),
                path: KEY.to_owned(),
                what: error.to_string(),
                mend: error.mend().to_owned(),
            });
        });
        told.ok()
    }
}

/// Reads the key: `none`, or a folder.
pub(crate) fn read(fields: &Fields<'_>, ground: &Ground) -> Classifier {
    let Some(cursor) = fields.get(KEY) else {
        return Classifier::BuiltIn;
    };
    // What is wrong has been told: the gateway does not start with it.
    match cursor.text() {
        None => Classifier::Heuristic,
        Some("none") => Classifier::Heuristic,
        Some("") => {
            let mend = "write none, a folder, or leave the key out";
            cursor.fault(format!("{} is no folder", quoted("")), mend);
            Classifier::Heuristic
        }
        Some(_) => ground
            .path(&cursor)
            .map_or(Classifier::Heuristic, |path| Classifier::Folder {
                path,
                place: cursor.node.place.clone(),
            }),
    }
}
