//! What a call costs with each model, all in one unit: what it bills now and later, the machine, the waiting, the failing, the
//! change. The smallest sum answers.

use std::time::Duration;

use serde::{Serialize, Serializer};

use super::mend::{Mender, failure, showing};
use super::rule::Objective;
use crate::catalog::{Billed, Charge, Model, Tariff};
use crate::domain::dialect::{Endpoint, Hosting};
use crate::domain::facts::{Facts, Task};
use crate::domain::money::{NanoUsd, PicoUsd};
use crate::domain::tokens::{TokenCount, Usage};

/// Milliseconds between two calls of a conversation, beside the answering: tools run, people read.
const PAUSE_MS: f64 = 8_000.0;
/// Calls that a pace must have been learned from before it keeps a model out.
const TRUSTED: f64 = 5.0;

/// What a call costs with one model, in expectation.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Score {
    /// This answer, by what of the prompt is cached.
    #[serde(rename = "now_nano_usd")]
    pub now: NanoUsd,
    /// The turns to come, and the way back to the model that answered last where that has forgotten by then.
    #[serde(rename = "later_nano_usd", skip_serializing_if = "NanoUsd::is_zero")]
    pub later: NanoUsd,
    /// The own machine: its energy, and what it is worth to others while it is busy.
    #[serde(rename = "gpu_nano_usd", skip_serializing_if = "NanoUsd::is_zero")]
    pub gpu: NanoUsd,
    /// The waiting.
    #[serde(rename = "waiting_nano_usd", skip_serializing_if = "NanoUsd::is_zero")]
    pub waiting: NanoUsd,
    /// The failing: its price, but for what would show and an abler model would mend for less.
    #[serde(rename = "failure_nano_usd", skip_serializing_if = "NanoUsd::is_zero")]
    pub failure: NanoUsd,
    /// The change to another model.
    #[serde(rename = "switch_nano_usd", skip_serializing_if = "NanoUsd::is_zero")]
    pub switch: NanoUsd,
    /// The chance that it succeeds.
    pub success: f64,
    /// Tokens of the prompt that it has cached.
    #[serde(rename = "cached_tokens", skip_serializing_if = "is_none")]
    pub cached: TokenCount,
    /// Milliseconds to the end of this answer.
    #[serde(serialize_with = "whole")]
    pub wait_ms: f64,
    /// Whether a price is known; where none is, `now` and `later` are those of the dearest of the others.
    pub priced: bool,
}

fn is_none(tokens: &TokenCount) -> bool {
    tokens.0 == 0
}

fn whole<S: Serializer>(millis: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(millis.round() as u64)
}

impl Score {
    /// What decides.
    pub fn total(&self) -> NanoUsd {
        let parts = [self.now, self.later, self.gpu, self.waiting];
        parts.into_iter().sum::<NanoUsd>() + self.failure + self.switch
    }
}

/// Scores the models that may answer, in their order.
pub(super) fn score(models: &[&Model], facts: &Facts, objective: &Objective) -> Vec<Score> {
    let turns = turns(facts);
    let views: Vec<View> = (models.iter())
        .map(|model| View::of(model, facts, turns))
        .collect();
    let known = views.iter().filter_map(|it| it.cash);
    // Own machines are not sold by the token: beside them alone, what nobody priced is taken for dear.
    let dearest = known
        .reduce(Cash::larger)
        .filter(|it| it.now > NanoUsd::ZERO);
    let dearest = dearest.unwrap_or_else(|| Cash::unknown(facts, turns));
    let menders: Vec<Mender> = views.iter().map(|it| it.mender(dearest)).collect();
    let showing = showing(facts, turns);
    let current = facts.standing.current.as_ref();
    let current = models
        .iter()
        .zip(&views)
        .find(|(it, _)| Some(&it.id) == current);
    let whole = |(model, view): (&&Model, &View)| {
        let left = current.filter(|(current, _)| current.id != model.id);
        let back = left.map(|(current, of)| view.way_back(current, of, facts, turns));
        let changes = facts
            .standing
            .current
            .as_ref()
            .is_some_and(|it| *it != model.id);
        let cash = view.cash.unwrap_or(dearest);
        let minutes = view.wait_ms * (1.0 + turns) / 60_000.0;
        Score {
            now: cash.now,
            later: cash.later + back.unwrap_or_default(),
            gpu: view.energy(model) + place(model, facts, view.wait_ms),
            waiting: part(objective.minute, minutes),
            failure: failure(1.0 - view.success, objective.failure, &menders, showing),
            switch: if changes {
                objective.switch
            } else {
                NanoUsd::ZERO
            },
            success: view.success,
            cached: view.cached,
            wait_ms: view.wait_ms,
            priced: view.cash.is_some(),
        }
    };
    models.iter().zip(&views).map(whole).collect()
}

