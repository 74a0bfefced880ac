//! Traffic of the jobs in the logs, aggregated for the checks.

use arrow::record_batch::RecordBatch;
use serde::{Deserialize, Serialize};

use crate::audit::error::Error;

/// The SQL whose rows are [`ObservedTraffic`]. It reads the view `peers`.
pub const SQL: &str = include_str!("../../queries/audit/traffic.sql");

/// Traffic of one job's interfaces in one subnet, of one kind. A number is 0 where it is not known.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "the fields are those of the view `peers`")]
pub struct ObservedTraffic {
    pub job_name: Option<String>,
    /// The jobs that fit when there are several, joined by a comma.
    pub job_candidates: Option<String>,
    pub subnet_id: Option<String>,
    pub remote_scope: Option<String>,
    /// The interface of the endpoint, where the remote is one.
    pub endpoint_interface_id: Option<String>,
    pub s3_path: Option<String>,
    /// The server, where the port is that of DNS.
    pub dns_server: Option<String>,
    pub opened_by: Option<String>,
    /// 4 or 6.
    pub ip_version: i64,
    pub protocol: i64,
    /// 53, 443 or 500, where the job's interface connected to it; else 0.
    pub service_port: i64,
    pub connections: i64,
    /// Connections that the job's interface opened, was let out with, and heard nothing of.
    pub unanswered: i64,
    pub accepted: i64,
    pub rejected: i64,
    pub bytes_out: i64,
    pub bytes_in: i64,
    /// Unix seconds, UTC.
    pub first_seen: i64,
    /// Unix seconds, UTC.
    pub last_seen: i64,
}

impl ObservedTraffic {
    /// Reads the rows of [`SQL`].
    pub fn from_batches(batches: &[RecordBatch]) -> Result<Vec<Self>, Error> {
        let mut seen = Vec::new();
        for batch in batches {
            let rows: Vec<Self> = serde_arrow::from_record_batch(batch)
                .map_err(|source| Error::Rows(Box::new(source)))?;
            seen.extend(rows);
        }
        Ok(seen)
    }

    /// Returns whether it is, or may be, of this job.
    pub(super) fn is_of(&self, job: &str) -> bool {
        let candidates = self.job_candidates.as_deref().unwrap_or_default();
        self.job_name.as_deref() == Some(job) || candidates.split(',').any(|one| one == job)
    }

    /// Returns whether the remote is of this scope.
    pub(super) fn is_to(&self, scope: &str) -> bool {
        self.remote_scope.as_deref() == Some(scope)
    }
}
