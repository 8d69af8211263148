//! The straight path of the tower for difficulty, and the abilities of models: fitted to the end, before anything else.
//!
//! It is to the outcomes of all models together what a logistic regression is to those of one: pieces and numbers each
//! have their say, held near zero, and there is one bottom to be found. The members then only learn what it leaves.
//!
//! Requests with a hint of how hard they are pull here, and weakly, all of them together: that what was never tried by a
//! model is not far off.

use std::f64::consts::PI;

use super::bag::Standard;
use super::descent::lowest;
use super::set::{Example, Set};
use crate::classifier::features::DENSE;
use crate::classifier::net::{BOUND, standard};
use crate::domain::facts::Task;

/// Steps at the most; it changes little after half as many.
const STEPS: usize = 150;
/// What the numbers count beside the pieces.
const OF_DENSE: f64 = 0.1;
/// How strongly what pieces and numbers say is held near zero, and the abilities on the whole.
const HELD: f64 = 1.0;
const HELD_OVERALL: f64 = 0.1;
/// A source counts by the root of its size, a problem by the root of how many models tried it.
const BY_SIZE: f64 = -0.5;
const BY_TRIED: f64 = -0.5;
/// How weakly mean and spread are drawn to the middle: without it, a narrower belief and smaller abilities would be as
/// good as a wide one and large ones, and where it ended would be chance.
const MIDDLE: f64 = 0.005;
/// What all hints together count beside the outcomes.
const HINTED: f64 = 0.1;

/// What was fitted. What belongs to mean and logarithm of the variance stands side by side.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) pieces: Vec<f32>,
    pub(super) dense: Vec<f32>,
    pub(super) bias: Vec<f32>,
    /// Each model's ability on the whole, and how far it is from that at each kind of work.
    pub(super) overall: Vec<f32>,
    pub(super) apart: Vec<f32>,
}

/// A problem that is learned from, and how much each of its outcomes counts.
struct Problem<'a> {
    example: &'a Example,
    dense: Vec<f32>,
    task: usize,
    weight: f64,
}

/// What a text says, and how steep that is: mean and logarithm of the variance.
struct Belief {
    told: [f64; 2],
    steep: [f64; 2],
}

/// Where in the list of all numbers each part begins.
struct Parts {
    dense: usize,
    bias: usize,
    overall: usize,
    apart: usize,
    end: usize,
    models: usize,
}

impl Parts {
    fn new(rows: usize, models: usize) -> Self {
        let dense = 2 * rows;
        let bias = dense + 2 * DENSE;
        let overall = bias + 2;
        let apart = overall + models;
        Self {
            dense,
            bias,
            overall,
            apart,
            end: apart + models * Task::ALL.len(),
            models,
        }
    }

    fn apart(&self, task: usize, model: usize) -> usize {
        self.apart + task * self.models + model
    }
}

/// Fits it to the outcomes at these places, from a first guess of the abilities that may be `apart` so far.
pub(super) fn fit(
    rows: usize,
    set: &Set,
    (places, hinted): (&[usize], &[usize]),
    standards: &Standard,
    (overall, apart_of): (Vec<f32>, Vec<f32>),
    apart: f64,
) -> Line {
    let parts = Parts::new(rows, set.models.len());
    let problems = problems(set, places, standards);
    let hinted = requests(set, hinted, standards, &problems);
    let mut start = vec![0.0; parts.overall];
    start.extend(overall.iter().chain(&apart_of).map(|it| f64::from(*it)));
    debug_assert_eq!(start.len(), parts.end);
    let height = |at: &[f64], slope: &mut [f64]| {
        let mut height = hold(at, slope, &parts, apart);
        for problem in &problems {
            height += of_problem(problem, at, slope, &parts);
        }
        for request in &hinted {
            height += of_hint(request, at, slope, &parts);
        }
        height
    };
    let found = lowest(start, STEPS, height);
    let part = |from: usize, to: usize, scale: f64| {
        let numbers = found[from..to].iter().map(|it| (it * scale) as f32);
        numbers.collect::<Vec<f32>>()
    };
    Line {
        pieces: part(0, parts.dense, 1.0),
        dense: part(parts.dense, parts.bias, OF_DENSE),
        bias: part(parts.bias, parts.overall, 1.0),
        overall: part(parts.overall, parts.apart, 1.0),
        apart: part(parts.apart, parts.end, 1.0),
    }
}

