//! The time, as whoever started the command told it, going on from there.

use std::time::Instant;

/// Tells the time without asking for it: what it was when it was set, and how long that is ago.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    set: i64,
    at: Instant,
}

impl Clock {
    /// Sets a clock. `now` is in Unix seconds.
    pub fn new(now: i64) -> Self {
        Self { set: now, at: Instant::now() }
    }

    /// Unix seconds.
    pub fn now(&self) -> i64 {
        let passed = i64::try_from(self.at.elapsed().as_secs()).unwrap_or(i64::MAX);
        self.set.saturating_add(passed)
    }
}
