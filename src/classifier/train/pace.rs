//! How fast is learned, when it ends, and what is told meanwhile.

use std::time::Duration;

use candle_core::backprop::GradStore;
use candle_core::{Result, Var};
use candle_nn::optim::{AdamW, Optimizer, ParamsAdamW};
use tokio::time::Instant;

/// Passes without getting better after which training stops.
const PATIENCE: usize = 3;
/// What may be got or lost by chance.
const CHANCE: f64 = 2e-3;
/// Steps in which the pace grows to its full.
const WARM_UP: f64 = 50.0;
/// What is left of the pace at the end.
const LAST: f64 = 0.02;

/// What is told after each pass.
#[derive(Clone, Debug)]
pub struct Progress {
    /// What is being fitted.
    pub part: String,
    /// The pass, from 1.
    pub epoch: usize,
    /// Of how many.
    pub epochs: usize,
    /// What is left to learn of the rows that are trained on.
    pub loss: f64,
    /// Of those that are held out; none are once it is known how many passes are enough.
    pub held_out: Option<f64>,
    /// The time that this part will still take.
    pub left: Duration,
}

/// Who is told.
pub(super) type Tell<'a> = dyn Fn(Progress) + Sync + 'a;

/// Tensors that learn at their own pace.
pub(super) struct Learner {
    optimizers: Vec<(AdamW, f64)>,
    step: f64,
    steps: f64,
}

impl Learner {
    /// Groups of tensors, each with how much faster than the others it learns and how fast it forgets.
    pub(super) fn new(groups: Vec<(Vec<Var>, f64, f64)>, pace: f64, steps: usize) -> Result<Self> {
        let optimizer = |(vars, faster, forgets): (Vec<Var>, f64, f64)| {
            let lr = pace * faster;
            let params = ParamsAdamW {
                lr,
                beta1: 0.9,
                beta2: 0.99,
                eps: 1e-6,
                weight_decay: forgets,
            };
            Ok((AdamW::new(vars, params)?, lr))
        };
        Ok(Self {
            optimizers: groups.into_iter().map(optimizer).collect::<Result<_>>()?,
            step: 0.0,
            steps: steps as f64,
        })
    }

    pub(super) fn step(&mut self, grads: &GradStore) -> Result<()> {
        self.step += 1.0;
        let cosine = 0.5 * (1.0 + (std::f64::consts::PI * self.step / self.steps).cos());
        let pace = (self.step / WARM_UP).min(1.0) * cosine.max(LAST);
        for (optimizer, full) in &mut self.optimizers {
            optimizer.set_learning_rate(*full * pace);
            optimizer.step(grads)?;
        }
        Ok(())
    }
}

/// Watches the rows that are held out, and finds out how many passes are enough.
pub(super) struct Watch {
    part: String,
    start: Instant,
    epochs: usize,
    /// What was left to learn after each pass.
    held_out: Vec<f64>,
}

impl Watch {
    pub(super) fn new(part: &str, epochs: usize) -> Self {
        Self {
            part: part.to_owned(),
            start: Instant::now(),
            epochs,
            held_out: Vec::new(),
        }
    }

    /// Notes the end of a pass; says whether there should be another.
    pub(super) fn goes_on(&mut self, loss: f64, held_out: Option<f64>, tell: &Tell) -> bool {
        self.held_out.push(held_out.unwrap_or(loss));
        let epoch = self.held_out.len();
        let left = self.start.elapsed() / epoch as u32 * (self.epochs - epoch) as u32;
        tell(Progress {
            part: self.part.clone(),
            epoch,
            epochs: self.epochs,
            loss,
            held_out,
            left,
        });
        let stalled = held_out.is_some() && epoch - self.best() >= PATIENCE;
        epoch < self.epochs && !stalled
    }

    /// The last pass, from 1, after which nothing better came than chance may bring.
    pub(super) fn best(&self) -> usize {
        let least = self.held_out.iter().copied().fold(f64::INFINITY, f64::min);
        let good = self
            .held_out
            .iter()
            .rposition(|it| *it <= least * (1.0 + CHANCE));
        good.map_or(self.held_out.len(), |at| at + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passes_end_when_what_is_held_out_gets_no_better() {
        let mut watch = Watch::new("", 10);
        let losses = [0.9, 0.5, 0.4, 0.4001, 0.5, 0.6, 0.7, 0.8];

        let passes = losses
            .iter()
            .take_while(|it| watch.goes_on(0.1, Some(**it), &|_| {}));

        assert_eq!(passes.count() + 1, 7);
        assert_eq!(watch.best(), 4);
    }

    #[test]
    fn without_anything_held_out_all_passes_are_made() {
        let mut watch = Watch::new("", 4);

        let passes = (0..9).take_while(|_| watch.goes_on(0.1, None, &|_| {}));

        assert_eq!(passes.count() + 1, 4);
    }
}
