//! Pauses between attempts to deliver alerts.

use std::time::Duration;

/// Pauses between attempts, and how long a finding is remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// The first pause between two tries of a delivery; it doubles.
    pub backoff: Duration,
    /// The first rest after a delivery that failed, in which the sink is left alone; it doubles.
    pub cooldown: Duration,
    /// The longest rest.
    pub rest_max: Duration,
    /// Seconds without a record or an alert after which a finding is forgotten. This must be longer than
    /// old records can turn up: a forgotten finding would be sent once more.
    pub memory_secs: i64,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            backoff: Duration::from_millis(250),
            cooldown: Duration::from_secs(2),
            rest_max: Duration::from_secs(300),
            memory_secs: 400 * 24 * 60 * 60,
        }
    }
}
