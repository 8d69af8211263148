//! Rows to train and to measure on, one JSON object a line, packed by gzip or not.
//!
//! Three kinds share one format, and a row may be of several: outcomes of models on a problem (`prompt`, `outcomes`),
//! requests whose kind of work is known (`text`, `task`, `language`, `output`, `difficulty`), and the gateway's own
//! outcomes, which carry what the net has read (`features`) in place of a text where none was kept.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::features::{self, DENSE, Features, MARKS, PROSE};
use crate::domain::facts::{Language, Task};

/// No line is longer.
const LONGEST: u64 = 32 << 20;

/// A problem or request, and what is known of it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Row {
    /// What it is called; the line's number, where it has no name.
    pub id: String,
    /// Where it comes from.
    pub benchmark: String,
    /// The kind by its source's own word.
    pub category: String,
    /// A finer word of its source.
    pub source_tag: String,
    /// The language by its source's own word.
    pub language: String,
    /// Rows of one group are related, and stay in one fold.
    #[serde(deserialize_with = "word")]
    pub group: Option<String>,
    /// A part of the data that is also measured alone.
    pub slice: Option<String>,
    /// The text.
    #[serde(alias = "text")]
    pub prompt: String,
    /// What the net has read, where the text was not kept.
    pub features: Option<Stored>,
    /// Kind of work, where it is known.
    pub task: Option<Task>,
    /// Another kind that one could as well call it.
    pub second: Option<Task>,
    /// Tokens of the answer.
    pub output: Option<u32>,
    /// A weak hint of how hard it is, from -2 to 2.
    #[serde(deserialize_with = "hint")]
    pub difficulty: Option<f32>,
    /// How often each model passes, from 0 to 1.
    pub outcomes: BTreeMap<String, f64>,
    /// What each model's run cost.
    pub cost_usd: BTreeMap<String, f64>,
    /// Tokens in and out of each model's run.
    pub tokens: BTreeMap<String, (f64, f64)>,
}

/// What the net has read, and by which version of the reading.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stored {
    /// [`features::VERSION`] of then.
    pub version: u32,
    /// Rows of pieces.
    pub rows: Vec<u32>,
    /// How much each counts.
    pub weights: Vec<f32>,
    /// The same of the pieces of prose.
    pub prose: (Vec<u32>, Vec<f32>),
    /// Marks of the pairs of words.
    pub pairs: Vec<u32>,
    /// The numbers.
    pub dense: Vec<f32>,
}

impl Stored {
    /// For the table of `rows` rows; `None` if they are of another version or table, or broken.
    pub fn features(&self, rows: usize) -> Option<Features> {
        let sound = self.version == features::VERSION
            && self.rows.len() == self.weights.len()
            && self.prose.0.len() == self.prose.1.len()
            && self.rows.iter().all(|row| (*row as usize) < rows)
            && self
                .prose
                .0
                .iter()
                .all(|row| (*row as usize) < PROSE * rows)
            && self.pairs.iter().all(|pair| (*pair as usize) < MARKS)
            && self
                .weights
                .iter()
                .chain(&self.prose.1)
                .chain(&self.dense)
                .all(|it| it.is_finite());
        let dense: [f32; DENSE] = self.dense.as_slice().try_into().ok()?;
        sound.then(|| Features {
            rows: self.rows.clone(),
            weights: self.weights.clone(),
            prose: self.prose.clone(),
            pairs: self.pairs.clone(),
            dense,
        })
    }
}

impl From<&Features> for Stored {
    fn from(features: &Features) -> Self {
        Self {
            version: features::VERSION,
            rows: features.rows.clone(),
            weights: features.weights.clone(),
            prose: features.prose.clone(),
            pairs: features.pairs.clone(),
            dense: features.dense.to_vec(),
        }
    }
}

impl Row {
    /// Kind of work: what the row says, else what its source's word means.
    pub fn task(&self) -> Option<Task> {
        let by_word = match (self.category.as_str(), self.source_tag.as_str()) {
            ("generate", "function-completion") => Some(Task::Complete),
            ("repo-issue", _) => Some(Task::Fix),
            ("non-coding", _) => Some(Task::Other),
            (word, _) => word.parse().ok(),
        };
        self.task.or(by_word)
    }

    /// The language, where the row names one. A natural language is none of code.
    pub fn language(&self) -> Option<Language> {
        match self.language.as_str() {
            "" => None,
            word => Some(word.parse().unwrap_or(Language::Other)),
        }
    }

    /// What is seen of it as the net sees it.
    pub fn features(&self, rows: usize) -> Option<Features> {
        match &self.features {
            Some(stored) => stored.features(rows),
            None => Some(Features::of_text(&self.prompt, rows)),
        }
    }
}

/// A word or a number, as a word.
fn word<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    Ok(match Value::deserialize(from)? {
        Value::String(word) => Some(word),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    })
}

/// A number; other sources use the name for words.
fn hint<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<f32>, D::Error> {
    let number = Value::deserialize(from)?.as_f64();
    Ok(number.map(|it| it.clamp(-2.0, 2.0) as f32))
}