fn problems<'a>(set: &'a Set, places: &[usize], standards: &Standard) -> Vec<Problem<'a>> {
    let mut sizes = vec![0_usize; set.sources.len()];
    for at in places {
        sizes[set.examples[*at].source] += 1;
    }
    let sources = sizes.iter().filter(|it| **it > 0).count().max(1);
    let usual = places.len() as f64 / sources as f64;
    let problem = |at: &usize| {
        let example = &set.examples[*at];
        let size = sizes[example.source].max(1) as f64 / usual;
        let tried = example.outcomes.len().max(1) as f64;
        let task = Task::ALL.iter().position(|it| Some(*it) == example.task);
        Problem {
            example,
            dense: standard(&example.features.dense, &standards.mean, &standards.scale),
            task: task.unwrap_or(Task::ALL.len() - 1),
            weight: size.powf(BY_SIZE) * tried.powf(BY_TRIED),
        }
    };
    places.iter().map(problem).collect()
}

/// Requests with hints, each with its part of what they count.
fn requests<'a>(
    set: &'a Set,
    hinted: &[usize],
    standards: &Standard,
    problems: &[Problem<'_>],
) -> Vec<Problem<'a>> {
    let of = |it: &Problem<'_>| it.weight * it.example.outcomes.len() as f64;
    let all: f64 = problems.iter().map(of).sum();
    let mut requests = self::problems(set, hinted, standards);
    for request in &mut requests {
        request.weight = HINTED * all / hinted.len() as f64;
    }
    requests
}

/// What holds the numbers near zero. Only the bias is free.
fn hold(at: &[f64], slope: &mut [f64], parts: &Parts, apart: f64) -> f64 {
    let mut height = 0.0;
    let parts = [
        (0..parts.bias, HELD),
        (parts.bias..parts.overall, 0.0),
        (parts.overall..parts.apart, HELD_OVERALL),
        (parts.apart..parts.end, 1.0 / (apart * apart)),
    ];
    for (part, held) in parts {
        for place in part {
            slope[place] = held * at[place];
            height += 0.5 * held * at[place] * at[place];
        }
    }
    height
}

/// What is said of a text.
fn belief(problem: &Problem<'_>, at: &[f64], parts: &Parts) -> Belief {
    let features = &problem.example.features;
    let mut raw = [at[parts.bias], at[parts.bias + 1]];
    for (side, sum) in raw.iter_mut().enumerate() {
        for (row, weight) in features.rows.iter().zip(&features.weights) {
            *sum += f64::from(*weight) * at[2 * *row as usize + side];
        }
        for (number, value) in problem.dense.iter().enumerate() {
            *sum += OF_DENSE * f64::from(*value) * at[parts.dense + 2 * number + side];
        }
    }
    let bent = raw.map(|it| (it / BOUND).tanh());
    Belief {
        told: bent.map(|it| it * BOUND),
        steep: bent.map(|it| 1.0 - it * it),
    }
}

/// Adds to the slope what a change of what is said would change.
fn blame(
    problem: &Problem<'_>,
    belief: &Belief,
    of_told: [f64; 2],
    slope: &mut [f64],
    parts: &Parts,
) {
    let features = &problem.example.features;
    for side in 0..2 {
        let of_raw = of_told[side] * belief.steep[side];
        slope[parts.bias + side] += of_raw;
        for (row, weight) in features.rows.iter().zip(&features.weights) {
            slope[2 * *row as usize + side] += of_raw * f64::from(*weight);
        }
        for (number, value) in problem.dense.iter().enumerate() {
            slope[parts.dense + 2 * number + side] += of_raw * OF_DENSE * f64::from(*value);
        }
    }
}

/// How badly the chances of a problem fit its outcomes; adds to the slope.
fn of_problem(problem: &Problem<'_>, at: &[f64], slope: &mut [f64], parts: &Parts) -> f64 {
    let belief = belief(problem, at, parts);
    let [mean, log_variance] = belief.told;
    let variance = log_variance.exp();
    let narrow = (1.0 + PI * variance / 8.0).powf(-0.5);
    let (mut height, mut of_mean, mut of_narrow) = (0.0, 0.0, 0.0);
    for (model, rate) in &problem.example.outcomes {
        let (overall, apart) = (parts.overall + model, parts.apart(problem.task, *model));
        let gap = at[overall] + at[apart] - mean;
        let (logit, rate) = (gap * narrow, f64::from(*rate));
        height += problem.weight * (logit.max(0.0) + (-logit.abs()).exp().ln_1p() - rate * logit);
        let off = problem.weight * (1.0 / (1.0 + (-logit).exp()) - rate);
        slope[overall] += off * narrow;
        slope[apart] += off * narrow;
        of_mean -= off * narrow;
        of_narrow += off * gap;
    }
    let of_variance = of_narrow * -0.5 * narrow.powi(3) * (PI / 8.0) * variance;
    let middle = MIDDLE * problem.weight * problem.example.outcomes.len() as f64;
    of_mean += 2.0 * middle * mean;
    let of_log = of_variance + 2.0 * middle * log_variance;
    blame(problem, &belief, [of_mean, of_log], slope, parts);
    height + middle * (mean * mean + log_variance * log_variance)
}

