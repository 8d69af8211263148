//! Printing: tables for people, JSON and CSV for programs. Nothing fails because the reader has gone.

use std::io::Write;

use clap::ValueEnum;
use serde_json::Value;

/// How answers are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// Columns for people
    Table,
    /// One JSON document
    Json,
    /// Comma separated, with a head line
    Csv,
}

/// A line to standard output.
pub(super) fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// A line to standard error.
pub(super) fn complain(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Prints rows by the columns named; a column is a path into the row.
pub(super) fn rows(format: Format, whole: &Value, rows: &[Value], columns: &[(&str, &str)]) {
    match format {
        Format::Json => say(&whole.to_string()),
        Format::Csv => {
            say(&columns
                .iter()
                .map(|(title, _)| (*title).to_owned())
                .collect::<Vec<_>>()
                .join(","));
            for row in rows {
                say(&columns
                    .iter()
                    .map(|(_, path)| quoted(&cell(row, path)))
                    .collect::<Vec<_>>()
                    .join(","));
            }
        }
        Format::Table => table(rows, columns),
    }
}

fn table(rows: &[Value], columns: &[(&str, &str)]) {
    let cells: Vec<Vec<String>> = rows
        .iter()
        .map(|row| columns.iter().map(|(_, path)| cell(row, path)).collect())
        .collect();
    let width = |at: usize, title: &str| {
        let widest = cells
            .iter()
            .map(|row| row[at].chars().count())
            .max()
            .unwrap_or(0);
        widest.max(title.chars().count())
    };
    let widths: Vec<usize> = columns
        .iter()
        .enumerate()
        .map(|(at, (title, _))| width(at, title))
        .collect();
    let line = |texts: Vec<&str>, numbers: &dyn Fn(usize) -> bool| {
        let padded =
            texts
                .iter()
                .zip(&widths)
                .enumerate()
                .map(|(at, (text, width))| match numbers(at) {
                    true => format!("{text:>width$}"),
                    false => format!("{text:<width$}"),
                });
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let numeric = |at: usize| {
        cells
            .iter()
            .all(|row| row[at].is_empty() || row[at].parse::<f64>().is_ok())
            && !cells.is_empty()
    };
    say(&line(
        columns.iter().map(|(title, _)| *title).collect(),
        &numeric,
    ));
    for row in &cells {
        say(&line(row.iter().map(String::as_str).collect(), &numeric));
    }
}

/// The text of a value in a row; lists are joined, nothing is empty.
fn cell(row: &Value, path: &str) -> String {
    let found = path.split('.').try_fold(row, |value, part| value.get(part));
    match found {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(items)) => items
            .iter()
            .map(|item| cell(&serde_json::json!({ "x": item }), "x"))
            .collect::<Vec<_>>()
            .join(" "),
        Some(Value::Object(map)) => map
            .iter()
            .map(|(name, value)| {
                format!("{name}={}", cell(&serde_json::json!({ "x": value }), "x"))
            })
            .collect::<Vec<_>>()
            .join(" "),
        Some(other) => other.to_string(),
    }
}

/// A spreadsheet must not take a name for a formula.
fn quoted(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '@'])
        || (text.starts_with('-') && text.parse::<f64>().is_err());
    let text = if formula {
        format!("'{text}")
    } else {
        text.to_owned()
    };
    match text.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_follow_paths_and_csv_is_quoted() {
        let row =
            serde_json::json!({ "a": { "b": 3 }, "l": ["x", "y"], "t": { "k": "v" }, "n": null });

        assert_eq!(cell(&row, "a.b"), "3");
        assert_eq!(cell(&row, "l"), "x y");
        assert_eq!(cell(&row, "t"), "k=v");
        assert_eq!(cell(&row, "n"), "");
        assert_eq!(quoted("a,\"b\""), "\"a,\"\"b\"\"\"");
        assert_eq!(quoted("=cmd()"), "'=cmd()");
        assert_eq!(quoted("-0.5"), "-0.5");
    }
}
