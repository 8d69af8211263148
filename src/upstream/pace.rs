//! How fast models answer, learned from their answers: the newer one is, the more it counts.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::domain::ids::ModelId;
use crate::domain::outlook::Pace;
use crate::domain::tokens::TokenCount;

/// After so long an answer counts half.
const HALF_LIFE: f64 = 600.0;
/// Each bucket is by this factor wider than the one before: quantiles are right to a tenth.
const STEP: f64 = 1.2;
const BUCKETS: usize = 64;
/// Shorter answers tell nothing of the speed of writing.
const LEAST_TOKENS: u64 = 8;

/// Amounts of one sort, by size.
#[derive(Debug)]
struct Histogram {
    /// The upper bound of the first bucket.
    least: f64,
    counts: [f64; BUCKETS],
    all: f64,
}

impl Histogram {
    fn new(least: f64) -> Self {
        Self {
            least,
            counts: [0.0; BUCKETS],
            all: 0.0,
        }
    }

    fn fade(&mut self, by: f64) {
        for count in &mut self.counts {
            *count *= by;
        }
        self.all *= by;
    }

    fn add(&mut self, amount: f64) {
        let place = (amount / self.least).max(1.0).ln() / STEP.ln();
        self.counts[(place.ceil() as usize).min(BUCKETS - 1)] += 1.0;
        self.all += 1.0;
    }

    /// The amount that this part of all does not reach beyond; `None` where there is none.
    fn quantile(&self, part: f64) -> Option<f64> {
        if self.all < 1e-3 {
            return None;
        }
        let mut left = part * self.all;
        for (place, count) in self.counts.iter().enumerate() {
            left -= count;
            if left <= 1e-9 {
                // The middle of the bucket.
                return Some(self.least * STEP.powf(place as f64 - 0.5));
            }
        }
        Some(self.least * STEP.powi(BUCKETS as i32))
    }
}

/// To a hundredth: more digits tell nothing, and every call's record has them.
fn short(amount: f64) -> f64 {
    (amount * 1e2).round() / 1e2
}

#[derive(Debug)]
struct Learned {
    first_byte: Histogram,
    token: Histogram,
    at: Instant,
    /// What they come to.
    pace: Pace,
}

impl Learned {
    fn new() -> Self {
        Self {
            first_byte: Histogram::new(1.0),
            token: Histogram::new(0.05),
            at: Instant::now(),
            pace: Pace::GUESS,
        }
    }

    fn fade(&mut self) {
        let now = Instant::now();
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.at = now;
        let by = 0.5_f64.powf(passed / HALF_LIFE);
        self.first_byte.fade(by);
        self.token.fade(by);
    }

    fn sum(&mut self) {
        let of =
            |histogram: &Histogram, part, guess: f64| histogram.quantile(part).map_or(guess, short);
        self.pace = Pace {
            first_byte_ms: of(&self.first_byte, 0.5, Pace::GUESS.first_byte_ms),
            first_byte_slow_ms: of(&self.first_byte, 0.9, Pace::GUESS.first_byte_slow_ms),
            token_ms: of(&self.token, 0.5, Pace::GUESS.token_ms),
            samples: self.first_byte.all,
        };
    }
}

/// How long the reader of a stream kept it waiting: what it does not take, the model cannot hand over, however fast it is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reader {
    given: Option<Instant>,
    /// In all.
    pub kept: Duration,
}

impl Reader {
    /// It was handed something.
    pub fn gives(&mut self, now: Instant) {
        self.given = Some(now);
    }

    /// It asks for more.
    pub fn asks(&mut self, now: Instant) {
        if let Some(given) = self.given.take() {
            self.kept += now.saturating_duration_since(given);
        }
    }
}

/// The models of one target.
#[derive(Debug, Default)]
pub struct Paces(Mutex<HashMap<ModelId, Learned>>);

impl Paces {
    /// A stream has ended: its first byte came after so long, its last after so long, with so many tokens between. Where its
    /// reader kept it waiting for more than a tenth of that, nobody knows how fast it was written: meanwhile the model may
    /// have gone on, or not.
    pub fn streamed(
        &self,
        model: &ModelId,
        (first, whole): (Duration, Duration),
        kept: Duration,
        output: TokenCount,
    ) {
        self.learn(model, |learned| {
            learned.first_byte.add(first.as_secs_f64() * 1e3);
            let writing = whole.saturating_sub(first);
            if output.0 >= LEAST_TOKENS && kept <= writing / 10 {
                let writing = writing.as_secs_f64() * 1e3;
                learned.token.add(writing / output.0 as f64);
            }
        });
    }

