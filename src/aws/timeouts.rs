//! Retries and timeouts of all calls.

use std::time::Duration;

/// How often a call is tried. S3 answers 503 for some minutes while it makes room for more requests.
pub(super) const ATTEMPTS_MAX: u32 = 8;

/// The longest wait between two tries.
pub(super) const BACKOFF_MAX: Duration = Duration::from_secs(20);

/// How long a connection may take to be made.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long one try of a call may take to begin to respond.
pub(super) const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(60);
