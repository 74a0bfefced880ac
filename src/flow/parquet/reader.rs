//! One Parquet file as a stream of batches.

use std::any::Any;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow::array::{BooleanArray, RecordBatch, RecordBatchOptions};
use arrow::buffer::BooleanBuffer;
use arrow::compute::filter_record_batch;
use arrow::datatypes::{DataType, Field, Schema};
use arrow::error::ArrowError;
use futures::stream::BoxStream;
use futures::{FutureExt as _, StreamExt as _, stream};
use parquet::arrow::arrow_reader::{
    ArrowPredicateFn, ArrowReaderMetadata, ArrowReaderOptions, RowFilter,
};
use parquet::arrow::async_reader::AsyncFileReader;
use parquet::arrow::{ParquetRecordBatchStreamBuilder, ProjectionMask, RowNumber};
use parquet::errors::ParquetError;
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaDataReader};
use parquet::schema::types::SchemaDescriptor;

use crate::flow::parquet::cast::is_text;
use crate::flow::parquet::error::Error;
use crate::flow::parquet::file_part::FilePart;
use crate::flow::parquet::footer;
use crate::flow::parquet::interface_runs::{INTERFACE_RUNS_KEY, SelectedRuns};
use crate::flow::parquet::request::ParquetRequest;
use crate::flow::parquet::row_filter::Columns;
use crate::flow::parquet::row_group_filter::{are_all_ok, row_groups, rows_of};
use crate::flow::parquet::schema::{
    COLUMNS_KEY, INTERFACE_ID, LOG_STATUS, ParquetFormat, ROW, column_type, detect_schema,
};
use crate::flow::parquet::tally::Tally;

/// A file that is being read.
pub struct FileStream {
    /// What the file's columns are.
    pub format: ParquetFormat,
    /// Batches of the requested schema, in the order of the file. None is empty.
    pub batches: BoxStream<'static, Result<RecordBatch, Error>>,
    tally: Arc<Mutex<Tally>>,
}

impl fmt::Debug for FileStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reading").field("format", &self.format).finish_non_exhaustive()
    }
}

impl FileStream {
    /// Returns a handle that gives the tally at any time; it is complete once the batches have ended.
    pub fn tally(&self) -> impl Fn() -> Tally + Send + Sync + 'static {
        let tally = Arc::clone(&self.tally);
        move || lock(&tally).clone()
    }
}

fn lock(tally: &Mutex<Tally>) -> MutexGuard<'_, Tally> {
    tally.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Reads a Parquet file: only the row groups, columns and rows that the request needs.
///
/// # Errors
///
/// [`Error::NotFlowLog`] when the file contains something else, [`Error::Broken`] when it is damaged,
/// [`Error::Io`] when a later try may work. The stream may end with the last two.
pub async fn read(
    mut reader: Box<dyn AsyncFileReader>,
    mut request: ParquetRequest,
) -> Result<FileStream, Error> {
    let failed = |err| Error::new(&request.object, err);
    let metadata = load(&mut reader).await.map_err(failed)?;
    let format = Arc::new(format(&metadata, &request.object, request.lake.as_deref())?);
    let is_checked = format.checked && !request.validate_all;
    let metadata = if is_checked { without_numbers(metadata).map_err(failed)? } else { metadata };
    let rows_in = |groups: &[usize]| -> u64 {
        groups.iter().map(|at| rows_of(metadata.metadata().row_group(*at).num_rows())).sum()
    };
    let part = groups_of(&metadata, request.part);
    let rows = rows_in(&part);
    if format.layout != request.layout {
        let tally = Tally { rows, other_layout: rows, ..Tally::default() };
        let format = ParquetFormat::clone(&format);
        return Ok(FileStream {
            format,
            batches: stream::empty().boxed(),
            tally: Arc::new(Mutex::new(tally)),
        });
    }

    let mut groups = row_groups(&metadata, &format, &request).map_err(failed)?;
    groups.retain(|at| part.contains(at));
    let selected = rows_in(&groups);
    // Where all have the same status, it need not be read to be counted.
    let all_ok = are_all_ok(&metadata, &format, &request, &groups).map_err(failed)?;
    let counted: &[&str] = if all_ok { &[] } else { &[LOG_STATUS] };
    let chosen = chosen(&metadata, &format, &mut request, &groups);
    let others = chosen.as_ref().map(|chosen| chosen.others.clone()).unwrap_or_default();
    let tally = Arc::new(Mutex::new(Tally { rows, pruned: rows - selected, ..others }));
    let request = Arc::new(request);
    let output = Columns::of_output(&request, &format, counted);
    let descr = metadata.metadata().file_metadata().schema_descr_ptr();
    let mut builder = ParquetRecordBatchStreamBuilder::new_with_metadata(reader, metadata)
        .with_batch_size(request.batch_rows.max(1))
        .with_row_groups(groups)
        .with_projection(projection(&output, &descr));
    if let Some(chosen) = chosen {
        builder = builder.with_row_selection(chosen.rows);
    }
    if !request.filter.is_empty() {
        let columns = Columns::of_filter(&request, &format, counted);
        builder = builder.with_row_filter(row_filter(columns, &descr, Arc::clone(&tally)));
    }
    let object = request.object.clone();
    let batches = builder.build().map_err(|err| Error::new(&object, err))?;
    let counts = Arc::clone(&tally);
    let batches = batches.map(move |batch| Ok(give(&output, &batch?, &counts)?));
    let batches = AssertUnwindSafe(batches).catch_unwind().filter_map(move |batch| {
        let batch = batch.unwrap_or_else(|panic| Err(panicked(panic)));
        let batch = batch.map_err(|err| Error::new(&object, err));
        std::future::ready(batch.map(|batch| (batch.num_rows() > 0).then_some(batch)).transpose())
    });
    Ok(FileStream { format: ParquetFormat::clone(&format), batches: batches.boxed(), tally })
}

