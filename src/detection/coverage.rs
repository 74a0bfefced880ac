//! Coverage: gaps in the records, and interfaces and jobs without any, about which findings prove nothing.

use std::collections::BTreeSet;
use std::error::Error as StdError;

use arrow::array::{Array as _, new_null_array};
use arrow::datatypes::{DataType, TimeUnit};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use datafusion::scalar::ScalarValue;

use crate::batch::decode;
use crate::detection::answerable::{coarse, unanswered};
use crate::detection::{Detection, Error, InterfaceLog, NotRun, Unanswered};

mod text;

/// What kind of hole a [`Gap`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// AWS lost records of an interface.
    Skipdata,
    /// An interface of a job without any record.
    SilentInterface,
    /// A job without VpcConfig.
    JobWithoutVpc,
    /// A job of which no interface is known.
    JobWithoutInterface,
    /// Records of a job's interface that nothing orients.
    WithoutDirection,
    /// A job of which no baseline was learned, where there are baselines.
    JobWithoutBaseline,
    /// An interface of a job of which every record was refused.
    RefusedJob,
    /// A flow log of the jobs' network that AWS cannot deliver.
    FailedDelivery,
}

/// The coverage queries: what they show, how a summary calls it, and their SQL.
const QUERIES: &[(Kind, &str, &str)] = &[
    (
        Kind::Skipdata,
        "intervals with SKIPDATA (AWS lost records of a job's interface)",
        include_str!("../../queries/coverage/skipdata.sql"),
    ),
    (
        Kind::SilentInterface,
        "interfaces of jobs without any record",
        include_str!("../../queries/coverage/silent-interfaces.sql"),
    ),
    (
        Kind::JobWithoutVpc,
        "jobs without VpcConfig (their traffic does not appear in VPC flow logs)",
        include_str!("../../queries/coverage/jobs-without-vpc.sql"),
    ),
    (
        Kind::JobWithoutInterface,
        "jobs of which no interface is known",
        include_str!("../../queries/coverage/jobs-without-interfaces.sql"),
    ),
    (
        Kind::WithoutDirection,
        "interfaces of jobs with records that were not judged (no flow-direction, own address not known)",
        include_str!("../../queries/coverage/records-without-direction.sql"),
    ),
    (
        Kind::JobWithoutBaseline,
        "jobs without a baseline (new-destination does not judge them)",
        include_str!("../../queries/coverage/jobs-without-baseline.sql"),
    ),
    (
        Kind::RefusedJob,
        "interfaces of jobs of which every record was refused (the job reached nothing through them)",
        include_str!("../../queries/coverage/refused-jobs.sql"),
    ),
    (
        Kind::FailedDelivery,
        "flow logs that AWS cannot deliver",
        include_str!("../../queries/coverage/failed-deliveries.sql"),
    ),
];

/// How much there was to judge.
const TOTALS: &str = include_str!("../../queries/coverage/totals.sql");

/// What each flow log holds of each interface of a job.
const INTERFACE_LOGS: &str = include_str!("../../queries/coverage/interface-logs.sql");

/// The minutes of the interfaces of jobs, by what the log tells of them.
const MINUTES: &str = include_str!("../../queries/coverage/minutes.sql");

/// One hole in what can be seen. Times are Unix seconds, UTC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// What kind of hole.
    pub kind: Kind,
    /// The interface, where it is about one.
    pub interface_id: Option<String>,
    /// The job, or the candidates joined by commas.
    pub job: Option<String>,
    /// How many records, where it is about records.
    pub records: Option<i64>,
    /// From when.
    pub first_seen: Option<i64>,
    /// Until when; `None`: to the end, or not known.
    pub last_seen: Option<i64>,
    /// The flow log, where it is about one.
    pub flow_log_id: Option<String>,
    /// Why, where that is known.
    pub why: Option<String>,
}

/// What reading the objects left out; the caller's scan knows it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ScanGaps {
    /// Lines that could not be read.
    pub malformed_lines: u64,
    /// Objects whose stream ends too early, with why.
    pub cut_objects: Vec<String>,
}

/// How much there was to judge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CoverageTotals {
    /// Jobs of the inventory.
    pub jobs: i64,
    /// Interfaces that the inventory ties to a job.
    pub interfaces: i64,
    /// Records tied to a job, those included that say that there was no traffic.
    pub records: i64,
}

