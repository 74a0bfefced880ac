//! A lake that flowq wrote, read through its tables' logs: only the files that count.
//!
//! What was listed first is read by all of one command, whatever is committed meanwhile: files that a later
//! commit replaces stay for a while.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt as _;
use object_store::ObjectStoreExt as _;
use object_store::path::Path as Key;
use parquet::arrow::async_reader::AsyncFileReader;
use tokio::sync::OnceCell;

use crate::flow::field::Layout;
use crate::lake;
use crate::lake::{DataFile, LakeTable, Stored};
use crate::source::object_name::flow_log;
use crate::source::{ByteStream, Error, Listing, ObjectName, Source, Split};
use crate::storage::Storage;
use crate::time::Window;

/// What a Parquet file begins with.
const MAGIC: &[u8] = b"PAR1";

/// Returns whether a folder is a lake, or a Delta table.
pub(super) fn is_folder(folder: &str) -> bool {
    let folder = Path::new(folder);
    let tables =
        [Layout::Vpc, Layout::TransitGateway].map(|layout| folder.join(lake::folder(layout)));
    let mut all = tables.iter().map(PathBuf::as_path).chain([folder]);
    all.any(|table| table.join("_delta_log").is_dir())
}

/// A lake, or one table of a lake. Where there is none, another source is read.
#[derive(Debug)]
pub(super) struct LakeSource {
    /// As the user named it.
    id: String,
    place: Storage,
    tables: OnceCell<Vec<Listed>>,
    /// What the argument is if it is no lake.
    other: Option<Arc<dyn Source>>,
}

/// A table and its files, as they were when it was first listed.
#[derive(Debug)]
struct Listed {
    place: Storage,
    /// Its layout, and its columns that flowq does not know.
    fields: (Layout, Arc<[String]>),
    files: Vec<DataFile>,
}

impl LakeSource {
    /// Creates the source of a place that is a lake.
    pub(super) fn new(id: &str, place: Storage) -> Self {
        Self { id: id.to_owned(), place, tables: OnceCell::new(), other: None }
    }

    /// Creates the source of a place that is a lake, or else `other`: which of them, the first listing finds
    /// out.
    pub(super) fn or(id: &str, place: Storage, other: Arc<dyn Source>) -> Self {
        Self { other: Some(other), ..Self::new(id, place) }
    }

    async fn tables(&self) -> Result<&[Listed], Error> {
        Ok(self.tables.get_or_try_init(|| self.list()).await?)
    }

    async fn list(&self) -> Result<Vec<Listed>, Error> {
        let failed = |source| Error::Lake { id: self.id.clone(), source: Box::new(source) };
        let (vpc, transit, itself) = futures::join!(
            LakeTable::open(&self.place, Layout::Vpc),
            LakeTable::open(&self.place, Layout::TransitGateway),
            LakeTable::at(self.place.clone())
        );
        let opened = [vpc, transit, itself].into_iter().collect::<Result<Vec<_>, _>>();
        let tables: Vec<LakeTable> = match opened {
            Ok(tables) => tables.into_iter().flatten().collect(),
            // Who may not look for a log may still be allowed to read objects. A log that is there and
            // damaged is another matter: read as objects, rows that were replaced would count twice.
            Err(error) if self.other.is_some() && error.is_of_store() => Vec::new(),
            Err(error) => return Err(failed(error)),
        };
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
}

/// The file's path in its table.
fn path(split: &Split) -> Result<&str, Error> {
    split.path.to_str().ok_or_else(|| Error::Missing { id: split.id.clone() })
}

fn key(split: &Split) -> Result<Key, Error> {
    Key::parse(path(split)?).map_err(|_| Error::Missing { id: split.id.clone() })
}

/// Returns whether a file may contain rows of the window.
fn may_hold(file: &DataFile, window: &Window) -> bool {
    let first = file.start.map(|(first, _)| first);
    window.read_from().zip(file.end).is_none_or(|(from, end)| end >= from)
        && window.until.zip(first).is_none_or(|(until, first)| first < until)
}

/// Returns the flow log that all rows of a file are from: what the least and the greatest object begin with alike, all
/// between begin with. `None`: there may be several.
fn only_flow_log(file: &DataFile) -> Option<String> {
    let (least, greatest) = file.objects.as_ref()?;
    let id = flow_log(least)?;
    let end = least.rfind(id)? + id.len();
    let begins_alike = least.get(..=end)? == greatest.get(..=end)?;
    begins_alike.then(|| id.to_owned())
}

#[async_trait]
impl Source for LakeSource {
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
                    name: ObjectName { flow_log_id: only_flow_log(file), ..ObjectName::default() },
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
                let range = 0..split.size_bytes.unwrap_or(0).min(bytes_max as u64);
                let objects = self.table(split).await?.place.objects();
                let bytes = objects.get_range(&key(split)?, range).await;
                bytes.map_err(|error| failed(split, error))
            }
        }
    }

    async fn open(&self, split: &Split) -> Result<ByteStream, Error> {
        if let Some(other) = self.other().await? {
            return other.open(split).await;
        }
        let objects = self.table(split).await?.place.objects();
        let found = objects.get(&key(split)?).await.map_err(|error| failed(split, error))?;
        let split = split.clone();
        Ok(found
            .into_stream()
            .map(move |chunk| chunk.map_err(|error| failed(&split, error)))
            .boxed())
    }

    async fn open_random_access(&self, split: &Split) -> Result<Box<dyn AsyncFileReader>, Error> {
        if let Some(other) = self.other().await? {
            return other.open_random_access(split).await;
        }
        let table = self.table(split).await?;
        // A file that is named and missing is reported here, with the error of other sources.
        let stored = Stored::open(&table.place, path(split)?, split.size_bytes.unwrap_or(0)).await;
        Ok(Box::new(stored.map_err(|error| failed(split, error))?))
    }

    fn prefetch(&self, splits: &[Split]) {
        if let (Some(other), Some([])) = (&self.other, self.tables.get().map(Vec::as_slice)) {
            other.prefetch(splits);
        }
    }
}

fn failed(split: &Split, error: object_store::Error) -> Error {
    match error {
        object_store::Error::NotFound { .. } => Error::LakeFile { id: split.id.clone() },
        error => Error::Io { id: split.id.clone(), source: std::io::Error::other(error) },
    }
}