/// Selects the rows of the requested interfaces where the file lists them; the filter need not look at them
/// again.
fn chosen(
    metadata: &ArrowReaderMetadata,
    format: &ParquetFormat,
    request: &mut ParquetRequest,
    groups: &[usize],
) -> Option<SelectedRuns> {
    // Checking every value needs every row.
    let metadata_value = metadata_value(metadata, INTERFACE_RUNS_KEY).filter(|_| {
        request.lake.is_some()
            && format.physical_type(INTERFACE_ID).is_some()
            && !request.validate_all
    })?;
    let chosen = SelectedRuns::new(
        metadata_value,
        metadata.metadata().row_groups(),
        groups,
        &request.filter,
    )?;
    request.filter.interface = None;
    request.filter.equals.retain(|(name, _)| name != INTERFACE_ID);
    Some(chosen)
}

/// Returns the row groups of a part.
fn groups_of(metadata: &ArrowReaderMetadata, part: FilePart) -> Vec<usize> {
    let part = part.range(metadata.metadata().num_row_groups() as u64);
    part.filter_map(|at| usize::try_from(at).ok()).collect()
}

fn panicked(panic: Box<dyn Any + Send>) -> ParquetError {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
    ParquetError::General(format!("the Parquet reader stopped: {text}"))
}

/// Returns what the columns of a Parquet file that is of no lake are, from its footer.
pub async fn format_of(
    mut reader: Box<dyn AsyncFileReader>,
    object: &str,
) -> Result<ParquetFormat, Error> {
    let metadata = load(&mut reader).await.map_err(|err| Error::new(object, err))?;
    format(&metadata, object, None)
}

fn format(
    metadata: &ArrowReaderMetadata,
    object: &str,
    lake: Option<&[String]>,
) -> Result<ParquetFormat, Error> {
    let mut format = detect_schema(&stored_schema(metadata), lake)
        .map_err(|source| Error::NotFlowLog { object: object.to_owned(), source })?;
    let had = metadata_value(metadata, COLUMNS_KEY).filter(|had| !had.is_empty());
    if let Some(had) = had.filter(|_| lake.is_some()) {
        format.logical_type(had);
        format.checked = has_types(&format, metadata.schema());
    }
    Ok(format)
}

/// Returns a value of the file's metadata.
fn metadata_value<'a>(metadata: &'a ArrowReaderMetadata, key: &str) -> Option<&'a str> {
    let metadata_value = metadata.metadata().file_metadata().key_value_metadata()?;
    metadata_value.iter().find(|pair| pair.key == key)?.value.as_deref()
}

/// Returns whether every column has the type that it has in files of the lake.
fn has_types(format: &ParquetFormat, schema: &Schema) -> bool {
    format.columns.iter().all(|(name, stored)| {
        let to = column_type(format.layout, name);
        schema.field_with_name(stored).is_ok_and(|field| match (field.data_type(), &to) {
            (DataType::Timestamp(..), DataType::Timestamp(..)) => true,
            (from, to) => from == to,
        })
    })
}

/// Reads the footer. The Parquet reader asserts what a damaged file may break: that must not end the whole query.
async fn load(reader: &mut Box<dyn AsyncFileReader>) -> Result<ArrowReaderMetadata, ParquetError> {
    let loaded = AssertUnwindSafe(load_footer(reader)).catch_unwind().await;
    loaded.unwrap_or_else(|panic| Err(panicked(panic)))
}

