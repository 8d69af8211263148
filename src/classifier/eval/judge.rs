//! What our own classifier says of a row: one score that is not told the pair, and the chance that a weak model passes.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::pairs::{Pair, Pairs};
use crate::classifier::abilities::{self, Abilities};
use crate::classifier::rows::{self, Row};
use crate::domain::facts::{Classification, Task};

/// What a router says of a problem.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Score {
    /// Higher is safer to send to the weak model.
    pub score: f64,
    /// The chance that the weak model passes.
    pub p_weak: f64,
}

/// Scores by row, and by row and pair where a line names one.
#[derive(Clone, Debug, Default)]
pub struct Scores(HashMap<(String, Option<String>), Score>);

impl Scores {
    /// The score of a row for a pair: one that was given for this pair wins.
    pub fn of(&self, id: &str, pair: &str) -> Option<Score> {
        let told = self.0.get(&(id.to_owned(), Some(pair.to_owned())));
        told.or_else(|| self.0.get(&(id.to_owned(), None))).copied()
    }
}

/// Reads `{"id", "score", "p_weak"?, "pair"?}` lines.
pub fn scores(file: &Path) -> Result<Scores, rows::RowsError> {
    #[derive(Deserialize)]
    struct Line {
        id: String,
        score: f64,
        p_weak: Option<f64>,
        pair: Option<String>,
    }
    let mut scores = Scores::default();
    rows::lines(file, |_, line| {
        let line: Line = serde_json::from_str(line).map_err(|error| error.to_string())?;
        let score = Score {
            score: line.score,
            p_weak: line.p_weak.unwrap_or(line.score),
        };
        scores.0.insert((line.id, line.pair), score);
        Ok(())
    })?;
    Ok(scores)
}

/// Judges rows by a classifier and its abilities, without being told the pair: what is expected to be lost by the weak
/// model, and the chance that it passes, averaged over the leading pairs that are tried at the row's kind of work as the
/// classifier tells it; where there is none, over all.
#[derive(Debug)]
pub struct Judge<'a> {
    abilities: &'a Abilities,
    /// Each with the kinds of work of its benchmark.
    pairs: Vec<(&'a Pair, BTreeSet<Task>)>,
}

impl<'a> Judge<'a> {
    /// For the pairs of a file; the rows tell which kinds of work each benchmark has.
    pub fn new(abilities: &'a Abilities, pairs: &'a Pairs, rows: &[Row]) -> Self {
        let tasks = |pair: &'a Pair| {
            let of = rows.iter().filter(|row| row.benchmark == pair.benchmark);
            (pair, of.filter_map(Row::task).collect())
        };
        Self {
            abilities,
            pairs: pairs.leading().into_iter().map(tasks).collect(),
        }
    }

    /// Judges what the classifier said.
    pub fn score(&self, class: &Classification) -> Score {
        let confidence = f64::from(class.confidence).clamp(0.0, 1.0);
        let (first, second) = (self.at(class, class.task), self.at(class, class.second));
        let mean = |a: f64, b: f64| confidence * a + (1.0 - confidence) * b;
        Score {
            score: mean(first.score, second.score),
            p_weak: mean(first.p_weak, second.p_weak),
        }
    }

    /// If it is this kind of work.
    fn at(&self, class: &Classification, task: Task) -> Score {
        let of_task = self.pairs.iter().filter(|(_, tasks)| tasks.contains(&task));
        let of_task: Vec<&Pair> = of_task.map(|(pair, _)| *pair).collect();
        let all = || self.pairs.iter().map(|(pair, _)| *pair).collect();
        // Models of which nothing is known say nothing of a kind of work, while there are others.
        let wanted: [(Vec<&Pair>, bool); 3] = [(of_task, true), (all(), true), (all(), false)];
        let mut found = wanted
            .iter()
            .filter_map(|(pairs, known)| self.over(pairs, *known, class, task));
        found.next().unwrap_or(Score {
            score: 0.0,
            p_weak: 0.5,
        })
    }

    fn over(
        &self,
        pairs: &[&Pair],
        known: bool,
        class: &Classification,
        task: Task,
    ) -> Option<Score> {
        let chance = |models: &[String]| {
            let fit = models
                .iter()
                .filter(|model| !known || self.abilities.knows(model));
            let passes = |model: &String| {
                let of = self.abilities.of(model, task);
                abilities::passes(of, class.difficulty.into(), class.variance.into())
            };
            let list: Vec<f64> = fit.map(passes).collect();
            (!list.is_empty()).then(|| list.iter().sum::<f64>() / list.len() as f64)
        };
        let both = |it: &&Pair| Some((chance(it.weak.models())?, chance(it.strong.models())?));
        let both: Vec<(f64, f64)> = pairs.iter().filter_map(both).collect();
        let count = both.len() as f64;
        (!both.is_empty()).then(|| Score {
            score: both.iter().map(|(weak, strong)| weak - strong).sum::<f64>() / count,
            p_weak: both.iter().map(|(weak, _)| weak).sum::<f64>() / count,
        })
    }
}
