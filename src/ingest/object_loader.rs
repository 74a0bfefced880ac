//! Reads the objects of a pass into files of one table, on as many threads as there are.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::{Array as _, AsArray as _, BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use datafusion::common::DataFusionError;
use datafusion::execution::SendableRecordBatchStream;
use futures::StreamExt as _;
use tokio::task::JoinSet;

use crate::engine::{Engine, ObjectRead, ScanOptions};
use crate::enrich::Enricher;
use crate::flow::field::{LINE, Layout, OBJECT};
use crate::ingest::selected_source::SelectedSource;
use crate::ingest::{Error, Options};
use crate::inventory::Inventory;
use crate::lake;
use crate::lake::{DataFile, Origin, Writer, WriterOptions};
use crate::source::ObjectName;
use crate::storage::Storage;
use crate::time::Window;

/// What was read for one table.
#[derive(Default)]
pub(super) struct Reading {
    /// What each object gave, by name.
    pub(super) objects: BTreeMap<String, ObjectRead>,
    /// The files that were written.
    pub(super) files: Vec<DataFile>,
    pub(super) rows: u64,
    /// Rows left out because the lake has them.
    pub(super) known: u64,
    /// Columns that the table of the layout does not have.
    pub(super) extra: Vec<String>,
}

/// What to read, and where to.
pub(super) struct Request<'a> {
    pub(super) lake: &'a Storage,
    pub(super) layout: Layout,
    /// What the names of the files begin with.
    pub(super) name: String,
    /// Values of the column `object` whose rows are left out.
    pub(super) known: Arc<HashSet<String>>,
    pub(super) now: i64,
}

/// The account and the region of a flow log, from the name of an object.
pub(super) fn origin() -> Arc<Origin> {
    Arc::new(|object: &str| {
        let name = ObjectName::parse(object);
        (name.account_id, name.region)
    })
}

/// Columns that records were seen to have.
type Columns = Arc<Mutex<BTreeSet<String>>>;

pub(super) async fn read(
    chosen: SelectedSource,
    request: &Request<'_>,
    options: &Options,
) -> Result<Reading, Error> {
    let objects: Arc<Mutex<BTreeMap<String, ObjectRead>>> = Arc::default();
    let columns: Columns = Arc::default();
    let (read_objects, seen) = (Arc::clone(&objects), Arc::clone(&columns));
    let read_options = ScanOptions {
        stated: options.stated.clone(),
        strict: options.strict,
        malformed: options.malformed.clone(),
        limits: options.limits,
        progress: Arc::clone(&options.progress),
        objects: Some(Arc::new(move |split, read| {
            let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
            seen.extend(read.summary.columns.iter().cloned());
            let mut read_objects = read_objects.lock().unwrap_or_else(PoisonError::into_inner);
            read_objects.insert(split.id.clone(), read);
        })),
        // Objects were chosen by their names: what is in them is taken in whole.
        ..ScanOptions::new(Window::default())
    };
    let context = Enricher::new(Arc::new(Inventory::default()), Vec::new(), request.now);
    let engine =
        Engine::new(Arc::new(chosen), Arc::new(context), read_options, &options.resources).await?;
    let streams = engine.records(request.layout).await?;
    let plain = request.layout.schema(&[]);
    let extra = streams.first().map_or_else(Vec::new, |stream| {
        let schema = stream.schema();
        let names = schema.fields().iter().map(|field| field.name().clone());
        names.filter(|name| plain.index_of(name).is_err()).collect()
    });
    let share = WriterOptions::within(options.resources.memory_bytes, streams.len());
    let mut tasks = JoinSet::new();
    for (at, rows) in streams.into_iter().enumerate() {
        let name = format!("{}-{at}", request.name);
        let writer = Writer::new(request.lake, request.layout, &name, origin(), share.clone());
        tasks.spawn(write(rows, writer, Arc::clone(&request.known), Arc::clone(&columns)));
    }
    let mut reading = Reading { extra, ..Reading::default() };
    while let Some(part) = tasks.join_next().await {
        let part = part.map_err(|error| DataFusionError::External(Box::new(error)))?;
        reading.add(part?);
    }
    reading.files.sort_by(|a, b| a.path.cmp(&b.path));
    reading.objects = std::mem::take(&mut *objects.lock().unwrap_or_else(PoisonError::into_inner));
    Ok(reading)
}

impl Reading {
    fn add(&mut self, part: Self) {
        self.files.extend(part.files);
        self.rows += part.rows;
        self.known += part.known;
    }
}

/// Writes the rows of one stream.
async fn write(
    mut rows: SendableRecordBatchStream,
    mut writer: Writer,
    known: Arc<HashSet<String>>,
    columns: Columns,
) -> Result<Reading, Error> {
    let mut reading = Reading::default();
    let unreserved = |columns: &Columns| {
        columns.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect::<Vec<_>>()
    };
    while let Some(batch) = rows.next().await {
        let batch = batch?;
        let fresh = unknown(&batch, &known)?;
        reading.known += (batch.num_rows() - fresh.num_rows()) as u64;
        reading.rows += fresh.num_rows() as u64;
        // The columns of an object that is still being read are not known yet: those with values are there.
        let fields = fresh.schema();
        let fields = fields.fields().iter().zip(fresh.columns());
        let fields = fields.filter(|(_, column)| column.null_count() < column.len());
        let read_objects = |name: &String| name != OBJECT && name != LINE;
        writer.add_columns(fields.map(|(field, _)| field.name().clone()).filter(read_objects));
        writer.add_columns(unreserved(&columns));
        writer.write(&fresh).await?;
    }
    writer.add_columns(unreserved(&columns));
    reading.files = writer.finish().await?;
    Ok(reading)
}

/// The rows that the lake does not have yet.
fn unknown(batch: &RecordBatch, known: &HashSet<String>) -> Result<RecordBatch, Error> {
    let objects = batch.column_by_name(OBJECT).and_then(|column| column.as_string_view_opt());
    let Some(objects) = objects.filter(|_| !known.is_empty()) else { return Ok(batch.clone()) };
    let keep: BooleanArray =
        objects.iter().map(|id| Some(id.is_none_or(|id| !known.contains(id)))).collect();
    Ok(filter_record_batch(batch, &keep).map_err(lake::Error::from)?)
}
