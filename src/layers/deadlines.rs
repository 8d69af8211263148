//! By when an answer must have come.

use std::time::Duration;

use tokio::time::Instant;

use crate::catalog::Target;
use crate::domain::dialect::Endpoint;

/// How long a target may take to count: it can be done here as well.
const COUNTS_WITHIN: Duration = Duration::from_secs(5);

/// By when what must have come.
pub(super) struct Deadlines {
    pub(super) first: Instant,
    pub(super) total: Option<Instant>,
}

impl Deadlines {
    /// `until`: by when the whole call has to be answered, where that is bound by an earlier try.
    pub(super) fn new(
        target: &Target,
        (endpoint, stream): (Endpoint, bool),
        until: Option<Instant>,
    ) -> Self {
        let now = Instant::now();
        let timeouts = &target.timeouts;
        let counts = (endpoint == Endpoint::CountTokens).then_some(COUNTS_WITHIN);
        let total = [timeouts.total, counts].into_iter().flatten().min();
        let total = total.map(|total| now + total);
        // A stream that has begun in time has its own target's time.
        let bound = until.filter(|_| !stream);
        let total = total.into_iter().chain(bound).min();
        let first = now
            + if stream {
                timeouts.first_byte
            } else {
                timeouts.whole_first_byte
            };
        let soonest = [Some(first), total, until].into_iter().flatten().min();
        Self {
            first: soonest.unwrap_or(first),
            total,
        }
    }
}
