//! Removes the rows of objects from a table, and finds the events that a table has.

use std::collections::{BTreeSet, HashSet};

use arrow::array::AsArray as _;
use arrow::compute::cast;
use arrow::datatypes::DataType;
use bytes::Bytes;
use object_store::ObjectStoreExt as _;
use object_store::path::Path;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::flow::field::{Layout, OBJECT};
use crate::ingest::Error;
use crate::lake;
use crate::lake::{DataFile, LakeTable, WriterOptions};
use crate::storage::Storage;

/// What taking rows out changes.
#[derive(Debug, Default)]
pub(super) struct RemovedRows {
    /// The files that had them.
    pub(super) removed: Vec<DataFile>,
    /// What is left of those files.
    pub(super) added: Vec<DataFile>,
    pub(super) rows: u64,
}

/// Writes the files of a table that have rows of some objects anew, without them.
pub(super) async fn remove_objects(
    lake: &Storage,
    layout: Layout,
    objects: &BTreeSet<String>,
    name: &str,
) -> Result<RemovedRows, Error> {
    let mut taken = RemovedRows::default();
    if objects.is_empty() {
        return Ok(taken);
    }
    let Some(table) = LakeTable::open(lake, layout).await? else { return Ok(taken) };
    let objects: Vec<String> = objects.iter().cloned().collect();
    let change = table.replace(&objects, name, &WriterOptions::default()).await?;
    let rows = |files: &[DataFile]| files.iter().map(|file| file.rows).sum::<u64>();
    taken.rows = rows(&change.remove).saturating_sub(rows(&change.add));
    (taken.removed, taken.added) = (change.remove, change.add);
    Ok(taken)
}

/// The values of the column `object` that begin with a log group, of rows that start in a time in Unix
/// seconds, both inclusive.
pub(super) async fn events(
    lake: &Storage,
    layout: Layout,
    log_group: &str,
    (from, to): (i64, i64),
) -> Result<HashSet<String>, Error> {
    let mut found = HashSet::new();
    let Some(table) = LakeTable::open(lake, layout).await? else { return Ok(found) };
    for file in table.files().await? {
        let timely = file.start.is_none_or(|(first, last)| first <= to && last >= from);
        let named = file.objects.as_ref().is_none_or(|(least, greatest)| {
            greatest.as_str() >= log_group
                && (least.as_str() <= log_group || least.starts_with(log_group))
        });
        if timely && named {
            let objects = values(&bytes(table.place(), &file).await?)?;
            found.extend(objects.into_iter().filter(|object| object.starts_with(log_group)));
        }
    }
    Ok(found)
}

pub(super) async fn bytes(place: &Storage, file: &DataFile) -> Result<Bytes, Error> {
    let failed = |source| lake::Error::Write { path: file.path.clone(), source };
    let found = place.objects().get(&Path::from(file.path.as_str())).await.map_err(failed)?;
    Ok(found.bytes().await.map_err(failed)?)
}

/// The values of the column `object`, each once.
fn values(bytes: &Bytes) -> Result<HashSet<String>, Error> {
    let reader =
        ParquetRecordBatchReaderBuilder::try_new(bytes.clone()).map_err(lake::Error::from)?;
    let mask = ProjectionMask::columns(reader.parquet_schema(), [OBJECT]);
    let mut found = HashSet::new();
    for batch in reader.with_projection(mask).build().map_err(lake::Error::from)? {
        let batch = batch.map_err(lake::Error::from)?;
        let Some(column) = batch.column_by_name(OBJECT) else { continue };
        let column = cast(column, &DataType::Utf8View).map_err(lake::Error::from)?;
        for object in column.as_string_view().iter().flatten() {
            if !found.contains(object) {
                found.insert(object.to_owned());
            }
        }
    }
    Ok(found)
}