/// Whether a model is known to begin its answers later than a call can wait.
pub(super) fn is_slow(model: &Model, facts: &Facts, limit: Duration) -> bool {
    let pace = facts.outlook.pace(&model.id);
    pace.samples >= TRUSTED && pace.first_byte_ms > limit.as_secs_f64() * 1e3
}

/// The turns that are expected to come after this one: work with tools goes on, a question is answered.
fn turns(facts: &Facts) -> f64 {
    let alone = matches!(
        facts.endpoint,
        Endpoint::Completions | Endpoint::Embeddings | Endpoint::CountTokens
    );
    if alone || !facts.tools {
        return 0.0;
    }
    let whole = match facts.class.task {
        Task::Fix | Task::Refactor => 8.0,
        Task::Generate | Task::Test => 6.0,
        Task::Edit => 5.0,
        Task::Review | Task::Command | Task::Other => 3.0,
        Task::Explain | Task::Plan => 2.0,
        Task::Complete => 0.0,
    };
    left(whole, facts.standing.steps)
}

/// How many turns are still to come of so many, when some are over. Agents take 8.8 for what a person asks, some far more:
/// they look, change and check, and each of the three takes a third of them, now few, now many. So with time less is left,
/// but never nothing.
fn left(whole: f64, over: u32) -> f64 {
    if whole <= 0.0 {
        return 0.0;
    }
    let third = whole / 3.0;
    let past = f64::from(over) / third;
    // The chance that none, one or two of the three are behind it, but for a common factor.
    let (none, one, two) = (1.0, past, past * past / 2.0);
    third * (3.0 * none + 2.0 * one + two) / (none + one + two)
}

/// What a model bills.
#[derive(Clone, Copy, Debug, Default)]
struct Cash {
    now: NanoUsd,
    later: NanoUsd,
}

impl Cash {
    /// Of a call of which nobody says what it costs: ten dollars for a million tokens in, fifty for a million out.
    fn unknown(facts: &Facts, turns: f64) -> Self {
        let sum =
            facts.prompt.0.saturating_mul(10_000) + facts.class.output.0.saturating_mul(50_000);
        let now = NanoUsd(i64::try_from(sum).unwrap_or(i64::MAX / 16));
        Self {
            now,
            later: part(now, turns),
        }
    }

    fn larger(self, other: Self) -> Self {
        Self {
            now: self.now.max(other.now),
            later: self.later.max(other.later),
        }
    }
}

/// What can be said of one model without the others.
#[derive(Debug)]
struct View {
    cash: Option<Cash>,
    cached: TokenCount,
    success: f64,
    wait_ms: f64,
}

impl View {
    fn of(model: &Model, facts: &Facts, turns: f64) -> Self {
        let tariff = model.tariff(facts.at);
        let warm = facts.standing.warm(&model.id, facts.at);
        let cached = warm.map_or(0.0, |warm| warm.tokens.0 as f64 * warm.sure.clamp(0.0, 1.0));
        let prompt = facts.prompt_for(&model.id);
        let cached = TokenCount(cached as u64).min(prompt);
        let class = &facts.class;
        Self {
            cash: cash(&tariff, facts, (prompt, cached), turns),
            cached,
            success: facts.standing.belief.passed_by(model.skills.at(class.task)),
            wait_ms: facts.outlook.pace(&model.id).whole_ms(class.output),
        }
    }

    /// What it can do for work that another has failed at.
    fn mender(&self, dearest: Cash) -> Mender {
        let cash = self.cash.unwrap_or(dearest);
        Mender {
            fails: 1.0 - self.success,
            bill: cash.now + cash.later,
        }
    }

    /// What it costs to come back to the model that answered last: where this one fails, and that one has forgotten the
    /// conversation meanwhile. Never more than to have stayed: nobody has to come back.
    fn way_back(&self, current: &Model, of: &Self, facts: &Facts, turns: f64) -> NanoUsd {
        let Some(warm) = facts.standing.warm(&current.id, facts.at) else {
            return NanoUsd::ZERO;
        };
        let away = (self.wait_ms + PAUSE_MS) * (1.0 + turns);
        if warm.until.millis().saturating_sub(facts.at.millis()) as f64 > away {
            return NanoUsd::ZERO;
        }
        let tariff = current.tariff(facts.at);
        let bill = |cached| cost(&tariff, facts, prompt(&tariff, of.cached, cached));
        let (Some(cold), Some(warm)) = (bill(TokenCount(0)), bill(of.cached)) else {
            return NanoUsd::ZERO;
        };
        let stayed = of.cash.map_or(NanoUsd::ZERO, |cash| cash.now + cash.later);
        part(cold.saturating_sub(warm), 1.0 - self.success).min(stayed)
    }

