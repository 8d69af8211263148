//! `tollgate train`: fits a classifier to rows of data, and says how good it is; and what the signs of a conversation weigh to
//! conversations of which the end is known.

mod evidence;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};

use candle_core::{DType, Tensor};
use clap::Args;

use super::Outcome;
use super::output::{complain, say};
use crate::classifier::abilities;
use crate::classifier::artifact::{self, Manifest};
use crate::classifier::eval::{self, Pairs};
use crate::classifier::features;
use crate::classifier::requests::{self, Lengths, Request};
use crate::classifier::rows::{self, Row};
use crate::classifier::train::{self, Progress, Report, Set, Settings};
use crate::config::Sources;
use crate::domain::clock::Clock;

#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// Rows to train on, as JSON lines, packed (.gz) or not: problems with outcomes of models, requests of which the kind
    /// of work is known, or both
    #[arg(long, value_name = "FILE", required_unless_present_any = ["evidence", "recorded"], num_args = 1..)]
    data: Vec<PathBuf>,
    #[command(flatten)]
    evidence: evidence::Conversations,
    /// The folder of the classifier that is made
    #[arg(long, value_name = "FOLDER")]
    out: PathBuf,
    /// Pairs of models: with them the cross-validation tells how well it routes
    #[arg(long, value_name = "FILE")]
    pairs: Option<PathBuf>,
    /// What the classifier is called, instead of its folder's name
    #[arg(long)]
    name: Option<String>,
    /// What every chance is drawn from: the same seed and data give the same weights
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Parts of the cross-validation; 0 for none
    #[arg(long, default_value_t = 5)]
    folds: usize,
    /// Passes over the outcomes; requests get half as many at the most
    #[arg(long, default_value_t = 12, value_parser = clap::value_parser!(u16).range(1..))]
    epochs: u16,
    /// A benchmark of which nothing may be in the weights; it is measured all the same
    #[arg(long, value_name = "NAME")]
    exclude_benchmark: Vec<String>,
    /// Requests made from the frames that the program carries, beside those of the data
    #[arg(long, value_name = "COUNT", default_value_t = 20_000)]
    made: usize,
    /// Samples drawn for the report's intervals
    #[arg(long, default_value_t = 400)]
    boot: usize,
}

pub(super) async fn run(sources: &Sources, arguments: Arguments) -> Outcome {
    match made_of(sources, &arguments).await {
        Ok(told) => {
            say(&told);
            Outcome::Done
        }
        Err(told) => {
            complain(&told);
            Outcome::Refused
        }
    }
}

async fn made_of(sources: &Sources, arguments: &Arguments) -> Result<String, String> {
    let files = arguments.evidence.fitted(sources, arguments.seed).await?;
    match files {
        Some(files) if arguments.data.is_empty() => {
            let name = name(arguments)?;
            let name = arguments.evidence.extend(&arguments.out, name, &files)?;
            let out = arguments.out.display();
            Ok(format!("{name} is in {out}; see evidence.md there"))
        }
        files => trained(arguments, files.as_ref()),
    }
}

fn trained(arguments: &Arguments, evidence: Option<&evidence::Files>) -> Result<String, String> {
    let mut rows = rows::read(&arguments.data).map_err(|error| error.to_string())?;
    if arguments.made > 0 {
        lengthen(&mut rows, &Lengths::new(arguments.seed));
    }
    rows.extend(requests::generate(arguments.seed, arguments.made).map(made));
    let pairs = arguments.pairs.as_deref().map(Pairs::read).transpose()?;
    let settings = Settings {
        seed: arguments.seed,
        epochs: arguments.epochs.into(),
        folds: arguments.folds,
        exclude: arguments.exclude_benchmark.clone(),
        ..Settings::default()
    };
    known(&rows, &settings.exclude)?;
    let name = name(arguments)?;
    let failed = |error: train::TrainError| error.to_string();
    let set = Set::of(&rows, settings.shape.rows).map_err(failed)?;
    let fit = train::fit(&set, &settings, &tell).map_err(failed)?;
    let report = report(arguments, &rows, &set, &settings, pairs.as_ref(), &fit)?;
    let mut figures = report.figures.clone();
    figures.extend(evidence.iter().flat_map(|it| it.figures.clone()));
    let manifest = Manifest {
        version: artifact::VERSION,
        name,
        made: Clock::system().now().day(),
        seed: settings.seed,
        features: features::VERSION,
        shape: settings.shape,
        files: BTreeMap::new(),
        figures,
    };
    let abilities = serde_json::to_vec_pretty(&fit.abilities).map_err(|error| error.to_string())?;
    let picture = report.picture.unwrap_or_default();
    let mut others = vec![
        (abilities::FILE, abilities.as_slice()),
        ("report.md", report.text.as_bytes()),
    ];
    others.extend(evidence.iter().flat_map(|it| it.list()));
    if !picture.is_empty() {
        others.push(("reliability.svg", picture.as_bytes()));
    }
    let halves = halves(&fit.tensors).map_err(|error| error.to_string())?;
    artifact::save(&arguments.out, &manifest, &halves, &others)
        .map_err(|error| format!("{error}; {}", error.mend()))?;
    Ok(format!(
        "{} is in {}; see report.md there",
        manifest.name,
        arguments.out.display()
    ))
}

