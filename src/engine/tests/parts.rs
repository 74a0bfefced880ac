//! Large Parquet files, read in parts.

use std::ops::Range;

use arrow::array::{ArrayRef, Int64Array, StringArray};
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;
use parquet::file::reader::FileReader as _;
use parquet::file::serialized_reader::SerializedFileReader;

use super::*;

/// Objects with a large listed size, so that they are read in parts.
#[derive(Debug)]
struct Large(MemorySource);

#[async_trait]
impl Source for Large {
    async fn splits(&self, window: &Window) -> std::result::Result<Listing, Error> {
        let mut listing = self.0.splits(window).await?;
        for split in &mut listing.splits {
            split.size_bytes = Some(200 << 20);
        }
        Ok(listing)
    }

    async fn head(&self, split: &Split, bytes_max: usize) -> std::result::Result<Bytes, Error> {
        self.0.head(split, bytes_max).await
    }

    async fn open(&self, split: &Split) -> std::result::Result<ByteStream, Error> {
        self.0.open(split).await
    }

    async fn open_random_access(
        &self,
        split: &Split,
    ) -> std::result::Result<Box<dyn AsyncFileReader>, Error> {
        self.0.open_random_access(split).await
    }
}

/// A file of 90 rows in 9 row groups, and where the columns of each row group lie.
fn file() -> (Vec<u8>, Vec<Range<usize>>) {
    let rows = 0..90i64;
    let text = |f: &dyn Fn(i64) -> String| -> ArrayRef {
        Arc::new(rows.clone().map(|row| Some(f(row))).collect::<StringArray>())
    };
    let batch = RecordBatch::try_from_iter([
        ("interface_id", text(&|row| format!("eni-{row}"))),
        (
            "srcaddr",
            text(&|row| if row == 44 { "nowhere".into() } else { format!("10.0.0.{row}") }),
        ),
        ("dstaddr", text(&|_| "10.1.0.1".into())),
        ("bytes", Arc::new(rows.clone().collect::<Int64Array>())),
        ("log_status", text(&|_| "OK".into())),
    ])
    .unwrap();
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(10)).build();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    let reader = SerializedFileReader::new(Bytes::from(bytes.clone())).unwrap();
    let places = |group: &parquet::file::metadata::RowGroupMetaData| {
        let ranges = group.columns().iter().map(|column| column.byte_range());
        let (start, end) =
            ranges.fold((u64::MAX, 0), |(low, high), (at, len)| (low.min(at), high.max(at + len)));
        start as usize..end as usize
    };
    let places = reader.metadata().row_groups().iter().map(places).collect();
    (bytes, places)
}

/// The rows and counts of a query with this many threads.
async fn read(name: &str, stored: &[u8], sql: &str, threads: usize) -> (Vec<String>, ScanSummary) {
    let source = Arc::new(Large(MemorySource::from_iter([(name, stored.to_vec())])));
    let engine = with(source, ScanOptions::new(Window::default()), threads).await;
    (ask(&engine, sql).await, engine.summary())
}

const SUMS: &str =
    "SELECT count(*), sum(line), sum(bytes) FROM flow_logs WHERE srcaddr <> '10.0.0.9'";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_share_a_large_parquet_file_and_count_it_once() {
    let (stored, _) = file();
    for threads in [1, 2, 3] {
        let (rows, summary) = read("a.parquet", &stored, SUMS, threads).await;
        // Without the row that does not fit, and the one that is not selected.
        let sum = 89 * 90 / 2 - 44 - 9;
        assert_eq!(rows, [format!("88 {} {sum}", sum + 88)]);
        assert!(summary.adds_up(), "{summary:?}");
        let objects = (summary.objects_listed, summary.objects_begun, summary.objects_read);
        assert_eq!(objects, (1, 1, 1));
        assert_eq!((summary.lines, summary.ok, summary.malformed.total()), (90, 89, 1));
    }
    let (rows, summary) = read("a.parquet", &stored, "SELECT line FROM flow_logs LIMIT 2", 2).await;
    assert_eq!(rows.len(), 2);
    assert!(summary.stopped_early(), "{summary:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_read_of_a_damaged_file_does_not_depend_on_the_threads() {
    let (mut stored, places) = file();
    for group in [2, 6] {
        stored[places[group].clone()].fill(0xff);
    }
    let (rows, one) = read("a.parquet", &stored, SUMS, 1).await;
    assert!((30..70).contains(&one.ok), "{one:?}");
    assert!(one.adds_up() && one.objects_read == 1, "{one:?}");
    assert_eq!((one.problem_objects, one.problems.len()), (1, 1));
    for threads in [2, 3] {
        let (same, more) = read("a.parquet", &stored, SUMS, threads).await;
        assert_eq!((same, format!("{more:?}")), (rows.clone(), format!("{one:?}")));
    }
    // A footer that no part can read is reported once.
    stored.truncate(stored.len() - 5);
    let (_, none) = read("a.parquet", &stored, SUMS, 2).await;
    assert_eq!((none.lines, none.problem_objects, none.problems.len()), (0, 1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn text_that_is_called_parquet_is_read_once() {
    let (rows, summary) = read("a.parquet", vpc(90).as_bytes(), SUMS, 2).await;
    assert_eq!(rows, ["89 4175 4086"]);
    assert_eq!((summary.ok, summary.objects_begun, summary.objects_read), (90, 1, 1));
    assert!(summary.adds_up(), "{summary:?}");
}