    /// What the call adds to what an own machine uses: a part of its rent, shared by all calls that it can take at once.
    fn energy(&self, model: &Model) -> NanoUsd {
        let target = &model.target;
        let (Hosting::Own, Some(rent)) = (target.hosting, target.rent) else {
            return NanoUsd::ZERO;
        };
        let nanos = (self.wait_ms * 1e6) as u64;
        let whole = rent.hour.of(nanos, rent.gpus).and_then(PicoUsd::ceil);
        let calls = f64::from(target.max_in_flight.unwrap_or(1).max(1));
        part(whole.unwrap_or_default(), rent.energy.part() / calls)
    }
}

/// What the place that a call takes at an own machine is worth to others for as long as it holds it. So those leave first
/// that gain least by it.
pub(super) fn place(model: &Model, facts: &Facts, held_ms: f64) -> NanoUsd {
    match model.target.hosting {
        Hosting::Own => part(facts.outlook.worth(&model.target.id), held_ms / 1e3),
        Hosting::Vendor => NanoUsd::ZERO,
    }
}

/// This answer and the turns to come, of a prompt with so much of it cached; `None` where no price is known.
fn cash(
    tariff: &Tariff,
    facts: &Facts,
    (whole, cached): (TokenCount, TokenCount),
    turns: f64,
) -> Option<Cash> {
    let answer = |usage: Usage| Usage {
        output: facts.class.output,
        ..usage
    };
    // The machine is paid for whatever it does: what it costs a decision is for another term.
    if let Tariff::Rent { .. } | Tariff::Free { .. } = tariff {
        return Some(Cash::default());
    }
    let now = cost(tariff, facts, answer(prompt(tariff, whole, cached)))?;
    if turns <= 0.0 {
        return Some(Cash {
            now,
            later: NanoUsd::ZERO,
        });
    }
    // The turn in the middle stands for them all.
    let grown = facts.standing.growth.0 as f64;
    let new = TokenCount((grown + facts.class.output.0 as f64) as u64);
    let before = TokenCount(whole.0 + ((turns - 1.0) / 2.0 * new.0 as f64) as u64);
    let later = cost(tariff, facts, answer(prompt(tariff, before + new, before)))?;
    Some(Cash {
        now,
        later: part(later, turns),
    })
}

/// A prompt in its classes, so much of it cached: the rest is written to the cache where writing has a price.
fn prompt(tariff: &Tariff, tokens: TokenCount, cached: TokenCount) -> Usage {
    let cached = cached.min(tokens);
    let rest = tokens.saturating_sub(cached);
    let rates = match tariff {
        Tariff::Tokens(price) => match &price.charge {
            Charge::Token(token) => Some(*token.rates(tokens)),
            Charge::Free => None,
        },
        Tariff::Rent { .. } | Tariff::Free { .. } | Tariff::Unknown => None,
    };
    let writes = rates.is_some_and(|rates| rates.cache_write_short.is_some());
    Usage {
        input: if writes { TokenCount(0) } else { rest },
        cache_write_short: if writes { rest } else { TokenCount(0) },
        cache_read: cached,
        ..Usage::default()
    }
}

fn cost(tariff: &Tariff, facts: &Facts, usage: Usage) -> Option<NanoUsd> {
    // What is too large to be billed is too large to be chosen.
    let cost = tariff.cost(&Billed::plain(usage, facts.at));
    cost.unwrap_or(Some(NanoUsd(i64::MAX / 16)))
}

/// So much of an amount, to the nearest billionth of a dollar.
fn part(amount: NanoUsd, of: f64) -> NanoUsd {
    NanoUsd((amount.0 as f64 * of).round() as i64)
}

#[cfg(test)]
mod tests {
    use super::left;

    #[test]
    fn the_more_turns_are_over_the_fewer_are_to_come_but_never_none() {
        let at = |over| left(9.0, over);

        assert_eq!((at(0), left(0.0, 3)), (9.0, 0.0));
        assert!((0..40).all(|over| at(over + 1) < at(over)));
        // The last third is always there.
        assert!(at(9) < 5.0 && at(1_000) > 3.0, "{} {}", at(9), at(1_000));
    }
}
