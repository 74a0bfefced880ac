//! Records of a flow in the logs, and whether they contradict the configuration.

use arrow::array::RecordBatch;
use datafusion::scalar::ScalarValue;
use serde::{Deserialize, Serialize};

use crate::explain::Error;
use crate::reachability::{FlowEnd, PathAnalysis, Stage, Verdict};
use crate::vpc::FiveTuple;

/// SQL that gives the rows of [`LoggedFlow`]. Its parameters: `source`, `destination`, `port` (-1: any),
/// `protocol`, and the times `since` and `until`.
pub const LOGGED: &str = include_str!("../../queries/explain/logged.sql");

/// How far around the time of a flow the logs are read, in seconds.
const AROUND_SECS: i64 = 3600;

/// Returns the parameters of [`LOGGED`] for a flow, and for an hour around the time from `first` to `last`, in Unix
/// seconds, UTC.
pub fn logged_params(tuple: &FiveTuple, (first, last): (i64, i64)) -> Vec<(String, ScalarValue)> {
    let time = |at: i64| ScalarValue::TimestampSecond(Some(at), Some("UTC".into()));
    let text = |ip: std::net::IpAddr| ScalarValue::from(ip.to_string());
    vec![
        ("source".to_owned(), text(tuple.source)),
        ("destination".to_owned(), text(tuple.destination)),
        ("port".to_owned(), ScalarValue::from(tuple.destination_port.map_or(-1, i32::from))),
        ("protocol".to_owned(), ScalarValue::from(i32::from(tuple.protocol))),
        ("since".to_owned(), time(first.saturating_sub(AROUND_SECS))),
        ("until".to_owned(), time(last.saturating_add(AROUND_SECS))),
    ]
}

/// Records of a flow that one interface logged with one action. Times are Unix seconds, UTC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoggedFlow {
    /// The interface. `None`: the log does not tell.
    pub interface_id: Option<String>,
    /// Whether it is what the sender sent; else what came back.
    pub is_request: bool,
    /// `ACCEPT` or `REJECT`.
    pub action: String,
    /// `BPA` or `EC`, where the log tells.
    pub reject_reason: Option<String>,
    /// Lowest port that the client had.
    pub client_port: Option<i64>,
    /// How many records.
    pub records: i64,
    /// Start of the first of them.
    pub first_seen: Option<i64>,
    /// End of the last of them.
    pub last_seen: Option<i64>,
}

impl LoggedFlow {
    /// Reads the rows of [`LOGGED`].
    pub fn read(batches: &[RecordBatch]) -> Result<Vec<Self>, Error> {
        rows(batches)
    }

    fn is_refused(&self) -> bool {
        self.action == "REJECT"
    }

    /// Says it in one line.
    pub fn words(&self) -> String {
        let what = if self.is_request { "request" } else { "reply" };
        let at = self.interface_id.as_deref().unwrap_or("an interface that the log does not name");
        let why = self.reject_reason.as_ref().map(|why| format!(" ({why})")).unwrap_or_default();
        let records = if self.records == 1 { "record" } else { "records" };
        format!("{what} {}{why} on {at}, {} {records}", self.action, self.records)
    }
}

/// Returns the flow with the port that the client had where it was refused, when the log has it and the user
/// gave no other.
pub(super) fn with_client(tuple: &FiveTuple, logged: &[LoggedFlow]) -> FiveTuple {
    let refused = logged.iter().filter(|row| row.is_refused());
    let port = refused.filter_map(|row| row.client_port).min();
    let port = port.and_then(|port| u16::try_from(port).ok());
    FiveTuple { source_port: tuple.source_port.or(port), ..tuple.clone() }
}

/// Reads rows by the names of their columns.
pub(super) fn rows<T: for<'de> Deserialize<'de>>(batches: &[RecordBatch]) -> Result<Vec<T>, Error> {
    let mut read = Vec::new();
    for batch in batches.iter().filter(|batch| batch.num_rows() > 0) {
        let rows: Vec<T> =
            serde_arrow::from_record_batch(batch).map_err(|err| Error::Rows(err.to_string()))?;
        read.extend(rows);
    }
    Ok(read)
}

/// Says how what was logged contradicts the configuration. `None`: it does not.
///
/// Only security groups and network ACLs make a log say REJECT: what a route leads nowhere is logged as
/// accepted.
pub(super) fn inconsistency(
    judged: &PathAnalysis,
    logged: &[LoggedFlow],
    to: &FlowEnd<'_>,
) -> Option<String> {
    let accepted = |at_receiver: bool| {
        let receiver = to.eni.map(|eni| eni.interface_id.as_str());
        let of_receiver = |row: &&LoggedFlow| row.interface_id.as_deref() == receiver;
        let mut requests = logged.iter().filter(|row| row.is_request && !row.is_refused());
        requests.any(|row| !at_receiver || of_receiver(&row))
    };
    let refused: Vec<&LoggedFlow> = logged.iter().filter(|row| row.is_refused()).collect();
    match judged.verdict {
        Verdict::NotKnown => None,
        Verdict::Passes => {
            let row = refused.first()?;
            Some(match row.reject_reason.as_deref() {
                Some("BPA") => {
                    "the log shows it refused by VPC Block Public Access, which no rule in the inventory shows"
                        .into()
                }
                Some("EC") => {
                    "the log shows it refused by VPC encryption controls, which no rule in the inventory shows"
                        .into()
                }
                _ => format!(
                    "the log shows a {}: a rule was changed in between, the inventory lacks one, or these were \
                     late packets of a connection that was closed",
                    row.words()
                ),
            })
        }
        Verdict::Refused => {
            let place = judged.decider()?.place;
            let contradicts = match place {
                Stage::SenderGroups | Stage::SenderAcl => accepted(false),
                Stage::ReceiverGroups | Stage::ReceiverAcl => to.eni.is_some() && accepted(true),
                _ => false,
            };
            contradicts.then(|| {
                "the log shows it accepted: a rule was changed in between, or the inventory is missing one".into()
            })
        }
    }
}
