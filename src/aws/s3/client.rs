//! The client of S3, with a client of the SDK for each region.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_s3::Client;
use tokio::sync::Mutex;

use crate::aws::Account;

/// How long a body may bring nothing before it is given up and taken up again.
const STALL: Duration = Duration::from_secs(30);

/// The first wait after a body broke off; it doubles each time that nothing came in between.
const BACKOFF: Duration = Duration::from_millis(100);

/// A client for each region, and the region of each bucket that is not where the account looks first.
#[derive(Debug, Default)]
pub(super) struct Clients {
    pub(super) of_region: HashMap<Option<String>, Client>,
    pub(super) regions: HashMap<String, String>,
}

/// The S3 of an account. A clone is the same store.
#[derive(Debug, Clone)]
pub struct S3Client {
    pub(super) account: Arc<Account>,
    pub(super) clients: Arc<Mutex<Clients>>,
    pub(super) stall: Duration,
    pub(super) backoff: Duration,
}

impl Account {
    /// Returns the account's S3. No call is made yet.
    pub fn store(self: &Arc<Self>) -> S3Client {
        S3Client {
            account: Arc::clone(self),
            clients: Arc::default(),
            stall: STALL,
            backoff: BACKOFF,
        }
    }
}

impl S3Client {
    /// Returns the same store with another patience: how long a body may bring nothing (30 s), and how long
    /// to wait when it broke off for the first time (100 ms).
    #[must_use]
    pub fn with_timeouts(self, stall: Duration, backoff: Duration) -> Self {
        Self { stall, backoff, ..self }
    }
}
