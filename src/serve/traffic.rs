//! Sums of the traffic of jobs, made once for each snapshot, and what a filter leaves of them.

use std::collections::BTreeMap;

use arrow::array::{Array as _, Int64Array, RecordBatch, StringArray, new_null_array};
use arrow::datatypes::DataType;
use arrow::error::ArrowError;
use datafusion::scalar::ScalarValue;

use crate::batch::decode;
use crate::engine::{Engine, no_params};
use crate::serve::{Error, PageFilter};

const SPAN: &str = include_str!("../../queries/serve/span.sql");
const TRAFFIC: &str = include_str!("../../queries/serve/traffic.sql");
const CONNECTIONS: &str = include_str!("../../queries/serve/connections.sql");

/// The most buckets of time.
const BUCKETS_MAX: i64 = 1500;

/// The most groups of connections that a snapshot holds; those with the fewest bytes are left out.
const CONNECTIONS_MAX: i64 = 50_000;

/// Lengths of a bucket, in seconds.
const BUCKET_SECS: &[i64] = &[60, 300, 900, 3600, 4 * 3600, 86_400, 7 * 86_400];

/// Traffic of one job that took one way, in one bucket of time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrafficBucket {
    /// Where the bucket begins, in Unix seconds, UTC.
    pub at: i64,
    /// The job, or candidates joined by commas.
    pub job: String,
    /// `same-job`, `internet`, `s3 gateway-endpoint` …
    pub way: String,
    /// Bytes and records.
    pub sums: TrafficSums,
}

/// Bytes of accepted traffic, and records.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TrafficSums {
    /// Bytes that interfaces of jobs sent.
    pub bytes_out: i64,
    /// Bytes that they received.
    pub bytes_in: i64,
    /// Accepted records.
    pub accepted_records: i64,
    /// Rejected records.
    pub rejected_records: i64,
    /// Connections; 0 in a [`TrafficBucket`], which records do not count.
    pub connections: i64,
}

impl TrafficSums {
    /// Returns bytes in both directions.
    pub fn bytes(&self) -> i64 {
        self.bytes_out.saturating_add(self.bytes_in)
    }

    /// Adds other sums.
    pub fn add(&mut self, other: &Self) {
        self.bytes_out = self.bytes_out.saturating_add(other.bytes_out);
        self.bytes_in = self.bytes_in.saturating_add(other.bytes_in);
        self.accepted_records = self.accepted_records.saturating_add(other.accepted_records);
        self.rejected_records = self.rejected_records.saturating_add(other.rejected_records);
        self.connections = self.connections.saturating_add(other.connections);
    }
}

/// Connections of a job to one destination and service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionGroup {
    /// The job, or candidates joined by commas.
    pub job: String,
    /// As [`TrafficBucket::way`].
    pub way: String,
    /// A service, a job, an address.
    pub destination: String,
    /// The port of the service. `None`: the protocol has none.
    pub port: Option<i64>,
    /// Name or number.
    pub protocol: String,
    /// `local`, `remote` or `unknown`.
    pub opened_by: String,
    /// How sure the path to S3 is.
    pub s3_evidence: Option<String>,
    /// Bytes, records and connections.
    pub sums: TrafficSums,
    /// Unix seconds, UTC.
    pub first_seen: Option<i64>,
    /// Unix seconds, UTC.
    pub last_seen: Option<i64>,
}

/// A span of time of a job's interface, and what the logs have of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InterfaceSpan {
    /// The job, or candidates joined by commas.
    pub job: String,
    /// The interface.
    pub interface_id: String,
    /// `records`, `nodata`, `skipdata`, `quiet`, `gap` or `unknown`.
    pub state: String,
    /// Unix seconds, UTC.
    pub from: i64,
    /// Unix seconds, UTC, exclusive.
    pub to: i64,
    /// Records in it.
    pub records: i64,
}

impl InterfaceSpan {
    /// Returns whether it shows what happened: a span without records or loss is covered where none was due.
    pub fn is_covered(&self) -> bool {
        !matches!(self.state.as_str(), "gap" | "skipdata" | "unknown")
    }

    /// Returns whether it has records or NODATA, as `flowq coverage` counts minutes.
    pub fn has_records(&self) -> bool {
        matches!(self.state.as_str(), "records" | "nodata")
    }

