//! What the pages show: the results over the sources as they were at one time.

use std::sync::{Arc, Mutex, PoisonError, RwLock};

use arrow::array::RecordBatch;

use crate::alert::Pending;
use crate::audit::AuditReport;
use crate::detection::{Coverage, Detection, DetectionRun, Finding};
use crate::engine::{Engine, ScanSummary};
use crate::inventory::Inventory;
use crate::inventory::model::Job;
use crate::serve::{InterfaceSpan, PageFilter, TrafficSummary};
use crate::state::{Checkpoint, PassRecord};

/// The results over the sources as they were at one time.
#[derive(Debug)]
pub struct Snapshot {
    /// What the sources were: it changes exactly if what they hold does.
    pub version: String,
    /// When they were read, in Unix seconds, UTC.
    pub read_at: i64,
    /// How long that took, in milliseconds.
    pub took_millis: u64,
    /// The session, with its conversations materialized.
    pub engine: Engine,
    /// What was read.
    pub summary: ScanSummary,
    /// The inventory as of the end of what was read.
    pub inventory: Arc<Inventory>,
    /// The questions that were asked.
    pub detections: Vec<Detection>,
    /// Their findings, as `flowq detect` prints them.
    pub run: DetectionRun,
    /// What the findings cannot cover.
    pub coverage: Coverage,
    /// The parts of `flowq coverage`, by name.
    pub coverage_parts: Vec<(&'static str, RecordBatch)>,
    /// The results of `flowq audit`. `None`: there is no inventory.
    pub audit: Option<AuditReport>,
    /// Sums of the traffic.
    pub traffic: TrafficSummary,
    /// Spans of the interfaces of jobs.
    pub interfaces: Vec<InterfaceSpan>,
    /// The state of the pipeline that writes the lake. `None`: none of the sources is a lake with a state.
    pub pipeline: Option<PipelineState>,
    /// The tables and views of SQL, each with its columns and their types.
    pub tables: Vec<(String, Vec<(String, String)>)>,
    /// What the user should know of the reading, a sentence each.
    pub warnings: Vec<String>,
}

/// The state of the pipeline that writes a lake.
#[derive(Debug, Clone)]
pub struct PipelineState {
    /// The lake.
    pub lake: String,
    /// What is done.
    pub checkpoint: Checkpoint,
    /// The last passes, the newest first.
    pub passes: Vec<PassRecord>,
    /// Alerts that wait or were refused.
    pub alerts: Vec<Pending>,
}

impl Snapshot {
    /// Returns findings that a filter leaves, worst first.
    pub fn findings<'a>(&'a self, filter: &'a PageFilter) -> impl Iterator<Item = &'a Finding> {
        self.run.findings.iter().filter(|finding| {
            filter.overlaps(finding.first_seen, finding.last_seen)
                && (filter.has_job(finding.job_name.as_deref())
                    && (finding.job_name.is_some() || finding.job_candidates.is_empty())
                    || (finding.job_name.is_none()
                        && !finding.job_candidates.is_empty()
                        && filter.has_any_job(&finding.job_candidates)))
        })
    }

    /// Returns spans of interfaces that a filter leaves.
    pub fn interfaces<'a>(
        &'a self,
        filter: &'a PageFilter,
    ) -> impl Iterator<Item = &'a InterfaceSpan> {
        self.interfaces.iter().filter(|span| {
            filter.overlaps(Some(span.from), Some(span.to - 1)) && filter.has_job(Some(&span.job))
        })
    }

    /// Returns jobs that a filter leaves: those that ran in its time range.
    pub fn jobs<'a>(&'a self, filter: &'a PageFilter) -> impl Iterator<Item = &'a Job> {
        self.inventory.jobs.iter().filter(|job| {
            let begun = job.started_at.or(job.created_at);
            // Without an end it may run still.
            let last = job.ended_at.or(begun.map(|_| i64::MAX));
            filter.overlaps(begun, last) && filter.has_job(Some(&job.job_name))
        })
    }

    /// Returns the first and last second of the data, or of the filter where that has bounds.
    pub fn span(&self, filter: &PageFilter) -> Option<(i64, i64)> {
        let (first, last) = self.traffic.span.unwrap_or_default();
        let has_data = self.traffic.span.is_some();
        let from = filter.since.or(has_data.then_some(first))?;
        let to = filter.until.or(has_data.then_some(last))?;
        (from < to).then_some((from, to)).or(Some((from, from + 1)))
    }
}

/// How the reading of the sources goes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LoadState {
    /// Whether they are read now.
    pub is_reading: bool,
    /// When they were last checked, in Unix seconds.
    pub checked_at: Option<i64>,
    /// Why the last reading failed. `None`: it did not.
    pub failure: Option<String>,
}

/// The newest snapshot, and how the next one comes on.
#[derive(Debug, Default)]
pub struct SnapshotStore {
    newest: RwLock<Option<Arc<Snapshot>>>,
    state: Mutex<LoadState>,
}

impl SnapshotStore {
    /// Returns the newest snapshot. `None`: the sources were not yet read.
    pub fn newest(&self) -> Option<Arc<Snapshot>> {
        self.newest.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns how the reading goes.
    pub fn state(&self) -> LoadState {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Changes how the reading goes.
    pub fn update(&self, change: impl FnOnce(&mut LoadState)) {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Puts a snapshot in place of the one before, which ends with the last page that uses it.
    pub fn publish(&self, snapshot: Snapshot) {
        let next = Some(Arc::new(snapshot));
        let last = std::mem::replace(
            &mut *self.newest.write().unwrap_or_else(PoisonError::into_inner),
            next,
        );
        // The files of the last one are deleted outside of the lock.
        drop(last);
    }
}
