//! The floors of the crate: a room imports from lower floors, and knows none of its neighbours.

use std::collections::BTreeSet;

use crate::tree::Source;

/// From the ground. A room is a folder or file of `src/`.
const FLOORS: [&[&str]; 10] = [
    &["domain", "body"],
    &["protocol", "catalog", "budget", "telemetry", "store"],
    &[
        "session",
        "policy",
        "classifier",
        "ledger",
        "tenant",
        "upstream",
        "server",
        "sim",
    ],
    &["config"],
    &["stages", "error", "live", "replay"],
    &["layers", "admin"],
    &["stack", "rehearse", "discover", "watch"],
    &["app"],
    &["cli"],
    &["lib", "main"],
];

/// Arrows that run up or sideways and stay, each with its reason.
const ALLOWED: [(&str, &str, &str); 0] = [];

/// The imports of a file that do not go down.
pub(crate) fn upward(source: &Source) -> Vec<String> {
    let own = room(&source.path);
    let Some(floor) = floor(own) else {
        // Another test says so.
        return Vec::new();
    };
    let goes_down = |other: &str| {
        let allowed = ALLOWED.iter().any(|(a, b, _)| (*a, *b) == (own, other));
        let below = self::floor(other).is_some_and(|other| other < floor);
        other == own || below || allowed
    };
    imports(&source.text)
        .into_iter()
        .filter(|other| !goes_down(other))
        .map(|other| format!("{}: `{own}` must not know `{other}`", source.path))
        .collect()
}

/// Rooms that stand on no floor.
pub(crate) fn misplaced(sources: &[Source]) -> Vec<String> {
    let rooms: BTreeSet<&str> = sources.iter().map(|source| room(&source.path)).collect();
    let homeless = rooms.into_iter().filter(|room| floor(room).is_none());
    homeless
        .map(|room| format!("src/{room}: give it a floor in tests/tidy/floors.rs"))
        .collect()
}

fn floor(room: &str) -> Option<usize> {
    FLOORS.iter().position(|rooms| rooms.contains(&room))
}

/// `src/config/load.rs` is of the room `config`.
fn room(path: &str) -> &str {
    let path = path.strip_prefix("src/").unwrap_or(path);
    let first = path.split('/').next().unwrap_or(path);
    first.strip_suffix(".rs").unwrap_or(first)
}

/// The rooms that a text names behind `crate::`, in `use` lines and elsewhere.
fn imports(text: &str) -> BTreeSet<String> {
    let lines = text.lines().map(str::trim_start);
    let code: Vec<&str> = lines.filter(|line| !line.starts_with("//")).collect();
    let code = code.join(" ");
    let paths = code.split("crate::").skip(1);
    paths
        .flat_map(|path| match path.strip_prefix('{') {
            Some(list) => list.split('}').next().unwrap_or(list).split(',').collect(),
            None => vec![path],
        })
        .filter_map(|path| {
            let path = path.trim_start();
            let end = path.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
            let name = &path[..end.unwrap_or(path.len())];
            (!name.is_empty()).then(|| name.to_owned())
        })
        .collect()
}

#[test]
fn imports_are_found_wherever_they_stand() {
    let text = "use crate::domain::ids;\nuse crate::{\n    body,\n    live::Live,\n};\n// crate::app\nfn f(a: crate::policy::Plan) {}";

    let found: Vec<String> = imports(text).into_iter().collect();

    assert_eq!(found, ["body", "domain", "live", "policy"]);
}

#[test]
fn an_arrow_that_runs_up_is_found() {
    let source = |path: &str, text: &str| Source {
        path: path.into(),
        text: text.into(),
    };

    let up = upward(&source(
        "src/policy/decide.rs",
        "use crate::config::Snapshot;",
    ));
    let sideways = upward(&source("src/session/mod.rs", "use crate::policy::Plan;"));
    let down = upward(&source("src/policy/decide.rs", "use crate::domain::ids;"));

    assert_eq!((up.len(), sideways.len(), down.len()), (1, 1, 0));
}
