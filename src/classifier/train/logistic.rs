//! Logistic regression on the same features, to be compared with: what a straight line makes of them.

use super::bag::Standard;
use super::set::Example;
use crate::classifier::features::Features;
use crate::classifier::net::standard;

/// What the numbers count beside the pieces.
const DENSE: f64 = 0.1;
/// What is said of it to people.
pub(super) const HOW: &str =
    "numbers at a tenth, an L2 penalty of 1, sources weighed by the root of their size";
/// How strongly weights are held near zero, by example; the best of the cross-validations that we made.
const HELD: f64 = 1.0;
/// Steps of accelerated descent: it changes nothing after about half as many.
const STEPS: usize = 150;

/// The weights of a line.
pub(super) struct Line {
    pieces: Vec<f64>,
    dense: Vec<f64>,
    bias: f64,
}

impl Line {
    fn zero(rows: usize) -> Self {
        Self {
            pieces: vec![0.0; rows],
            dense: vec![0.0; crate::classifier::features::DENSE],
            bias: 0.0,
        }
    }

    /// The chance that a line tells.
    pub(super) fn chance(&self, features: &Features, standards: &Standard) -> f64 {
        let dense = standard(&features.dense, &standards.mean, &standards.scale);
        sigmoid(self.reach(features, &dense))
    }

    fn reach(&self, features: &Features, dense: &[f32]) -> f64 {
        let pieces = features.rows.iter().zip(&features.weights);
        let pieces = pieces.map(|(row, weight)| self.pieces[*row as usize] * f64::from(*weight));
        let dense = self
            .dense
            .iter()
            .zip(dense)
            .map(|(a, b)| a * f64::from(*b) * DENSE);
        self.bias + pieces.sum::<f64>() + dense.sum::<f64>()
    }

    fn numbers(&mut self) -> impl Iterator<Item = &mut f64> {
        self.pieces
            .iter_mut()
            .chain(&mut self.dense)
            .chain([&mut self.bias])
    }
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// Fits a line to rates, each with its weight.
pub(super) fn fit(examples: &[(&Example, f64, f64)], rows: usize, standards: &Standard) -> Line {
    let dense: Vec<Vec<f32>> = (examples.iter())
        .map(|(it, _, _)| standard(&it.features.dense, &standards.mean, &standards.scale))
        .collect();
    let (mut line, mut ahead) = (Line::zero(rows), Line::zero(rows));
    // The curvature is a quarter of the weights times the squared length of an example at the most.
    let total: f64 = examples.iter().map(|(_, _, weight)| weight).sum();
    let longest = dense
        .iter()
        .map(|it| it.iter().map(|x| f64::from(x * x)).sum::<f64>());
    let longest = 2.0 + DENSE * DENSE * longest.fold(0.0, f64::max);
    let pace = 1.0 / (0.25 * total * longest + HELD);
    let mut momentum = 1.0_f64;
    for _ in 0..STEPS {
        let mut slope = Line::zero(rows);
        for ((example, rate, weight), dense) in examples.iter().zip(&dense) {
            let off = (sigmoid(ahead.reach(&example.features, dense)) - rate) * weight;
            let features = &example.features;
            for (row, weight) in features.rows.iter().zip(&features.weights) {
                slope.pieces[*row as usize] += off * f64::from(*weight);
            }
            for (sum, number) in slope.dense.iter_mut().zip(dense) {
                *sum += off * f64::from(*number) * DENSE;
            }
            slope.bias += off;
        }
        // The bias is free.
        slope.bias -= HELD * ahead.bias;
        let next = f64::midpoint(1.0, (1.0 + 4.0 * momentum * momentum).sqrt());
        let carry = (momentum - 1.0) / next;
        for ((ahead, slope), line) in ahead.numbers().zip(slope.numbers()).zip(line.numbers()) {
            let stepped = *ahead - pace * (*slope + HELD * *ahead);
            *ahead = stepped + carry * (stepped - *line);
            *line = stepped;
        }
        momentum = next;
    }
    line
}
