//! Rows into Parquet files of a table: cut by partition, sorted by interface and time.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{Array as _, ArrayRef, AsArray as _, RecordBatch, UInt32Array};
use arrow::compute::{SortColumn, cast, concat_batches, lexsort_to_indices, take_record_batch};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit, TimestampSecondType};
use object_store::path::Path;
use object_store::{ObjectStoreExt as _, PutPayload};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;

use super::{COLUMNS_KEY, Error, File, Partition};
use crate::flow::field::{Layout, OBJECT};
use crate::store::Place;

/// The account and the region of the flow log that an object holds, from its name. NULL: not told.
pub type Origin = dyn Fn(&str) -> (Option<String>, Option<String>) + Send + Sync;

/// How files are written.
#[derive(Debug, Clone)]
pub struct WriterOptions {
    /// Memory that rows may take before the largest partition is written out.
    pub memory_bytes: usize,
    /// Rows of a file, at most.
    pub file_rows: usize,
    /// Rows of a row group, at most.
    pub group_rows: usize,
}

impl Default for WriterOptions {
    fn default() -> Self {
        Self { memory_bytes: 256 << 20, file_rows: 1 << 20, group_rows: 128 << 10 }
    }
}

/// Takes batches in any order and writes them to files of a table. Nothing is committed: what it wrote
/// counts once [`super::Table::commit`] adds it.
pub struct Writer {
    place: Place,
    name: String,
    origin: Arc<Origin>,
    options: WriterOptions,
    columns: Vec<String>,
    pending: HashMap<Partition, Pending>,
    bytes: usize,
    files: Vec<File>,
}

#[derive(Default)]
struct Pending {
    batches: Vec<RecordBatch>,
    rows: usize,
    bytes: usize,
}

impl Writer {
    /// Makes a writer of files `<partition>/<name>-<n>.parquet` of a lake's table. `columns` are those that
    /// the records really have.
    pub fn new(
        lake: &Place,
        layout: Layout,
        name: &str,
        origin: Arc<Origin>,
        options: WriterOptions,
    ) -> Self {
        Self {
            place: lake.below(super::folder(layout)),
            name: name.to_owned(),
            origin,
            options,
            columns: Vec::new(),
            pending: HashMap::new(),
            bytes: 0,
            files: Vec::new(),
        }
    }

    /// Says which columns the records of the coming batches may have, beside those said before.
    pub fn add_columns(&mut self, columns: impl IntoIterator<Item = String>) {
        self.columns.extend(columns);
        self.columns.sort();
        self.columns.dedup();
    }

    /// Takes rows of [`Layout::schema`].
    ///
    /// # Errors
    ///
    /// When a file cannot be written.
    pub async fn write(&mut self, batch: &RecordBatch) -> Result<(), Error> {
        for (partition, rows) in self.partitions(batch) {
            let part = match rows.len() == batch.num_rows() {
                true => batch.clone(),
                false => take_record_batch(batch, &UInt32Array::from(rows))?,
            };
            let bytes = part.get_array_memory_size();
            let pending = self.pending.entry(partition.clone()).or_default();
            pending.rows += part.num_rows();
            pending.bytes += bytes;
            pending.batches.push(part);
            let is_full = pending.rows >= self.options.file_rows;
            self.bytes += bytes;
            if is_full {
                self.flush(&partition).await?;
            }
        }
        while self.bytes > self.options.memory_bytes {
            let largest = self.pending.iter().max_by_key(|(_, pending)| pending.bytes);
            let Some(partition) = largest.map(|(partition, _)| partition.clone()) else { break };
            self.flush(&partition).await?;
        }
        Ok(())
    }

    /// Writes what is left and returns all files, in the order of their paths.
    ///
    /// # Errors
    ///
    /// When a file cannot be written.
    pub async fn finish(mut self) -> Result<Vec<File>, Error> {
        let mut partitions: Vec<Partition> = self.pending.keys().cloned().collect();
        partitions.sort();
        for partition in partitions {
            self.flush(&partition).await?;
        }
        self.files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(self.files)
    }

