//! Small files put together, old partitions taken away, and what was replaced deleted in the end.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use object_store::ObjectStoreExt as _;
use object_store::path::Path;

use crate::flow::field::Layout;
use crate::lake::{DataFile, Error, LakeTable, Partition, TableCommit, WriterOptions};
use crate::storage::Storage;

/// What to do with a lake.
#[derive(Debug, Clone)]
pub struct CompactOptions {
    /// Partitions whose `date` ended longer ago than that many seconds are removed; `None` retains all.
    pub keep_secs: Option<i64>,
    /// How long a file that was replaced stays for those who read an earlier version, in seconds.
    pub grace_secs: i64,
    /// Rows of a merged file, at most: they are in memory.
    pub rows_max: u64,
    /// Bytes of the files that are merged into one, at most.
    pub bytes_max: u64,
    /// How many files of a partition there are before it is worth the work.
    pub files_min: usize,
    /// How files are written.
    pub writer: WriterOptions,
}

impl Default for CompactOptions {
    fn default() -> Self {
        Self {
            keep_secs: None,
            grace_secs: 3600,
            rows_max: 1 << 18,
            bytes_max: 64 << 20,
            files_min: 2,
            writer: WriterOptions::default(),
        }
    }
}

/// What was done with a lake.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Compacted {
    /// Files that were put together.
    pub merged: u64,
    /// Files that came of them.
    pub made: u64,
    /// Files left for another time, since somebody else changed them meanwhile.
    pub left: u64,
    /// Files taken away because they are too old.
    pub expired: u64,
    /// Rows in those.
    pub expired_rows: u64,
    /// Files deleted: replaced or expired, and past the grace period.
    pub deleted: u64,
}

/// Puts small files of each partition together, takes away what is too old, and deletes what was replaced
/// longer ago than the grace period. Every step is one commit: who reads the table sees all rows, each once,
/// at any moment. Stopped anywhere, it goes on where it was; files that were made and not committed have
/// names that begin with `compact-`. `now` is in Unix seconds.
pub async fn compact(
    lake: &Storage,
    options: &CompactOptions,
    now: i64,
) -> Result<Compacted, Error> {
    let mut done = Compacted::default();
    for layout in [Layout::Vpc, Layout::TransitGateway] {
        let Some(mut table) = LakeTable::open(lake, layout).await? else { continue };
        drop_expired(&mut table, options, now, &mut done).await?;
        for (partition, files) in small(table.files().await?, options) {
            for bin in pack_groups(files, options) {
                merge_group(&mut table, &partition, bin, options, now, &mut done).await?;
            }
        }
        done.deleted += table.delete_removed(options.grace_secs, now).await?;
    }
    Ok(done)
}

/// Takes whole days away.
async fn drop_expired(
    table: &mut LakeTable,
    options: &CompactOptions,
    now: i64,
    done: &mut Compacted,
) -> Result<(), Error> {
    let Some(keep_secs) = options.keep_secs else { return Ok(()) };
    let first_day = now.saturating_sub(keep_secs).div_euclid(86_400);
    let is_old =
        |file: &DataFile| file.partition.hour.is_some_and(|hour| hour.div_euclid(24) < first_day);
    let old: Vec<DataFile> = table.files().await?.into_iter().filter(is_old).collect();
    if old.is_empty() {
        return Ok(());
    }
    let (files, rows) = (old.len() as u64, old.iter().map(|file| file.rows).sum::<u64>());
    let change = TableCommit { remove: old, data_change: true, ..TableCommit::default() };
    match table.drop_files(&change, now).await {
        Ok(()) => (done.expired, done.expired_rows) = (files, rows),
        Err(error) if error.is_conflict() => done.left += files,
        Err(error) => return Err(error),
    }
    Ok(())
}

/// The files of each partition that are worth the work.
fn small(files: Vec<DataFile>, options: &CompactOptions) -> BTreeMap<Partition, Vec<DataFile>> {
    let mut partitions: BTreeMap<Partition, Vec<DataFile>> = BTreeMap::new();
    let is_small = |file: &DataFile| {
        file.rows <= options.rows_max / 2 && file.size_bytes <= options.bytes_max / 2
    };
    for file in files.into_iter().filter(is_small) {
        partitions.entry(file.partition.clone()).or_default().push(file);
    }
    partitions.retain(|_, files| files.len() >= options.files_min.max(2));
    partitions
}

/// Cuts the files of a partition into groups that fit into memory, each of which becomes one file.
fn pack_groups(mut files: Vec<DataFile>, options: &CompactOptions) -> Vec<Vec<DataFile>> {
    files.sort_by(|a, b| (a.rows, &a.path).cmp(&(b.rows, &b.path)));
    let mut bins: Vec<Vec<DataFile>> = Vec::new();
    let (mut rows, mut bytes) = (0, 0);
    for file in files {
        let fits =
            rows + file.rows <= options.rows_max && bytes + file.size_bytes <= options.bytes_max;
        match bins.last_mut() {
            Some(bin) if fits => {
                (rows, bytes) = (rows + file.rows, bytes + file.size_bytes);
                bin.push(file);
            }
            _ => {
                (rows, bytes) = (file.rows, file.size_bytes);
                bins.push(vec![file]);
            }
        }
    }
    bins.retain(|bin| bin.len() > 1);
    bins
}

async fn merge_group(
    table: &mut LakeTable,
    partition: &Partition,
    files: Vec<DataFile>,
    options: &CompactOptions,
    now: i64,
    done: &mut Compacted,
) -> Result<(), Error> {
    // The same files give the same name: what a run that was stopped left is written over.
    let mut hasher = DefaultHasher::new();
    files.iter().for_each(|file| file.path.hash(&mut hasher));
    let path = format!("{}/compact-{:016x}.parquet", partition.folder(), hasher.finish());
    let Some(made) = table.merge(&files, path, &options.writer).await? else { return Ok(()) };
    table.place().sync([made.path.as_str()])?;
    let count = files.len() as u64;
    let change = TableCommit { add: vec![made], remove: files, ..TableCommit::default() };
    match table.exchange(&change, now).await {
        Ok(()) => {
            done.merged += count;
            done.made += 1;
        }
        Err(error) if error.is_conflict() => {
            done.left += count;
            table.refresh().await?;
            discard(table, &change.add).await?;
        }
        Err(error) => return Err(error),
    }
    Ok(())
}

/// Deletes files that were made for nothing, unless somebody else made the same and committed it.
async fn discard(table: &LakeTable, files: &[DataFile]) -> Result<(), Error> {
    let active = table.files().await?;
    for file in files.iter().filter(|file| !active.iter().any(|other| other.path == file.path)) {
        let deleted = table.place().objects().delete(&Path::from(file.path.as_str())).await;
        match deleted {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
            Err(source) => return Err(Error::Write { path: file.path.clone(), source }),
        }
    }
    Ok(())
}
