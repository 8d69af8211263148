//! Policies that are tried before they rule: read as if they were in the folder, with every mistake told, and put together for
//! whatever catalogue they are tried on.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::build::{Snapshot, assemble_policies, read_policies};
use super::fault::{Faults, Place};
use super::policies::Known;
use super::reader::{Sink, is_name};
use super::texts::{self, Text};
use crate::catalog::Catalog;
use crate::policy::Policies;

/// A policy's file as it is handed over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Given {
    /// Its name, which says what policy it is.
    pub file: String,
    /// What stands in it.
    pub text: String,
}

/// Policies to be tried.
#[derive(Clone, Debug)]
pub struct Trial {
    policies: Vec<Text>,
    /// Models and targets that these may name beside those of the catalogue that they are tried on.
    known: Known,
    /// What they stand in place of.
    place: String,
}

const DEFAULT: &str = "default";

impl Trial {
    /// Reads policies against the policies that are in force and the models of a catalogue; `whole` ones stand in place of all policies. One alone stands in place of that of
    /// its name; where there is none, beside the others if it says `for` whom it is, else in place of the default.
    pub fn read(
        given: Vec<Given>,
        whole: bool,
        snapshot: &Snapshot,
        catalog: &Catalog,
    ) -> Result<Self, Faults> {
        let sink = Sink::default();
        let known = known(catalog);
        let mut policies = match whole {
            true => Vec::new(),
            false => snapshot.texts.policies.clone(),
        };
        let mut places = Vec::new();
        for given in given {
            let text = named(given, &sink);
            let there = |stem: &str, policies: &[Text]| policies.iter().any(|it| it.stem == stem);
            let free = !whole && !there(&text.stem, &policies);
            let text = match free && !claims(&text, &known) {
                true => Text {
                    stem: DEFAULT.to_owned(),
                    ..text
                },
                false => text,
            };
            policies.retain(|it| it.stem != text.stem);
            places.push(text.stem.clone());
            policies.push(text);
        }
        if !policies.iter().any(|it| it.stem == DEFAULT) {
            policies.push(texts::shipped_default());
        }
        let trial = Self {
            place: match whole {
                true => "all policies".to_owned(),
                false => places.join(", "),
            },
            policies,
            known,
        };
        trial.put_together(catalog, &sink);
        sink.finish(Some(trial))
    }

    /// The policies, for the models of a catalogue.
    pub fn under(&self, catalog: &Catalog) -> Policies {
        // What is wrong in them has been told when they were read.
        self.put_together(catalog, &Sink::default())
    }

    /// What they stand in place of: a policy's name, or all of them.
    pub fn place(&self) -> &str {
        &self.place
    }

    fn put_together(&self, catalog: &Catalog, sink: &Sink) -> Policies {
        let mut known = known(catalog);
        known.models.extend(self.known.models.iter().cloned());
        known.targets.extend(self.known.targets.iter().cloned());
        let written = read_policies(&self.policies, &known, sink);
        assemble_policies(written, catalog, sink)
    }
}

/// Reads a file, or every policy of a folder; says whether it is a folder. Prices are left where they are: what is tried is
/// reckoned by those of then.
pub fn gather(path: &Path) -> Result<(Vec<Given>, bool), Faults> {
    let sink = Sink::default();
    let whole = path.is_dir();
    let texts = match whole {
        true => texts::read_folder(path, &sink),
        false => texts::read(path, &sink)
            .map(|text| Text {
                file: path.to_string_lossy().into_owned(),
                stem: String::new(),
                text,
            })
            .into_iter()
            .collect(),
    };
    let given = texts.into_iter().filter(|text| text.stem != "prices");
    let given = given.map(|text| Given {
        file: text.file,
        text: text.text,
    });
    let given: Vec<Given> = given.collect();
    if given.is_empty() {
        let place = Place::top(&path.to_string_lossy());
        sink.say(
            place,
            "no policy is there",
            "name a file, or a folder with *.yaml files",
        );
    }
    sink.finish(Some((given, whole)))
}

fn known(catalog: &Catalog) -> Known {
    Known {
        models: catalog.order.clone(),
        targets: catalog.targets.keys().cloned().collect(),
    }
}

fn named(given: Given, sink: &Sink) -> Text {
    let Given { file, text } = given;
    let stem = Path::new(&file).file_stem().and_then(|stem| stem.to_str());
    let stem = stem.filter(|stem| is_name(stem));
    if stem.is_none() {
        let mend = "use letters, digits and ._- only";
        sink.say(
            Place::top(&file),
            "the file's name is no policy's name",
            mend,
        );
    }
    Text {
        stem: stem.unwrap_or(DEFAULT).to_owned(),
        file,
        text,
    }
}

/// Whether a policy says for whom it is.
fn claims(text: &Text, known: &Known) -> bool {
    let read = read_policies(std::slice::from_ref(text), known, &Sink::default());
    let mut read = read.iter();
    read.any(|policy| !policy.tenants.is_empty() || !policy.keys.is_empty())
}
