//! The time until the next pass.

use std::time::Duration;

/// The wait after the first failure; it doubles with every further one.
const BACKOFF: Duration = Duration::from_secs(1);

/// The longest wait after a failure.
const BACKOFF_MAX: Duration = Duration::from_secs(300);

/// How many passes failed, one after the other.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// Returns how long to wait after a pass that succeeded: passes begin `interval` apart, but at once
    /// where something waits.
    pub(crate) fn succeeded(
        &mut self,
        interval: Duration,
        took: Duration,
        waits: bool,
    ) -> Duration {
        self.failures = 0;
        if waits { Duration::ZERO } else { interval.saturating_sub(took) }
    }

    /// Returns how long to wait after a pass that failed. `chance` is in 0..1: runners that failed together
    /// do not try again together.
    pub(crate) fn failed(&mut self, chance: f64) -> Duration {
        let doubled = BACKOFF.saturating_mul(2_u32.saturating_pow(self.failures));
        self.failures = self.failures.saturating_add(1);
        doubled.min(BACKOFF_MAX).mul_f64(0.5 + chance.clamp(0.0, 1.0) / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(duration: Duration) -> f64 {
        duration.as_secs_f64()
    }

    #[test]
    fn failures_are_tried_again_later_and_later_up_to_five_minutes() {
        let mut pace = Backoff::default();
        let waits: Vec<f64> = (0..12).map(|_| seconds(pace.failed(1.0))).collect();
        let first = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 300.0, 300.0, 300.0];
        assert_eq!(waits, first);
        for _ in 0..100 {
            assert!(seconds(pace.failed(0.0)) <= 150.0);
        }
        let minute = Duration::from_secs(60);
        assert_eq!(pace.succeeded(minute, Duration::from_secs(20), false).as_secs(), 40);
        assert_eq!(seconds(pace.failed(1.0)), 1.0);
    }

    #[test]
    fn what_waits_is_not_kept_waiting() {
        let (mut pace, minute) = (Backoff::default(), Duration::from_secs(60));
        assert_eq!(pace.succeeded(minute, Duration::from_secs(90), false), Duration::ZERO);
        assert_eq!(pace.succeeded(minute, Duration::from_secs(1), true), Duration::ZERO);
    }
}
