//! What each flow log contains of each interface of a job: the rows of `queries/views/interface_logs.sql`, counted
//! while a scan reads.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{
    Array as _, ArrayRef, AsArray as _, Int64Builder, RecordBatch, StringViewArray,
    StringViewBuilder, TimestampSecondArray, TimestampSecondBuilder,
};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use datafusion::common::Result;

/// The columns of a scan that the counts need beside those of minutes.
pub(crate) const COLUMNS: [&str; 8] =
    ["object", "action", "start", "end", "bytes", "local_addr", "local_port", "remote_port"];

/// The numbers of a row, in the order of the SQL.
const NUMBERS: [&str; 10] = [
    "records",
    "nodata",
    "skipdata",
    "accepted",
    "rejected",
    "without_action",
    "without_ports",
    "without_start",
    "without_end",
    "without_bytes",
];

/// What one flow log contains of one interface.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counts {
    /// By [`NUMBERS`].
    numbers: [u64; 10],
    /// The first and the last second that its records cover.
    times: Option<(i64, i64)>,
}

/// Counts by flow log. `None`: the name of the object does not contain its id.
pub(crate) type ByFlowLog = BTreeMap<Option<Arc<str>>, Counts>;

/// Returns the id of the flow log in the name of an object: the first `_fl-…_` in it.
fn flow_log_of(object: &str) -> Option<&str> {
    object.match_indices("_fl-").find_map(|(at, _)| {
        let id = object.get(at + 1..)?.split('_').next()?;
        let rest = id.strip_prefix("fl-")?;
        let is_id = !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_alphanumeric());
        (is_id && object.len() > at + 1 + id.len()).then_some(id)
    })
}

/// The columns of a batch that are counted.
pub(crate) struct Columns<'a> {
    object: &'a StringViewArray,
    action: &'a StringViewArray,
    local_addr: &'a ArrayRef,
    /// Columns that a record of a flow log with the fields has, by where they are counted.
    fields: [(usize, [&'a ArrayRef; 2]); 4],
    last: Option<(&'a str, Option<Arc<str>>)>,
}

impl<'a> Columns<'a> {
    /// `None` if a column is missing or of another type.
    pub(crate) fn new(batch: &'a RecordBatch) -> Option<Self> {
        let text = |name: &str| batch.column_by_name(name)?.as_string_view_opt();
        let column = |name: &str| batch.column_by_name(name);
        let [start, end, bytes] = [column("start")?, column("end")?, column("bytes")?];
        Some(Self {
            object: text("object")?,
            action: text("action")?,
            local_addr: column("local_addr")?,
            fields: [
                (6, [column("local_port")?, column("remote_port")?]),
                (7, [start, start]),
                (8, [end, end]),
                (9, [bytes, bytes]),
            ],
            last: None,
        })
    }

    /// Counts a row. `status` is the place of its status among the numbers: 0 records, 1 NODATA, 2 SKIPDATA.
    pub(crate) fn count(
        &mut self,
        row: usize,
        status: usize,
        times: Option<(i64, i64)>,
        logs: &mut ByFlowLog,
    ) {
        let object = if self.object.is_valid(row) { self.object.value(row) } else { "" };
        let flow_log = match &self.last {
            Some((last, id)) if *last == object => id.clone(),
            _ => {
                let id = flow_log_of(object).map(Arc::from);
                self.last = Some((object, id.clone()));
                id
            }
        };
        let counts = logs.entry(flow_log).or_default();
        counts.add(status);
        if let Some((first, last)) = times {
            let (from, to) = counts.times.unwrap_or((first, last));
            counts.times = Some((from.min(first), to.max(last)));
        }
        if status != 0 {
            return;
        }
        match self.action.is_valid(row).then(|| self.action.value(row)) {
            Some("ACCEPT") => counts.add(3),
            Some("REJECT") => counts.add(4),
            Some(_) => {}
            None => counts.add(5),
        }
        for (at, columns) in self.fields {
            // What nothing orients has no ports of either side, whatever its fields.
            let is_oriented = at != 6 || self.local_addr.is_valid(row);
            if is_oriented && columns.iter().any(|column| column.is_null(row)) {
                counts.add(at);
            }
        }
    }
}

impl Counts {
    fn add(&mut self, at: usize) {
        if let Some(number) = self.numbers.get_mut(at) {
            *number += 1;
        }
    }
}

/// The columns of `interface_logs`, in the order of its SQL. `key` are those that make an interface of a job one.
pub(crate) fn schema(key: &[&str]) -> SchemaRef {
    let text = |name: &str| Field::new(name, DataType::Utf8View, true);
    let time = || DataType::Timestamp(TimeUnit::Second, Some("UTC".into()));
    let mut fields: Vec<Field> = key.iter().map(|name| text(name)).collect();
    fields.push(text("flow_log_id"));
    fields.extend(NUMBERS.map(|name| Field::new(name, DataType::Int64, true)));
    fields.extend(["first_seen", "last_seen"].map(|name| Field::new(name, time(), true)));
    Arc::new(Schema::new(fields))
}

/// Builds the rows of interfaces, each with its key.
pub(crate) fn rows<'a>(
    key: &[&str],
    interfaces: impl Iterator<Item = (&'a [Option<String>], &'a ByFlowLog)>,
) -> Result<RecordBatch> {
    let mut texts: Vec<StringViewBuilder> =
        (0..=key.len()).map(|_| StringViewBuilder::new()).collect();
    let mut numbers: [Int64Builder; 10] = std::array::from_fn(|_| Int64Builder::new());
    let mut times: [TimestampSecondBuilder; 2] =
        std::array::from_fn(|_| TimestampSecondBuilder::new());
    for (values, logs) in interfaces {
        for (flow_log, counts) in logs {
            let row = values.iter().map(Option::as_deref).chain([flow_log.as_deref()]);
            for (column, value) in texts.iter_mut().zip(row) {
                column.append_option(value);
            }
            for (column, number) in numbers.iter_mut().zip(counts.numbers) {
                column.append_value(i64::try_from(number).unwrap_or(i64::MAX));
            }
            let [first, last] = &mut times;
            first.append_option(counts.times.map(|(first, _)| first));
            last.append_option(counts.times.map(|(_, last)| last));
        }
    }
    let mut columns: Vec<ArrayRef> =
        texts.iter_mut().map(|column| Arc::new(column.finish()) as ArrayRef).collect();
    columns.extend(numbers.map(|mut column| Arc::new(column.finish()) as ArrayRef));
    let utc = |mut column: TimestampSecondBuilder| -> ArrayRef {
        let times: TimestampSecondArray = column.finish();
        Arc::new(times.with_timezone("UTC"))
    };
    columns.extend(times.map(utc));
    Ok(RecordBatch::try_new(schema(key), columns)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flow_log_is_read_out_of_the_name() {
        let name =
            "b/AWSLogs/1/123456789012_vpcflowlogs_us-east-1_fl-0a1_20260310T0815Z_3f0.log.gz";
        assert_eq!(flow_log_of(name), Some("fl-0a1"));
        assert_eq!(flow_log_of("x_fl-_fl-b_y"), Some("fl-b"));
        for other in ["", "logs/eni-1", "_fl-", "_fl-a", "_fl-a.log", "fl-a_b"] {
            assert_eq!(flow_log_of(other), None, "{other}");
        }
    }
}
