//! The share of a rented machine that a call used: while `n` calls run together, each uses an `n`-th of the time.
//!
//! One clock a target runs at `1/n` of real time; a call's share is what that clock ran between its start and its
//! end. So the shares of all calls add up to the time in which the machine was busy, exactly but for rounding.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::time::Instant;

#[derive(Debug)]
struct Shares {
    running: u64,
    /// What each running call has used since the beginning, in nanoseconds.
    clock: u64,
    at: Instant,
}

impl Shares {
    fn advance(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.at).as_nanos();
        self.at = now;
        if self.running > 0 {
            let share = u64::try_from(passed)
                .unwrap_or(u64::MAX)
                .div_ceil(self.running);
            self.clock = self.clock.saturating_add(share);
        }
    }
}

/// The shared clock of one target.
#[derive(Clone, Debug)]
pub struct Load(Arc<Mutex<Shares>>);

impl Default for Load {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Shares {
            running: 0,
            clock: 0,
            at: Instant::now(),
        })))
    }
}

impl Load {
    /// A call begins; `None` where as many run already as may.
    pub fn enter(&self, most: Option<u32>) -> Option<Share> {
        let start = self.with(|shares| {
            let room = most.is_none_or(|most| shares.running < u64::from(most));
            room.then(|| {
                shares.running += 1;
                shares.clock
            })
        })?;
        Some(Share {
            load: self.clone(),
            start,
        })
    }

    /// Calls that run now.
    pub fn running(&self) -> u64 {
        self.with(|shares| shares.running)
    }

    fn with<T>(&self, step: impl FnOnce(&mut Shares) -> T) -> T {
        let mut shares = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        shares.advance(Instant::now());
        step(&mut shares)
    }
}

/// A call's part, until it is dropped.
#[derive(Debug)]
pub struct Share {
    load: Load,
    start: u64,
}

impl Share {
    /// Nanoseconds of the machine that the call has used so far.
    pub fn nanos(&self) -> u64 {
        self.load.with(|shares| shares.clock - self.start)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.load.with(|shares| shares.running -= 1);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn shares_add_up_to_the_busy_time() {
        let load = Load::default();

        let first = load.enter(Some(2)).expect("room");
        tokio::time::advance(Duration::from_secs(1)).await;
        let second = load.enter(Some(2)).expect("room");
        assert!(load.enter(Some(2)).is_none());
        tokio::time::advance(Duration::from_secs(2)).await;
        let (a, b) = (first.nanos(), second.nanos());

        assert_eq!((a, b), (2_000_000_000, 1_000_000_000));
        drop((first, second));
        assert_eq!(load.running(), 0);
    }
}
