//! A lake that flowq wrote, read through its tables' logs: only the files that count.
//!
//! What was listed first is read by all of one command, whatever is committed meanwhile: files that a later
//! commit replaces stay for a while.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::future::BoxFuture;
use futures::{FutureExt as _, StreamExt as _};
use object_store::path::Path as Key;
use object_store::{ObjectStore, ObjectStoreExt as _};
use parquet::arrow::arrow_reader::ArrowReaderOptions;
use parquet::arrow::async_reader::AsyncFileReader;
use parquet::errors::ParquetError;
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};
use tokio::sync::OnceCell;

use crate::flow::field::Layout;
use crate::lake;
use crate::lake::{File, Table};
use crate::source::{ByteStream, Error, Listing, Name, Source, Split, Window};
use crate::store::Place;

/// How much of the end of a file is fetched for its footer and its page indexes.
const TAIL_BYTES: u64 = 128 * 1024;

/// What a Parquet file begins with.
const MAGIC: &[u8] = b"PAR1";

/// Tells whether a folder is a lake, or a Delta table.
pub(super) fn is_folder(folder: &str) -> bool {
    let folder = Path::new(folder);
    let tables =
        [Layout::Vpc, Layout::TransitGateway].map(|layout| folder.join(lake::folder(layout)));
    let mut all = tables.iter().map(PathBuf::as_path).chain([folder]);
    all.any(|table| table.join("_delta_log").is_dir())
}

/// A lake, or one table of a lake. Where there is none, another source is read.
#[derive(Debug)]
pub(super) struct Lake {
    /// As the user named it.
    id: String,
    place: Place,
    tables: OnceCell<Vec<Listed>>,
    /// What the argument is if it is no lake.
    other: Option<Arc<dyn Source>>,
}

/// A table and its files, as they were when it was first listed.
#[derive(Debug)]
struct Listed {
    place: Place,
    /// Its layout, and its columns that flowq does not know.
    fields: (Layout, Arc<[String]>),
    files: Vec<File>,
}

impl Lake {
    /// Makes the source of a place that is a lake.
    pub(super) fn new(id: &str, place: Place) -> Self {
        Self { id: id.to_owned(), place, tables: OnceCell::new(), other: None }
    }

    /// Makes the source of a place that is a lake, or else `other`: which of them, the first listing finds
    /// out.
    pub(super) fn or(id: &str, place: Place, other: Arc<dyn Source>) -> Self {
        Self { other: Some(other), ..Self::new(id, place) }
    }

    async fn tables(&self) -> Result<&[Listed], Error> {
        Ok(self.tables.get_or_try_init(|| self.list()).await?)
    }

    async fn list(&self) -> Result<Vec<Listed>, Error> {
        let failed = |source| Error::Lake { id: self.id.clone(), source: Box::new(source) };
        let (vpc, transit) = futures::join!(
            Table::open(&self.place, Layout::Vpc),
            Table::open(&self.place, Layout::TransitGateway)
        );
        let opened = [vpc, transit].into_iter().collect::<Result<Vec<_>, _>>();
        let mut tables: Vec<Table> = match opened {
            Ok(tables) => tables.into_iter().flatten().collect(),
            // Who may not look for a log may still be allowed to read objects.
            Err(_) if self.other.is_some() => Vec::new(),
            Err(error) => return Err(failed(error)),
        };
        if tables.is_empty() && self.other.is_none() {
            tables.extend(Table::at(self.place.clone()).await.map_err(failed)?);
        }
        let mut listed = Vec::new();
        for table in tables {
            let fields = table.fields().map_err(failed)?;
            let (layout, unknown) =
                fields.ok_or_else(|| Error::NotALake { id: table.place().to_string() })?;
            let fields = (layout, unknown.into());
            let files = table.files().await.map_err(failed)?;
            listed.push(Listed { place: table.place().clone(), fields, files });
        }
        Ok(listed)
    }

    /// Returns what is read where there is no lake.
    async fn other(&self) -> Result<Option<&dyn Source>, Error> {
        let Some(other) = &self.other else { return Ok(None) };
        Ok(self.tables().await?.is_empty().then_some(other.as_ref()))
    }

    async fn table(&self, split: &Split) -> Result<&Listed, Error> {
        let tables = self.tables().await?;
        let found = tables.iter().find(|table| {
            let rest = split.id.strip_prefix(&table.place.to_string());
            rest.is_some_and(|rest| Path::new(rest.trim_start_matches('/')) == split.path)
        });
        found.ok_or_else(|| Error::Missing { id: split.id.clone() })
    }

