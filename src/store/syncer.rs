//! The thread that brings commits from the kernel to the disk, at most 100 ms late, or at once where someone waits.

use std::io;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use tokio::sync::watch;

use super::handle::lock;
use super::writer::Shared;

/// How long a commit may stay in the kernel only.
const LATEST: Duration = Duration::from_millis(100);

/// Counts commits and wakes the syncer.
#[derive(Debug, Default)]
pub(super) struct Commits {
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Debug, Default)]
struct State {
    committed: u64,
    synced: u64,
    /// The syncer sleeps until there is a commit.
    idle: bool,
    hurry: bool,
    stop: bool,
}

impl Commits {
    /// Counts one more; returns its number.
    pub(super) fn add(&self) -> u64 {
        let mut state = lock(&self.state);
        state.committed += 1;
        if state.idle {
            self.wake.notify_one();
        }
        state.committed
    }

    /// Cuts the wait short.
    pub(super) fn hurry(&self) {
        lock(&self.state).hurry = true;
        self.wake.notify_one();
    }

    pub(super) fn stop(&self) {
        lock(&self.state).stop = true;
        self.wake.notify_one();
    }

    /// Waits until a sync is due; the number of the last commit that it will cover, `None` when all is done.
    fn due(&self) -> Option<u64> {
        let state = lock(&self.state);
        let mut state = wait(&self.wake, state, |state| {
            state.idle = state.committed == state.synced && !state.stop;
            state.idle
        });
        state.idle = false;
        if state.committed == state.synced {
            return None;
        }
        let waited = self
            .wake
            .wait_timeout_while(state, LATEST, |state| !state.hurry && !state.stop);
        let (mut state, _) = waited.unwrap_or_else(std::sync::PoisonError::into_inner);
        state.hurry = false;
        Some(state.committed)
    }

    /// Whether the commit of this number is on the disk.
    pub(super) fn synced(&self, number: u64) -> bool {
        lock(&self.state).synced >= number
    }

    fn done(&self, number: u64) {
        lock(&self.state).synced = number;
    }
}

fn wait<'s>(
    wake: &Condvar,
    state: std::sync::MutexGuard<'s, State>,
    asleep: impl FnMut(&mut State) -> bool,
) -> std::sync::MutexGuard<'s, State> {
    wake.wait_while(state, asleep)
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Runs until told to stop and all is synced. A failed sync is the end of the store: the kernel may have dropped the
/// pages, so that trying again would only seem to work.
pub(super) fn run(
    shared: &Arc<Shared>,
    synced: &watch::Sender<u64>,
    mut sync: impl FnMut() -> io::Result<()>,
) {
    while let Some(number) = shared.commits.due() {
        if let Err(error) = sync() {
            shared.die(&error);
            return;
        }
        shared.commits.done(number);
        synced.send_replace(number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Health;

    #[test]
    fn a_failed_sync_is_the_end_and_is_not_tried_again() {
        let shared = Arc::new(Shared::default());
        let (sender, receiver) = watch::channel(0);
        shared.commits.add();
        shared.commits.stop();
        let mut tries = 0;

        run(&shared, &sender, || {
            tries += 1;
            Err(io::Error::other("gone"))
        });

        assert_eq!((tries, *receiver.borrow()), (1, 0));
        assert_eq!(shared.health(), Health::Dead);
    }

    #[test]
    fn what_is_committed_is_synced_before_the_end() {
        let shared = Arc::new(Shared::default());
        let (sender, receiver) = watch::channel(0);
        shared.commits.add();
        shared.commits.add();
        shared.commits.stop();

        run(&shared, &sender, || Ok(()));

        assert_eq!(*receiver.borrow(), 2);
        assert_eq!(shared.health(), Health::Ok);
    }
}
