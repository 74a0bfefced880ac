//! An inventory as Parquet: one file per table, and one with the facts.
//!
//! The tables are for other tools. Only the facts are read back, so that an imported inventory merges
//! with further documents exactly as the documents themselves would have.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{AsArray as _, RecordBatch, StringArray};
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::reader::ChunkReader;

use crate::batch::output_schema::{conform, with_parquet_times};
use crate::inventory::documents::Reader;
use crate::inventory::error::{Error, Failed, write_error};
use crate::inventory::fact::{Fact, Facts};

/// Key of the Parquet metadata that marks a file of an inventory: `<table> <version>`.
const TABLE_KEY: &str = "flowq.inventory";

/// Key of the Parquet metadata with the collector's note for its next run.
const COLLECTOR_KEY: &str = "flowq.collected";

/// Version of the facts. Another version is not read.
const VERSION: &str = "1";

/// Name of the file, and in the mark, of the facts.
pub(super) const FACTS: &str = "facts";

/// Facts in one batch; a fact may contain a whole ip-ranges.json.
const BATCH_FACTS: usize = 1024;

/// Writes facts as a Parquet file, with what a collector notes beside them.
pub(super) fn encode(facts: &Facts, note: Option<String>) -> Result<Vec<u8>, Failed> {
    let facts: Vec<&Fact> = facts.iter().collect();
    let empty = facts_batch(&[])?;
    let note = note.map(|note| KeyValue::new(COLLECTOR_KEY.to_owned(), note));
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(
        &mut bytes,
        empty.schema(),
        Some(properties(FACTS, note.into_iter().collect())),
    )?;
    for facts in facts.chunks(BATCH_FACTS) {
        writer.write(&facts_batch(facts)?)?;
    }
    writer.close()?;
    Ok(bytes)
}

fn facts_batch(facts: &[&Fact]) -> Result<RecordBatch, Failed> {
    let texts = facts.iter().map(serde_json::to_string).collect::<Result<Vec<_>, _>>()?;
    let column = Arc::new(StringArray::from_iter_values(texts));
    Ok(RecordBatch::try_from_iter([("fact", column as _)])?)
}

/// Compression, and the mark of a file of an inventory with what else is noted.
fn properties(name: &str, mut notes: Vec<KeyValue>) -> WriterProperties {
    notes.push(KeyValue::new(TABLE_KEY.to_owned(), format!("{name} {VERSION}")));
    WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_key_value_metadata(Some(notes))
        .build()
}

/// Writes one table to a file.
pub(super) fn write(path: &Path, name: &str, batch: &RecordBatch) -> Result<(), Error> {
    let file = File::create(path).map_err(|err| write_error(path, err))?;
    let schema = with_parquet_times(&batch.schema());
    let batch = conform(batch, &schema).map_err(|err| write_error(path, err))?;
    let mut writer = ArrowWriter::try_new(file, schema, Some(properties(name, Vec::new())))
        .map_err(|err| write_error(path, err))?;
    writer.write(&batch).map_err(|err| write_error(path, err))?;
    writer.close().map_err(|err| write_error(path, err))?;
    Ok(())
}

/// Takes the facts of one Parquet file; the tables beside them add nothing. `has_facts` returns whether
/// the file of the facts is beside it.
pub(super) fn read(
    file: impl ChunkReader + 'static,
    has_facts: impl FnOnce() -> bool,
    reader: &mut Reader,
) {
    match read_marked(file) {
        Ok(InventoryFile::Facts { mut facts, .. }) => reader.facts.append(&mut facts),
        // A table alone is no inventory: its facts are beside it.
        Ok(InventoryFile::Table(table)) => {
            if !has_facts() {
                reader.complaints.push(format!(
                    "table {table} of an import without {FACTS}.parquet beside it; hint: give the \
                     whole folder that was imported"
                ));
            }
        }
        Ok(InventoryFile::Other) => {
            reader.complaints.push("not recognised: Parquet that no import wrote".into());
        }
        Ok(InventoryFile::Version(version)) => reader.complaints.push(format!(
            "an import of version {version}, this build reads {VERSION}; hint: import it again"
        )),
        Err(err) => reader.complaints.push(format!("broken Parquet: {err}")),
    }
}

/// Reads back what [`encode`] wrote.
pub(super) fn decode(bytes: Bytes) -> Result<(Facts, Option<String>), Failed> {
    match read_marked(bytes)? {
        InventoryFile::Facts { facts, note } => Ok((facts, note)),
        InventoryFile::Version(version) => Err(format!("it is of version {version}").into()),
        InventoryFile::Table(_) | InventoryFile::Other => Err("it contains no facts".into()),
    }
}

enum InventoryFile {
    Facts { facts: Facts, note: Option<String> },
    Table(String),
    Version(String),
    Other,
}

fn read_marked(file: impl ChunkReader + 'static) -> Result<InventoryFile, Failed> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(file)?;
    let metadata = builder.metadata().file_metadata().key_value_metadata();
    let value = |key: &str| {
        let entry = metadata.into_iter().flatten().find(|entry| entry.key == key);
        entry.and_then(|entry| entry.value.clone())
    };
    let (mark, note) = (value(TABLE_KEY), value(COLLECTOR_KEY));
    let Some((name, version)) = mark.as_deref().and_then(|mark| mark.split_once(' ')) else {
        return Ok(InventoryFile::Other);
    };
    if version != VERSION {
        return Ok(InventoryFile::Version(version.to_owned()));
    }
    if name != FACTS {
        return Ok(InventoryFile::Table(name.to_owned()));
    }
    let mut facts = Facts::new();
    for batch in builder.build()? {
        let batch = batch?;
        let column = batch.column_by_name("fact").and_then(|c| c.as_string_opt::<i32>());
        for text in column.ok_or("no column of facts")?.iter().flatten() {
            facts.insert(serde_json::from_str(text)?);
        }
    }
    Ok(InventoryFile::Facts { facts, note })
}
