//! An inventory as Parquet: one file for each table, and the facts that it is made from.
//!
//! The tables are for other tools. Only the facts are read back, so that an imported inventory merges
//! with further documents exactly as the documents themselves would have.

use super::documents::Reader;
use super::fact::Fact;
use super::fact::Facts;
use super::merge;
use super::model::Inventory;
use super::read;
use super::read::Error;
use super::read::Warning;
use arrow::array::AsArray as _;
use arrow::array::RecordBatch;
use arrow::array::StringArray;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::Compression;
use parquet::basic::ZstdLevel;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use std::fs;
use std::fs::File;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

/// Key of the Parquet metadata that marks a file of an inventory: `<table> <version>`.
const MARK: &str = "flowq.inventory";

/// Version of the facts. Another version is not read.
const VERSION: &str = "1";

/// Name of the file, and in the mark, of the facts.
const FACTS: &str = "facts";

/// Facts in one batch; a fact may hold a whole ip-ranges.json.
const BATCH_FACTS: usize = 1024;

/// Reads an inventory and writes it to a folder as Parquet, which [`Inventory::read`] takes again.
///
/// # Errors
///
/// [`Error`] when a path cannot be read or a file cannot be written.
pub fn import(paths: &[PathBuf], to: &Path) -> Result<(Inventory, Vec<Warning>), Error> {
    let (facts, warnings) = read::read_facts(paths)?;
    let inventory = merge::inventory(&facts);
    fs::create_dir_all(to).map_err(|err| write_error(to, err))?;
    for (table, batch) in inventory.tables()? {
        write(&to.join(format!("{table}.parquet")), table, &batch, [batch.clone()])?;
    }
    let facts: Vec<Fact> = facts.into_iter().collect();
    let path = to.join(format!("{FACTS}.parquet"));
    let batches = facts
        .chunks(BATCH_FACTS)
        .map(facts_batch)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|err| write_error(&path, err))?;
    let empty = facts_batch(&[]).map_err(|err| write_error(&path, err))?;
    write(&path, FACTS, &empty, batches)?;
    Ok((inventory, warnings))
}

fn write_error(path: &Path, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::Write { path: path.to_path_buf(), source: source.into() }
}

fn facts_batch(facts: &[Fact]) -> Result<RecordBatch, Box<dyn std::error::Error + Send + Sync>> {
    let texts = facts.iter().map(serde_json::to_string).collect::<Result<Vec<_>, _>>()?;
    let column = Arc::new(StringArray::from_iter_values(texts));
    Ok(RecordBatch::try_from_iter([("fact", column as _)])?)
}

fn write(
    path: &Path,
    name: &str,
    like: &RecordBatch,
    batches: impl IntoIterator<Item = RecordBatch>,
) -> Result<(), Error> {
    let mark = KeyValue::new(MARK.to_owned(), format!("{name} {VERSION}"));
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_key_value_metadata(Some(vec![mark]))
        .build();
    let file = File::create(path).map_err(|err| write_error(path, err))?;
    let mut writer = ArrowWriter::try_new(file, like.schema(), Some(properties))
        .map_err(|err| write_error(path, err))?;
    for batch in batches {
        writer.write(&batch).map_err(|err| write_error(path, err))?;
    }
    writer.close().map_err(|err| write_error(path, err))?;
    Ok(())
}

/// Takes the facts of one Parquet file; the tables beside them say nothing more.
pub(super) fn read(path: &Path, reader: &mut Reader) {
    match read_marked(path) {
        Ok(Marked::Facts(mut facts)) => reader.facts.append(&mut facts),
        // A table alone is no inventory: its facts stand beside it.
        Ok(Marked::Table(table)) => {
            let facts = path.with_file_name(format!("{FACTS}.parquet"));
            if !facts.exists() {
                reader.complaints.push(format!(
                    "table {table} of an import without {FACTS}.parquet beside it; hint: give the \
                     whole folder that was imported"
                ));
            }
        }
        Ok(Marked::Other) => {
            reader.complaints.push("not recognised: Parquet that no import wrote".into());
        }
        Ok(Marked::Version(version)) => reader.complaints.push(format!(
            "an import of version {version}, this build reads {VERSION}; hint: import it again"
        )),
        Err(err) => reader.complaints.push(format!("broken Parquet: {err}")),
    }
}

enum Marked {
    Facts(Facts),
    Table(String),
    Version(String),
    Other,
}

fn read_marked(path: &Path) -> Result<Marked, Box<dyn std::error::Error + Send + Sync>> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(File::open(path)?)?;
    let metadata = builder.metadata().file_metadata().key_value_metadata();
    let mark = metadata.into_iter().flatten().find(|entry| entry.key == MARK);
    let Some((name, version)) = mark.and_then(|mark| mark.value.as_deref()?.split_once(' ')) else {
        return Ok(Marked::Other);
    };
    if version != VERSION {
        return Ok(Marked::Version(version.to_owned()));
    }
    if name != FACTS {
        return Ok(Marked::Table(name.to_owned()));
    }
    let mut facts = Facts::new();
    for batch in builder.build()? {
        let batch = batch?;
        let column = batch.column_by_name("fact").and_then(|c| c.as_string_opt::<i32>());
        for text in column.ok_or("no column of facts")?.iter().flatten() {
            facts.insert(serde_json::from_str(text)?);
        }
    }
    Ok(Marked::Facts(facts))
}
