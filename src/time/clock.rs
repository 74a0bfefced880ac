//! The time, as the caller gave it, going on from there.

use std::time::Instant;

/// How far two clocks may be apart.
pub(crate) const SKEW_SECS: i64 = 300;

/// The time without a system clock: the time at which it was set, and the time since.
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

    /// Returns this clock, or one that follows the store's own time where this one is ahead of it, and by how much it
    /// is, in seconds. `store` is in Unix seconds; `None`: the store reports no time.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_never_ahead_of_that_of_the_store() {
        let now = 1_773_144_000;
        let bounded = |ahead: i64| Clock::new(now + ahead).not_ahead_of(Some(now));
        let (clock, ahead) = bounded(2 * 365 * 86_400);
        assert!(clock.now() - now < 60 && ahead >= 2 * 365 * 86_400);
        // Small differences, and a clock that is behind, are left.
        for ahead in [100, 0, -86_400] {
            let (clock, error) = bounded(ahead);
            assert!((clock.now() - now - ahead).abs() < 60 && error == 0, "{ahead}");
        }
        assert_eq!(Clock::new(now).not_ahead_of(None).1, 0);
    }
}
