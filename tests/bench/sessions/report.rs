//! What came of the strategies, side by side: the table, the intervals, the data.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::dice::Dice;
use crate::replay::{Count, Outcome};
use crate::strategy::{FAILURE_USD, Strategy};

/// Draws of sessions for an interval.
const DRAWS: u64 = 2_000;
/// Dollars for a minute of waiting, where the whole is summed up.
const MINUTE_USD: f64 = 0.5;

/// Of some sessions together.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sum {
    pub(crate) turns: f64,
    pub(crate) failed: f64,
    pub(crate) calls: f64,
    pub(crate) frontier_calls: f64,
    pub(crate) switches: f64,
    pub(crate) minutes: f64,
    /// Dollars by the ledger.
    pub(crate) vendor: f64,
    pub(crate) rent: f64,
    pub(crate) prompt: f64,
    pub(crate) cached: f64,
}

impl Sum {
    fn of<'c>(counts: impl Iterator<Item = &'c Count>) -> Self {
        let mut sum = Self::default();
        for count in counts {
            sum.turns += f64::from(count.turns);
            sum.failed += f64::from(count.failed);
            sum.calls += f64::from(count.calls);
            sum.frontier_calls += f64::from(count.frontier_calls);
            sum.switches += f64::from(count.switches);
            sum.minutes += count.waited as f64 / 60_000.0;
            sum.vendor += count.vendor as f64 / 1e9;
            sum.rent += count.rent as f64 / 1e9;
            sum.prompt += count.prompt as f64;
            sum.cached += count.cached as f64;
        }
        sum
    }

    /// Dollars by the ledger.
    pub(crate) fn dollars(&self) -> f64 {
        self.vendor + self.rent
    }

    /// Of a hundred turns.
    pub(crate) fn failures(&self) -> f64 {
        100.0 * self.failed / self.turns.max(1.0)
    }

    /// What all of it costs the team: the bill, the failures, the waiting.
    pub(crate) fn whole(&self) -> f64 {
        self.dollars() + FAILURE_USD * self.failed + MINUTE_USD * self.minutes
    }
}

/// What a population shows.
pub(crate) struct Report<'o> {
    pub(crate) name: &'static str,
    pub(crate) outcomes: &'o [Outcome],
}

