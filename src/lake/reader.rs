//! Files of a table, read again.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array as _, ArrayRef, RecordBatch, new_null_array};
use arrow::compute::cast;
use arrow::datatypes::SchemaRef;
use bytes::Bytes;
use futures::future::BoxFuture;
use futures::{FutureExt as _, TryStreamExt as _};
use object_store::path::Path as Key;
use object_store::{ObjectStore, ObjectStoreExt as _};
use parquet::arrow::arrow_reader::ArrowReaderOptions;
use parquet::arrow::async_reader::AsyncFileReader;
use parquet::arrow::{ParquetRecordBatchStreamBuilder, ProjectionMask};
use parquet::errors::ParquetError;
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};

use crate::flow::field::{LINE, OBJECT};
use crate::lake::{COLUMNS_KEY, DataFile, Error};
use crate::storage::Storage;

/// How much of the end of a file is fetched for its footer and its page indexes.
const TAIL_BYTES: u64 = 128 * 1024;

/// A file of a table, read at any offset.
#[derive(Debug)]
pub struct Stored {
    objects: Arc<dyn ObjectStore>,
    key: Key,
    size: u64,
    /// The end of the file, and where it begins.
    tail: Option<(u64, Bytes)>,
}

impl Stored {
    /// Opens a file by its path in the table and its size, and reads its end.
    pub async fn open(place: &Storage, path: &str, size: u64) -> Result<Self, object_store::Error> {
        let key = Key::parse(path)?;
        let objects = Arc::clone(place.objects());
        let start = size.saturating_sub(TAIL_BYTES);
        let tail = objects.get_range(&key, start..size).await?;
        Ok(Self { objects, key, size, tail: Some((start, tail)) })
    }

    /// Returns a part that the tail has.
    fn cached(&self, range: &Range<u64>) -> Option<Bytes> {
        let (start, tail) = self.tail.as_ref()?;
        let first = usize::try_from(range.start.checked_sub(*start)?).ok()?;
        let last = usize::try_from(range.end.checked_sub(*start)?).ok()?;
        (first <= last && last <= tail.len()).then(|| tail.slice(first..last))
    }
}

fn external(error: object_store::Error) -> ParquetError {
    ParquetError::External(Box::new(error))
}

impl AsyncFileReader for Stored {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, Result<Bytes, ParquetError>> {
        async move {
            match self.cached(&range) {
                Some(bytes) => Ok(bytes),
                None => self.objects.get_range(&self.key, range).await.map_err(external),
            }
        }
        .boxed()
    }

    fn get_byte_ranges(
        &mut self,
        ranges: Vec<Range<u64>>,
    ) -> BoxFuture<'_, Result<Vec<Bytes>, ParquetError>> {
        async move {
            let cached: Option<Vec<Bytes>> =
                ranges.iter().map(|range| self.cached(range)).collect();
            match cached {
                Some(cached) => Ok(cached),
                None => self.objects.get_ranges(&self.key, &ranges).await.map_err(external),
            }
        }
        .boxed()
    }

    fn get_metadata<'a>(
        &'a mut self,
        options: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, Result<Arc<ParquetMetaData>, ParquetError>> {
        async move {
            let size = self.size;
            let reader = ParquetMetaDataReader::new().with_arrow_reader_options(options);
            Ok(Arc::new(reader.load_and_finish(self, size).await?))
        }
        .boxed()
    }
}

/// Rows of one file.
pub(super) struct Rows {
    /// In the order of the file.
    pub(super) batches: Vec<RecordBatch>,
    /// The columns that its records really had: as flowq wrote them down, else those with a value.
    pub(super) columns: Vec<String>,
}

/// Reads a file into batches of a schema of stored columns; what the file lacks is NULL.
pub(super) async fn rows(
    place: &Storage,
    file: &DataFile,
    schema: &SchemaRef,
) -> Result<Rows, Error> {
    let stored = Stored::open(place, &file.path, file.size_bytes).await;
    let stored = stored.map_err(|source| Error::Read { path: file.path.clone(), source })?;
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    let builder = ParquetRecordBatchStreamBuilder::new_with_options(stored, options).await?;
    let key_values = builder.metadata().file_metadata().key_value_metadata();
    let key_values =
        key_values.and_then(|key_values| key_values.iter().find(|pair| pair.key == COLUMNS_KEY));
    let columns = key_values.and_then(|pair| pair.value.as_deref());
    let columns: Option<Vec<String>> = columns.map(|columns| {
        columns.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect()
    });
    let names = schema.fields().iter().map(|field| field.name().as_str());
    let mask = ProjectionMask::columns(builder.parquet_schema(), names);
    let mut stream = builder.with_projection(mask).build()?;
    let mut batches = Vec::new();
    while let Some(batch) = stream.try_next().await? {
        let column = |field: &Arc<arrow::datatypes::Field>| match batch.column_by_name(field.name())
        {
            Some(column) => cast(column, field.data_type()),
            None => Ok(new_null_array(field.data_type(), batch.num_rows())),
        };
        let arrays = schema.fields().iter().map(column).collect::<Result<Vec<ArrayRef>, _>>()?;
        batches.push(RecordBatch::try_new(Arc::clone(schema), arrays)?);
    }
    let columns = columns.unwrap_or_else(|| columns_with_values(schema, &batches));
    Ok(Rows { batches, columns })
}

/// Returns the columns of records that have a value in some row.
fn columns_with_values(schema: &SchemaRef, batches: &[RecordBatch]) -> Vec<String> {
    let has_value = |name: &str| {
        let columns = batches.iter().filter_map(|batch| batch.column_by_name(name));
        columns.into_iter().any(|column| column.null_count() < column.len())
    };
    let names = schema.fields().iter().map(|field| field.name());
    let names = names.filter(|name| ![OBJECT, LINE].contains(&name.as_str()));
    names.filter(|name| has_value(name)).cloned().collect()
}
