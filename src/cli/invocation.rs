//! The start of a command, and the clock.

use std::time::Instant;

/// The time at which the command began.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Invocation {
    pub(super) at: Instant,
    /// Unix seconds.
    pub(super) now: i64,
}

/// Returns the time in Unix seconds.
#[expect(clippy::disallowed_methods, reason = "the one place that asks the time")]
pub(super) fn now() -> i64 {
    chrono::Utc::now().timestamp()
}

impl Invocation {
    /// Returns the present time as the start of a command.
    pub(super) fn start() -> Self {
        Self { at: Instant::now(), now: now() }
    }
}
