//! `tollgate eval`: how well a router that sees only the prompt would have chosen between a weak and a strong model.

use std::collections::HashMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use serde_json::{Value, json};

use super::Outcome;
use super::output::{Format, complain, rows};
use crate::classifier::abilities::{self, Abilities};
use crate::classifier::artifact::{self, Artifact};
use crate::classifier::eval::judge::Judge;
use crate::classifier::eval::{self, Pairs, Score, Settings, Summary};
use crate::classifier::rows::{self as data, Row};

#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// Problems and what models made of them, as JSON lines, packed (.gz) or not
    #[arg(long, value_name = "FILE", required = true, num_args = 1..)]
    data: Vec<PathBuf>,
    /// The pairs of models, mixes of pairs, and list prices
    #[arg(long, value_name = "FILE")]
    pairs: PathBuf,
    /// What a router said, a {"id", "score", "p_weak"?, "pair"?} a line, instead of a classifier
    #[arg(long, value_name = "FILE", conflicts_with = "classifier")]
    scores: Option<PathBuf>,
    /// The folder of a classifier, instead of the one that ships
    #[arg(long, value_name = "FOLDER")]
    classifier: Option<PathBuf>,
    /// Write what the classifier said as such lines
    #[arg(long, value_name = "FILE", conflicts_with = "scores")]
    write_scores: Option<PathBuf>,
    /// Samples drawn for the intervals; 0 for none
    #[arg(long, default_value_t = 400)]
    boot: usize,
    /// What they are drawn by
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Measure each slice of the data alone, too
    #[arg(long)]
    slices: bool,
    /// Tell quality and cost at eleven shares of the strong model (JSON only)
    #[arg(long)]
    frontier: bool,
}

const COLUMNS: &[(&str, &str)] = &[
    ("pair", "pair"),
    ("n", "n"),
    ("weak", "weak"),
    ("strong", "strong"),
    ("APGR", "APGR"),
    ("95 %", "APGR95"),
    ("CPT50", "CPT50"),
    ("CPT80", "CPT80"),
    ("save95", "save95"),
    ("save99", "save99"),
    ("save100", "save100"),
    ("AUROC", "AUROC"),
    ("95 %", "AUROC95"),
    ("AUROCs", "AUROCs"),
    ("ECE", "ECE"),
    ("95 %", "ECE95"),
];

pub(super) fn run(arguments: Arguments, format: Format) -> Outcome {
    match measured(&arguments) {
        Ok(summaries) => {
            let shown: Vec<Value> = summaries.iter().map(shown).collect();
            rows(format, &json!(summaries), &shown, COLUMNS);
            Outcome::Done
        }
        Err(told) => {
            complain(&told);
            Outcome::Refused
        }
    }
}

fn measured(arguments: &Arguments) -> Result<Vec<Summary>, String> {
    let rows = data::read(&arguments.data).map_err(|error| error.to_string())?;
    let pairs = Pairs::read(&arguments.pairs)?;
    let settings = Settings {
        boot: arguments.boot,
        seed: arguments.seed,
        frontier: arguments.frontier,
        slices: arguments.slices,
    };
    let summaries = match &arguments.scores {
        Some(file) => {
            let scores = eval::scores(file).map_err(|error| error.to_string())?;
            eval::summaries(
                &rows,
                &pairs,
                &|row, pair| scores.of(&row.id, pair),
                &settings,
            )?
        }
        None => {
            let scores = judged(arguments, &rows, &pairs)?;
            if let Some(file) = &arguments.write_scores {
                write(file, &rows, &scores)?;
            }
            let told = |row: &Row, _: &str| scores.get(row.id.as_str()).copied();
            eval::summaries(&rows, &pairs, &told, &settings)?
        }
    };
    if summaries.is_empty() {
        return Err("no pair has twenty rows that both of its sides were tried on".to_owned());
    }
    Ok(summaries)
}

/// What the classifier says of each row, by its name.
fn judged<'a>(
    arguments: &Arguments,
    rows: &'a [Row],
    pairs: &Pairs,
) -> Result<HashMap<&'a str, Score>, String> {
    let loaded = match &arguments.classifier {
        Some(folder) => artifact::load(folder).map(Arc::new),
        None => artifact::embedded(),
    };
    let classifier = loaded.map_err(|error| format!("{error}; {}", error.mend()))?;
    let abilities = of_classifier(&classifier)?;
    let judge = Judge::new(&abilities, pairs, rows);
    let score = |row: &'a Row| {
        let table = classifier.net.shape().rows;
        let features = row
            .features(table)
            .ok_or_else(|| format!("{}: its features are of another version", row.id))?;
        let class = classifier.net.answer(&features);
        Ok((row.id.as_str(), judge.score(&class)))
    };
    rows.iter().map(score).collect()
}

fn of_classifier(classifier: &Artifact) -> Result<Abilities, String> {
    let file = classifier.file(abilities::FILE);
    let file = file.ok_or_else(|| {
        format!(
            "the classifier {} has no {}",
            classifier.id(),
            abilities::FILE
        )
    })?;
    Abilities::parse(file)
        .map_err(|error| format!("{} of {}: {error}", abilities::FILE, classifier.id()))
}

fn write(file: &Path, rows: &[Row], scores: &HashMap<&str, Score>) -> Result<(), String> {
    let mut text = Vec::new();
    for row in rows {
        if let Some(score) = scores.get(row.id.as_str()) {
            let line = json!({ "id": row.id, "score": score.score, "p_weak": score.p_weak });
            // Writing to a list of bytes does not fail.
            let _ = writeln!(text, "{line}");
        }
    }
    std::fs::write(file, text).map_err(|error| format!("{}: {error}", file.display()))
}

/// A row of the table, its numbers to a thousandth.
fn shown(summary: &Summary) -> Value {
    let number = |it: Option<f64>| it.map_or_else(|| "-".to_owned(), |it| format!("{it:.3}"));
    let mut row = json!({
        "pair": summary.pair,
        "n": summary.n,
        "weak": number(Some(summary.weak)),
        "strong": number(Some(summary.strong)),
    });
    for (name, value) in eval::Metrics::NAMES.iter().zip(summary.metrics.list()) {
        row[*name] = json!(number(value));
        if let Some([low, high]) = summary.ci95.get(name) {
            row[format!("{name}95")] = json!(format!("[{}, {}]", number(*low), number(*high)));
        }
    }
    row
}
