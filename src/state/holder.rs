//! Who has the lease of a state.

use std::fmt;

use chrono::{DateTime, SecondsFormat};
use serde::{Deserialize, Serialize};

/// How long a lease in S3 lasts without a heartbeat, in seconds.
pub const LEASE_SECS: i64 = 60;

/// Who has the lease. All times are in Unix seconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// As it names itself.
    pub runner: String,
    /// Distinguishes two of one name.
    pub(super) token: String,
    /// Since when.
    pub since: i64,
    /// Until when without another heartbeat. `None`: the operating system knows.
    pub expires: Option<i64>,
    /// How many seconds a heartbeat is valid for. `None`: an earlier version wrote it.
    #[serde(default)]
    pub(super) lasts: Option<i64>,
}

impl Holder {
    /// Whether its lease is over: by the store's clock, which also reports when its last heartbeat was written, else
    /// by ours. `(store, written)` are in Unix seconds.
    pub(super) fn is_over(&self, now: i64, store: Option<(i64, i64)>) -> bool {
        match store {
            Some((store, written)) => {
                store.saturating_sub(written) >= self.lasts.unwrap_or(LEASE_SECS)
            }
            None => self.expires.is_none_or(|expires| expires <= now),
        }
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = |secs: i64| {
            let time = DateTime::from_timestamp(secs, 0).unwrap_or_default();
            time.to_rfc3339_opts(SecondsFormat::Secs, true)
        };
        write!(f, "{} since {}", self.runner, time(self.since))?;
        match self.expires {
            Some(expires) => {
                write!(f, "; its lease ends at {} if it is dead", time(expires))
            }
            None => Ok(()),
        }
    }
}
