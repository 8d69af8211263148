//! Whether a target can be used: it rests after failures in a row, and for as long as it asked to be left alone.

use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::time::Duration;

use crate::domain::clock::Timestamp;

/// So many failures in a row send a target to rest.
const FAILURES: u32 = 5;
/// The first rest; each further failure makes it longer.
const REST_MS: i64 = 30_000;
/// The longest rest.
const LONGEST_REST_MS: i64 = 300_000;
/// A target's own `Retry-After` is believed up to this.
pub const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(60);

/// One target's health.
#[derive(Debug, Default)]
pub struct Health {
    failures: AtomicU32,
    resting_until: AtomicI64,
}

impl Health {
    /// The target has answered as it should.
    pub fn succeeded(&self) {
        // Read first: the line stays shared between cores while all is well.
        if self.failures.load(Ordering::Relaxed) != 0 {
            self.failures.store(0, Ordering::Relaxed);
            self.resting_until.store(0, Ordering::Relaxed);
        }
    }

    /// The target has failed.
    pub fn failed(&self, now: Timestamp) {
        let failures = self
            .failures
            .fetch_add(1, Ordering::Relaxed)
            .saturating_add(1);
        if failures >= FAILURES {
            let rest = REST_MS
                .saturating_mul(i64::from(failures - FAILURES + 1))
                .min(LONGEST_REST_MS);
            self.rest(now, rest);
        }
    }

    /// The target asked for quiet.
    pub fn cool(&self, now: Timestamp, for_: Duration) {
        let millis = for_.min(LONGEST_RETRY_AFTER).as_millis();
        self.rest(now, i64::try_from(millis).unwrap_or(LONGEST_REST_MS));
    }

    fn rest(&self, now: Timestamp, millis: i64) {
        self.resting_until
            .fetch_max(now.plus_millis(millis).millis(), Ordering::Relaxed);
    }

    /// Whether it may be asked now. A rest that is over lets calls try it again.
    pub fn is_up(&self, now: Timestamp) -> bool {
        self.resting_until.load(Ordering::Relaxed) <= now.millis()
    }
}

/// Reads `Retry-After`: seconds, or an HTTP date; nonsense is none.
pub fn retry_after(headers: &http::HeaderMap, now: Timestamp) -> Option<Duration> {
    if let Some(millis) = headers
        .get("retry-after-ms")
        .and_then(|value| value.to_str().ok()?.trim().parse().ok())
    {
        return Some(Duration::from_millis(millis));
    }
    let text = headers
        .get(http::header::RETRY_AFTER)?
        .to_str()
        .ok()?
        .trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = http_date(text)?.millis();
    Some(Duration::from_millis(
        u64::try_from(at - now.millis()).unwrap_or(0),
    ))
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`, the only form that is still sent.
fn http_date(text: &str) -> Option<Timestamp> {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let (_, rest) = text.strip_suffix(" GMT")?.split_once(", ")?;
    let mut words = rest.split(' ');
    let (day, month, year, time) = (words.next()?, words.next()?, words.next()?, words.next()?);
    let month = MONTHS.iter().position(|name| *name == month)? + 1;
    Timestamp::parse(&format!("{year}-{month:02}-{day}T{time}Z"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn five_failures_in_a_row_send_it_to_rest_and_a_success_brings_it_back() {
        let health = Health::default();

        (0..4).for_each(|_| health.failed(at(0)));
        assert!(health.is_up(at(0)));
        health.failed(at(0));
        assert!(!health.is_up(at(29_999)) && health.is_up(at(30_000)));
        health.failed(at(30_000));
        assert!(!health.is_up(at(89_999)) && health.is_up(at(90_000)));
        health.succeeded();
        health.failed(at(90_001));
        assert!(health.is_up(at(90_001)));
    }

    #[test]
    fn a_targets_wish_for_quiet_is_kept_within_reason() {
        let health = Health::default();

        health.cool(at(0), Duration::from_secs(1_000_000));

        assert!(!health.is_up(at(59_999)) && health.is_up(at(60_000)));
    }

    #[test]
    fn retry_after_is_read_in_all_its_forms() {
        let now = Timestamp::parse("1994-11-06T08:49:30Z").expect("a date");
        let read = |value: &str| {
            let mut headers = http::HeaderMap::new();
            headers.insert("retry-after", value.parse().expect("a header value"));
            retry_after(&headers, now)
        };

        assert_eq!(read("5"), Some(Duration::from_secs(5)));
        assert_eq!(
            read("Sun, 06 Nov 1994 08:49:37 GMT"),
            Some(Duration::from_secs(7))
        );
        assert_eq!(read("Sun, 06 Nov 1994 08:49:00 GMT"), Some(Duration::ZERO));
        for nonsense in ["-5", "soon", "1.5", ""] {
            assert_eq!(read(nonsense), None, "{nonsense}");
        }
    }
}