    /// Reads the rows of `queries/coverage/runs.sql`.
    ///
    /// # Errors
    ///
    /// When a column has another type.
    pub fn read(batch: &RecordBatch) -> Result<Vec<Self>, ArrowError> {
        let columns = Columns(batch);
        let (job, interface) = (columns.texts("job")?, columns.texts("interface_id")?);
        let (state, records) = (columns.texts("state")?, columns.numbers("records")?);
        let (from, to) = (columns.times("from")?, columns.times("to")?);
        let row = |at: usize| {
            (from.is_valid(at) && to.is_valid(at)).then(|| Self {
                job: text(&job, at),
                interface_id: text(&interface, at),
                state: text(&state, at),
                from: from.value(at),
                to: to.value(at),
                records: number(&records, at),
            })
        };
        Ok((0..batch.num_rows()).filter_map(row).collect())
    }
}

/// All sums of a snapshot.
#[derive(Debug, Clone, Default)]
pub struct TrafficSummary {
    /// Length of a bucket in seconds.
    pub bucket_secs: i64,
    /// First and last second with a record of a job. `None`: there is none.
    pub span: Option<(i64, i64)>,
    /// By time, job and way.
    pub buckets: Vec<TrafficBucket>,
    /// By bytes, the greatest first.
    pub connections: Vec<ConnectionGroup>,
    /// Whether connections were left out.
    pub is_cut: bool,
}

impl TrafficSummary {
    /// Asks an engine whose conversations are materialized. The records are read once more.
    ///
    /// # Errors
    ///
    /// When they cannot be read.
    pub async fn read(engine: &Engine) -> Result<Self, Error> {
        let span = engine.rows(SPAN, no_params()).await?;
        let span = span.iter().find(|batch| batch.num_rows() > 0);
        let span = span.map(|batch| {
            let columns = Columns(batch);
            let (first, last) = (columns.times("first_seen")?, columns.times("last_seen")?);
            let known = first.is_valid(0) && last.is_valid(0);
            Ok::<_, ArrowError>(known.then(|| (first.value(0), last.value(0))))
        });
        let span = span.transpose()?.flatten();
        let bucket_secs = bucket_secs(span);
        let int = |value: i64| ScalarValue::Int64(Some(value));
        let params = vec![("bucket".to_owned(), int(bucket_secs))];
        let mut summary = Self { bucket_secs, span, ..Self::default() };
        for batch in &engine.rows(TRAFFIC, params).await? {
            summary.buckets.extend(buckets(batch)?);
        }
        let params = vec![("limit".to_owned(), int(CONNECTIONS_MAX))];
        for batch in &engine.rows(CONNECTIONS, params).await? {
            summary.connections.extend(connections(batch)?);
        }
        summary.is_cut = summary.connections.len() as i64 >= CONNECTIONS_MAX;
        Ok(summary)
    }

    /// Returns the buckets that a filter leaves.
    pub fn buckets<'a>(
        &'a self,
        filter: &'a PageFilter,
    ) -> impl Iterator<Item = &'a TrafficBucket> {
        let ends = move |at: i64| filter.overlaps(Some(at), Some(at + self.bucket_secs - 1));
        self.buckets
            .iter()
            .filter(move |bucket| ends(bucket.at) && filter.has_job(Some(&bucket.job)))
    }

    /// Returns the connections that a filter leaves: those that overlap its time range, with all their bytes.
    pub fn connections<'a>(
        &'a self,
        filter: &'a PageFilter,
    ) -> impl Iterator<Item = &'a ConnectionGroup> {
        self.connections.iter().filter(|group| {
            filter.overlaps(group.first_seen, group.last_seen) && filter.has_job(Some(&group.job))
        })
    }

    /// Returns sums of connections by a key.
    pub fn connections_by<'a, K: Ord>(
        &'a self,
        filter: &'a PageFilter,
        key: impl Fn(&'a ConnectionGroup) -> K,
    ) -> BTreeMap<K, TrafficSums> {
        let mut sums: BTreeMap<K, TrafficSums> = BTreeMap::new();
        for group in self.connections(filter) {
            sums.entry(key(group)).or_default().add(&group.sums);
        }
        sums
    }
}

