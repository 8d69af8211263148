//! What a training has to say of itself: `report.md` and `reliability.svg`.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Value, json};

use super::compare::Compared;
use super::reliability::{self, Point, picture, points};
use super::run::Held;
use super::set::Set;
use super::{Settings, logistic};
use crate::classifier::abilities::Abilities;
use crate::classifier::eval::{Pairs, Summary};
use crate::classifier::rows::Row;
use crate::domain::facts::{Classification, Task};

/// The report's parts.
#[derive(Debug, Default)]
pub struct Report {
    /// To be read.
    pub text: String,
    /// The reliability curves, where there were pairs to tell of.
    pub picture: Option<String>,
    /// For the manifest.
    pub figures: BTreeMap<String, Value>,
}

/// Writes the report of a training.
pub fn report(
    rows: &[Row],
    set: &Set,
    settings: &Settings,
    abilities: &Abilities,
    held: Option<&Held>,
    compared: Option<(&Pairs, &[Compared])>,
) -> Report {
    let mut report = Report::default();
    let text = &mut report.text;
    let _ = writeln!(text, "# Report of a training\n");
    let outcomes = set.with_outcomes().len();
    let requests = set.examples.len() - set.places(|it| !it.outcomes.is_empty()).len();
    let _ = writeln!(
        text,
        "{outcomes} rows with outcomes of {} models, {requests} requests without; seed {}, {} epochs, {} folds.\n",
        abilities.models.len(),
        settings.seed,
        settings.epochs,
        settings.folds
    );
    report
        .figures
        .insert("rows_with_outcomes".to_owned(), json!(outcomes));
    report
        .figures
        .insert("requests".to_owned(), json!(requests));
    if let Some((pairs, compared)) = compared {
        report.routing(compared);
        report.reliability(rows, pairs, compared);
    }
    if let Some(held) = held {
        report.kinds(set, held);
    }
    report.abilities(abilities);
    report
}

impl Report {
    fn routing(&mut self, compared: &[Compared]) {
        let text = &mut self.text;
        text.push_str("## Routing, cross-validated\n\nEach row was judged by what was fitted without its fold, and without being told the pair. In brackets: 95 % of other samples.\n\n");
        let names: Vec<&str> = (compared.first().into_iter())
            .flat_map(|it| it.summaries.iter().map(|it| it.pair.as_str()))
            .collect();
        for pair in names {
            let _ = writeln!(
                text,
                "### {pair}\n\n| | APGR | AUROC | ECE | CPT50 | save95 |\n|---|---|---|---|---|---|"
            );
            for way in compared {
                if let Some(summary) = way.summaries.iter().find(|it| it.pair == pair) {
                    let of = |name: &str| cell(summary, name);
                    let _ = writeln!(
                        text,
                        "| {} | {} | {} | {} | {} | {} |",
                        way.name,
                        of("APGR"),
                        of("AUROC"),
                        of("ECE"),
                        of("CPT50"),
                        of("save95")
                    );
                    if way.name == "net" {
                        let list = [
                            summary.metrics.apgr,
                            summary.metrics.auroc,
                            summary.metrics.ece,
                        ];
                        self.figures.insert(format!("cross_validated {pair}"), json!({ "APGR": round(list[0]), "AUROC": round(list[1]), "ECE": round(list[2]) }));
                    }
                }
            }
            text.push('\n');
        }
        let _ = writeln!(
            text,
            "The regression is on the same pieces and numbers, with {}.\n",
            logistic::HOW
        );
    }

    fn reliability(&mut self, rows: &[Row], pairs: &Pairs, compared: &[Compared]) {
        let Some(net) = compared.iter().find(|it| it.name == "net") else {
            return;
        };
        let mut curves: Vec<(&str, Vec<Point>)> = Vec::new();
        let (mut told, mut happened, mut weight) = (Vec::new(), Vec::new(), Vec::new());
        for pair in pairs.leading() {
            let known = rows
                .iter()
                .enumerate()
                .filter(|(_, row)| row.benchmark == pair.benchmark);
            let known = known.filter_map(|(at, row)| {
                let rate = crate::classifier::eval::pairs::rate(row, &pair.weak)?;
                Some((net.scores[at].p_weak, rate))
            });
            let (p, passed): (Vec<f64>, Vec<f64>) = known.unzip();
            if p.is_empty() {
                continue;
            }
            told.extend(&p);
            happened.extend(&passed);
            weight.extend(p.iter().map(|_| 1.0 / p.len() as f64));
            curves.push((&pair.name, points(&p, &passed, &vec![1.0; p.len()])));
        }
        if told.is_empty() {
            return;
        }
        let all = points(&told, &happened, &weight);
        let _ = writeln!(
            self.text,
            "## Reliability\n\nThe chance that the weak model passes, all leading pairs together, and what came true.\n\n{}",
            reliability::text(&all)
        );
        curves.insert(0, ("all", all));
        self.picture = Some(picture("Chance that the weak model passes", &curves));
    }