/// Reads the footer; requests text as views, which share the file's bytes, and row numbers.
async fn load_footer(
    reader: &mut Box<dyn AsyncFileReader>,
) -> Result<ArrowReaderMetadata, ParquetError> {
    let row = Field::new(ROW, DataType::Int64, false).with_extension_type(RowNumber);
    // The Arrow schema that some writers embed adds nothing here, and reading a damaged one panics.
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    let options = options.with_virtual_columns(vec![Arc::new(row)])?;
    let metadata = reader.get_metadata(Some(&options)).await?;
    let end = footer::end_of_columns(&metadata)?;
    if let Some(last) = end.checked_sub(1) {
        // A column that is longer than the file must not have its memory taken.
        reader.get_bytes(last..end).await?;
    }
    // Loads the page index: pages in which no row passes the filter are neither fetched nor decoded.
    let mut pages = ParquetMetaDataReader::new_with_metadata(Arc::unwrap_or_clone(metadata))
        .with_offset_index_policy(PageIndexPolicy::Optional);
    pages.load_page_index(&mut *reader).await?;
    let metadata = ArrowReaderMetadata::try_new(Arc::new(pages.finish()?), options.clone())?;
    let schema = stored_schema(&metadata);
    let as_views = schema.fields().iter().map(|field| match field.data_type() {
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => Arc::clone(field),
        // Bytes that are no UTF-8 fail a whole batch here; as binary they spoil their own row only.
        data_type if is_text(data_type) => {
            Arc::new(field.as_ref().clone().with_data_type(DataType::Utf8View))
        }
        _ => Arc::clone(field),
    });
    let as_views =
        Schema::new_with_metadata(as_views.collect::<Vec<_>>(), schema.metadata().clone());
    let options = options.with_schema(Arc::new(as_views));
    Ok(ArrowReaderMetadata::try_new(Arc::clone(metadata.metadata()), options).unwrap_or(metadata))
}

/// Leaves out the numbers of rows: none of a checked file is set aside, and it contains its lines.
fn without_numbers(metadata: ArrowReaderMetadata) -> Result<ArrowReaderMetadata, ParquetError> {
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    let options = options.with_schema(Arc::new(stored_schema(&metadata)));
    ArrowReaderMetadata::try_new(Arc::clone(metadata.metadata()), options)
}

/// Returns the schema without the row number.
fn stored_schema(metadata: &ArrowReaderMetadata) -> Schema {
    let fields = metadata.schema().fields().iter().filter(|field| field.name() != ROW).cloned();
    Schema::new_with_metadata(fields.collect::<Vec<_>>(), metadata.schema().metadata().clone())
}

fn projection(columns: &Columns, descr: &SchemaDescriptor) -> ProjectionMask {
    let stored: Vec<&str> =
        columns.names.iter().filter_map(|name| columns.format.physical_type(name)).collect();
    let roots = descr.root_schema().get_fields().iter().enumerate();
    let roots = roots.filter(|(_, root)| stored.contains(&root.name())).map(|(at, _)| at);
    ProjectionMask::roots(descr, roots)
}

/// Returns the filter for the reader: rows that it drops are counted here, the others in [`give`]. A row
/// that does not fit passes, to be set aside there.
fn row_filter(columns: Columns, descr: &SchemaDescriptor, tally: Arc<Mutex<Tally>>) -> RowFilter {
    let mask = projection(&columns, descr);
    let predicate = ArrowPredicateFn::new(mask, move |batch: RecordBatch| {
        let rows = columns.rows(&batch)?;
        let mut selected = rows.selected()?;
        if let Some(malformed) = rows.malformed() {
            selected = &selected | &malformed;
        }
        rows.count(&!&selected, &mut lock(&tally));
        Ok(BooleanArray::from(selected))
    });
    RowFilter::new(vec![Box::new(predicate)])
}

/// Builds a batch of the requested schema, without the rows that do not fit.
fn give(
    columns: &Columns,
    batch: &RecordBatch,
    tally: &Mutex<Tally>,
) -> Result<RecordBatch, ArrowError> {
    let rows = columns.rows(batch)?;
    let schema = &columns.request.schema;
    let arrays = schema.fields().iter().map(|field| rows.column(field.name()));
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    let whole = RecordBatch::try_new_with_options(
        Arc::clone(schema),
        arrays.collect::<Result<_, _>>()?,
        &options,
    )?;
    let Some(malformed) = rows.malformed() else {
        rows.count(&BooleanBuffer::new_set(batch.num_rows()), &mut lock(tally));
        return Ok(whole);
    };
    let good = !&malformed;
    let mut tally = lock(tally);
    rows.reject_row(&malformed, &mut tally)?;
    rows.count(&good, &mut tally);
    drop(tally);
    filter_record_batch(&whole, &BooleanArray::from(good))
}
