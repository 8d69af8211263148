//! What is in force now: one immutable snapshot, swapped whole. A call keeps the one it came in under.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use tracing::{error, info};

use crate::config::{Faults, Snapshot};
use crate::telemetry::Metrics;

/// Reads everything anew.
pub type Read = Box<dyn Fn() -> Result<Snapshot, Faults> + Send + Sync>;

/// The current snapshot, and the way to a new one.
#[derive(Clone)]
pub struct Live(Arc<Inner>);

struct Inner {
    current: ArcSwap<Snapshot>,
    read: Read,
    metrics: Metrics,
    // One reload at a time: a slow one must not overwrite a later one.
    reloading: Mutex<()>,
}

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Live({})", self.snapshot().version)
    }
}

impl Live {
    /// Starts with `first`; `read` makes the later ones.
    pub fn new(first: Snapshot, read: Read, metrics: Metrics) -> Self {
        let live = Self(Arc::new(Inner {
            current: ArcSwap::from_pointee(first),
            read,
            metrics,
            reloading: Mutex::new(()),
        }));
        live.announce(&live.snapshot());
        live
    }

    /// The snapshot in force.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.0.current.load_full()
    }

    /// Reads everything anew and puts it in force. Where it has a mistake, what runs goes on; calls under way keep
    /// what they came in under either way. Blocks while files are read.
    pub fn reload(&self) -> Result<Arc<Snapshot>, Faults> {
        let _one = self
            .0
            .reloading
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        match (self.0.read)() {
            Ok(next) => {
                let changed = next.version != self.snapshot().version;
                let next = Arc::new(next);
                self.0.current.store(next.clone());
                self.announce(&next);
                self.0.metrics.reload(true);
                if changed {
                    info!(
                        version = next.version,
                        classifier = next.classifier_id(),
                        "the configuration was read anew"
                    );
                }
                Ok(next)
            }
            Err(faults) => {
                self.0.metrics.reload(false);
                for fault in &faults.0 {
                    error!(%fault, "the configuration has a mistake; what was in force stays");
                }
                Err(faults)
            }
        }
    }

    fn announce(&self, snapshot: &Snapshot) {
        self.0.metrics.know_models(snapshot.catalog.models.keys());
        self.0.metrics.config_version(&snapshot.version);
    }
}
