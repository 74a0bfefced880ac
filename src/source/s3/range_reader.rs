//! An object read at any offset, by ranges.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::{FutureExt as _, StreamExt as _, TryStreamExt as _, stream};
use parquet::arrow::arrow_reader::ArrowReaderOptions;
use parquet::arrow::async_reader::AsyncFileReader;
use parquet::errors::ParquetError;
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};

use crate::aws::s3::{S3Client, S3Object};

/// How much of the end of a file is fetched for its footer. A flow log's fits, and a small file whole.
pub(super) const TAIL_BYTES: u64 = 64 * 1024;

/// Two parts that are closer are fetched as one: a request costs more than the bytes between.
const GAP_BYTES: u64 = 64 * 1024;

/// How many parts of a file are fetched at once.
const CONCURRENCY: usize = 8;

/// A Parquet file in S3.
pub(super) struct Seek {
    store: S3Client,
    object: S3Object,
    /// The end of the file, and where it begins.
    tail: Option<(u64, Bytes)>,
}

impl Seek {
    /// Creates the reader of an object, of which all bytes may be here already.
    pub(super) fn new(store: S3Client, object: S3Object, whole: Option<Bytes>) -> Self {
        Self { store, object, tail: whole.map(|whole| (0, whole)) }
    }

    async fn tail(&mut self) -> Result<u64, ParquetError> {
        let size = self.object.size_bytes.unwrap_or(0);
        if self.tail.is_none() {
            let start = size.saturating_sub(TAIL_BYTES);
            self.tail = Some((start, self.fetch(start..size).await?));
        }
        Ok(size)
    }

    /// Returns a part that the tail has.
    fn cached(&self, range: &Range<u64>) -> Option<Bytes> {
        let (start, tail) = self.tail.as_ref()?;
        let first = usize::try_from(range.start.checked_sub(*start)?).ok()?;
        let last = usize::try_from(range.end.checked_sub(*start)?).ok()?;
        (first <= last && last <= tail.len()).then(|| tail.slice(first..last))
    }

    async fn fetch(&self, range: Range<u64>) -> Result<Bytes, ParquetError> {
        if let Some(cached) = self.cached(&range) {
            return Ok(cached);
        }
        let length = range.end.saturating_sub(range.start);
        let bytes = self.store.range(&self.object, range).await;
        let bytes = bytes.map_err(|error| ParquetError::External(Box::new(error)))?;
        if (bytes.len() as u64) < length {
            let message = format!("expected {length} bytes, got {}", bytes.len());
            return Err(ParquetError::EOF(message));
        }
        Ok(bytes)
    }
}

impl AsyncFileReader for Seek {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, Result<Bytes, ParquetError>> {
        self.fetch(range).boxed()
    }

    fn get_byte_ranges(
        &mut self,
        ranges: Vec<Range<u64>>,
    ) -> BoxFuture<'_, Result<Vec<Bytes>, ParquetError>> {
        let this = &*self;
        async move {
            let parts = joined(&ranges);
            let fetched = parts.clone().into_iter().map(|part| this.fetch(part));
            let fetched: Vec<Bytes> =
                stream::iter(fetched).buffered(CONCURRENCY).try_collect().await?;
            let cut = |range: &Range<u64>| {
                let at = parts.partition_point(|part| part.start <= range.start).checked_sub(1)?;
                let first = usize::try_from(range.start - parts[at].start).ok()?;
                let last = usize::try_from(range.end - parts[at].start).ok()?;
                (first <= last && last <= fetched[at].len()).then(|| fetched[at].slice(first..last))
            };
            let cut: Option<Vec<Bytes>> = ranges.iter().map(cut).collect();
            cut.ok_or_else(|| ParquetError::General("a part of no range".to_owned()))
        }
        .boxed()
    }

    fn get_metadata<'a>(
        &'a mut self,
        options: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, Result<Arc<ParquetMetaData>, ParquetError>> {
        async move {
            let size = self.tail().await?;
            let reader = ParquetMetaDataReader::new().with_arrow_reader_options(options);
            Ok(Arc::new(reader.load_and_finish(self, size).await?))
        }
        .boxed()
    }
}

/// Returns the parts that contain all ranges, sorted, none close to the next.
fn joined(ranges: &[Range<u64>]) -> Vec<Range<u64>> {
    let mut ranges = ranges.to_vec();
    ranges.sort_by_key(|range| range.start);
    let mut parts: Vec<Range<u64>> = Vec::new();
    for range in ranges {
        match parts.last_mut() {
            Some(part) if range.start <= part.end.saturating_add(GAP_BYTES) => {
                part.end = part.end.max(range.end);
            }
            _ => parts.push(range),
        }
    }
    parts
}
