//! What other writers do to the tables of a lake is read right, or refused.

use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray};
use flowq::flow::field::Layout;
use flowq::lake::{DataFile, LakeTable, TableCommit};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::{Value, json};

use super::{NOW, fill, place, sql};
use crate::support::{LOGS, flowq};

/// Writes two rows of a file again with one more column, without the metadata that flowq writes.
fn with_owner(folder: &Path, file: &DataFile) -> DataFile {
    let stored = File::open(folder.join(&file.path)).unwrap();
    let mut rows = ParquetRecordBatchReaderBuilder::try_new(stored).unwrap().build().unwrap();
    let rows = rows.next().unwrap().unwrap().slice(0, 2);
    let names = rows.schema_ref().fields().iter().map(|field| field.name().clone());
    let columns = names.zip(rows.columns().iter().cloned());
    let owner: ArrayRef = Arc::new(StringArray::from(vec!["a", "b"]));
    let columns = columns.filter(|(name, _)| name != "owner_team");
    let columns: Vec<_> = columns.chain([("owner_team".to_owned(), owner)]).collect();
    let rows = RecordBatch::try_from_iter(columns).unwrap();
    let path = format!("{}/other-writer.parquet", file.partition.folder());
    let mut writer =
        ArrowWriter::try_new(File::create(folder.join(&path)).unwrap(), rows.schema(), None)
            .unwrap();
    writer.write(&rows).unwrap();
    writer.close().unwrap();
    let size_bytes = fs::metadata(folder.join(&path)).unwrap().len();
    DataFile { path, rows: 2, size_bytes, ..file.clone() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_column_of_another_writer_survives_compaction() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path(), LOGS).await;
    let extra = ["owner_team".to_owned()];
    let mut table = LakeTable::create(&place(folder.path()), Layout::Vpc, &extra).await.unwrap();
    let file = table.files().await.unwrap().remove(0);
    let add = vec![with_owner(&folder.path().join("flow_logs"), &file)];
    let txn = ("other".to_owned(), 1);
    let change = TableCommit { txn, add, data_change: true, ..TableCommit::default() };
    assert!(table.commit(&change, NOW).await.unwrap());

    let lake = folder.path().to_str().unwrap();
    let owners = "SELECT count(owner_team) AS n, max(owner_team) AS last FROM flow_logs";
    let owners = || flowq(&sql(owners, lake)).expect(0).out;
    assert_eq!(owners(), "{\"n\":2,\"last\":\"b\"}\n");
    let options = flowq::lake::CompactOptions::default();
    let done = flowq::lake::compact(&place(folder.path()), &options, NOW).await.unwrap();
    assert!(done.made > 0, "{done:?}");
    assert_eq!(owners(), "{\"n\":2,\"last\":\"b\"}\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_vector_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path(), LOGS).await;
    let log = folder.path().join("flow_logs/_delta_log");
    let mut commits: Vec<_> = fs::read_dir(&log).unwrap().map(|e| e.unwrap().path()).collect();
    commits.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    commits.sort();
    let last = fs::read_to_string(commits.last().unwrap()).unwrap();
    let actions = last.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let mut add = actions.filter_map(|action| action.get("add").cloned()).next().unwrap();
    let (path, partition, size) = (&add["path"], &add["partitionValues"], &add["size"]);
    let remove = json!({ "remove": {
        "path": path, "partitionValues": partition, "size": size, "dataChange": true,
        "extendedFileMetadata": true, "deletionTimestamp": NOW * 1000,
    } });
    add["deletionVector"] = json!({
        "storageType": "i", "pathOrInlineDv": "^Bg9^0rr910000000000j1{Tm0rr9a0096100@S9",
        "sizeInBytes": 31, "cardinality": 10,
    });
    let protocol = json!({ "protocol": {
        "minReaderVersion": 3, "minWriterVersion": 7,
        "readerFeatures": ["deletionVectors"], "writerFeatures": ["deletionVectors"],
    } });
    let commit = format!("{protocol}\n{remove}\n{}\n", json!({ "add": add }));
    fs::write(log.join(format!("{:020}.json", commits.len())), commit).unwrap();

    let lake = folder.path().to_str().unwrap();
    for run in [
        flowq(&sql("SELECT count(*) FROM flow_logs", lake)).expect(4),
        flowq(&["compact", lake]).expect(6),
    ] {
        assert!(run.err.contains("has a deletion vector"), "{}", run.err);
        assert!(run.err.contains("hint: "), "{}", run.err);
    }
}
