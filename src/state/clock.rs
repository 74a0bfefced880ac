//! The time, as whoever started the command told it, going on from there.

use std::time::Instant;

/// How far two clocks may be apart.
const SKEW_SECS: i64 = 300;

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

    /// Returns this clock, or one that goes by the store's own time where this one is ahead of it, and by how much it
    /// is, in seconds. `store` is in Unix seconds; NULL: the store tells no time.
    #[must_use]
    pub fn not_ahead_of(self, store: Option<i64>) -> (Self, i64) {
        let ahead = store.map_or(0, |store| self.now().saturating_sub(store));
        match store {
            Some(store) if ahead > SKEW_SECS => (Self::new(store), ahead),
            _ => (self, 0),
        }
    }

    /// Unix seconds.
    pub fn now(&self) -> i64 {
        let passed = i64::try_from(self.at.elapsed().as_secs()).unwrap_or(i64::MAX);
        self.set.saturating_add(passed)
    }
}
