//! Gathers the texts of policies and prices: a folder's, or those that ship with the program.

use std::path::Path;

use super::fault::Place;
use super::reader::{Sink, is_name};

/// The policy that rules where nobody wrote another.
const DEFAULT_POLICY: &str = include_str!("../../policies/default.yaml");
/// The price sheet of the day on which the program was built.
const PRICES: &str = include_str!("../../policies/prices.yaml");

/// A file's name, its stem and what stands in it.
#[derive(Clone, Debug)]
pub(crate) struct Text {
    pub(crate) file: String,
    pub(crate) stem: String,
    pub(crate) text: String,
}

/// Everything that is read besides `tollgate.yaml`.
#[derive(Clone, Debug)]
pub(crate) struct Texts {
    /// One of them is `default`.
    pub(crate) policies: Vec<Text>,
    /// The operator's prices, laid over the shipped ones.
    pub(crate) prices: Option<Text>,
}

/// The prices that ship with the program.
pub(crate) fn shipped_prices() -> Text {
    Text {
        file: "prices.yaml (built in)".to_owned(),
        stem: "prices".to_owned(),
        text: PRICES.to_owned(),
    }
}

/// The policy that ships with the program.
pub(crate) fn shipped_default() -> Text {
    Text {
        file: "default.yaml (built in)".to_owned(),
        stem: "default".to_owned(),
        text: DEFAULT_POLICY.to_owned(),
    }
}

/// Reads the folder's files. `given` is a policy's text that stands in for all of them.
pub(crate) fn gather(folder: Option<&Path>, given: Option<&str>, sink: &Sink) -> Texts {
    let mut policies = folder.map_or_else(Vec::new, |folder| read_folder(folder, sink));
    let prices = policies.iter().position(|text| text.stem == "prices");
    let prices = prices.map(|index| policies.remove(index));
    if let Some(given) = given {
        policies = vec![Text {
            file: "policy".to_owned(),
            stem: "default".to_owned(),
            text: given.to_owned(),
        }];
    }
    if !policies.iter().any(|text| text.stem == "default") {
        policies.push(shipped_default());
    }
    Texts { policies, prices }
}

pub(crate) fn read_folder(folder: &Path, sink: &Sink) -> Vec<Text> {
    let listed = match std::fs::read_dir(folder) {
        Ok(listed) => listed,
        Err(error) => {
            let place = Place::top(&folder.to_string_lossy());
            sink.say(place, format!("the folder cannot be read: {error}"), "");
            return Vec::new();
        }
    };
    let mut names: Vec<String> = listed
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        // Editors and Kubernetes leave hidden files behind.
        .filter(|name| !name.starts_with('.'))
        .collect();
    names.sort();
    names
        .iter()
        .filter_map(|name| read_file(folder, name, sink))
        .collect()
}

fn read_file(folder: &Path, name: &str, sink: &Sink) -> Option<Text> {
    let path = folder.join(name);
    let file = path.to_string_lossy().into_owned();
    if let Some(stem) = name.strip_suffix(".yml") {
        let mend = format!("name it {stem}.yaml");
        sink.say(Place::top(&file), "only *.yaml files are read", mend);
        return None;
    }
    let stem = name.strip_suffix(".yaml")?;
    if !is_name(stem) {
        let mend = "use letters, digits and ._- only";
        sink.say(
            Place::top(&file),
            "the file's name is no policy's name",
            mend,
        );
        return None;
    }
    read(&path, sink).map(|text| Text {
        file,
        stem: stem.to_owned(),
        text,
    })
}

/// Reads a file that must be there.
pub(crate) fn read(path: &Path, sink: &Sink) -> Option<String> {
    std::fs::read_to_string(path)
        .map_err(|error| {
            let place = Place::top(&path.to_string_lossy());
            sink.say(place, format!("the file cannot be read: {error}"), "");
        })
        .ok()
}