impl Report<'_> {
    pub(crate) fn sum(outcome: &Outcome) -> Sum {
        Sum::of(outcome.sessions.iter())
    }

    fn frontier(&self) -> Option<&Outcome> {
        self.outcomes
            .iter()
            .find(|it| it.strategy == Strategy::Frontier)
    }

    /// A figure of a strategy beside always-frontier, and between which values it lies nineteen times in twenty, by drawing
    /// sessions again. The same sessions are drawn for both.
    fn interval(&self, outcome: &Outcome, figure: impl Fn(&Sum, &Sum) -> f64) -> [f64; 3] {
        let Some(base) = self.frontier() else {
            return [f64::NAN; 3];
        };
        let most = outcome.sessions.len() as u64 - 1;
        let one = |draw: u64| {
            let dice = Dice::new(draw);
            let places: Vec<usize> = (0..=most)
                .map(|at| dice.at(at).whole(0, most) as usize)
                .collect();
            let of = |it: &Outcome| Sum::of(places.iter().map(|place| &it.sessions[*place]));
            figure(&of(outcome), &of(base))
        };
        let mut all: Vec<f64> = (0..DRAWS).map(one).collect();
        all.sort_by(f64::total_cmp);
        let at = |share: f64| all[((DRAWS - 1) as f64 * share) as usize];
        [
            figure(&Self::sum(outcome), &Self::sum(base)),
            at(0.025),
            at(0.975),
        ]
    }

    fn cost(&self, outcome: &Outcome) -> [f64; 3] {
        self.interval(outcome, |it, base| {
            100.0 * it.dollars() / base.dollars().max(1e-9)
        })
    }

    fn more_failures(&self, outcome: &Outcome) -> [f64; 3] {
        self.interval(outcome, |it, base| it.failures() - base.failures())
    }

    /// What a threshold without memory costs at so many failures, read off the line between the two nearest.
    fn per_call_at(&self, failures: f64) -> Option<f64> {
        let simple = |it: &&Outcome| {
            matches!(
                it.strategy,
                Strategy::PerCall(_) | Strategy::Frontier | Strategy::Own
            )
        };
        let mut points: Vec<(f64, f64)> = (self.outcomes.iter().filter(simple))
            .map(Self::sum)
            .map(|sum| (sum.failures(), sum.dollars()))
            .collect();
        points.sort_by(|one, two| one.0.total_cmp(&two.0));
        let between = points
            .windows(2)
            .find(|pair| pair[0].0 <= failures && failures <= pair[1].0)?;
        let part = (failures - between[0].0) / (between[1].0 - between[0].0).max(1e-9);
        Some(between[0].1 + part * (between[1].1 - between[0].1))
    }

    pub(crate) fn table(&self) -> String {
        let mut text = format!(
            "\n{}\n{:<28}{:>9}{:>9}{:>20}{:>9}{:>20}{:>9}{:>8}{:>9}{:>8}{:>9}{:>10}\n",
            self.name,
            "",
            "$",
            "of that",
            "% of frontier",
            "failed",
            "more than frontier",
            "waiting",
            "calls",
            "switches",
            "cached",
            "frontier",
            "all, $"
        );
        let _ = writeln!(
            text,
            "{:<28}{:>9}{:>9}{:>20}{:>9}{:>20}{:>9}{:>8}{:>9}{:>8}{:>9}{:>10}",
            "", "", "own GPU", "", "% turns", "points", "min", "", "", "%", "% calls", ""
        );
        for outcome in self.outcomes {
            let sum = Self::sum(outcome);
            let (cost, more) = (self.cost(outcome), self.more_failures(outcome));
            let cost = format!("{:.0} [{:.0}, {:.0}]", cost[0], cost[1], cost[2]);
            let more = format!("{:+.1} [{:+.1}, {:+.1}]", more[0], more[1], more[2]);
            let _ = writeln!(
                text,
                "{:<28}{:>9.2}{:>9.2}{:>20}{:>9.1}{:>20}{:>9.0}{:>8.0}{:>9.0}{:>8.1}{:>9.0}{:>10.0}",
                outcome.strategy.name(),
                sum.dollars(),
                sum.rent,
                cost,
                sum.failures(),
                more,
                sum.minutes,
                sum.calls,
                sum.switches,
                100.0 * sum.cached / sum.prompt.max(1.0),
                100.0 * sum.frontier_calls / sum.calls.max(1.0),
                sum.whole(),
            );
        }
        let ours = |it: &&Outcome| matches!(it.strategy, Strategy::Shipped | Strategy::Cost(_));
        for outcome in self.outcomes.iter().filter(ours) {
            let sum = Self::sum(outcome);
            let simple = match self.per_call_at(sum.failures()) {
                Some(dollars) => format!("{dollars:.2} by the threshold without memory"),
                None => "no threshold without memory has".to_owned(),
            };
            let _ = writeln!(
                text,
                "{}: ${:.2} at {:.1} % failed, {simple}",
                outcome.strategy.name(),
                sum.dollars(),
                sum.failures()
            );
        }
        text
    }

    pub(crate) fn data(&self) -> Value {
        let strategies = self.outcomes.iter().map(|outcome| {
            let sum = Self::sum(outcome);
            json!({
                "strategy": outcome.strategy.name(),
                "usd": sum.dollars(), "usd_vendor": sum.vendor, "usd_own_gpu": sum.rent,
                "percent_of_frontier": self.cost(outcome), "failed_percent": sum.failures(),
                "failed_points_more_than_frontier": self.more_failures(outcome),
                "turns": sum.turns, "failed": sum.failed, "calls": sum.calls, "frontier_calls": sum.frontier_calls,
                "switches": sum.switches, "waiting_minutes": sum.minutes,
                "cached_share": sum.cached / sum.prompt.max(1.0), "whole_usd": sum.whole(),
                "auroc_of_text": auroc(&outcome.forecasts),
                "per_call_usd_at_same_failures": self.per_call_at(sum.failures()),
            })
        });
        json!({"population": self.name, "strategies": strategies.collect::<Vec<_>>()})
    }
}

/// How well the difficulty of the text alone ranks what the own model solves at once: one half is chance.
pub(crate) fn auroc(forecasts: &[(f64, bool)]) -> f64 {
    let (mut right, mut pairs) = (0.0, 0.0);
    for (easy, _) in forecasts.iter().filter(|(_, passes)| *passes) {
        for (hard, _) in forecasts.iter().filter(|(_, passes)| !*passes) {
            pairs += 1.0;
            right += match easy.total_cmp(hard) {
                std::cmp::Ordering::Less => 1.0,
                std::cmp::Ordering::Equal => 0.5,
                std::cmp::Ordering::Greater => 0.0,
            };
        }
    }
    right / f64::max(pairs, 1.0)
}