/// The weights in half the room: what is lost of them changes no answer by more than a thousandth.
fn halves(tensors: &HashMap<String, Tensor>) -> candle_core::Result<HashMap<String, Tensor>> {
    let half = |(name, it): (&String, &Tensor)| Ok((name.clone(), it.to_dtype(DType::F16)?));
    tensors.iter().map(half).collect()
}

/// A request that was made from a frame, as a row.
fn made(request: Request) -> Row {
    Row {
        benchmark: train::MADE.to_owned(),
        prompt: request.text,
        task: Some(request.task),
        language: request.language.to_string(),
        output: Some(request.output),
        difficulty: Some(request.difficulty),
        ..Row::default()
    }
}

/// Gives requests plausible lengths, as those that are made have, where their source tells none at all.
fn lengthen(rows: &mut [Row], lengths: &Lengths) {
    let told = rows.iter().filter(|row| row.output.is_some());
    let told: HashSet<String> = told.map(|row| row.benchmark.clone()).collect();
    let untold = |row: &&mut Row| row.outcomes.is_empty() && !told.contains(&row.benchmark);
    for row in rows.iter_mut().filter(untold) {
        row.output = row.task().map(|task| lengths.of(task, &row.prompt));
    }
}

/// A benchmark that is not there was meant to be another.
fn known(rows: &[Row], excluded: &[String]) -> Result<(), String> {
    let missing = excluded
        .iter()
        .find(|name| rows.iter().all(|row| row.benchmark != **name));
    match missing {
        Some(name) => Err(format!("--exclude-benchmark {name}: no row is of it")),
        None => Ok(()),
    }
}

fn name(arguments: &Arguments) -> Result<String, String> {
    let of_folder = || {
        let name = arguments.out.file_name().map(Path::new);
        name.map(|it| it.display().to_string())
    };
    let name = arguments.name.clone().or_else(of_folder);
    name.ok_or_else(|| format!("--out {}: give the folder a name", arguments.out.display()))
}

fn report(
    arguments: &Arguments,
    rows: &[Row],
    set: &Set,
    settings: &Settings,
    pairs: Option<&Pairs>,
    fit: &train::Fit,
) -> Result<Report, String> {
    if settings.folds == 0 {
        return Ok(train::report(
            rows,
            set,
            settings,
            &fit.abilities,
            None,
            None,
        ));
    }
    let held = train::cross_validate(set, settings, &tell).map_err(|error| error.to_string())?;
    let measure = eval::Settings {
        boot: arguments.boot,
        seed: arguments.seed,
        ..eval::Settings::default()
    };
    let compare = |pairs| train::compare(rows, set, &held, pairs, settings.shape.rows, &measure);
    let compared = pairs.map(compare).transpose()?;
    let compared = pairs.zip(compared.as_deref());
    Ok(train::report(
        rows,
        set,
        settings,
        &fit.abilities,
        Some(&held),
        compared,
    ))
}

fn tell(progress: Progress) {
    let Progress {
        part,
        epoch,
        epochs,
        loss,
        held_out,
        left,
    } = progress;
    let left = left.as_secs();
    let held_out = held_out.map_or_else(String::new, |it| format!(", held out {it:.4}"));
    complain(&format!(
        "{part}: pass {epoch} of {epochs}, loss {loss:.4}{held_out}, {left} s left"
    ));
}
