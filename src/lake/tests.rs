use std::sync::Arc;

use arrow::array::RecordBatch;

use crate::aws::{Account, Options};
use crate::flow::field::Layout;
use crate::lake::{LakeTable, Origin, TableCommit, Writer, WriterOptions};
use crate::storage::Storage;

#[tokio::test]
async fn a_change_is_applied_once() {
    let folder = tempfile::tempdir().unwrap();
    let account = Arc::new(Account::new(Options::default()));
    let lake = Storage::create(folder.path().to_str().unwrap(), &account).unwrap();
    assert!(LakeTable::open(&lake, Layout::Vpc).await.unwrap().is_none());
    let mut table = LakeTable::create(&lake, Layout::Vpc, &[]).await.unwrap();
    let schema = Layout::Vpc.schema(&[]);
    let columns = schema.fields().iter().map(|field| match field.name().as_str() {
        "interface_id" => {
            Arc::new(arrow::array::StringViewArray::from(vec!["eni-b", "eni-a"])) as _
        }
        "start" => Arc::new(
            arrow::array::TimestampSecondArray::from(vec![7200, 7201]).with_timezone("UTC"),
        ) as _,
        _ => arrow::array::new_null_array(field.data_type(), 2),
    });
    let batch = RecordBatch::try_new(Arc::clone(&schema), columns.collect()).unwrap();
    let origin: Arc<Origin> = Arc::new(|_: &str| (Some("123456789012".into()), None));
    let mut writer = Writer::new(&lake, Layout::Vpc, "1", origin, WriterOptions::default());
    writer.write(&batch).await.unwrap();
    let files = writer.finish().await.unwrap();
    assert_eq!(files.len(), 1);
    assert_eq!(
        files[0].path,
        "log_account=123456789012/log_region=__HIVE_DEFAULT_PARTITION__/date=1970-01-01/hour=2/1-0.parquet"
    );
    let change = TableCommit {
        txn: ("test".into(), 1),
        add: files.clone(),
        data_change: true,
        ..TableCommit::default()
    };
    assert!(table.commit(&change, 100).await.unwrap());
    assert!(!table.commit(&change, 100).await.unwrap());
    let table = LakeTable::open(&lake, Layout::Vpc).await.unwrap().unwrap();
    assert_eq!(table.files().await.unwrap(), files);
    assert_eq!(table.applied("test").await.unwrap(), Some(1));
    assert_eq!(table.applied("other").await.unwrap(), None);
}

#[test]
fn writers_share_the_memory() {
    // The default of ingest on two processors, in a container of 1 GiB.
    let two = WriterOptions::within(512 << 20, 2);
    assert_eq!((two.memory_bytes, two.file_rows, two.group_rows), (64 << 20, 128 << 10, 128 << 10));
    let little = WriterOptions::within(64 << 20, 4);
    assert_eq!((little.memory_bytes, little.file_rows, little.group_rows), (4 << 20, 8192, 8192));
    let much = WriterOptions::within(16 << 30, 1);
    let most = WriterOptions::default();
    assert_eq!((much.memory_bytes, much.file_rows), (most.memory_bytes, most.file_rows));
}

#[tokio::test]
async fn a_pass_of_an_older_version_goes_in_without_columns_that_no_table_can_have() {
    let folder = tempfile::tempdir().unwrap();
    let account = Arc::new(Account::new(Options::default()));
    let lake = Storage::create(folder.path().to_str().unwrap(), &account).unwrap();
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    // Published before names were checked: the commit failed for good.
    let old = names(&["date", "hour", "log_account", "a b", "foo", "Foo", "object"]);
    LakeTable::create(&lake, Layout::Vpc, &old).await.unwrap();
    let table = LakeTable::create(&lake, Layout::Vpc, &names(&["FOO", "bar"])).await.unwrap();
    assert_eq!(table.fields().unwrap(), Some((Layout::Vpc, names(&["foo", "bar"]))));
}
