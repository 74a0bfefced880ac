//! Calls of AWS with one or several messages, and the result of each message.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::OnceCell;

use crate::alert::Alert;
use crate::alert::transports::{DeliveryError, DeliveryResult, ErrorKind};
use crate::aws;
use crate::aws::Account;
use crate::aws::client::{Response, ServiceClient};
use crate::aws::operations::Operation;

/// The most bytes of a message of SNS or SQS, of an event, and of a call with many of them: the services take
/// 256 KiB, with their own words around ours.
pub(super) const MESSAGE_BYTES_MAX: usize = 240 * 1024;

/// A client of one AWS service, created with the first call.
#[derive(Debug)]
pub(super) struct AwsCaller {
    account: Arc<Account>,
    region: Option<String>,
    timeout: Duration,
    api: OnceCell<ServiceClient<Arc<Account>>>,
}

impl AwsCaller {
    pub(super) fn new(account: &Arc<Account>, region: Option<&str>, timeout: Duration) -> Self {
        let (account, region) = (Arc::clone(account), region.map(str::to_owned));
        Self { account, region, timeout, api: OnceCell::new() }
    }

    pub(super) async fn api(&self) -> Result<&ServiceClient<Arc<Account>>, aws::Error> {
        let new = || ServiceClient::new(Arc::clone(&self.account), self.region.as_deref());
        self.api.get_or_try_init(new).await
    }

    pub(super) async fn call(
        &self,
        call: &Operation,
        params: &Value,
    ) -> Result<Response, DeliveryError> {
        let answer = match self.api().await {
            Ok(api) => api.call_once(call, params, self.timeout).await,
            Err(error) => Err(error),
        };
        answer.map_err(|error| DeliveryError::of_call(&error))
    }
}

/// Returns the region that an ARN names.
pub(super) fn region_of(arn: &str) -> Option<&str> {
    arn.strip_prefix("arn:")?.split(':').nth(2).filter(|region| !region.is_empty())
}

/// Splits messages of these sizes into as few calls as a service takes.
pub(super) fn split_batches(sizes: impl IntoIterator<Item = usize>) -> Vec<Range<usize>> {
    let mut calls: Vec<Range<usize>> = Vec::new();
    let mut sum = 0;
    for (at, size) in sizes.into_iter().enumerate() {
        sum += size;
        match calls.last_mut() {
            Some(call) if sum <= MESSAGE_BYTES_MAX => call.end = at + 1,
            _ => {
                calls.push(at..at + 1);
                sum = size;
            }
        }
    }
    calls
}

/// What became of messages, call by call.
#[derive(Default)]
pub(super) struct BatchResults(Vec<DeliveryResult>);

impl BatchResults {
    /// Adds the result of a call with `count` messages. Returns whether to make the next call.
    pub(super) fn add(
        &mut self,
        messages: usize,
        results: Result<Vec<DeliveryResult>, DeliveryError>,
    ) -> bool {
        let until = self.0.len() + messages;
        match results {
            Ok(results) => {
                self.0.extend(results);
                let missing =
                    || Err(DeliveryError::new(ErrorKind::Passing, "the answer is not whole"));
                self.0.resize_with(until, missing);
                true
            }
            Err(failure) => {
                self.0.resize(until, Err(failure));
                false
            }
        }
    }

    /// Returns what became of all messages: those of which no call was made share the fate of the last.
    pub(super) fn all(mut self, messages: usize) -> Vec<DeliveryResult> {
        let last = self.0.last().cloned().unwrap_or(Ok(()));
        self.0.resize(messages, last);
        self.0
    }
}

/// Beside the message, for those who filter without reading it.
pub(super) fn attributes(alert: &Alert) -> Vec<(&'static str, String)> {
    vec![
        ("detection", alert.finding.detection.clone()),
        ("severity", alert.finding.severity.to_string()),
        ("test", alert.test.to_string()),
    ]
}

/// What the code of an entry that failed in a batch means.
pub(super) fn entry_failure(
    code: &str,
    message: &str,
    sender_fault: Option<bool>,
) -> DeliveryError {
    let error = aws::Error::from_service(Some(code), Some(message));
    let trouble = match (error.kind, sender_fault) {
        (aws::Kind::Throttled | aws::Kind::Network, _) | (_, Some(false)) => ErrorKind::Passing,
        (aws::Kind::Denied | aws::Kind::Kms | aws::Kind::Missing | aws::Kind::Credentials, _) => {
            ErrorKind::Closed
        }
        _ => ErrorKind::Refused,
    };
    DeliveryError::new(trouble, error.to_string())
}
