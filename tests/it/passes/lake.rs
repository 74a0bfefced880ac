//! What a lake holds, read without flowq's own engine.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::csv::Writer;
use flowq::aws::Account;
use flowq::flow::field::Layout;
use flowq::lake::{LakeTable, folder};
use flowq::state::{PassTotals, Reader};
use flowq::storage::Storage;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;

use crate::aws::block_on;
use crate::support::flowq;

/// Everything that two lakes over the same data must have alike.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Held {
    /// Every row with all its columns, object and line among them, sorted.
    pub(super) rows: Vec<String>,
    pub(super) totals: PassTotals,
}

fn place(lake: &Path) -> Storage {
    Storage::open(lake.to_str().unwrap(), &Arc::new(Account::default())).unwrap()
}

/// The rows of a lake, sorted, and the files that they are in.
fn read(lake: &Path) -> (Vec<String>, BTreeSet<PathBuf>) {
    let place = place(lake);
    let mut rows = Vec::new();
    let mut known = BTreeSet::new();
    for layout in [Layout::Vpc, Layout::TransitGateway] {
        let Some(table) = block_on(LakeTable::open(&place, layout)).unwrap() else { continue };
        for file in block_on(table.files()).unwrap() {
            let path = lake.join(folder(layout)).join(&file.path);
            let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(&path).unwrap());
            for batch in reader.unwrap().build().unwrap() {
                rows.extend(lines(&batch.unwrap()));
            }
            known.insert(path);
        }
    }
    rows.sort();
    (rows, known)
}

/// Reads a lake, and looks for files that no table has.
pub(super) fn held(lake: &Path) -> Held {
    let (rows, known) = read(lake);
    let files = walkdir::WalkDir::new(lake).into_iter().map(Result::unwrap);
    let stray: Vec<_> = files
        .map(walkdir::DirEntry::into_path)
        .filter(|path| path.to_string_lossy().contains(".parquet") && !known.contains(path))
        .collect();
    assert!(stray.is_empty(), "files that no table has: {stray:?}");
    let reader = block_on(Reader::open(place(lake).below("_flowq"))).unwrap();
    Held { rows, totals: block_on(reader.current()).unwrap().totals }
}

fn lines(batch: &RecordBatch) -> Vec<String> {
    let schema = batch.schema();
    let mut columns: Vec<(&String, ArrayRef)> = Vec::new();
    for (field, column) in schema.fields().iter().zip(batch.columns()) {
        columns.push((field.name(), Arc::clone(column)));
    }
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let mut csv = Vec::new();
    let mut writer = Writer::new(&mut csv);
    writer.write(&batch).unwrap();
    drop(writer);
    let text = String::from_utf8(csv).unwrap();
    text.lines().skip(1).map(str::to_owned).collect()
}

/// Makes logs of about so many records.
pub(super) fn logs(folder: &Path, records: u32, files: u32) -> String {
    let (records, files) = (records.to_string(), files.to_string());
    let to = folder.join("generated");
    let to = to.to_str().unwrap();
    flowq(&["generate", "--to", to, "--records", &records, "--files", &files]).expect(0);
    format!("{to}/logs")
}

/// What `flowq status --format json` says.
pub(super) fn status(lake: &Path) -> Value {
    let run = flowq(&["status", lake.to_str().unwrap(), "--format", "json"]).expect(0);
    serde_json::from_str(&run.out).unwrap()
}
