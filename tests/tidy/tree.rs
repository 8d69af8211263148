//! The files of the project, as git knows them.

use std::fs;
use std::path::Path;
use std::process::Command;

/// A Rust file.
#[derive(Debug)]
pub(crate) struct Source {
    /// From the top of the project.
    pub(crate) path: String,
    pub(crate) text: String,
}

/// The top of the project.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The paths of all files that belong to the project, those included that are about to be added.
pub(crate) fn tracked() -> Vec<String> {
    let listed = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output()
        .expect("git runs");
    assert!(listed.status.success(), "the project is a git repository");
    let text = String::from_utf8(listed.stdout).expect("paths are UTF-8");
    let paths: Vec<String> = text
        .lines()
        .filter(|path| root().join(path).is_file())
        .map(str::to_owned)
        .collect();
    assert!(paths.len() > 100, "the files of the project are found");
    paths
}

/// The Rust files below a folder.
pub(crate) fn sources(folder: &str) -> Vec<Source> {
    let paths = tracked().into_iter();
    let paths = paths.filter(|path| path.starts_with(folder) && path.ends_with(".rs"));
    paths
        .map(|path| Source {
            text: read(&path),
            path,
        })
        .collect()
}

/// A file's text.
pub(crate) fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).expect("the project's files are text")
}

/// A folder of some machine, or a registry's host. Written in two parts, for this file is looked through as well.
const FOREIGN: [(&str, &str); 9] = [
    ("/ro", "ot/"),
    ("/ho", "me/"),
    ("/wo", "rk/"),
    ("/Us", "ers/"),
    ("crates", ".io"),
    ("pypi", ".org"),
    ("python", "hosted.org"),
    ("npmjs", ".org"),
    ("deb.deb", "ian.org"),
];

/// What of a line belongs to one machine alone.
pub(crate) fn of_a_machine(line: &str) -> Option<String> {
    let foreign = FOREIGN.iter().map(|(one, two)| format!("{one}{two}"));
    foreign.into_iter().find(|word| {
        line.match_indices(word.as_str()).any(|(at, _)| {
            // A folder of the tree whose name is that of a machine is no path of one.
            let before = line[..at].chars().next_back();
            !before.is_some_and(|c| c.is_alphanumeric() || "._-*}~".contains(c))
        })
    })
}

/// The relative links of a document, without the part behind `#`.
pub(crate) fn links(text: &str) -> Vec<String> {
    let targets = text.split("](").skip(1);
    let targets = targets.filter_map(|rest| rest.split([')', ' ']).next());
    targets
        .filter(|link| !link.contains("://") && !link.starts_with(['#', '<']))
        .filter(|link| !link.starts_with("mailto:"))
        .filter_map(|link| link.split('#').next())
        .map(str::to_owned)
        .collect()
}

#[test]
fn folders_of_machines_are_told_from_ours() {
    let (one, two) = FOREIGN[2];

    assert!(of_a_machine(&format!("see {one}{two}x")).is_some());
    assert!(of_a_machine(&format!("src{one}{two}x")).is_none());
}
