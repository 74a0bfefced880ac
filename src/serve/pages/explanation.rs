//! What a page about one finding needs beyond the snapshot: the configuration at its time, and its records.

use std::sync::Arc;
use std::time::Duration;

use arrow::array::RecordBatch;
use datafusion::scalar::ScalarValue;
use futures::future::join_all;

use crate::detection::{Evidence, Finding};
use crate::engine::no_params;
use crate::explain::{
    Explanation, FindingQuery, LOGGED, LoggedFlow, REJECTED, RejectedFlow, SimulationResult,
    logged_params, replay,
};
use crate::reachability::Analyzer;
use crate::serve::{App, Error, Snapshot};

/// One record of a finding, by its object and line.
const EVIDENCE: &str = include_str!("../../../queries/serve/evidence.sql");

/// How long a page may take to be made.
const PAGE_TIMEOUT: Duration = Duration::from_secs(60);

/// What is read for a page about one finding.
#[derive(Debug, Default)]
pub(super) struct FindingDetails {
    /// `None`: the finding is about no flow.
    pub(super) explanation: Option<Explanation>,
    /// What the fixes would do; `None`: not requested, or there is no fix.
    pub(super) simulation: Option<SimulationResult>,
    /// The records behind it, as far as they could be read.
    pub(super) records: Vec<RecordBatch>,
    /// Why the configuration of its time is not known.
    pub(super) problem: Option<String>,
}

/// Runs work on the threads of the engine, until it is done or its caller is dropped.
pub(super) async fn on_engine<T: Send + 'static>(
    app: &App,
    work: impl Future<Output = Result<T, Error>> + Send + 'static,
) -> Result<T, Error> {
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn_on(work, &app.engine);
    match tokio::time::timeout(PAGE_TIMEOUT, tasks.join_next()).await {
        Ok(Some(Ok(result))) => result,
        Ok(_) => Err(Error::Failed("the page could not be made".to_owned())),
        Err(_) => Err(Error::Ended(format!(
            "the page took longer than {}",
            humantime::format_duration(PAGE_TIMEOUT)
        ))),
    }
}

/// Reads what a page about a finding needs. `simulate`: also try the fixes out.
pub(super) async fn read(
    app: &App,
    snapshot: &Arc<Snapshot>,
    finding: &Finding,
    simulate: bool,
) -> Result<FindingDetails, Error> {
    let (finding, snapshot) = (finding.clone(), Arc::clone(snapshot));
    let history = Arc::clone(&app.history);
    on_engine(app, async move {
        let mut details = FindingDetails::default();
        let records = finding.evidence.iter().map(|one| record(&snapshot, one));
        for batches in join_all(records).await {
            details.records.extend(batches?.into_iter().filter(|batch| batch.num_rows() > 0));
        }
        let Some(query) = FindingQuery::of(&finding) else { return Ok(details) };
        let inventory = match finding.first_seen {
            Some(at) => history.at(at).await,
            None => Ok(None),
        };
        let inventory = match inventory {
            Ok(Some(inventory)) => inventory,
            Ok(None) => Arc::clone(&snapshot.inventory),
            Err(problem) => {
                details.problem = Some(problem);
                Arc::clone(&snapshot.inventory)
            }
        };
        let first = finding.first_seen.unwrap_or(snapshot.read_at);
        let last = finding.last_seen.unwrap_or(first);
        let logged =
            snapshot.engine.rows(LOGGED, logged_params(&query.tuple, (first, last))).await?;
        let words = |error: crate::explain::Error| Error::Failed(error.to_string());
        let logged = LoggedFlow::read(&logged).map_err(words)?;
        let reach = Analyzer::new(inventory);
        let explanation = query.explain(&reach, logged);
        if simulate && !explanation.fixes.is_empty() {
            let rows = snapshot.engine.rows(REJECTED, no_params()).await?;
            let rejected = RejectedFlow::read(&rows).map_err(words)?;
            let fixes = &explanation.fixes;
            let result = replay(&reach, fixes, &query.tuple, finding.first_seen, &rejected);
            details.simulation = Some(result);
        }
        details.explanation = Some(explanation);
        Ok(details)
    })
    .await
}

/// Reads a record back from its object. An object of another time than its record's is not opened.
async fn record(snapshot: &Snapshot, evidence: &Evidence) -> Result<Vec<RecordBatch>, Error> {
    let (Some(line), Some(start)) = (evidence.line, evidence.start) else { return Ok(Vec::new()) };
    let params = vec![
        ("object".to_owned(), ScalarValue::from(evidence.object.as_str())),
        ("line".to_owned(), ScalarValue::Int64(Some(line))),
        ("start".to_owned(), ScalarValue::TimestampSecond(Some(start), Some("UTC".into()))),
    ];
    Ok(snapshot.engine.rows(EVIDENCE, params).await?)
}