    /// An answer has come as a whole. How much of the time went by before its first token is not seen.
    pub fn answered(&self, model: &ModelId, whole: Duration, output: TokenCount) {
        if output.0 < LEAST_TOKENS {
            return;
        }
        self.learn(model, |learned| {
            let whole = whole.as_secs_f64() * 1e3;
            let writing = (whole - learned.pace.first_byte_ms).max(whole / 2.0);
            learned.token.add(writing / output.0 as f64);
        });
    }

    /// What was learned of each model that has answered.
    pub fn each(&self, mut tell: impl FnMut(&ModelId, Pace)) {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (model, learned) in known.iter() {
            // What nobody has asked for long is trusted less and less: so a model that was slow is tried again.
            let faded = 0.5_f64.powf(learned.at.elapsed().as_secs_f64() / HALF_LIFE);
            let samples = short(learned.pace.samples * faded);
            tell(
                model,
                Pace {
                    samples,
                    ..learned.pace
                },
            );
        }
    }

    fn learn(&self, model: &ModelId, step: impl FnOnce(&mut Learned)) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let learned = known.entry(model.clone()).or_insert_with(Learned::new);
        learned.fade();
        step(learned);
        learned.sum();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pace(paces: &Paces) -> Pace {
        let mut found = None;
        paces.each(|_, pace| found = Some(pace));
        found.expect("a pace")
    }

    fn near(is: f64, should: f64) {
        assert!((is / should - 1.0).abs() < 0.12, "{is} is not {should}");
    }

    #[tokio::test(start_paused = true)]
    async fn the_middle_and_the_slow_are_learned_and_the_old_is_forgotten() {
        let (paces, model) = (Paces::default(), ModelId::from("m"));
        let ms = Duration::from_millis;
        for call in 0..100_u64 {
            let first = if call % 5 == 0 { ms(2_000) } else { ms(400) };
            paces.streamed(&model, (first, first + ms(1_000)), ms(0), TokenCount(50));
        }
        let early = pace(&paces);
        // An hour later it is slower.
        tokio::time::advance(Duration::from_secs(3_600)).await;
        assert!(pace(&paces).samples < 2.0, "old answers are hardly trusted");
        for _ in 0..10 {
            paces.streamed(&model, (ms(900), ms(4_900)), ms(0), TokenCount(50));
        }
        let late = pace(&paces);

        near(early.first_byte_ms, 400.0);
        near(early.first_byte_slow_ms, 2_000.0);
        near(early.token_ms, 20.0);
        near(early.samples, 100.0);
        near(late.first_byte_ms, 900.0);
        near(late.token_ms, 80.0);
        assert!(late.samples < 12.0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_reader_does_not_make_a_model_slow() {
        let (paces, model) = (Paces::default(), ModelId::from("m"));
        let ms = Duration::from_millis;
        paces.streamed(&model, (ms(400), ms(1_400)), ms(0), TokenCount(50));
        let mut reader = Reader::default();
        // It asks at once, then it takes its time.
        for pause in [0, 10_000] {
            reader.gives(Instant::now());
            tokio::time::advance(ms(pause)).await;
            reader.asks(Instant::now());
        }
        // What it asks for comes late: that is the model's doing.
        tokio::time::advance(ms(5_000)).await;
        reader.asks(Instant::now());
        for _ in 0..20 {
            paces.streamed(&model, (ms(400), ms(11_400)), reader.kept, TokenCount(50));
        }

        assert_eq!(reader.kept, ms(10_000));
        let pace = pace(&paces);
        near(pace.token_ms, 20.0);
        near(pace.samples, 21.0);
    }

    #[test]
    fn a_whole_answer_tells_how_fast_it_was_written() {
        let (paces, model) = (Paces::default(), ModelId::from("m"));
        paces.answered(&model, Duration::from_millis(20_900), TokenCount(1_000));
        paces.answered(&model, Duration::from_millis(900), TokenCount(1));

        let pace = pace(&paces);

        near(pace.token_ms, 20.0);
        assert_eq!(pace.samples, 0.0);
    }
}