/// Minutes of all interfaces of jobs together, by what the log tells of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Minutes {
    /// Interfaces that serve jobs.
    pub interfaces: i64,
    /// Minutes that they lived while their jobs ran, as far as records were read.
    pub minutes: i64,
    /// Of these, with records or NODATA.
    pub covered: i64,
    /// Without a record, between two that are so near that none need be missing.
    pub quiet: i64,
    /// With SKIPDATA.
    pub skipdata: i64,
    /// Without a record though one was due.
    pub gap: i64,
    /// Minutes that cannot be judged: records without a time.
    pub unknown: i64,
}

/// Everything that the findings of a run cannot speak of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Coverage {
    /// Amount of input to judge. `None`: not counted.
    pub totals: Option<CoverageTotals>,
    /// The minutes of the interfaces of jobs.
    pub minutes: Minutes,
    /// Holes, by kind, then by job and interface.
    pub gaps: Vec<Gap>,
    /// Detections that did not run, with the columns that are missing.
    pub not_run: Vec<NotRun>,
    /// Detections that ran with less than the columns that make them sure.
    pub less_sure: Vec<NotRun>,
    /// Detections that ended for want of memory, with what it was.
    pub failed: Vec<(String, String)>,
    /// What each flow log holds of each interface of a job.
    pub logs: Vec<InterfaceLog>,
    /// Questions that ran and that a flow log cannot answer for an interface.
    pub unanswered: Vec<Unanswered>,
    /// What reading left out.
    pub scan: ScanGaps,
}

impl Coverage {
    /// Asks for the holes in the window `[since, until)`, Unix seconds, UTC; `None` is what the data spans.
    pub async fn read<E>(
        since: Option<i64>,
        until: Option<i64>,
        query: impl AsyncFn(&str, &[(String, ScalarValue)]) -> Result<Vec<RecordBatch>, E>,
    ) -> Result<Self, Error>
    where
        E: Into<Box<dyn StdError + Send + Sync>>,
    {
        let time = |at| ScalarValue::TimestampSecond(at, Some("UTC".into()));
        let window = [("since".to_owned(), time(since)), ("until".to_owned(), time(until))];
        let ask = async |what: &str, sql: &str| {
            let params = if sql.contains("$since") { &window[..] } else { &[] };
            let failed = |source| Error::Query { id: format!("coverage {what}"), source };
            query(sql, params).await.map_err(|err| failed(err.into()))
        };
        let batches = ask("totals", TOTALS).await?;
        let minutes = minutes(&ask("minutes", MINUTES).await?)?;
        let mut coverage = Self { totals: totals(&batches)?, minutes, ..Self::default() };
        for (kind, title, sql) in QUERIES {
            let batches = ask(title, sql).await?;
            for batch in &batches {
                coverage.gaps.extend(gaps(*kind, batch)?);
            }
        }
        for batch in &ask("interface logs", INTERFACE_LOGS).await? {
            coverage.logs.extend(InterfaceLog::read(batch)?);
        }
        // Where nothing but refused records is logged, that all are refused shows nothing.
        let only_refused = |log: &&InterfaceLog| log.is_configured && log.traffic_type == "REJECT";
        let blind = coverage.logs.iter().filter(only_refused);
        let blind: BTreeSet<String> = blind.map(|log| log.interface_id.clone()).collect();
        let shows = |gap: &Gap| !gap.interface_id.as_ref().is_some_and(|id| blind.contains(id));
        coverage.gaps.retain(|gap| gap.kind != Kind::RefusedJob || shows(gap));
        Ok(coverage)
    }

    /// Works out which of the questions that ran the flow logs cannot answer, and for which interfaces.
    pub fn set_detections(&mut self, detections: &[Detection]) {
        let ran = |detection: &&Detection| !self.not_run.iter().any(|not| not.id == detection.id);
        let questions = detections.iter().filter(ran);
        self.unanswered = unanswered(&self.logs, questions.clone());
        let coarse = coarse(&self.logs, questions);
        for more in coarse {
            match self.less_sure.iter_mut().find(|less| less.id == more.id) {
                Some(less) => less.missing.extend(more.missing),
                None => self.less_sure.push(more),
            }
        }
    }

