//! What is in force now: one immutable snapshot, swapped whole. A call keeps the one it came in under.

use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::config::Snapshot;

/// The current snapshot.
#[derive(Clone, Debug)]
pub struct Live(Arc<ArcSwap<Snapshot>>);

impl Live {
    /// Starts with `first`.
    pub fn new(first: Snapshot) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(first)))
    }

    /// The snapshot in force.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.0.load_full()
    }

    /// Puts `next` in force; calls under way keep theirs.
    pub fn replace(&self, next: Snapshot) {
        self.0.store(Arc::new(next));
    }
}