/// How far the belief is from "about this hard, give or take one"; adds to the slope.
fn of_hint(request: &Problem<'_>, at: &[f64], slope: &mut [f64], parts: &Parts) -> f64 {
    let belief = belief(request, at, parts);
    let [mean, log_variance] = belief.told;
    let off = mean - f64::from(request.example.hint.unwrap_or_default());
    let (half, precision) = (0.5 * request.weight, (-log_variance).exp());
    let wide = (off * off + 1.0) * precision;
    let of_told = [2.0 * half * off * precision, half * (1.0 - wide)];
    blame(request, &belief, of_told, slope, parts);
    half * (wide + log_variance)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classifier::rows::Row;

    /// Problems, and requests with hints behind them.
    fn set() -> (Set, Vec<usize>, Vec<usize>) {
        let row = |at: usize| Row {
            id: at.to_string(),
            benchmark: "trial".to_owned(),
            category: "fix".to_owned(),
            prompt: match at % 2 {
                0 => format!("easy words of problem {at}"),
                _ => format!("hard knots in problem {at}"),
            },
            outcomes: [
                ("small", if at.is_multiple_of(2) { 0.8 } else { 0.1 }),
                ("large", 0.9),
            ]
            .map(|(model, rate)| (model.to_owned(), rate))
            .into(),
            ..Row::default()
        };
        let request = |at: usize| Row {
            benchmark: "made".to_owned(),
            prompt: format!("say thanks {at}"),
            difficulty: Some(-2.0),
            ..Row::default()
        };
        let rows: Vec<Row> = (0..40).map(row).chain((0..10).map(request)).collect();
        let set = Set::of(&rows, 256).expect("a set");
        (set, (0..40).collect(), (40..50).collect())
    }

    #[test]
    fn the_slope_is_how_the_height_changes() {
        let (set, places, hinted) = set();
        let standards = Standard::of(set.features(&places).into_iter());
        let problems = problems(&set, &places, &standards);
        let hinted = requests(&set, &hinted, &standards, &problems);
        let parts = Parts::new(256, set.models.len());
        let height = |at: &[f64], slope: &mut [f64]| {
            let held = hold(at, slope, &parts, 0.7);
            let all = problems
                .iter()
                .map(|it| of_problem(it, at, slope, &parts))
                .sum::<f64>();
            let hints = hinted
                .iter()
                .map(|it| of_hint(it, at, slope, &parts))
                .sum::<f64>();
            held + all + hints
        };
        let at: Vec<f64> = (0..parts.end).map(|it| (it as f64 * 0.7).sin()).collect();
        let mut slope = vec![0.0; parts.end];
        height(&at, &mut slope);

        let piece = 2 * set.examples[0].features.rows[0] as usize;
        let apart = parts.apart(problems[0].task, 0);
        for place in [
            piece,
            piece + 1,
            parts.bias,
            parts.bias + 1,
            parts.overall,
            apart,
        ] {
            let moved = |by: f64| {
                let mut at = at.clone();
                at[place] += by;
                height(&at, &mut vec![0.0; parts.end])
            };
            let change = (moved(1e-5) - moved(-1e-5)) / 2e-5;
            assert!(
                (change - slope[place]).abs() < 1e-4 * (1.0 + change.abs()),
                "{place}"
            );
        }
    }

    #[test]
    fn hard_words_and_strong_models_are_told_apart() {
        let (set, places, hinted) = set();
        let standards = Standard::of(set.features(&places).into_iter());
        let models = set.models.len();
        let fitted = |hinted: &[usize]| {
            let nothing = (vec![0.0; models], vec![0.0; models * Task::ALL.len()]);
            fit(256, &set, (&places, hinted), &standards, nothing, 0.7)
        };
        let mean = |line: &Line, at: usize| {
            let features = &set.examples[at].features;
            let pieces = features.rows.iter().zip(&features.weights);
            let pieces = pieces.map(|(row, weight)| weight * line.pieces[2 * *row as usize]);
            let dense = standard(&features.dense, &standards.mean, &standards.scale);
            let dense = (dense.iter().enumerate()).map(|(at, it)| it * line.dense[2 * at]);
            line.bias[0] + pieces.sum::<f32>() + dense.sum::<f32>()
        };

        let (line, without) = (fitted(&hinted), fitted(&[]));

        assert!(mean(&line, 1) > mean(&line, 0) + 0.3);
        assert!(mean(&line, 40) < mean(&without, 40) - 0.1, "a hint pulls");
        let of = |name: &str| {
            let model = set.models.iter().position(|it| it == name).expect("known");
            line.overall[model]
        };
        assert!(of("large") > of("small") + 0.3);
    }
}