    async fn stored(&self, split: &Split) -> Result<Stored, Error> {
        let missing = || Error::Missing { id: split.id.clone() };
        let table = self.table(split).await?;
        let key = split.path.to_str().and_then(|path| Key::parse(path).ok());
        Ok(Stored {
            objects: Arc::clone(table.place.objects()),
            key: key.ok_or_else(missing)?,
            size: split.size_bytes.unwrap_or(0),
            tail: None,
        })
    }
}

/// Tells whether a file may hold rows of the window.
fn may_hold(file: &File, window: &Window) -> bool {
    let first = file.start.map(|(first, _)| first);
    window.since.zip(file.end).is_none_or(|(since, end)| end >= since)
        && window.until.zip(first).is_none_or(|(until, first)| first < until)
}

#[async_trait]
impl Source for Lake {
    async fn splits(&self, window: &Window) -> Result<Listing, Error> {
        if let Some(other) = self.other().await? {
            return other.splits(window).await;
        }
        let mut listing = Listing::default();
        for table in self.tables().await? {
            for file in &table.files {
                if !may_hold(file, window) {
                    listing.pruned_files += 1;
                    continue;
                }
                let id = format!("{}/{}", table.place, file.path);
                listing.splits.push(Split {
                    path: PathBuf::from(&file.path),
                    name: Name::default(),
                    fields: Some(table.fields.clone()),
                    ..Split::new(id, Some(file.size_bytes))
                });
            }
        }
        if listing.splits.is_empty() && listing.pruned_files == 0 {
            return Err(Error::EmptyLake { id: self.id.clone() });
        }
        listing.splits.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(listing)
    }

    async fn head(&self, split: &Split, bytes_max: usize) -> Result<Bytes, Error> {
        match self.other().await? {
            Some(other) => other.head(split, bytes_max).await,
            // The log names nothing else.
            None if bytes_max <= MAGIC.len() => Ok(Bytes::from_static(&MAGIC[..bytes_max])),
            None => {
                let stored = self.stored(split).await?;
                let range = 0..stored.size.min(bytes_max as u64);
                let bytes = stored.objects.get_range(&stored.key, range).await;
                bytes.map_err(|error| failed(split, error))
            }
        }
    }

    async fn open(&self, split: &Split) -> Result<ByteStream, Error> {
        if let Some(other) = self.other().await? {
            return other.open(split).await;
        }
        let stored = self.stored(split).await?;
        let found = stored.objects.get(&stored.key).await.map_err(|error| failed(split, error))?;
        let split = split.clone();
        Ok(found
            .into_stream()
            .map(move |chunk| chunk.map_err(|error| failed(&split, error)))
            .boxed())
    }

    async fn seek(&self, split: &Split) -> Result<Box<dyn AsyncFileReader>, Error> {
        if let Some(other) = self.other().await? {
            return other.seek(split).await;
        }
        let mut stored = self.stored(split).await?;
        // A file that is named and missing is told here, in the words that other sources have for it.
        stored.fetch_tail().await.map_err(|error| failed(split, error))?;
        Ok(Box::new(stored))
    }

    fn upcoming(&self, splits: &[Split]) {
        if let (Some(other), Some([])) = (&self.other, self.tables.get().map(Vec::as_slice)) {
            other.upcoming(splits);
        }
    }
}

fn failed(split: &Split, error: object_store::Error) -> Error {
    match error {
        object_store::Error::NotFound { .. } => Error::LakeFile { id: split.id.clone() },
        error => Error::Io { id: split.id.clone(), source: std::io::Error::other(error) },
    }
}

/// A file of a table, read at any offset.
struct Stored {
    objects: Arc<dyn ObjectStore>,
    key: Key,
    size: u64,
    /// The end of the file, and where it begins.
    tail: Option<(u64, Bytes)>,
}

impl Stored {
    async fn fetch_tail(&mut self) -> Result<(), object_store::Error> {
        if self.tail.is_none() {
            let start = self.size.saturating_sub(TAIL_BYTES);
            let bytes = self.objects.get_range(&self.key, start..self.size).await?;
            self.tail = Some((start, bytes));
        }
        Ok(())
    }

    /// Returns a part that the tail has.
    fn kept(&self, range: &Range<u64>) -> Option<Bytes> {
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
            match self.kept(&range) {
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
            let kept: Option<Vec<Bytes>> = ranges.iter().map(|range| self.kept(range)).collect();
            match kept {
                Some(kept) => Ok(kept),
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
            self.fetch_tail().await.map_err(external)?;
            let size = self.size;
            let reader = ParquetMetaDataReader::new().with_arrow_reader_options(options);
            Ok(Arc::new(reader.load_and_finish(self, size).await?))
        }
        .boxed()
    }
}