    /// Cuts rows by partition.
    fn partitions(&self, batch: &RecordBatch) -> Vec<(Partition, Vec<u32>)> {
        let starts = batch
            .column_by_name("start")
            .and_then(|column| column.as_primitive_opt::<TimestampSecondType>().cloned());
        let objects = batch.column_by_name(OBJECT).map(|column| column.as_string_view());
        let text = |name: &str| batch.column_by_name(name).and_then(|c| c.as_string_view_opt());
        let (accounts, regions) = (text("account_id"), text("region"));
        let mut parts: Vec<(Partition, Vec<u32>)> = Vec::new();
        let mut origin = (None::<String>, (None, None));
        for row in 0..batch.num_rows() {
            let object = objects.filter(|column| column.is_valid(row)).map_or("", |c| c.value(row));
            if origin.0.as_deref() != Some(object) {
                origin = (Some(object.to_owned()), (self.origin)(object));
            }
            let own = |column: Option<&arrow::array::StringViewArray>| {
                column
                    .filter(|column| column.is_valid(row))
                    .map(|column| column.value(row).to_owned())
            };
            let hour = starts.as_ref().filter(|column| column.is_valid(row));
            let partition = Partition {
                log_account: origin.1.0.clone().or_else(|| own(accounts)),
                log_region: origin.1.1.clone().or_else(|| own(regions)),
                hour: hour.map(|column| column.value(row).div_euclid(3600)),
            };
            match parts.iter_mut().rev().find(|(known, _)| *known == partition) {
                Some((_, rows)) => rows.push(row as u32),
                None => parts.push((partition, vec![row as u32])),
            }
        }
        parts
    }

    /// Writes the rows of a partition as one file.
    async fn flush(&mut self, partition: &Partition) -> Result<(), Error> {
        let Some(pending) = self.pending.remove(partition) else { return Ok(()) };
        self.bytes -= pending.bytes;
        let Some(first) = pending.batches.first() else { return Ok(()) };
        let rows = concat_batches(&first.schema(), &pending.batches)?;
        drop(pending);
        let rows = sorted(&rows)?;
        let path = format!("{}/{}-{}.parquet", partition.folder(), self.name, self.files.len());
        let bytes = self.encode(&rows)?;
        let file = describe(path, partition, &rows, bytes.len() as u64);
        let path = Path::from(file.path.as_str());
        let put = self.place.objects().put(&path, PutPayload::from(bytes));
        put.await.map_err(|source| Error::Write { path: file.path.clone(), source })?;
        self.files.push(file);
        Ok(())
    }

    fn encode(&self, rows: &RecordBatch) -> Result<Vec<u8>, Error> {
        let columns = KeyValue::new(COLUMNS_KEY.to_owned(), self.columns.join(","));
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_max_row_group_row_count(Some(self.options.group_rows))
            .set_key_value_metadata(Some(vec![columns]))
            .build();
        let mut writer = ArrowWriter::try_new(Vec::new(), rows.schema(), Some(properties))?;
        writer.write(rows)?;
        Ok(writer.into_inner()?)
    }
}

/// Sorts rows by interface and time, and gives times the unit of Delta: microseconds.
fn sorted(rows: &RecordBatch) -> Result<RecordBatch, Error> {
    let by = ["interface_id", "start"].into_iter().filter_map(|name| rows.column_by_name(name));
    let by: Vec<SortColumn> =
        by.map(|column| SortColumn { values: Arc::clone(column), options: None }).collect();
    let rows = match by.is_empty() {
        true => rows.clone(),
        false => take_record_batch(rows, &lexsort_to_indices(&by, None)?)?,
    };
    let schema = stored_schema(&rows.schema());
    let columns = rows.columns().iter().zip(schema.fields());
    let columns: Result<Vec<ArrayRef>, _> =
        columns.map(|(column, field)| cast(column, field.data_type())).collect();
    Ok(RecordBatch::try_new(schema, columns?)?)
}

/// The schema of a file for rows of [`Layout::schema`].
fn stored_schema(schema: &Schema) -> SchemaRef {
    let fields = schema.fields().iter().map(|field| match field.data_type() {
        DataType::Timestamp(_, zone) => {
            let data_type = DataType::Timestamp(TimeUnit::Microsecond, zone.clone());
            Field::new(field.name(), data_type, true)
        }
        DataType::Utf8View => Field::new(field.name(), DataType::Utf8, true),
        data_type => Field::new(field.name(), data_type.clone(), true),
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

fn describe(path: String, partition: &Partition, rows: &RecordBatch, size_bytes: u64) -> File {
    let text = |name: &str| {
        let column = rows.column_by_name(name)?.as_string_opt::<i32>()?;
        let least = arrow::compute::min_string(column)?;
        Some((least.to_owned(), arrow::compute::max_string(column)?.to_owned()))
    };
    let time = |name: &str| {
        let seconds = DataType::Timestamp(TimeUnit::Second, Some("UTC".into()));
        let column = cast(rows.column_by_name(name)?, &seconds).ok()?;
        let column = column.as_primitive_opt::<TimestampSecondType>()?;
        Some((arrow::compute::min(column)?, arrow::compute::max(column)?))
    };
    File {
        path,
        partition: partition.clone(),
        size_bytes,
        rows: rows.num_rows() as u64,
        start: time("start"),
        end: time("end").map(|(_, last)| last),
        interfaces: text("interface_id"),
        objects: text(OBJECT),
    }
}
