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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::dialect::{Dialect, Hosting};

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn whoever_is_asked_after_another_has_its_own_time_for_a_stream_that_begins_in_time() {
        let mut target = Target::new("b".into(), Hosting::Vendor, vec![Dialect::Chat], "http://x");
        target.timeouts.total = Some(60 * SECOND);
        let now = Instant::now();
        let until = now + 2 * SECOND;
        let of = |stream| Deadlines::new(&target, (Endpoint::Chat, stream), Some(until));

        let (stream, whole) = (of(true), of(false));

        assert_eq!(stream.first, until);
        assert_eq!(stream.total, Some(now + 60 * SECOND));
        // Of what is no stream nothing has been seen before its end.
        assert_eq!((whole.first, whole.total), (until, Some(until)));
    }
}
