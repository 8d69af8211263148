//! How far apart the low and the high end of an answer's length must be told, so that they hold for rows that were not
//! trained on.
//!
//! A net is surer of the rows that it was trained on than it may be of others. So both ends are moved outwards until nine
//! in ten of the rows that were kept out lie on the right side, for each source alone: the widest is taken.

use candle_core::Result;

use super::bag::Standard;
use super::kind::Kind;
use super::set::Set;
use crate::classifier::net::STRAIGHT;

/// The share of rows that lies within one end.
const WITHIN: f64 = 0.9;
/// Fewer rows of a source than this say nothing of it.
const FEWEST: usize = 50;

/// What is to be added to the numbers from which the low and the high end follow; never less than nothing.
pub(super) fn wider(
    kind: &Kind,
    set: &Set,
    kept_out: &[usize],
    standards: &Standard,
) -> Result<[f32; 2]> {
    let mut needed = vec![(Vec::new(), Vec::new()); set.sources.len()];
    let known: Vec<usize> = kept_out
        .iter()
        .copied()
        .filter(|at| set.examples[*at].length.is_some())
        .collect();
    for (at, told) in known.iter().zip(kind.says(set, &known, standards)?) {
        let example = &set.examples[*at];
        let (lows, highs) = &mut needed[example.source];
        let above = example.length.unwrap_or_default() - (told[STRAIGHT + 1] + 6.0);
        lows.push(needs(-above) - told[STRAIGHT]);
        highs.push(needs(above) - told[STRAIGHT + 2]);
    }
    let all = needed.into_iter().filter(|(lows, _)| lows.len() >= FEWEST);
    Ok(all.fold([0.0, 0.0], |[low, high], (lows, highs)| {
        [low.max(enough(lows)), high.max(enough(highs))]
    }))
}

/// The number that makes an end lie so far from the middle: what `ln(1 + e^x)` is undone by.
fn needs(far: f32) -> f32 {
    if far <= 0.0 {
        return f32::NEG_INFINITY;
    }
    far + (-(-far).exp_m1()).ln()
}

/// The least that is enough for their share, and for one row more that may be as bad as any.
fn enough(mut needed: Vec<f32>) -> f32 {
    needed.sort_by(f32::total_cmp);
    let place = ((needed.len() + 1) as f64 * WITHIN).ceil() as usize;
    needed
        .get(place.min(needed.len()).saturating_sub(1))
        .copied()
        .unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_end_needs_is_what_puts_it_there() {
        for far in [0.01, 0.7, 3.0, 20.0_f32] {
            let there = needs(far).exp().ln_1p();

            assert!((there - far).abs() < 1e-3, "{far} {there}");
        }
        assert_eq!(needs(-1.0), f32::NEG_INFINITY);
    }

    #[test]
    fn nine_in_ten_are_enough_and_a_little_more() {
        let needed: Vec<f32> = (1..=99).rev().map(|it| it as f32).collect();

        assert_eq!(enough(needed), 90.0);
        assert_eq!(enough(vec![1.0, 2.0]), 2.0);
    }
}
