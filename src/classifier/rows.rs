//! Rows of outcomes: how often which model solved a problem. One JSON object a line, plain or gzipped.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// A longer line is no row.
const LONGEST: u64 = 64 << 20;

/// One problem and what became of it.
#[derive(Clone, Debug, Deserialize, PartialEq)]
pub struct Row {
    /// Its name, unlike any other.
    pub id: String,
    /// The collection that it is from.
    pub benchmark: String,
    /// The collection's own word for the kind of work.
    #[serde(default)]
    pub category: Option<String>,
    /// The language of its code.
    #[serde(default)]
    pub language: Option<String>,
    /// Problems of one group are related: they stay in one fold.
    #[serde(default)]
    pub group: Option<String>,
    /// A part of the collection that is also looked at alone.
    #[serde(default)]
    pub slice: Option<String>,
    /// What was asked.
    pub prompt: String,
    /// The share of tries that passed, by model.
    pub outcomes: BTreeMap<String, f64>,
    /// What the run cost in dollars, by model.
    #[serde(default)]
    pub cost_usd: BTreeMap<String, f64>,
    /// Tokens in and out, by model.
    #[serde(default)]
    pub tokens: BTreeMap<String, [f64; 2]>,
}

impl Row {
    /// The group, or the row's own name where it has none.
    pub fn group(&self) -> &str {
        match self.group.as_deref() {
            Some(group) if !group.is_empty() => group,
            _ => &self.id,
        }
    }
}

/// A file that cannot be used: which, where and why.
#[derive(Debug)]
pub struct RowsError {
    file: PathBuf,
    line: Option<usize>,
    why: String,
}

impl fmt::Display for RowsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        write!(f, ": {}", self.why)
    }
}

impl std::error::Error for RowsError {}

impl RowsError {
    /// What is wrong with a whole file.
    pub fn of(file: &Path, why: impl fmt::Display) -> Self {
        Self {
            file: file.to_owned(),
            line: None,
            why: why.to_string(),
        }
    }
}

/// Reads the rows of all files, in order. A pass rate is from 0 to 1, and no row has a name twice.
///
/// # Errors
/// Names the first file and line that cannot be used.
pub fn read(files: &[PathBuf]) -> Result<Vec<Row>, RowsError> {
    let mut rows = Vec::new();
    let mut names = std::collections::HashSet::new();
    for file in files {
        for (line, row) in lines::<Row>(file)? {
            let refuse = |why: String| RowsError {
                file: file.clone(),
                line: Some(line),
                why,
            };
            let rate = |(model, rate): (&String, &f64)| {
                (!(0.0..=1.0).contains(rate)).then(|| {
                    refuse(format!(
                        "{model:?} passed {rate} of its tries; write a share from 0 to 1"
                    ))
                })
            };
            if let Some(error) = row.outcomes.iter().find_map(rate) {
                return Err(error);
            }
            if !names.insert(row.id.clone()) {
                return Err(refuse(format!("the id {:?} stands twice", row.id)));
            }
            rows.push(row);
        }
    }
    Ok(rows)
}

/// The lines of a file that holds one JSON object each, with their numbers.
///
/// # Errors
/// Where the file cannot be read, or a line of it is not what it should be.
pub fn lines<T: DeserializeOwned>(file: &Path) -> Result<Vec<(usize, T)>, RowsError> {
    let plain = open(file).map_err(|error| RowsError::of(file, error))?;
    let mut plain = BufReader::new(plain);
    let mut found = Vec::new();
    let mut text = String::new();
    for line in 1.. {
        let refuse = |why: String| RowsError {
            file: file.to_owned(),
            line: Some(line),
            why,
        };
        text.clear();
        let read = plain.by_ref().take(LONGEST).read_line(&mut text);
        if read.map_err(|error| refuse(error.to_string()))? == 0 {
            break;
        }
        if !text.trim().is_empty() {
            let row = serde_json::from_str(&text).map_err(|error| refuse(error.to_string()))?;
            found.push((line, row));
        }
    }
    Ok(found)
}

fn open(file: &Path) -> io::Result<Box<dyn Read>> {
    let opened = File::open(file)?;
    Ok(match file.extension().is_some_and(|it| it == "gz") {
        true => Box::new(MultiGzDecoder::new(opened)),
        false => Box::new(opened),
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    const ROW: &str = r#"{"id":"a","benchmark":"b","prompt":"p","outcomes":{"m":0.5},"more":[1]}"#;

    fn wrong(text: &str) -> String {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("rows.jsonl");
        std::fs::write(&file, text).expect("written");
        let error = read(&[file]).expect_err("refused").to_string();
        error.rsplit('/').next().expect("a name").to_owned()
    }

    #[test]
    fn rows_come_from_plain_and_from_packed_files_alike() {
        let folder = tempfile::tempdir().expect("a folder");
        let (plain, packed) = (
            folder.path().join("p.jsonl"),
            folder.path().join("z.jsonl.gz"),
        );
        std::fs::write(&plain, format!("{ROW}\n\n")).expect("written");
        let mut zip = GzEncoder::new(File::create(&packed).expect("made"), Compression::fast());
        zip.write_all(ROW.replace("\"a\"", "\"z\"").as_bytes())
            .expect("written");
        zip.finish().expect("written");

        let rows = read(&[plain, packed]).expect("rows");

        assert_eq!(rows.len(), 2);
        assert_eq!((rows[0].group(), rows[1].group()), ("a", "z"));
        assert_eq!(rows[0].outcomes["m"], 0.5);
    }

    #[test]
    fn what_is_wrong_is_named_by_file_and_line() {
        assert_eq!(
            wrong(&format!("{ROW}\n{ROW}")),
            "rows.jsonl:2: the id \"a\" stands twice"
        );
        assert!(wrong("{}").starts_with("rows.jsonl:1: missing field `id`"));
        assert!(wrong(&ROW.replace("0.5", "1.5")).contains("\"m\" passed 1.5 of its tries"));
        assert!(read(&["nowhere.jsonl".into()]).is_err());
    }
}
