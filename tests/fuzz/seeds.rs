//! What is spoilt: the texts of `tests/data/translate` and `tests/data/clients`.

use std::fs;
use std::path::PathBuf;

use serde_json::value::RawValue;
use tollgate::domain::dialect::{Dialect, Endpoint};

pub(crate) const TARGETS: [Dialect; 4] = [
    Dialect::Chat,
    Dialect::Responses,
    Dialect::Messages,
    Dialect::Gemini,
];

pub(crate) const CALLERS: [Endpoint; 4] = [
    Endpoint::Chat,
    Endpoint::Responses,
    Endpoint::Messages,
    Endpoint::Completions,
];

/// Texts, each with the place where it is read.
#[derive(Debug)]
pub(crate) struct Seeds<P> {
    pub(crate) texts: Vec<Vec<u8>>,
    pub(crate) places: Vec<P>,
}

impl<P> Seeds<P> {
    fn of(all: Vec<(P, Vec<u8>)>) -> Self {
        let (places, texts) = all.into_iter().unzip();
        Self { texts, places }
    }
}

fn data(name: &str) -> PathBuf {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    root.join("tests/data").join(name)
}

fn read(name: &str) -> Vec<u8> {
    fs::read(data(name)).expect(name)
}

/// The names of what lies in a folder, in the same order everywhere.
fn names(folder: &str) -> Vec<String> {
    let files = fs::read_dir(data(folder)).expect(folder);
    let name = |file: std::io::Result<fs::DirEntry>| {
        let name = file.expect("a file").file_name();
        format!("{folder}/{}", name.to_string_lossy())
    };
    let mut names: Vec<String> = files.map(name).collect();
    names.sort_unstable();
    names
}

/// Requests: those that each caller's dialect was tried with, and those of real clients.
pub(crate) fn requests() -> Seeds<Endpoint> {
    #[derive(serde::Deserialize)]
    struct Recorded<'a> {
        endpoint: Endpoint,
        #[serde(borrow)]
        body: &'a RawValue,
    }
    let golden = CALLERS.map(|it| (it, read(&format!("translate/requests/{it}.json"))));
    let mut all = golden.to_vec();
    for name in names("clients") {
        let text = read(&name);
        let Recorded { endpoint, body } = serde_json::from_slice(&text).expect(&name);
        all.push((endpoint, body.get().as_bytes().to_vec()));
    }
    Seeds::of(all)
}

/// Whole answers.
pub(crate) fn answers() -> Seeds<Dialect> {
    let golden = TARGETS.map(|it| (it, read(&format!("translate/answers/{it}.json"))));
    Seeds::of(golden.to_vec())
}

/// Streams.
pub(crate) fn streams() -> Seeds<Dialect> {
    let mut all = Vec::new();
    for target in TARGETS {
        let files = names(&format!("translate/streams/{target}"));
        let own = files.iter().filter(|name| !name.contains(".to."));
        all.extend(own.map(|name| (target, read(name))));
    }
    Seeds::of(all)
}
