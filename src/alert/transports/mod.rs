//! One file for each kind of sink that alerts are sent to.
//!
//! Each implements [`Transport`]; [`DeliveryError`] is why an alert was not delivered, and whether a later attempt
//! may succeed.

mod aws_batch;
pub(crate) mod event_bridge;
pub(crate) mod ndjson;
pub(crate) mod security_hub;
pub(crate) mod sns;
pub(crate) mod sqs;
pub(crate) mod webhook;

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;

use crate::alert::Alert;
use crate::aws;

/// What can be done about an alert that was not delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ErrorKind {
    /// A later try may work.
    Passing,
    /// The sink takes nothing until somebody mends it: wrong address, no permission. The alert waits.
    Closed,
    /// The sink takes others, but never this one.
    Refused,
}

/// Why an alert was not delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DeliveryError {
    pub(super) trouble: ErrorKind,
    /// One clause. It names no secret.
    pub(super) reason: String,
    /// The pause that the sink requests (`Retry-After`).
    pub(super) pause: Option<Duration>,
}

impl DeliveryError {
    pub(super) fn new(trouble: ErrorKind, reason: impl Into<String>) -> Self {
        Self { trouble, reason: reason.into(), pause: None }
    }

    /// Returns whether the alert waits for a later attempt.
    pub(super) fn waits(&self) -> bool {
        self.trouble != ErrorKind::Refused
    }

    /// What an error of a call as a whole means: nothing of it is about one alert.
    pub(super) fn of_call(error: &aws::Error) -> Self {
        let trouble = if error.is_retryable() { ErrorKind::Passing } else { ErrorKind::Closed };
        Self::new(trouble, error.to_string())
    }
}

/// The result of delivering an alert.
pub(super) type DeliveryResult = Result<(), DeliveryError>;

/// Sends alerts to one kind of sink.
#[async_trait]
pub(super) trait Transport: fmt::Debug + Send + Sync {
    /// The most alerts that are sent together.
    fn batch_size(&self) -> usize {
        1
    }

    /// Sends alerts, in their order, once. Returns what became of each. `now`: Unix seconds.
    async fn send(&self, alerts: &[Alert], now: i64) -> Vec<DeliveryResult>;
}