    fn kinds(&mut self, set: &Set, held: &Held) {
        let requests = set.places(|it| it.task.is_some() && it.outcomes.is_empty());
        if requests.is_empty() {
            return;
        }
        let share = |is: &dyn Fn(usize, &Classification) -> Option<bool>| {
            let known: Vec<bool> = requests
                .iter()
                .filter_map(|at| is(*at, &held.classes[*at]))
                .collect();
            let right = known.iter().filter(|it| **it).count();
            right as f64 / known.len().max(1) as f64
        };
        let task = |at: usize| set.examples[at].task;
        let first = share(&|at, class| Some(task(at) == Some(class.task)));
        let two =
            share(&|at, class| Some([Some(class.task), Some(class.second)].contains(&task(at))));
        let language = share(&|at, class| Some(set.examples[at].language? == class.language));
        let inside = share(&|at, class| {
            let tokens = set.examples[at].length?.exp();
            Some((class.output_low.0 as f32..=class.output_high.0 as f32 + 1.0).contains(&tokens))
        });
        let text = &mut self.text;
        let _ = writeln!(
            text,
            "## Kinds of work, cross-validated on the requests\n\nRight {first:.3}, within the two likeliest {two:.3}; language {language:.3}; lengths within the 10 to 90 % band {inside:.3}.\n\n| kind | requests | right | mostly taken for |\n|---|---|---|---|"
        );
        for kind in Task::ALL {
            let of: Vec<&Classification> = requests
                .iter()
                .filter(|at| task(**at) == Some(*kind))
                .map(|at| &held.classes[*at])
                .collect();
            let mut others: BTreeMap<Task, usize> = BTreeMap::new();
            for class in of.iter().filter(|class| class.task != *kind) {
                *others.entry(class.task).or_default() += 1;
            }
            let right = 1.0 - others.values().sum::<usize>() as f64 / of.len().max(1) as f64;
            let most = others.iter().max_by_key(|(_, count)| **count);
            let most = most.map_or_else(String::new, |(task, count)| format!("{task} ({count})"));
            let _ = writeln!(text, "| {kind} | {} | {right:.3} | {most} |", of.len());
        }
        text.push('\n');
        for (name, figure) in [
            ("kind_right", first),
            ("kind_within_two", two),
            ("language_right", language),
            ("length_in_band", inside),
        ] {
            self.figures
                .insert(name.to_owned(), json!(round(Some(figure))));
        }
    }

    fn abilities(&mut self, abilities: &Abilities) {
        let text = &mut self.text;
        text.push_str(
            "## Abilities\n\n| model | overall | by kind of work | from |\n|---|---|---|---|\n",
        );
        for (name, known) in &abilities.models {
            let tasks: Vec<String> = (known.tasks.iter())
                .map(|(task, it)| format!("{task} {:.2} +- {:.2}", it.ability, it.spread))
                .collect();
            let _ = writeln!(
                text,
                "| {name} | {:.2} +- {:.2} | {} | {} |",
                known.overall.ability,
                known.overall.spread,
                tasks.join(", "),
                known.sources.join(", ")
            );
        }
    }
}

fn round(number: Option<f64>) -> Option<f64> {
    number.map(|it| (it * 1_000.0).round() / 1_000.0)
}

fn cell(summary: &Summary, name: &str) -> String {
    let place = crate::classifier::eval::Metrics::NAMES
        .iter()
        .position(|it| *it == name);
    let Some(number) = place.and_then(|at| summary.metrics.list()[at]) else {
        return "-".to_owned();
    };
    match summary.ci95.get(name) {
        Some([Some(low), Some(high)]) => format!("{number:.3} [{low:.3}, {high:.3}]"),
        _ => format!("{number:.3}"),
    }
}
