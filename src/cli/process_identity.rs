//! The identity of this process for locks, and the steps at which tests end it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::ingest::StepHook;
use crate::state::LEASE_SECS;

/// Where the process ends, in a build for tests: `publish` or, at the third time, `publish:3`.
const DIE_AT: &str = "FLOWQ_TEST_DIE_AT";

/// How long a lease in S3 lasts, in seconds, in a build for tests.
const LEASE: &str = "FLOWQ_TEST_LEASE_SECS";

#[expect(clippy::disallowed_methods, reason = "this room reads the environment")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// How long a lease in S3 lasts without a sign of life, in seconds.
pub(crate) fn lease_secs() -> i64 {
    let stated = variable(LEASE).filter(|_| cfg!(debug_assertions));
    stated.and_then(|text| text.parse().ok()).unwrap_or(LEASE_SECS)
}

/// Names this process so that a person finds it.
pub(crate) fn name() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let host = host.or_else(|| variable("HOSTNAME"));
    let host = host.as_deref().map_or("this host", str::trim);
    format!("process {} on {host}", std::process::id())
}

/// Ends the process before a step that [`DIE_AT`] names, as if it was killed there. `None` in a release.
pub(crate) fn steps() -> Option<Arc<StepHook>> {
    if !cfg!(debug_assertions) {
        return None;
    }
    let variable_value = variable(DIE_AT)?;
    let (step, at) = match variable_value.split_once(':') {
        Some((step, at)) => (step.to_owned(), at.parse().ok()?),
        None => (variable_value, 1),
    };
    let count = AtomicU64::new(0);
    Some(Arc::new(move |name| {
        if name == step && count.fetch_add(1, Ordering::Relaxed) + 1 == at {
            std::process::abort();
        }
    }))
}
