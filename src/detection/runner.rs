//! Runs detections, and returns their findings and the detections that could not run.

use std::collections::BTreeSet;
use std::error::Error as StdError;

use arrow::record_batch::RecordBatch;
use datafusion::common::DataFusionError;
use datafusion::scalar::ScalarValue;

use crate::detection::finding::sort;
use crate::detection::suppression::suppress;
use crate::detection::{Confidence, Detection, Error, Finding, Suppression};

/// What a run of detections gave.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DetectionRun {
    /// The findings, in their total order, without the suppressed ones.
    pub findings: Vec<Finding>,
    /// Ids of the detections that ran, sorted.
    pub ran: Vec<String>,
    /// Detections that the data does not allow: never to be shown as "0 findings".
    pub not_run: Vec<NotRun>,
    /// Detections that ran with less than the columns that make them sure.
    pub reduced_confidence: Vec<NotRun>,
    /// How many findings each suppression took away, in the order of the rules.
    pub suppressed: Vec<usize>,
    /// Ids of the detections that ended for want of memory, with what it was. The others were answered.
    pub failed: Vec<(String, String)>,
}

/// A detection and what it misses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotRun {
    /// The detection.
    pub id: String,
    /// Columns that no object read so far has, as in the header: `a|b` misses both.
    pub missing: Vec<String>,
    /// What it needs beside the logs and was not given, in words.
    pub needs: Option<String>,
}

impl NotRun {
    /// Says why it did not run.
    pub fn why(&self) -> String {
        match &self.needs {
            Some(needs) => needs.clone(),
            None => format!("the logs lack {}", self.missing.join(", ")),
        }
    }
}

impl Detection {
    /// Returns how sure its best verdicts can be with the columns that are there. `None`: it cannot run.
    pub fn tier(&self, available: &BTreeSet<String>) -> Option<Confidence> {
        let has = |required: &[String]| Self::missing(required, available).is_empty();
        if !has(&self.requires) {
            return None;
        }
        Some(match (&self.proven[..], &self.strong[..]) {
            (proven, _) if !proven.is_empty() && has(proven) => Confidence::Proven,
            (_, strong) if has(strong) => Confidence::Strong,
            _ => Confidence::Inferred,
        })
    }

    /// Returns the columns of `required` that are not in `available`.
    pub fn missing(required: &[String], available: &BTreeSet<String>) -> Vec<String> {
        let lacks = |name: &&String| !name.split('|').any(|one| available.contains(one.trim()));
        required.iter().filter(lacks).cloned().collect()
    }
}

/// Runs detections in the order given. One that ends for want of memory is named, and the others run.
///
/// `available` holds the columns of `flow_logs` that any object had. `query` runs SQL with its parameters;
/// its batches are read one detection at a time, so they may hold a detection's findings but never records.
/// `now` (Unix seconds, UTC) decides whether a suppression still holds.
pub async fn run<E>(
    detections: &[Detection],
    available: &BTreeSet<String>,
    suppressions: &[Suppression],
    now: i64,
    query: impl AsyncFn(&str, &[(String, ScalarValue)]) -> Result<Vec<RecordBatch>, E>,
) -> Result<DetectionRun, Error>
where
    E: Into<Box<dyn StdError + Send + Sync>>,
{
    let mut outcome = DetectionRun::default();
    for detection in detections {
        let id = detection.id.clone();
        if let Some(not_run) = blocker(detection, available, &query).await? {
            outcome.not_run.push(not_run);
            continue;
        }
        let batches = match query(&detection.sql, &detection.params).await.map_err(Into::into) {
            Ok(batches) => batches,
            Err(source) => match want_of_memory(source.as_ref()) {
                Some(reason) => {
                    outcome.failed.push((id, reason));
                    continue;
                }
                None => return Err(Error::Query { id, source }),
            },
        };
        outcome.findings.extend(Finding::from_batches(detection, &batches)?);
        let missing = Detection::missing(&detection.improves, available);
        if !missing.is_empty() {
            outcome.reduced_confidence.push(NotRun { id: id.clone(), missing, needs: None });
        }
        outcome.ran.push(id);
    }
    sort(&mut outcome.findings);
    outcome.suppressed = suppress(&mut outcome.findings, suppressions, now);
    Ok(outcome)
}

/// Says what memory a query ended for the want of. `None`: it ended for another reason.
fn want_of_memory(error: &(dyn StdError + Send + Sync + 'static)) -> Option<String> {
    match error.downcast_ref::<DataFusionError>()?.find_root() {
        DataFusionError::ResourcesExhausted(reason) => Some(reason.clone()),
        _ => None,
    }
}

/// Says why a detection cannot run: the logs lack columns, or a table that it needs is empty. `None`: it can.
pub async fn blocker<E>(
    detection: &Detection,
    available: &BTreeSet<String>,
    query: impl AsyncFn(&str, &[(String, ScalarValue)]) -> Result<Vec<RecordBatch>, E>,
) -> Result<Option<NotRun>, Error>
where
    E: Into<Box<dyn StdError + Send + Sync>>,
{
    let id = detection.id.clone();
    let missing = Detection::missing(&detection.requires, available);
    if !missing.is_empty() {
        return Ok(Some(NotRun { id, missing, needs: None }));
    }
    for (table, needs) in &detection.needs {
        let rows = query(&format!("SELECT 1 FROM {table} LIMIT 1"), &[]).await;
        let failed = |err: E| Error::Query { id: detection.id.clone(), source: err.into() };
        if rows.map_err(failed)?.iter().all(|batch| batch.num_rows() == 0) {
            return Ok(Some(NotRun { id, missing, needs: Some(needs.clone()) }));
        }
    }
    Ok(None)
}
