//! A budget for second tries: calls pay in, second tries pay out, so that retries never multiply an outage.

use std::sync::Mutex;

use tokio::time::Instant;

/// A fifth of a try is earned by each call.
const EARNED_PER_CALL: u32 = 200;
/// Ten tries a second are free, so that a quiet gateway can still be rescued.
const EARNED_PER_SECOND: u128 = 10_000;
/// What one try costs.
const TRY: u32 = 1_000;
/// The most that can be saved up: a target that dies under many calls takes them all by surprise.
const MOST: u32 = 200 * TRY;

/// The budget, in thousandths of a try.
#[derive(Debug)]
pub struct Budget(Mutex<(u32, Instant)>);

impl Default for Budget {
    fn default() -> Self {
        Self(Mutex::new((MOST, Instant::now())))
    }
}

impl Budget {
    /// A call came in.
    pub fn deposit(&self) {
        let mut state = self
            .0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        state.0 = state.0.saturating_add(EARNED_PER_CALL).min(MOST);
    }

    /// Takes a second try out. `false`: there is none left.
    pub fn withdraw(&self) -> bool {
        let mut state = self
            .0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let now = Instant::now();
        let earned = now.duration_since(state.1).as_millis() * EARNED_PER_SECOND / 1_000;
        state.0 =
            u32::try_from(earned).map_or(MOST, |earned| state.0.saturating_add(earned).min(MOST));
        state.1 = now;
        let enough = state.0 >= TRY;
        if enough {
            state.0 -= TRY;
        }
        enough
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn tries_run_out_and_come_back_with_calls_and_time() {
        let budget = Budget::default();

        let taken = (0..1_000).filter(|_| budget.withdraw()).count();
        assert_eq!(taken, 200);
        (0..5).for_each(|_| budget.deposit());
        assert!(budget.withdraw() && !budget.withdraw());
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!((0..100).filter(|_| budget.withdraw()).count(), 10);
    }
}
