//! What the compiler does not check: imports that go down only, files of a readable size, documents that point somewhere.

mod floors;
mod tree;

use std::collections::BTreeSet;
use std::path::Path;

use tree::{Source, tracked};

/// A file past this hides a noun.
const LONGEST: usize = 500;

/// Fails with everything that is wrong at once.
fn none(faults: &[String]) {
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

#[test]
fn imports_go_down_only() {
    let faults: Vec<String> = tree::sources("src/")
        .iter()
        .flat_map(floors::upward)
        .collect();

    none(&faults);
}

#[test]
fn each_room_stands_on_one_floor() {
    none(&floors::misplaced(&tree::sources("src/")));
}

#[test]
fn files_are_short_and_say_what_they_are_for() {
    let mut faults = Vec::new();
    for Source { path, text } in tree::sources("") {
        let lines = text.lines().count();
        if lines > LONGEST {
            faults.push(format!("{path}: {lines} lines; {LONGEST} at most"));
        }
        // Attributes of the crate may stand before.
        if !text.lines().any(|line| line.starts_with("//! ")) {
            faults.push(format!("{path}: does not say what it is for (`//!`)"));
        }
    }

    none(&faults);
}

#[test]
fn each_folder_of_the_crate_has_its_module() {
    let paths = tracked();
    let missing = paths
        .iter()
        .filter(|path| path.starts_with("src/") && path.ends_with(".rs"))
        .filter_map(|path| Path::new(path).parent())
        .filter(|folder| *folder != Path::new("src"))
        .filter(|folder| {
            let module = folder.join("mod.rs");
            let beside = folder.with_extension("rs");
            let has = |file: &Path| paths.iter().any(|path| Path::new(path) == file);
            !has(&module) && !has(&beside)
        });
    let faults: Vec<String> = missing
        .map(|folder| format!("{}: no mod.rs", folder.display()))
        .collect();

    none(&faults);
}

#[test]
fn each_test_binary_is_named_in_the_manifest() {
    let manifest = tree::read("Cargo.toml");
    let faults: Vec<String> = tracked()
        .iter()
        .filter(|path| path.starts_with("tests/") && path.ends_with("/main.rs"))
        .filter(|path| !manifest.contains(&format!("path = \"{path}\"")))
        .map(|path| format!("{path}: Cargo.toml does not name it, so it never runs"))
        .collect();

    none(&faults);
}

/// What a reader sees first; the settings of tools are dot files.
const TOP: [&str; 12] = [
    "CHANGELOG.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE",
    "Makefile",
    "README.md",
    "SECURITY.md",
    "classifiers",
    "dashboards",
    "policies",
    "src",
    "tests",
];

#[test]
fn the_top_stays_as_it_is() {
    let paths = tracked();
    let tops: BTreeSet<&str> = paths
        .iter()
        .filter_map(|path| path.split('/').next())
        .collect();
    let faults: Vec<String> = tops
        .into_iter()
        .filter(|top| !top.starts_with('.') && !TOP.contains(top))
        .map(|top| format!("{top}: does not belong at the top"))
        .collect();

    none(&faults);
}

#[test]
fn no_file_knows_the_machine_it_was_written_on() {
    let mut faults = Vec::new();
    // The lock names its registry, as it must; weights are no text.
    let skipped = |path: &str| path == "Cargo.lock" || path.ends_with(".safetensors");
    for path in tracked().iter().filter(|path| !skipped(path)) {
        let text = tree::read(path);
        for (at, line) in text.lines().enumerate() {
            if let Some(found) = tree::of_a_machine(line) {
                faults.push(format!("{path}:{}: {found}", at + 1));
            }
        }
    }

    none(&faults);
}

#[test]
fn links_between_documents_lead_somewhere() {
    let mut faults = Vec::new();
    for path in tracked().iter().filter(|path| path.ends_with(".md")) {
        let folder = tree::root().join(path);
        let folder = folder.parent().expect("a file is in a folder");
        for link in tree::links(&tree::read(path)) {
            if !folder.join(&link).exists() {
                faults.push(format!("{path}: {link} is not there"));
            }
        }
    }

    none(&faults);
}
