//! Takes the rows of objects out of a table, and finds the events that a table has.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray as _, BooleanArray, RecordBatch, new_null_array};
use arrow::compute::{cast, filter_record_batch};
use arrow::datatypes::DataType;
use bytes::Bytes;
use object_store::ObjectStoreExt as _;
use object_store::path::Path;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::Error;
use super::read::origin;
use crate::flow::field::{Layout, OBJECT};
use crate::lake;
use crate::lake::{COLUMNS_KEY, File, Table, Writer, WriterOptions};
use crate::store::Place;

/// What taking rows out changes.
#[derive(Debug, Default)]
pub(super) struct Taken {
    /// The files that had them.
    pub(super) removed: Vec<File>,
    /// What is left of those files.
    pub(super) added: Vec<File>,
    pub(super) rows: u64,
}

/// Writes the files of a table that have rows of some objects anew, without them.
pub(super) async fn take_out(
    lake: &Place,
    layout: Layout,
    objects: &BTreeSet<String>,
    name: &str,
) -> Result<Taken, Error> {
    let mut taken = Taken::default();
    if objects.is_empty() {
        return Ok(taken);
    }
    let Some(table) = Table::open(lake, layout).await? else { return Ok(taken) };
    let mut writer = Writer::new(lake, layout, name, origin(), WriterOptions::default());
    for file in table.files().await? {
        if !may_hold(&file, objects) {
            continue;
        }
        let bytes = bytes(table.place(), &file).await?;
        if !values(&bytes)?.iter().any(|object| objects.contains(object)) {
            continue;
        }
        let reader = ParquetRecordBatchReaderBuilder::try_new(bytes).map_err(lake::Error::from)?;
        let pairs = reader.metadata().file_metadata().key_value_metadata();
        let columns = pairs.and_then(|pairs| pairs.iter().find(|pair| pair.key == COLUMNS_KEY));
        let columns = columns.and_then(|pair| pair.value.as_deref()).unwrap_or_default();
        writer.add_columns(columns.split(',').filter(|c| !c.is_empty()).map(str::to_owned));
        for batch in reader.build().map_err(lake::Error::from)? {
            let batch = typed(&batch.map_err(lake::Error::from)?, layout)?;
            let column = batch.column_by_name(OBJECT).and_then(|c| c.as_string_view_opt());
            let Some(column) = column else { continue };
            let keep = |object: Option<&str>| object.is_none_or(|object| !objects.contains(object));
            let keep: BooleanArray = column.iter().map(|object| Some(keep(object))).collect();
            let kept = filter_record_batch(&batch, &keep).map_err(lake::Error::from)?;
            taken.rows += (batch.num_rows() - kept.num_rows()) as u64;
            writer.write(&kept).await?;
        }
        taken.removed.push(file);
    }
    taken.added = writer.finish().await?;
    Ok(taken)
}

/// The values of the column `object` that begin with a log group, of rows that start in a time in Unix
/// seconds, both inclusive.
pub(super) async fn events(
    lake: &Place,
    layout: Layout,
    log_group: &str,
    (from, to): (i64, i64),
) -> Result<HashSet<String>, Error> {
    let mut found = HashSet::new();
    let Some(table) = Table::open(lake, layout).await? else { return Ok(found) };
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

fn may_hold(file: &File, objects: &BTreeSet<String>) -> bool {
    file.objects.as_ref().is_none_or(|(least, greatest)| {
        objects.range(least.clone()..=greatest.clone()).next().is_some()
    })
}

pub(super) async fn bytes(place: &Place, file: &File) -> Result<Bytes, Error> {
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

/// Rows of a file in the types of the layout.
fn typed(batch: &RecordBatch, layout: Layout) -> Result<RecordBatch, Error> {
    let plain = layout.schema(&[]);
    let schema = batch.schema();
    let names = schema.fields().iter().map(|field| field.name().clone());
    let extra: Vec<String> = names.filter(|name| plain.index_of(name).is_err()).collect();
    let schema = layout.schema(&extra);
    let columns = schema.fields().iter().map(|field| match batch.column_by_name(field.name()) {
        Some(column) => cast(column, field.data_type()),
        None => Ok(new_null_array(field.data_type(), batch.num_rows())),
    });
    let columns: Result<Vec<ArrayRef>, _> = columns.collect();
    let batch = columns
        .and_then(|columns| RecordBatch::try_new(Arc::new(schema.as_ref().clone()), columns));
    Ok(batch.map_err(lake::Error::from)?)
}
