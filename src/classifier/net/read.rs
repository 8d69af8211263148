//! What the last layer's numbers mean.

use crate::domain::facts::{Classification, Language, Task};
use crate::domain::tokens::TokenCount;

/// Logarithms of the shortest and the longest answer that is told.
const SHORTEST: f32 = 0.0;
const LONGEST: f32 = 11.5;

/// The answer's length in logarithms: the low, the middle and the high one. The middle is told outright, the others by
/// how far they are from it.
pub(crate) fn lengths(out: &[f32]) -> [f32; 3] {
    let soft = |number: f32| number.max(0.0) + (-number.abs()).exp().ln_1p();
    let middle = out[1] + 6.0;
    [middle - soft(out[0]), middle, middle + soft(out[2])].map(|it| it.clamp(SHORTEST, LONGEST))
}

/// Reads the belief and the numbers of the last layer.
pub(super) fn read(difficulty: f32, variance: f32, kinds: &[f32]) -> Classification {
    let (tasks, rest) = kinds.split_at(Task::ALL.len());
    let (languages, out) = rest.split_at(Language::ALL.len());
    let first = largest(tasks, None);
    let second = largest(tasks, Some(first));
    let whole: f32 = tasks.iter().map(|it| (it - tasks[first]).exp()).sum();
    let [low, middle, high] = lengths(out).map(|log| TokenCount(log.exp() as u64));
    Classification {
        task: Task::ALL[first],
        second: Task::ALL[second],
        confidence: 1.0 / whole,
        difficulty,
        variance,
        output: middle,
        output_low: low,
        output_high: high,
        language: Language::ALL[largest(languages, None)],
    }
}

/// The place of the largest, the first of equals.
fn largest(numbers: &[f32], but: Option<usize>) -> usize {
    let places = (0..numbers.len()).filter(|at| Some(*at) != but);
    places
        .reduce(|best, at| {
            if numbers[at] > numbers[best] {
                at
            } else {
                best
            }
        })
        .unwrap_or(0)
}