/// The shortest bucket of which the span needs no more than [`BUCKETS_MAX`].
fn bucket_secs(span: Option<(i64, i64)>) -> i64 {
    let secs = span.map_or(0, |(first, last)| last.saturating_sub(first));
    let fits = |bucket: &&i64| secs / **bucket < BUCKETS_MAX;
    BUCKET_SECS.iter().find(fits).or(BUCKET_SECS.last()).copied().unwrap_or(60)
}

/// The columns of a batch by name; a missing one is NULL.
struct Columns<'a>(&'a RecordBatch);

impl Columns<'_> {
    fn column(&self, name: &str, missing: &DataType) -> arrow::array::ArrayRef {
        let column = self.0.column_by_name(name).cloned();
        column.unwrap_or_else(|| new_null_array(missing, self.0.num_rows()))
    }

    fn texts(&self, name: &str) -> Result<StringArray, ArrowError> {
        decode::texts(&self.column(name, &DataType::Utf8))
    }

    fn numbers(&self, name: &str) -> Result<Int64Array, ArrowError> {
        decode::numbers(&self.column(name, &DataType::Int64))
    }

    fn times(&self, name: &str) -> Result<Int64Array, ArrowError> {
        let missing = DataType::Timestamp(arrow::datatypes::TimeUnit::Second, None);
        decode::seconds(&self.column(name, &missing))
    }
}

fn text(array: &StringArray, at: usize) -> String {
    if array.is_valid(at) { array.value(at).to_owned() } else { String::new() }
}

fn number(array: &Int64Array, at: usize) -> i64 {
    if array.is_valid(at) { array.value(at) } else { 0 }
}

fn some_number(array: &Int64Array, at: usize) -> Option<i64> {
    array.is_valid(at).then(|| array.value(at))
}

/// The sums of each row.
fn sums(columns: &Columns<'_>) -> Result<Vec<TrafficSums>, ArrowError> {
    let (out, back) = (columns.numbers("bytes_out")?, columns.numbers("bytes_in")?);
    let accepted = columns.numbers("accepted_records")?;
    let rejected = columns.numbers("rejected_records")?;
    let connections = columns.numbers("connections")?;
    let row = |at: usize| TrafficSums {
        bytes_out: number(&out, at),
        bytes_in: number(&back, at),
        accepted_records: number(&accepted, at),
        rejected_records: number(&rejected, at),
        connections: number(&connections, at),
    };
    Ok((0..columns.0.num_rows()).map(row).collect())
}

fn buckets(batch: &RecordBatch) -> Result<Vec<TrafficBucket>, ArrowError> {
    let columns = Columns(batch);
    let at = columns.numbers("bucket")?;
    let (job, way) = (columns.texts("job")?, columns.texts("way")?);
    let rows = sums(&columns)?.into_iter().enumerate();
    let bucket = |(row, sums)| TrafficBucket {
        at: number(&at, row),
        job: text(&job, row),
        way: text(&way, row),
        sums,
    };
    Ok(rows.map(bucket).collect())
}

fn connections(batch: &RecordBatch) -> Result<Vec<ConnectionGroup>, ArrowError> {
    let columns = Columns(batch);
    let (job, way) = (columns.texts("job")?, columns.texts("way")?);
    let (destination, port) = (columns.texts("destination")?, columns.numbers("port")?);
    let (protocol, opened_by) = (columns.texts("protocol")?, columns.texts("opened_by")?);
    let evidence = columns.texts("s3_evidence")?;
    let (first, last) = (columns.times("first_seen")?, columns.times("last_seen")?);
    let rows = sums(&columns)?.into_iter().enumerate();
    let group = |(row, sums)| ConnectionGroup {
        job: text(&job, row),
        way: text(&way, row),
        destination: text(&destination, row),
        port: some_number(&port, row),
        protocol: text(&protocol, row),
        opened_by: text(&opened_by, row),
        s3_evidence: evidence.is_valid(row).then(|| evidence.value(row).to_owned()),
        sums,
        first_seen: some_number(&first, row),
        last_seen: some_number(&last, row),
    };
    Ok(rows.map(group).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_get_longer_with_the_span() {
        assert_eq!(bucket_secs(None), 60);
        assert_eq!(bucket_secs(Some((0, 86_399))), 60);
        assert_eq!(bucket_secs(Some((0, 7 * 86_400))), 900);
        assert_eq!(bucket_secs(Some((0, 365 * 86_400))), 86_400);
        assert_eq!(bucket_secs(Some((0, i64::MAX))), 7 * 86_400);
    }
}
