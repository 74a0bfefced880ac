//! The minutes that a scan counted, as tables: minute by minute, and as runs of minutes that are alike.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, TimestampSecondBuilder};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use datafusion::catalog::streaming::StreamingTable;
use datafusion::common::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::PartitionStream;

use crate::scan::interface_minutes::minute::{KEY, Key};
use crate::scan::interface_minutes::rows::{
    BATCH_ROWS, Hours, counts, finished, minutes_of, number, numbers, text, texts,
};
use crate::scan::interface_minutes::runs::{RunRows, runs_schema};
use crate::scan::interface_minutes::spill::{Reader, Segment};

/// All minutes of a scan, to be read as often as needed.
#[derive(Debug, Clone)]
pub(crate) struct MinuteTables {
    /// Interfaces and their jobs, by number.
    keys: Arc<[Key]>,
    /// `None`: no record belonged to a job.
    hours: Option<Segment>,
}

impl MinuteTables {
    pub(super) fn new(keys: Vec<Key>, hours: Option<Segment>) -> Self {
        Self { keys: keys.into(), hours }
    }

    /// The rows of `interface_minutes`.
    pub(crate) fn minutes(&self) -> Result<StreamingTable> {
        self.table(minutes_schema(), |rows| Box::new(MinuteRows { rows }))
    }

    /// The rows of `minute_runs`.
    pub(crate) fn runs(&self) -> Result<StreamingTable> {
        self.table(runs_schema(), |rows| Box::new(RunRows::new(rows)))
    }

    fn table(&self, schema: SchemaRef, make: fn(Hours) -> Batches) -> Result<StreamingTable> {
        let part = Part { tables: self.clone(), schema: Arc::clone(&schema), make };
        StreamingTable::try_new(schema, vec![Arc::new(part)])
    }
}

type Batches = Box<dyn Iterator<Item = Result<RecordBatch>> + Send>;

/// A table that is read from its begin at each execution.
#[derive(Debug)]
struct Part {
    tables: MinuteTables,
    schema: SchemaRef,
    make: fn(Hours) -> Batches,
}

impl PartitionStream for Part {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let hours = self.tables.hours.clone().map(Reader::new);
        let batches = (self.make)(Hours { keys: Arc::clone(&self.tables.keys), hours });
        let stream = futures::stream::iter(batches);
        Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), stream))
    }
}

/// The columns of `interface_minutes`, in the order of its SQL.
fn minutes_schema() -> SchemaRef {
    let time = DataType::Timestamp(TimeUnit::Second, Some("UTC".into()));
    let mut fields: Vec<Field> = KEY.iter().map(|name| text(name)).collect();
    fields.extend([Field::new("minute", time, true), text("state")]);
    fields.extend(["records", "nodata", "skipdata", "longest_secs"].map(number));
    Arc::new(Schema::new(fields))
}

/// Builds the batches of `interface_minutes`.
struct MinuteRows {
    rows: Hours,
}

impl MinuteRows {
    fn batch(&mut self) -> Result<Option<RecordBatch>> {
        let mut keys = texts::<5>();
        let mut minutes = TimestampSecondBuilder::with_capacity(BATCH_ROWS);
        let [mut states] = texts::<1>();
        let mut values = numbers::<4>();
        let mut count = 0;
        while count < BATCH_ROWS {
            let Some(hour) = self.rows.next().transpose()? else { break };
            let Some(key) = self.rows.key(hour.number) else { continue };
            for (at, minute) in minutes_of(&hour) {
                count += 1;
                for (column, text) in keys.iter_mut().zip(key) {
                    column.append_option(text.as_deref());
                }
                minutes.append_option(at.map(|at| at.saturating_mul(60)));
                states.append_option(at.map(|_| minute.state()));
                let [records, nodata, skipdata] = counts(&minute);
                let row = [records, nodata, skipdata, u32::from(minute.longest_secs)];
                for (column, value) in values.iter_mut().zip(row) {
                    column.append_value(i64::from(value));
                }
            }
        }
        if count == 0 {
            return Ok(None);
        }
        let mut columns: Vec<ArrayRef> = finished(keys).collect();
        columns.push(Arc::new(minutes.finish().with_timezone("UTC")));
        columns.push(Arc::new(states.finish()));
        columns.extend(values.map(|mut column| Arc::new(column.finish()) as ArrayRef));
        Ok(Some(RecordBatch::try_new(minutes_schema(), columns)?))
    }
}

impl Iterator for MinuteRows {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        self.batch().transpose()
    }
}
