//! A second opinion on the kind of work: what pieces say of it by themselves, fitted to the end.
//!
//! The tower's own straight path is learned along with its hidden units, by chance and in a few passes. This one is a
//! logistic regression with a bottom that is found. The two go wrong on different requests, so their mean is told: as both
//! are sums over the same tables, it costs nothing to ask.

use super::descent::lowest;
use super::set::Set;
use crate::classifier::features::{Features, PROSE};
use crate::domain::facts::Task;

const KINDS: usize = Task::ALL.len();
/// Steps at the most.
const STEPS: usize = 80;
/// How strongly what pieces say is held near zero.
const HELD: f64 = 0.1;

/// What each piece says, and what is said without any: kinds of work side by side.
#[derive(Debug)]
pub(super) struct Opinion {
    pub(super) pieces: Vec<f32>,
    pub(super) prose: Vec<f32>,
    pub(super) bias: Vec<f32>,
}

/// Where in the list of all numbers each part begins.
struct Parts {
    prose: usize,
    bias: usize,
    end: usize,
}

impl Parts {
    const fn new(rows: usize) -> Self {
        Self {
            prose: rows * KINDS,
            bias: (1 + PROSE) * rows * KINDS,
            end: ((1 + PROSE) * rows + 1) * KINDS,
        }
    }

    /// Where what each piece of a text says begins, and how much it counts.
    fn places<'a>(&self, text: &'a Features) -> impl Iterator<Item = (usize, f64)> + use<'a> {
        let pieces = text.rows.iter().zip(&text.weights);
        let (rows, weights) = &text.prose;
        let (prose, bias) = (self.prose, self.bias);
        let pieces = pieces.map(|(row, weight)| (*row as usize * KINDS, f64::from(*weight)));
        let words = rows.iter().zip(weights);
        let words =
            words.map(move |(row, weight)| (prose + *row as usize * KINDS, f64::from(*weight)));
        pieces.chain(words).chain([(bias, 1.0)])
    }
}

/// Fits it to the requests at these places; `wanted` tells how much each kind of work counts for each, nothing if unknown.
pub(super) fn fit(rows: usize, set: &Set, places: &[usize], wanted: &[[f64; KINDS]]) -> Opinion {
    let parts = Parts::new(rows);
    let height = |at: &[f64], slope: &mut [f64]| {
        let mut height = hold(&at[..parts.bias], &mut slope[..parts.bias]);
        slope[parts.bias..].fill(0.0);
        for (place, wanted) in places.iter().zip(wanted) {
            let text = &set.examples[*place].features;
            let (wrong, off) = off(text, wanted, at, &parts);
            height += wrong;
            for (start, weight) in parts.places(text) {
                for (slope, off) in slope[start..start + KINDS].iter_mut().zip(&off) {
                    *slope += weight * off;
                }
            }
        }
        height
    };
    let found = lowest(vec![0.0; parts.end], STEPS, height);
    let part = |from: usize, to: usize| found[from..to].iter().map(|it| *it as f32).collect();
    Opinion {
        pieces: part(0, parts.prose),
        prose: part(parts.prose, parts.bias),
        bias: part(parts.bias, parts.end),
    }
}

/// What holds the numbers near zero. Only the bias is free.
fn hold(at: &[f64], slope: &mut [f64]) -> f64 {
    for (slope, at) in slope.iter_mut().zip(at) {
        *slope = HELD * at;
    }
    0.5 * HELD * at.iter().map(|it| it * it).sum::<f64>()
}

/// How badly the chances of a text fit what is wanted, and by how much each is too high.
fn off(text: &Features, wanted: &[f64; KINDS], at: &[f64], parts: &Parts) -> (f64, [f64; KINDS]) {
    let mut said = [0.0; KINDS];
    for (start, weight) in parts.places(text) {
        for (sum, number) in said.iter_mut().zip(&at[start..start + KINDS]) {
            *sum += weight * number;
        }
    }
    let most = said.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let whole: f64 = said.iter().map(|it| (it - most).exp()).sum();
    let counts: f64 = wanted.iter().sum();
    let mut wrong = 0.0;
    for (said, wanted) in said.iter_mut().zip(wanted) {
        let log = *said - most - whole.ln();
        wrong -= wanted * log;
        *said = counts * log.exp() - wanted;
    }
    (wrong, said)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classifier::rows::Row;

    /// Requests for two kinds of work, and what each is.
    fn set() -> (Set, Vec<usize>, Vec<[f64; KINDS]>) {
        let row = |at: usize| Row {
            id: at.to_string(),
            benchmark: "trial".to_owned(),
            prompt: match at % 2 {
                0 => format!("mend what is broken in part {at}"),
                _ => format!("tell me what part {at} is for"),
            },
            ..Row::default()
        };
        let rows: Vec<Row> = (0..30).map(row).collect();
        let wanted = |at: usize| {
            let mut wanted = [0.0; KINDS];
            wanted[at % 2] = 0.75;
            wanted[5] = 0.25;
            wanted
        };
        let set = Set::of(&rows, 256).expect("a set");
        (set, (0..30).collect(), (0..30).map(wanted).collect())
    }

    #[test]
    fn how_far_a_chance_is_off_is_how_the_height_changes() {
        let (set, _, wanted) = set();
        let parts = Parts::new(256);
        let text = &set.examples[1].features;
        let at: Vec<f64> = (0..parts.end).map(|it| (it as f64 * 0.3).sin()).collect();

        let (_, slope) = off(text, &wanted[1], &at, &parts);

        for (kind, slope) in slope.iter().enumerate() {
            let moved = |by: f64| {
                let mut at = at.clone();
                at[parts.bias + kind] += by;
                off(text, &wanted[1], &at, &parts).0
            };
            let change = (moved(1e-5) - moved(-1e-5)) / 2e-5;
            assert!((change - slope).abs() < 1e-6, "{kind}: {change} {slope}");
        }
    }

    #[test]
    fn kinds_are_told_apart_by_their_words() {
        let (set, places, wanted) = set();

        let opinion = fit(256, &set, &places, &wanted);

        let parts = Parts::new(256);
        let all = [&opinion.pieces, &opinion.prose, &opinion.bias];
        let at: Vec<f64> = all.into_iter().flatten().map(|it| f64::from(*it)).collect();
        for (place, wanted) in places.iter().zip(&wanted) {
            let text = &set.examples[*place].features;
            let mut said = [0.0; KINDS];
            for (start, weight) in parts.places(text) {
                for (kind, sum) in said.iter_mut().enumerate() {
                    *sum += weight * at[start + kind];
                }
            }
            let most = (0..KINDS).max_by(|a, b| said[*a].total_cmp(&said[*b]));
            assert_eq!(most, (0..KINDS).find(|kind| wanted[*kind] > 0.5));
        }
    }
}
