//! Reads the dashboards: which names they use, which queries they ask.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// One query of one panel.
#[derive(Debug)]
pub(crate) struct Query {
    pub(crate) file: String,
    pub(crate) title: String,
    pub(crate) legend: String,
    pub(crate) expr: String,
}

impl Query {
    /// With Grafana's variables filled in as for "all", over an hour.
    pub(crate) fn filled(&self) -> String {
        [
            ("$__rate_interval", "1m"),
            ("$__interval", "1m"),
            ("$__range", "1h"),
            ("$tenant", ".*"),
            ("$model", ".*"),
            ("$target", ".*"),
        ]
        .iter()
        .fold(self.expr.clone(), |expr, (name, value)| {
            expr.replace(name, value)
        })
    }
}

/// The dashboards, by file name.
pub(crate) fn files() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("dashboards");
    let mut files: Vec<(String, String)> = fs::read_dir(folder)
        .expect("the folder is part of the project")
        .map(|entry| entry.expect("a readable entry").path())
        .filter(|path| path.extension().is_some_and(|it| it == "json"))
        .map(|path| {
            let name = path.file_name().expect("a file has a name");
            let text = fs::read_to_string(&path).expect("a readable file");
            (name.to_string_lossy().into_owned(), text)
        })
        .collect();
    files.sort();
    assert!(!files.is_empty(), "there is a dashboard");
    files
}

/// Every query of a dashboard.
pub(crate) fn queries(file: &str, text: &str) -> Vec<Query> {
    let board: serde_json::Value = serde_json::from_str(text).expect("a dashboard is JSON");
    let mut queries = Vec::new();
    for panel in board["panels"].as_array().expect("panels") {
        for target in panel["targets"].as_array().expect("a panel has targets") {
            let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
            queries.push(Query {
                file: file.to_owned(),
                title: text(&panel["title"]),
                legend: text(&target["legendFormat"]),
                expr: text(&target["expr"]),
            });
        }
    }
    assert!(!queries.is_empty(), "{file} has queries");
    queries
}

/// All words of a text that begin as our metrics do.
pub(crate) fn names(text: &str) -> BTreeSet<String> {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
        .filter(|word| word.starts_with("tollgate_"))
        .map(str::to_owned)
        .collect()
}

/// The metric families of an exposition.
pub(crate) fn families(text: &str) -> BTreeSet<String> {
    text.lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next())
        .map(str::to_owned)
        .collect()
}
