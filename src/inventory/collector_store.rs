//! The stored facts of a collector: one file for each account, region and day (UTC), in a folder or
//! in S3, each replaced as a whole.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::{fmt, fs};

use bytes::Bytes;
use chrono::DateTime;

use crate::aws::s3::{Location, S3Client};
use crate::inventory::collect::{CollectedUntil, CollectionReport, Collector, SINCE_DEFAULT_SECS};
use crate::inventory::deduplicate::drop_repeats;
use crate::inventory::error::{Error, Failed, write_error};
use crate::inventory::files::UNFINISHED;
use crate::inventory::parquet;

/// The most bytes of one file that is read back; a day of minutes has some hundred kB.
const FILE_BYTES_MAX: usize = 1 << 30;

/// A folder, or a prefix of a bucket.
#[derive(Debug, Clone)]
pub enum CollectorTarget {
    /// A folder here.
    Folder(PathBuf),
    /// A prefix in S3.
    S3(S3Client, Location),
}

impl fmt::Display for CollectorTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(path) => write!(f, "{}", path.display()),
            Self::S3(_, location) => write!(f, "{location}"),
        }
    }
}

impl CollectorTarget {
    /// Returns the location of a file of this name.
    fn path(&self, name: &str) -> PathBuf {
        match self {
            Self::Folder(path) => path.join(name),
            Self::S3(_, location) => PathBuf::from(object(location, name).to_string()),
        }
    }

    /// Returns the last of the files whose names begin so: the names end in a day.
    async fn newest(&self, prefix: &str) -> Result<Option<String>, Failed> {
        let mut newest = None;
        match self {
            Self::Folder(path) if !path.exists() => {}
            Self::Folder(path) => {
                for entry in fs::read_dir(path)? {
                    let name = entry?.file_name().to_string_lossy().into_owned();
                    newest = newest.max(Some(name).filter(|name| name.starts_with(prefix)));
                }
            }
            Self::S3(store, location) => {
                let prefix = object(location, prefix);
                let mut token = None;
                loop {
                    let page = store.list(&prefix, false, None, token.as_deref()).await?;
                    let last = page.objects.last().map(|object| object.key.clone());
                    newest =
                        last.and_then(|key| Some(key.rsplit('/').next()?.to_owned())).or(newest);
                    token = page.next;
                    if token.is_none() {
                        break;
                    }
                }
            }
        }
        Ok(newest)
    }

    async fn get(&self, name: &str) -> Result<Bytes, Failed> {
        Ok(match self {
            Self::Folder(path) => fs::read(path.join(name))?.into(),
            Self::S3(store, location) => store.get(&object(location, name), FILE_BYTES_MAX).await?,
        })
    }

    /// Writes a file so that a reader sees the old one or the new one, never a part.
    async fn put(&self, name: &str, bytes: Vec<u8>) -> Result<(), Failed> {
        match self {
            Self::Folder(path) => replace(path, name, &bytes)?,
            Self::S3(store, location) => {
                drop(store.put(&object(location, name), bytes.into()).await?);
            }
        }
        Ok(())
    }
}

fn object(folder: &Location, name: &str) -> Location {
    let folder_key = folder.key.trim_end_matches('/');
    let slash = if folder_key.is_empty() { "" } else { "/" };
    Location::new(&folder.bucket, format!("{folder_key}{slash}{name}"))
}

fn replace(folder: &Path, name: &str, bytes: &[u8]) -> Result<(), Failed> {
    fs::create_dir_all(folder)?;
    let mut file = tempfile::Builder::new().prefix(UNFINISHED).tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(folder.join(name))?;
    Ok(())
}

/// A collector that stores its passes.
#[derive(Debug)]
pub struct PersistentCollector<'a> {
    collector: Collector<'a>,
    target: CollectorTarget,
    /// The day of the facts in the collector: `2026-03-10`.
    day: String,
    /// Whether all facts of the collector were written.
    written: bool,
}

impl<'a> PersistentCollector<'a> {
    /// Takes up the stored facts of the collector's account and region. Without `since` the first pass
    /// starts where the last one ended, and where there is none for one day.
    ///
    /// # Errors
    ///
    /// [`Error::Read`] when what is there cannot be read: it would be lost if it was written anew.
    pub async fn open(
        mut collector: Collector<'a>,
        target: CollectorTarget,
        since: Option<i64>,
        now: i64,
    ) -> Result<Self, Error> {
        let prefix = prefix(&collector);
        let mut day = day(now);
        let read_error = |name: &str, err: Failed| Error::Read {
            path: target.path(name),
            source: std::io::Error::other(err),
        };
        let newest = target.newest(&prefix).await.map_err(|err| read_error("", err))?;
        let collected_until = match &newest {
            Some(name) => {
                let bytes = target.get(name).await.map_err(|err| read_error(name, err))?;
                let (facts, note) = parquet::decode(bytes).map_err(|err| read_error(name, err))?;
                let collected_until =
                    note.and_then(|note| serde_json::from_str::<CollectedUntil>(&note).ok());
                let collected_until = collected_until.unwrap_or_default();
                collector.resume(facts, collected_until.clone());
                let last = name.strip_prefix(&prefix).and_then(|rest| rest.strip_suffix(END));
                day = last.map_or(day, str::to_owned);
                Some(collected_until)
            }
            None => None,
        };
        match (since, collected_until) {
            (Some(since), _) => collector.begin(since),
            (None, Some(collected_until)) if collected_until != CollectedUntil::default() => {}
            (None, _) => collector.begin(now.saturating_sub(SINCE_DEFAULT_SECS)),
        }
        Ok(Self { collector, target, day, written: true })
    }

    /// Makes a pass and stores its facts.
    ///
    /// # Errors
    ///
    /// [`Error::Aws`] when no source returned anything, [`Error::Write`] when the file could not be written:
    /// the next pass reports and writes it again.
    pub async fn pass(&mut self, until: i64, now: i64) -> Result<CollectionReport, Error> {
        let today = day(now);
        if today > self.day && self.written {
            self.collector.begin_day();
            self.day = today;
        }
        let collected_until = self.collector.collected_until.clone();
        let report = self.collector.pass(until, now).await.map_err(|source| Error::Aws {
            id: format!("of account {}", self.collector.account_id()),
            source,
        })?;
        self.collector.facts = drop_repeats(std::mem::take(&mut self.collector.facts));
        let written = self.write().await;
        self.written = written.is_ok();
        if !self.written {
            self.collector.collected_until = collected_until;
        }
        written.map(|()| report)
    }

    async fn write(&self) -> Result<(), Error> {
        let name = format!("{}{}{END}", prefix(&self.collector), self.day);
        let failed = |err: Failed| write_error(&self.target.path(&name), err);
        let note = serde_json::to_string(&self.collector.collected_until)
            .map_err(|err| failed(err.into()))?;
        let bytes = parquet::encode(&self.collector.facts, Some(note)).map_err(failed)?;
        self.target.put(&name, bytes).await.map_err(failed)
    }
}

/// How the names of the files end.
const END: &str = ".parquet";

/// Returns how the names of a collector's files begin; the day follows.
fn prefix(collector: &Collector<'_>) -> String {
    format!("facts-{}-{}-", collector.account_id(), collector.region())
}

/// Returns the day of a time, UTC.
fn day(at: i64) -> String {
    let time = DateTime::from_timestamp(at, 0).unwrap_or_default();
    time.format("%Y-%m-%d").to_string()
}
