//! The findings that a sink got, and which findings need a new alert.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::alert::model::{Alert, AlertReason, PreviousAlert, bytes};
use crate::detection::finding::rfc3339;
use crate::detection::{Finding, Severity};

/// A finding is sent again if its bytes are this many times those of the previous alert.
const GROWTH: i64 = 10;

/// The alerts about one finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SentRecord {
    /// The highest severity.
    severity: Severity,
    /// The most bytes, out and in.
    bytes: i64,
    /// How often.
    pub(super) step: u32,
    /// When last.
    #[serde(with = "rfc3339")]
    sent_at: Option<i64>,
    /// Until when the finding was seen then.
    #[serde(with = "rfc3339")]
    last_seen: Option<i64>,
}

/// The findings that a sink got, by their ids.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct SentMemory(BTreeMap<String, SentRecord>);

impl SentMemory {
    /// Returns the alert that is due for a finding; `None` if it says nothing that is not known.
    pub(super) fn next_alert(&self, finding: &Finding, now: i64) -> Option<Alert> {
        let Some(last_sent) = self.0.get(&finding.finding_id) else {
            return Some(Alert::new(finding, 1, AlertReason::New, None, now));
        };
        let why = if finding.severity > last_sent.severity {
            AlertReason::Severity
        } else if bytes(finding) >= last_sent.bytes.max(1).saturating_mul(GROWTH) {
            AlertReason::Bytes
        } else {
            return None;
        };
        let previous = PreviousAlert { severity: last_sent.severity, bytes: last_sent.bytes };
        Some(Alert::new(finding, last_sent.step.saturating_add(1), why, Some(previous), now))
    }

    /// Marks an alert as sent. Returns whether this changed anything: a second call does not.
    pub(super) fn mark_sent(&mut self, alert: &Alert) -> bool {
        let finding = &alert.finding;
        let new = SentRecord {
            severity: finding.severity,
            bytes: bytes(finding),
            step: alert.sequence,
            sent_at: alert.posted_at,
            last_seen: finding.last_seen,
        };
        let Some(last_sent) = self.0.get_mut(&finding.finding_id) else {
            self.0.insert(finding.finding_id.clone(), new);
            return true;
        };
        if last_sent.step >= new.step {
            return false;
        }
        // A severity or size that was sent once is not sent again, even after it sank.
        let (severity, bytes) =
            (last_sent.severity.max(new.severity), last_sent.bytes.max(new.bytes));
        *last_sent = SentRecord { severity, bytes, ..new };
        true
    }

    /// Returns the sequence number of the last alert about a finding.
    pub(super) fn step(&self, finding_id: &str) -> u32 {
        self.0.get(finding_id).map_or(0, |last_sent| last_sent.step)
    }

    /// Removes findings that were neither seen nor sent since `before`, Unix seconds. Returns whether there
    /// were any.
    pub(super) fn forget(&mut self, before: i64) -> bool {
        let count = self.0.len();
        self.0.retain(|_, last_sent| {
            last_sent.sent_at.max(last_sent.last_seen).is_none_or(|at| at >= before)
        });
        self.0.len() < count
    }
}
