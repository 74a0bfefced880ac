//! Rows into Parquet files of a table: cut by partition, sorted by interface and time.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{Array as _, AsArray as _, RecordBatch, StringViewArray, TimestampSecondArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int32Type, Schema, SchemaRef, TimeUnit, TimestampSecondType};
use object_store::path::Path;
use object_store::{ObjectStoreExt as _, PutPayload};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::schema::types::ColumnPath;
use tokio::task::{JoinSet, spawn_blocking};

use crate::flow::field::{LINE, Layout, OBJECT};
use crate::flow::parquet::INTERFACE_RUNS_KEY;
use crate::lake::row_buffer::RowBuffer;
use crate::lake::sorting::{interface_runs, sort_rows};
use crate::lake::{COLUMNS_KEY, DataFile, Error, Partition};
use crate::storage::Storage;

/// Level of zstd: above it, files shrink by little and cost much.
const ZSTD_LEVEL: i32 = 3;

/// Rows of a page: what a reader of one interface has to decode at least.
const PAGE_ROWS: usize = 8 * 1024;

/// Columns whose values are too many for a dictionary, and what suits them: each is a fifth to a third smaller.
const ENCODINGS: &[(&str, Encoding)] = &[
    (LINE, Encoding::DELTA_BINARY_PACKED),
    ("start", Encoding::DELTA_BINARY_PACKED),
    ("bytes", Encoding::DELTA_BINARY_PACKED),
    ("srcport", Encoding::PLAIN),
    ("dstport", Encoding::PLAIN),
];

/// How many files are made at a time, beside the reading.
const FILES_AT_A_TIME: usize = 2;

/// The account and the region of the flow log of an object, from its name. `None`: not in the name.
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

/// Memory of a row while its file is written: buffered, sorted and encoded, in all files that are written at a time.
const ROW_BYTES: usize = 2048;

/// Rows of a file: so few only with little memory.
const FILE_ROWS_MIN: usize = 4096;

impl WriterOptions {
    /// What one of several writers may use, all of which share so much memory: a quarter for rows that wait, the rest
    /// for files that are made.
    pub fn within(memory_bytes: usize, writers: usize) -> Self {
        let most = Self::default();
        let share = memory_bytes / writers.max(1);
        let file_rows = (share / ROW_BYTES).clamp(FILE_ROWS_MIN, most.file_rows);
        Self {
            memory_bytes: (share / 4).min(most.memory_bytes / writers.max(1)),
            file_rows,
            group_rows: file_rows.min(most.group_rows),
        }
    }
}

impl Default for WriterOptions {
    fn default() -> Self {
        Self { memory_bytes: 256 << 20, file_rows: 1 << 18, group_rows: 128 << 10 }
    }
}

/// Takes batches in any order and writes them to files of a table. Nothing is committed: what it wrote
/// counts once [`crate::lake::LakeTable::commit`] adds it.
pub struct Writer {
    place: Storage,
    name: String,
    origin: Arc<Origin>,
    options: WriterOptions,
    columns: Vec<String>,
    /// The schema of the batches that were taken.
    schema: SchemaRef,
    pending: HashMap<Partition, RowBuffer>,
    bytes: usize,
    /// Files begun so far, which gives the next its number.
    begun: usize,
    making: JoinSet<Result<DataFile, Error>>,
    files: Vec<DataFile>,
}

impl Writer {
    /// Creates a writer of files `<partition>/<name>-<n>.parquet` of a lake's table. `columns` are those that
    /// the records really have.
    pub fn new(
        lake: &Storage,
        layout: Layout,
        name: &str,
        origin: Arc<Origin>,
        options: WriterOptions,
    ) -> Self {
        Self {
            place: lake.below(crate::lake::folder(layout)),
            name: name.to_owned(),
            origin,
            options,
            columns: Vec::new(),
            schema: Arc::new(Schema::empty()),
            pending: HashMap::new(),
            bytes: 0,
            begun: 0,
            making: JoinSet::new(),
            files: Vec::new(),
        }
    }

    /// Adds columns that the records of the next batches may have.
    pub fn add_columns(&mut self, columns: impl IntoIterator<Item = String>) {
        self.columns.extend(columns);
        self.columns.sort();
        self.columns.dedup();
    }

