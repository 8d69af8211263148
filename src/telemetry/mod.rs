//! What the gateway tells about itself: metrics, log lines, and the one record of a call.

mod labels;
pub mod log;
pub mod metrics;
mod money;
mod observe;
mod record;
mod sink;

pub use crate::domain::facts::Source;
pub use labels::{Completion, Fallback, LedgerOp, Settled, Stage, Verdict};
pub use metrics::Metrics;
pub use observe::Gauged;
pub use record::Record;
