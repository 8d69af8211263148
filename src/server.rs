//! The listener: accepts connections, keeps the limits, drains on stop.

use std::time::Duration;

/// What a caller may ask of the listener. Every limit is on by default.
#[derive(Clone, Debug)]
pub struct Limits {
    /// The largest request body.
    pub body_bytes: usize,
    /// The deepest nesting of a JSON body.
    pub json_depth: usize,
    /// The largest request head.
    pub header_bytes: usize,
    /// How long a request head may take to arrive.
    pub header_read: Duration,
    /// How long a request body may take to arrive.
    pub body_read: Duration,
    /// How long a caller may stop reading before its stream is cut.
    pub write_stall: Duration,
    /// Open connections.
    pub connections: usize,
    /// Calls in flight.
    pub in_flight: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 32 << 20,
            json_depth: 64,
            header_bytes: 64 << 10,
            header_read: Duration::from_secs(10),
            body_read: Duration::from_secs(120),
            write_stall: Duration::from_secs(30),
            connections: 10_000,
            in_flight: 2_000,
        }
    }
}