    /// Takes rows of [`Layout::schema`].
    pub async fn write(&mut self, batch: &RecordBatch) -> Result<(), Error> {
        self.schema = batch.schema();
        for (partition, rows) in self.partitions(batch) {
            let buffer = self.pending.entry(partition.clone()).or_default();
            let bytes = buffer.bytes();
            buffer.add(batch, &rows)?;
            self.bytes += buffer.bytes() - bytes;
            let is_full = buffer.rows() >= self.options.file_rows;
            if is_full {
                self.flush(&partition).await?;
            }
        }
        while self.bytes > self.options.memory_bytes {
            let largest = self.pending.iter().max_by_key(|(_, buffer)| buffer.bytes());
            let Some(partition) = largest.map(|(partition, _)| partition.clone()) else { break };
            self.flush(&partition).await?;
        }
        Ok(())
    }

    /// Writes what is left and returns all files, in the order of their paths.
    pub async fn finish(mut self) -> Result<Vec<DataFile>, Error> {
        let mut partitions: Vec<Partition> = self.pending.keys().cloned().collect();
        partitions.sort();
        for partition in partitions {
            self.flush(&partition).await?;
        }
        while let Some(made) = self.making.join_next().await {
            self.files.push(made.map_err(stopped)??);
        }
        self.files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(self.files)
    }

    /// Cuts rows by partition.
    fn partitions(&self, batch: &RecordBatch) -> Vec<(Partition, Vec<u32>)> {
        let text = |name: &str| batch.column_by_name(name).and_then(|c| c.as_string_view_opt());
        let starts = batch.column_by_name("start").and_then(|c| c.as_primitive_opt());
        let cut = PartitionColumns {
            starts,
            objects: text(OBJECT),
            accounts: text("account_id"),
            regions: text("region"),
        };
        let mut parts: Vec<(Partition, Vec<u32>)> = Vec::new();
        let mut by_partition: HashMap<Partition, usize> = HashMap::new();
        let mut origin = (None, None);
        let mut last: Option<(PartitionKey, usize)> = None;
        for row in 0..batch.num_rows() {
            let key = cut.key(row);
            let same = last.as_ref().filter(|(other, _)| *other == key).map(|(_, at)| *at);
            let at = same.unwrap_or_else(|| {
                if last.as_ref().is_none_or(|(other, _)| other.object != key.object) {
                    origin = (self.origin)(text_at(cut.objects, row).unwrap_or_default());
                }
                // The object's name has it, the record need not.
                let (account, region) = origin.clone();
                let text = |texts| text_at(texts, row).map(str::to_owned);
                let partition = Partition {
                    log_account: account.or_else(|| text(cut.accounts)),
                    log_region: region.or_else(|| text(cut.regions)),
                    hour: key.hour,
                }
                .storable();
                let at = *by_partition.entry(partition.clone()).or_insert_with(|| {
                    parts.push((partition, Vec::new()));
                    parts.len() - 1
                });
                last = Some((key, at));
                at
            });
            parts[at].1.push(row as u32);
        }
        parts
    }

    /// Has the rows of a partition written as one file.
    async fn flush(&mut self, partition: &Partition) -> Result<(), Error> {
        let Some(buffer) = self.pending.remove(partition) else { return Ok(()) };
        self.bytes -= buffer.bytes();
        while self.making.len() >= FILES_AT_A_TIME {
            let Some(made) = self.making.join_next().await else { break };
            self.files.push(made.map_err(stopped)??);
        }
        let path = format!("{}/{}-{}.parquet", partition.folder(), self.name, self.begun);
        self.begun += 1;
        let new = PendingFile {
            path,
            partition: partition.clone(),
            columns: self.columns.join(","),
            options: self.options.clone(),
        };
        let (place, schema) = (self.place.clone(), Arc::clone(&self.schema));
        self.making.spawn(async move {
            let rows = spawn_blocking(move || buffer.finish(&schema)).await;
            new.write(&place, rows.map_err(stopped)??).await
        });
        Ok(())
    }
}

fn stopped(error: tokio::task::JoinError) -> Error {
    Error::Stopped { source: error }
}

/// The values that determine the partition of a row: texts by their views, of which the same one is always the same
/// text.
#[derive(Clone, Copy, PartialEq)]
struct PartitionKey {
    object: Option<u128>,
    hour: Option<i64>,
    account: Option<u128>,
    region: Option<u128>,
}

/// The columns that determine the partition of a row.
struct PartitionColumns<'a> {
    starts: Option<&'a TimestampSecondArray>,
    objects: Option<&'a StringViewArray>,
    accounts: Option<&'a StringViewArray>,
    regions: Option<&'a StringViewArray>,
}