/// Why rows cannot be used.
#[derive(Debug)]
pub struct RowsError {
    file: String,
    line: Option<usize>,
    what: String,
}

impl fmt::Display for RowsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.file, self.what),
            None => write!(f, "{}: {}", self.file, self.what),
        }
    }
}

impl std::error::Error for RowsError {}

/// Reads all rows of all files, in their order.
pub fn read(files: &[PathBuf]) -> Result<Vec<Row>, RowsError> {
    let mut rows = Vec::new();
    for file in files {
        lines(file, |at, line| {
            let mut row: Row = serde_json::from_str(line).map_err(|error| error.to_string())?;
            check(&row)?;
            if row.id.is_empty() {
                row.id = format!("{}:{at}", file.display());
            }
            rows.push(row);
            Ok(())
        })?;
    }
    Ok(rows)
}

fn check(row: &Row) -> Result<(), String> {
    if row.prompt.is_empty() && row.features.is_none() {
        return Err("there is neither prompt nor text nor features".to_owned());
    }
    match row
        .outcomes
        .iter()
        .find(|(_, rate)| !(0.0..=1.0).contains(*rate))
    {
        Some((model, rate)) => Err(format!("outcomes.{model}: {rate} is not between 0 and 1")),
        None => Ok(()),
    }
}

/// Hands each line that is not empty to `each`, with its number.
pub(super) fn lines(
    file: &Path,
    mut each: impl FnMut(usize, &str) -> Result<(), String>,
) -> Result<(), RowsError> {
    let fault = |line: Option<usize>, what: String| RowsError {
        file: file.display().to_string(),
        line,
        what,
    };
    let opened = File::open(file).map_err(|error| fault(None, error.to_string()))?;
    let packed = file.extension().is_some_and(|it| it == "gz");
    let plain: Box<dyn Read> = match packed {
        true => Box::new(MultiGzDecoder::new(opened)),
        false => Box::new(opened),
    };
    let mut plain = BufReader::new(plain);
    let mut line = String::new();
    for at in 1.. {
        line.clear();
        let read = plain.by_ref().take(LONGEST).read_line(&mut line);
        let read = read.map_err(|error| fault(Some(at), error.to_string()))?;
        if read == 0 {
            break;
        }
        if read as u64 == LONGEST {
            return Err(fault(
                Some(at),
                format!("the line has more than {LONGEST} bytes"),
            ));
        }
        if !line.trim().is_empty() {
            each(at, line.trim()).map_err(|what| fault(Some(at), what))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn file(name: &str, bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).expect("written");
        (folder, path)
    }

    const LINES: &str = r#"{"id":"a","benchmark":"b","category":"repo-issue","language":"en","group":7,"difficulty":"easy","prompt":"x","outcomes":{"m":0.5},"cost_usd":{"m":0.1}}

{"text":"fix it","task":"fix","language":"rust","output":200,"difficulty":-1.25}
"#;

    #[test]
    fn rows_of_all_kinds_are_read_packed_or_not() {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(LINES.as_bytes()).expect("packed");
        let (_one, plain) = file("rows.jsonl", LINES.as_bytes());
        let (_two, packed) = file("rows.jsonl.gz", &packed.finish().expect("packed"));

        for path in [plain, packed] {
            let rows = read(&[path]).expect("rows");

            assert_eq!(
                (rows[0].task(), rows[0].language()),
                (Some(Task::Fix), Some(Language::Other))
            );
            assert_eq!(
                (rows[0].group.as_deref(), rows[0].difficulty),
                (Some("7"), None)
            );
            assert_eq!(
                (rows[1].task(), rows[1].language()),
                (Some(Task::Fix), Some(Language::Rust))
            );
            assert_eq!(
                (rows[1].output, rows[1].difficulty),
                (Some(200), Some(-1.25))
            );
            assert!(rows[1].id.ends_with(":3"));
        }
    }

    #[test]
    fn a_wrong_row_is_named_by_its_line() {
        for (line, what) in [
            ("{", "EOF"),
            (r#"{"id":"a"}"#, "neither prompt nor text"),
            (
                r#"{"text":"a","outcomes":{"m":2}}"#,
                "outcomes.m: 2 is not between",
            ),
            (
                r#"{"text":"a","task":"cook"}"#,
                "not one of the known words",
            ),
        ] {
            let (_folder, path) = file(
                "rows.jsonl",
                format!("{{\"text\":\"a\"}}\n{line}\n").as_bytes(),
            );

            let error = read(&[path]).expect_err("refused").to_string();

            assert!(
                error.contains("rows.jsonl:2: ") && error.contains(what),
                "{error}"
            );
        }
        assert!(read(&[PathBuf::from("nowhere.jsonl")]).is_err());
    }

    #[test]
    fn what_was_read_once_is_stored_and_comes_back() {
        let features = Features::of_text("why is it red", 1_024);

        let stored = Stored::from(&features);

        assert_eq!(stored.features(1_024), Some(features));
        assert_eq!(stored.features(2), None);
        let old = Stored {
            version: 0,
            ..stored
        };
        assert_eq!(old.features(1_024), None);
    }
}
