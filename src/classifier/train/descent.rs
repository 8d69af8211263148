//! Goes down to the least of a smooth function of many numbers, by its slope and by how the slope changed lately.

use std::collections::VecDeque;

/// Steps that are remembered.
const MEMORY: usize = 10;
/// A step must gain at least this much of what the slope promises.
const GAIN: f64 = 1e-4;
/// How often a step is halved before it is given up.
const HALVINGS: usize = 30;
/// A step that gains less than this part of what is there is the last.
const ENOUGH: f64 = 1e-7;

/// A step that was made, and what it did to the slope.
struct Made {
    step: Vec<f64>,
    turn: Vec<f64>,
    /// One over how much the two agree.
    scale: f64,
}

/// Goes down from `start`, at most so many steps. `height` gives the height at a place, and fills in the slope there.
pub(super) fn lowest(
    start: Vec<f64>,
    steps: usize,
    mut height: impl FnMut(&[f64], &mut [f64]) -> f64,
) -> Vec<f64> {
    let mut place = start;
    let mut slope = vec![0.0; place.len()];
    let mut now = height(&place, &mut slope);
    let mut memory: VecDeque<Made> = VecDeque::new();
    for _ in 0..steps {
        let way = downwards(&slope, &memory);
        let promise = dot(&way, &slope);
        if promise >= 0.0 {
            break;
        }
        // Nothing is known of the first step's length but the slope's own.
        let mut length = match memory.is_empty() {
            true => 1.0 / dot(&slope, &slope).sqrt().max(1.0),
            false => 1.0,
        };
        let mut found = None;
        for _ in 0..HALVINGS {
            let next: Vec<f64> = (place.iter().zip(&way))
                .map(|(at, way)| at + length * way)
                .collect();
            let mut there = vec![0.0; next.len()];
            let low = height(&next, &mut there);
            if low <= now + GAIN * length * promise {
                found = Some((next, there, low));
                break;
            }
            length /= 2.0;
        }
        let Some((next, there, low)) = found else {
            break;
        };
        remember(&mut memory, (&place, &next), (&slope, &there));
        let gained = now - low;
        (place, slope, now) = (next, there, low);
        if gained <= ENOUGH * now.abs() {
            break;
        }
    }
    place
}

/// Where to go: down the slope, bent by what the last steps told of its curvature.
fn downwards(slope: &[f64], memory: &VecDeque<Made>) -> Vec<f64> {
    let mut way: Vec<f64> = slope.iter().map(|it| -it).collect();
    let mut shares = Vec::new();
    for made in memory.iter().rev() {
        let share = made.scale * dot(&made.step, &way);
        add(&mut way, -share, &made.turn);
        shares.push(share);
    }
    if let Some(last) = memory.back() {
        let size = 1.0 / (last.scale * dot(&last.turn, &last.turn));
        way.iter_mut().for_each(|it| *it *= size);
    }
    for (made, share) in memory.iter().zip(shares.iter().rev()) {
        let back = made.scale * dot(&made.turn, &way);
        add(&mut way, share - back, &made.step);
    }
    way
}

fn remember(
    memory: &mut VecDeque<Made>,
    (from, to): (&[f64], &[f64]),
    (before, after): (&[f64], &[f64]),
) {
    let less = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a - b).collect::<Vec<f64>>();
    let (step, turn) = (less(to, from), less(after, before));
    let agree = dot(&step, &turn);
    // Where the ground curves downwards, nothing can be learned of how far the bottom is.
    if agree <= 1e-12 {
        return;
    }
    if memory.len() == MEMORY {
        memory.pop_front();
    }
    let scale = 1.0 / agree;
    memory.push_back(Made { step, turn, scale });
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn add(to: &mut [f64], share: f64, what: &[f64]) {
    for (sum, number) in to.iter_mut().zip(what) {
        *sum += share * number;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bottom_of_a_long_valley_is_found() {
        let valley = |at: &[f64], slope: &mut [f64]| {
            let (a, b) = (at[0] - 3.0, at[1] + 2.0);
            (slope[0], slope[1]) = (2.0 * a, 2_000.0 * b);
            a * a + 1_000.0 * b * b
        };

        let bottom = lowest(vec![0.0, 0.0], 100, valley);

        assert!((bottom[0] - 3.0).abs() < 1e-3 && (bottom[1] + 2.0).abs() < 1e-3);
    }

    #[test]
    fn at_the_bottom_nothing_moves() {
        let flat = |_: &[f64], slope: &mut [f64]| {
            slope.fill(0.0);
            1.0
        };

        assert_eq!(lowest(vec![1.0, 2.0], 5, flat), [1.0, 2.0]);
    }
}
