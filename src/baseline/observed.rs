//! Rows of the destinations that jobs opened.

use arrow::array::{Array as _, ArrayRef};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use glob::Pattern;

use crate::batch::decode;
use crate::flow::protocol::protocol_name;

/// The SQL whose rows are the destinations that jobs opened. It takes `$since` and `$until`, timestamps or NULL.
pub const DESTINATIONS: &str = include_str!("../../queries/baseline/destinations.sql");

/// What one job opened to one destination, port and protocol. Times are Unix seconds, UTC.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ObservedDestination {
    /// ARN of the job, else its name. `None` if it may be one of several.
    pub job: Option<String>,
    /// Its name.
    pub job_name: Option<String>,
    /// The jobs that it may be, joined by commas.
    pub candidates: Option<String>,
    /// Where it went, in the words of an allow rule; a single address without `/32`.
    pub destination: String,
    /// `remote_scope`.
    pub scope: String,
    /// The port that answers. `None` if the log does not tell.
    pub port: Option<i32>,
    /// Number of the protocol.
    pub protocol: Option<i32>,
    /// Number of the rule of the baseline that allows it; 0: none. `None` if the job has no baseline.
    pub rule: Option<i32>,
    /// How many addresses.
    pub addresses: i64,
    /// How many connections.
    pub connections: i64,
    /// Bytes that the job sent.
    pub bytes_out: i64,
    /// Bytes that it got.
    pub bytes_in: i64,
    /// When it was first accepted.
    pub first_seen: Option<i64>,
    /// When it was last accepted.
    pub last_seen: Option<i64>,
}

/// Why rows could not be read: they are not those of [`crate::baseline::DESTINATIONS`].
#[derive(Debug, thiserror::Error)]
#[error("could not read what the jobs opened")]
pub struct Error(#[from] ArrowError);

impl ObservedDestination {
    /// Returns whether it is one job whose name fits the glob.
    pub fn is_of(&self, family: &Pattern) -> bool {
        self.job_name.as_deref().is_some_and(|name| family.matches(name))
    }

    /// Returns whether it may be, but need not be, a job whose name fits the glob.
    pub fn may_be_of(&self, family: &Pattern) -> bool {
        let names = self.candidates.as_deref().unwrap_or_default().split(',');
        self.job_name.is_none() && names.into_iter().any(|name| family.matches(name.trim()))
    }
}

/// Reads the rows of [`crate::baseline::DESTINATIONS`], in their order.
pub fn read(batches: &[RecordBatch]) -> Result<Vec<ObservedDestination>, Error> {
    let mut rows = Vec::new();
    for batch in batches {
        let column = |name: &str| -> Result<&ArrayRef, ArrowError> {
            let missing = || ArrowError::SchemaError(format!("no column {name}"));
            batch.column_by_name(name).ok_or_else(missing)
        };
        let texts = |name| decode::texts(column(name)?);
        let numbers = |name| decode::numbers(column(name)?);
        let times = |name| decode::seconds(column(name)?);
        let (job, name, candidates) = (texts("job")?, texts("job_name")?, texts("job_candidates")?);
        let (destination, scope) = (texts("destination")?, texts("remote_scope")?);
        let (port, protocol) = (numbers("remote_port")?, numbers("protocol")?);
        let (rule, addresses) = (numbers("rule")?, numbers("addresses")?);
        let (connections, out) = (numbers("connections")?, numbers("bytes_out")?);
        let (back, first) = (numbers("bytes_in")?, times("first_seen")?);
        let last = times("last_seen")?;
        for row in 0..batch.num_rows() {
            let text = |array: &arrow::array::StringArray| {
                array.is_valid(row).then(|| array.value(row).to_owned())
            };
            let number =
                |array: &arrow::array::Int64Array| array.is_valid(row).then(|| array.value(row));
            let small = |array| number(array).and_then(|value| i32::try_from(value).ok());
            rows.push(ObservedDestination {
                job: text(&job),
                job_name: text(&name),
                candidates: text(&candidates),
                destination: text(&destination).unwrap_or_default(),
                scope: text(&scope).unwrap_or_default(),
                port: small(&port),
                protocol: small(&protocol),
                rule: small(&rule),
                addresses: number(&addresses).unwrap_or(0),
                connections: number(&connections).unwrap_or(0),
                bytes_out: number(&out).unwrap_or(0),
                bytes_in: number(&back).unwrap_or(0),
                first_seen: number(&first),
                last_seen: number(&last),
            });
        }
    }
    Ok(rows)
}

/// The name of a protocol in lower case, else its number; `any` for none.
pub(super) fn protocol_text(protocol: Option<i32>) -> String {
    let Some(number) = protocol else { return "any protocol".to_owned() };
    protocol_name(number).map_or_else(|| number.to_string(), str::to_ascii_lowercase)
}
