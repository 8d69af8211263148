//! How much more or less is billed for each part of prompts than a table tells, learned by least squares from few bills: what
//! nothing tells of goes by the whole.

use serde::{Deserialize, Serialize};

use super::written::short;
use crate::protocol::count::PARTS;

/// So much speaks for each part going by the whole: about as much as a hundredth of a call that was that part alone.
const STIFF: f64 = 0.01;
/// How many calls are remembered, on the whole.
const MEMORY: f64 = 50.0;
/// Parts never bend a prompt by more than this factor.
const MOST: f64 = 1.2;

/// How many tokens each part of a prompt has.
pub type Parts = [f64; PARTS];

/// What was learned of the parts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(into = "Half", try_from = "Half")]
pub struct Bend {
    /// What parts go together, and how large they were: the same above the diagonal and below.
    together: [Parts; PARTS],
    /// What was billed beyond the table, by the parts that were there.
    beyond: Parts,
}

impl Bend {
    /// Learns from a prompt of these parts that was billed as so many tokens, and that says so much.
    pub fn learn(&mut self, parts: &Parts, billed: f64, weight: f64) {
        let share = parts.map(|part| part / billed);
        let beyond = 1.0 - share.iter().sum::<f64>();
        let kept = 1.0 - weight / MEMORY;
        for ((row, sum), one) in self.together.iter_mut().zip(&mut self.beyond).zip(share) {
            for (cell, other) in row.iter_mut().zip(share) {
                *cell = *cell * kept + one * other * weight;
            }
            *sum = *sum * kept + one * beyond * weight;
        }
    }

    /// How many tokens a prompt of these parts is, where the whole is billed by this factor.
    pub fn tokens(&self, parts: &Parts, factor: f64) -> f64 {
        let whole = parts.iter().sum::<f64>() * factor;
        let more = self.solved(factor - 1.0);
        let bent: f64 = parts
            .iter()
            .zip(more)
            .map(|(part, more)| part * (1.0 + more))
            .sum();
        match bent.is_finite() {
            true => bent.clamp(whole / MOST, whole * MOST),
            false => whole,
        }
    }

    /// What is billed beyond the table for each part, where for the whole it is so much.
    fn solved(&self, whole: f64) -> Parts {
        let mut rows = self.together;
        let mut left = [0.0; PARTS];
        for (at, row) in rows.iter_mut().enumerate() {
            left[at] = self.beyond[at] - row.iter().sum::<f64>() * whole;
            row[at] += STIFF;
        }
        for at in 0..PARTS {
            // Sums of squares keep at least what was added to them, so that no row has to change its place. Where numbers were
            // rounded, or kept by another hand, this sees to it.
            rows[at][at] = rows[at][at].max(STIFF);
            let (row, end) = (rows[at], left[at]);
            for below in at + 1..PARTS {
                let times = rows[below][at] / row[at];
                for (cell, above) in rows[below].iter_mut().zip(row) {
                    *cell -= times * above;
                }
                left[below] -= times * end;
            }
        }
        for at in (0..PARTS).rev() {
            let known: f64 = (at + 1..PARTS).map(|it| rows[at][it] * left[it]).sum();
            left[at] = (left[at] - known) / rows[at][at];
        }
        left.map(|more| more + whole)
    }

    /// Whether these are numbers that learning can come to: they may have been kept by another hand.
    pub fn is_sound(&self) -> bool {
        let sane = |it: &f64| it.is_finite() && it.abs() < 1e3;
        let mut cells = self.together.iter().flatten();
        cells.all(|it| sane(it) && *it >= 0.0) && self.beyond.iter().all(sane)
    }
}

/// As it is kept: what is said once is enough.
#[derive(Serialize, Deserialize)]
struct Half {
    /// Row by row, each from the diagonal on.
    together: Vec<f64>,
    beyond: Parts,
}

impl From<Bend> for Half {
    fn from(bend: Bend) -> Self {
        let rows = bend.together.iter().enumerate();
        let half = rows.flat_map(|(at, row)| &row[at..]);
        Self {
            together: half.copied().map(short).collect(),
            beyond: bend.beyond.map(short),
        }
    }
}

impl TryFrom<Half> for Bend {
    type Error = &'static str;

    fn try_from(half: Half) -> Result<Self, Self::Error> {
        if half.together.len() != PARTS * (PARTS + 1) / 2 {
            return Err("other parts than are known");
        }
        let mut bend = Self {
            beyond: half.beyond,
            ..Self::default()
        };
        let cells = (0..PARTS).flat_map(|row| (row..PARTS).map(move |column| (row, column)));
        for ((row, column), cell) in cells.zip(half.together) {
            bend.together[row][column] = cell;
            bend.together[column][row] = cell;
        }
        Ok(bend)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(of: [f64; 3]) -> Parts {
        let mut parts = [0.0; PARTS];
        parts[..3].copy_from_slice(&of);
        parts
    }

    #[test]
    fn nothing_learned_goes_by_the_whole() {
        let bend = Bend::default();

        assert_eq!(bend.tokens(&parts([100.0, 50.0, 0.0]), 1.1).round(), 165.0);
    }

    #[test]
    fn what_each_part_is_billed_is_told_apart() {
        let mut bend = Bend::default();
        let truly = |it: [f64; 3]| it[0] * 1.1 + it[1] * 0.9 + it[2] * 2.0;
        for call in 0..30_u32 {
            let it = [
                f64::from(900 + call % 7 * 100),
                f64::from(call % 5 * 200),
                f64::from(call % 3 * 150),
            ];
            bend.learn(&parts(it), truly(it), 1.0);
        }

        let it = [500.0, 800.0, 300.0];
        let told = bend.tokens(&parts(it), 1.1);

        assert!(
            (told / truly(it) - 1.0).abs() < 0.02,
            "{told} {}",
            truly(it)
        );
        assert!(bend.is_sound());
    }

    #[test]
    fn odd_bills_bend_it_only_so_far() {
        let mut bend = Bend::default();
        bend.learn(&parts([1e9, 1.0, 0.0]), 1.0, 1.0);
        bend.learn(&parts([0.0, 0.0, 0.0]), 1.0, 1.0);

        let told = bend.tokens(&parts([100.0, 100.0, 100.0]), 1.0);

        assert!((250.0..=360.0).contains(&told), "{told}");
        assert!(!bend.is_sound());
    }
}