impl PartitionColumns<'_> {
    fn key(&self, row: usize) -> PartitionKey {
        let view = |texts: Option<&StringViewArray>| {
            let texts = texts.filter(|texts| texts.is_valid(row));
            texts.and_then(|texts| texts.views().get(row).copied())
        };
        let start = self.starts.filter(|starts| starts.is_valid(row));
        PartitionKey {
            object: view(self.objects),
            hour: start.map(|starts| starts.value(row).div_euclid(3600)),
            account: view(self.accounts),
            region: view(self.regions),
        }
    }
}

fn text_at(texts: Option<&StringViewArray>, row: usize) -> Option<&str> {
    texts.filter(|texts| texts.is_valid(row)).map(|texts| texts.value(row))
}

/// A file that is to be written.
pub(super) struct PendingFile {
    pub(super) path: String,
    pub(super) partition: Partition,
    /// The columns that the records really have, separated by commas.
    pub(super) columns: String,
    pub(super) options: WriterOptions,
}

impl PendingFile {
    /// Sorts stored rows and writes them.
    pub(super) async fn write(self, place: &Storage, rows: RecordBatch) -> Result<DataFile, Error> {
        let made = spawn_blocking(move || self.encode(&rows)).await;
        let (file, bytes) = made.map_err(stopped)??;
        let path = Path::from(file.path.as_str());
        let put = place.objects().put(&path, PutPayload::from(bytes)).await;
        put.map_err(|source| Error::Write { path: file.path.clone(), source })?;
        Ok(file)
    }

    fn encode(self, rows: &RecordBatch) -> Result<(DataFile, Vec<u8>), Error> {
        let rows = sort_rows(rows)?;
        let mut key_values = vec![KeyValue::new(COLUMNS_KEY.to_owned(), self.columns)];
        let runs = interface_runs(&rows, self.options.group_rows);
        key_values.extend(
            runs.map(|key_values| KeyValue::new(INTERFACE_RUNS_KEY.to_owned(), key_values)),
        );
        let mut properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::try_new(ZSTD_LEVEL)?))
            .set_max_row_group_row_count(Some(self.options.group_rows))
            .set_data_page_row_count_limit(PAGE_ROWS)
            .set_key_value_metadata(Some(key_values));
        for (column, encoding) in ENCODINGS {
            let column = ColumnPath::from(*column);
            properties = properties
                .set_column_dictionary_enabled(column.clone(), false)
                .set_column_encoding(column, *encoding);
        }
        // Other readers should not see how rows were buffered here.
        let options = ArrowWriterOptions::new()
            .with_properties(properties.build())
            .with_skip_arrow_metadata(true);
        let mut writer = ArrowWriter::try_new_with_options(Vec::new(), rows.schema(), options)?;
        writer.write(&rows)?;
        let bytes = writer.into_inner()?;
        Ok((describe(self.path, &self.partition, &rows, bytes.len() as u64), bytes))
    }
}

fn describe(path: String, partition: &Partition, rows: &RecordBatch, size_bytes: u64) -> DataFile {
    let text = |name: &str| {
        let column = rows.column_by_name(name)?;
        let column = match column.as_dictionary_opt::<Int32Type>() {
            Some(dictionary) => dictionary.values(),
            None => column,
        };
        let column = column.as_string_opt::<i32>()?;
        let least = arrow::compute::min_string(column)?;
        Some((least.to_owned(), arrow::compute::max_string(column)?.to_owned()))
    };
    let time = |name: &str| {
        let seconds = DataType::Timestamp(TimeUnit::Second, Some("UTC".into()));
        let column = cast(rows.column_by_name(name)?, &seconds).ok()?;
        let column = column.as_primitive_opt::<TimestampSecondType>()?;
        let (first, last) = (arrow::compute::min(column)?, arrow::compute::max(column)?);
        Some((first, last, column.null_count()))
    };
    let nulls = |name: &str| {
        let nulls = rows.column_by_name(name).map(|column| column.logical_null_count());
        nulls.and_then(|nulls| u64::try_from(nulls).ok())
    };
    DataFile {
        path,
        partition: partition.clone(),
        size_bytes,
        rows: rows.num_rows() as u64,
        start: time("start").map(|(first, last, _)| (first, last)),
        start_nulls: nulls("start"),
        // A row without an end may be of any time.
        end: time("end").filter(|(.., nulls)| *nulls == 0).map(|(_, last, _)| last),
        interfaces: text("interface_id"),
        interface_nulls: nulls("interface_id"),
        objects: text(OBJECT),
    }
}