    /// Returns whether nothing is missing. A question that did not run because there is no baseline is no hole
    /// in what can be seen.
    pub fn is_complete(&self) -> bool {
        let unasked = self.not_run.iter().filter(|not_run| not_run.needs.is_some());
        let none = Self {
            totals: self.totals,
            less_sure: self.less_sure.clone(),
            logs: self.logs.clone(),
            not_run: unasked.cloned().collect(),
            minutes: Minutes { skipdata: 0, gap: 0, unknown: 0, ..self.minutes },
            ..Self::default()
        };
        *self == none && self.blindness().is_none()
    }

    /// Returns whether a question has no answer for some interface: because of what a flow log holds, or because the logs
    /// lack a field.
    pub fn has_unanswered(&self) -> bool {
        !self.unanswered.is_empty() || self.not_run.iter().any(|not_run| not_run.needs.is_none())
    }

    /// Says why no finding can mean anything, when no record was tied to a job.
    pub fn blindness(&self) -> Option<String> {
        let CoverageTotals { jobs, interfaces, .. } =
            self.totals.filter(|totals| totals.records == 0)?;
        let why = match (jobs, interfaces) {
            (0, 0) => "the inventory names no processing job and no interface of one".to_owned(),
            _ => format!(
                "the inventory knows {jobs} jobs and {interfaces} interfaces of jobs, but the records \
                 read are of others, or of another time"
            ),
        };
        Some(format!("NOTHING WAS JUDGED: no record could be tied to a job; {why}"))
    }
}

/// Returns a number of the first row; 0 where it is NULL or missing.
fn number(batch: &RecordBatch, name: &str) -> Result<i64, ArrowError> {
    let column = batch.column_by_name(name).cloned();
    let column = column.unwrap_or_else(|| new_null_array(&DataType::Int64, 1));
    Ok(decode::numbers(&column)?.iter().next().flatten().unwrap_or(0))
}

fn totals(batches: &[RecordBatch]) -> Result<Option<CoverageTotals>, ArrowError> {
    let Some(batch) = batches.iter().find(|batch| batch.num_rows() > 0) else { return Ok(None) };
    let (jobs, interfaces) = (number(batch, "jobs")?, number(batch, "interfaces")?);
    Ok(Some(CoverageTotals { jobs, interfaces, records: number(batch, "records")? }))
}

fn minutes(batches: &[RecordBatch]) -> Result<Minutes, ArrowError> {
    let Some(batch) = batches.iter().find(|batch| batch.num_rows() > 0) else {
        return Ok(Minutes::default());
    };
    Ok(Minutes {
        interfaces: number(batch, "interfaces")?,
        minutes: number(batch, "minutes")?,
        covered: number(batch, "covered")?,
        quiet: number(batch, "quiet")?,
        skipdata: number(batch, "skipdata")?,
        gap: number(batch, "gap")?,
        unknown: number(batch, "unknown")?,
    })
}

fn gaps(kind: Kind, batch: &RecordBatch) -> Result<Vec<Gap>, ArrowError> {
    let column = |name: &str, missing: DataType| {
        let column = batch.column_by_name(name).cloned();
        column.unwrap_or_else(|| new_null_array(&missing, batch.num_rows()))
    };
    let time = || DataType::Timestamp(TimeUnit::Second, None);
    let interface = decode::texts(&column("interface_id", DataType::Utf8))?;
    let job = decode::texts(&column("job", DataType::Utf8))?;
    let flow_log = decode::texts(&column("flow_log_id", DataType::Utf8))?;
    let why = decode::texts(&column("why", DataType::Utf8))?;
    let records = decode::numbers(&column("records", DataType::Int64))?;
    let first = decode::seconds(&column("first_seen", time()))?;
    let last = decode::seconds(&column("last_seen", time()))?;
    let text = |array: &arrow::array::StringArray, row| {
        array.is_valid(row).then(|| array.value(row).to_owned())
    };
    let number =
        |array: &arrow::array::Int64Array, row| array.is_valid(row).then(|| array.value(row));
    let rows = 0..batch.num_rows();
    Ok(rows
        .map(|row| Gap {
            kind,
            interface_id: text(&interface, row),
            job: text(&job, row),
            records: number(&records, row),
            first_seen: number(&first, row),
            last_seen: number(&last, row),
            flow_log_id: text(&flow_log, row),
            why: text(&why, row),
        })
        .collect())
}
