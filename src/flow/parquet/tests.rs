use std::collections::HashSet;
use std::io::Cursor;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, AsArray as _, BinaryArray, DictionaryArray, Float64Array, Int32Array, Int64Array,
    LargeStringArray, RecordBatch, StringArray, TimestampMillisecondArray, UInt64Array,
};
use arrow::compute::concat_batches;
use arrow::datatypes::{Int32Type, Int64Type, TimestampSecondType};
use arrow::util::display::array_value_to_string;
use bytes::Bytes;
use futures::TryStreamExt as _;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, GzipLevel, ZstdLevel};
use parquet::file::properties::WriterProperties;
use proptest::prelude::proptest;

use super::*;
use crate::flow::decode_stats::Reason;
use crate::flow::field::Layout;
use crate::flow::{Filter, InterfacePredicate, RecordSelection};

mod conditions;
mod footer;
mod lake;
mod values;

/// A test that one interface passes.
fn only(selected: &'static str) -> InterfacePredicate {
    Arc::new(move |id| if id == selected { RecordSelection::All } else { RecordSelection::None })
}

type Columns = Vec<(&'static str, ArrayRef)>;

fn ints(values: impl IntoIterator<Item = impl Into<Option<i32>>>) -> ArrayRef {
    Arc::new(values.into_iter().map(Into::into).collect::<Int32Array>())
}

fn longs(values: impl IntoIterator<Item = impl Into<Option<i64>>>) -> ArrayRef {
    Arc::new(values.into_iter().map(Into::into).collect::<Int64Array>())
}

fn texts(values: &[&str]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

/// 2020-01-01T00:00:00Z in Unix seconds.
const T0: i64 = 1_577_836_800;

/// Rows as AWS writes them: row `n` starts at `T0 + 1000 + 10 n`, and the last is a NODATA row.
fn aws(rows: i64) -> Columns {
    let last = |row: i64| row == rows - 1;
    let text = |f: &dyn Fn(i64) -> String| -> ArrayRef {
        Arc::new((0..rows).map(|row| Some(f(row))).collect::<StringArray>())
    };
    let dash = |row, value: String| if last(row) { "-".to_owned() } else { value };
    vec![
        ("version", ints(vec![5; rows as usize])),
        ("account_id", text(&|_| "012345678901".into())),
        ("interface_id", text(&|row| format!("eni-{}", row % 3))),
        ("srcaddr", text(&|row| dash(row, format!("10.0.0.{row}")))),
        ("dstport", ints((0..rows).map(|row| (!last(row)).then_some(443)))),
        ("bytes", longs((0..rows).map(|row| (!last(row)).then_some(row * 100)))),
        ("start", longs((0..rows).map(|row| T0 + 1000 + 10 * row))),
        ("log_status", text(&|row| if last(row) { "NODATA".into() } else { "OK".into() })),
        ("pkt_dst_aws_service", text(&|row| dash(row, "S3".into()))),
    ]
}

fn write_with(columns: Columns, properties: WriterProperties) -> Bytes {
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    bytes.into()
}

fn write(columns: Columns) -> Bytes {
    write_with(columns, WriterProperties::default())
}

/// A request for some columns, or for all without any named.
fn request(columns: &[&str]) -> ParquetRequest {
    let all = Layout::Vpc.schema(&["pkt_new".to_owned()]);
    let indices = columns.iter().map(|name| all.index_of(name).unwrap()).collect::<Vec<_>>();
    ParquetRequest {
        object: "a.parquet".to_owned(),
        lake: None,
        layout: Layout::Vpc,
        schema: Arc::new(all.project(&indices).unwrap()),
        filter: Filter::default(),
        part: FilePart::WHOLE,
        validate_all: false,
        batch_rows: 4,
        malformed_max: 3,
    }
}

async fn open(bytes: Bytes, request: ParquetRequest) -> Result<FileStream, Error> {
    read(Box::new(Cursor::new(bytes)), request).await
}

async fn try_all(bytes: Bytes, request: ParquetRequest) -> Result<(RecordBatch, Tally), Error> {
    let schema = Arc::clone(&request.schema);
    let reading = open(bytes, request).await?;
    let tally = reading.tally();
    let batches: Vec<RecordBatch> = reading.batches.try_collect().await?;
    let tally = tally();
    let counted = tally.ok + tally.nodata + tally.skipdata + tally.other + tally.other_layout;
    assert_eq!(tally.rows, counted + tally.malformed + tally.pruned, "{tally:?}");
    if schema.fields().is_empty() {
        let rows = batches.iter().map(RecordBatch::num_rows).sum();
        let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(rows));
        return Ok((RecordBatch::try_new_with_options(schema, vec![], &options).unwrap(), tally));
    }
    Ok((concat_batches(&schema, &batches).unwrap(), tally))
}

async fn all(bytes: Bytes, request: ParquetRequest) -> (RecordBatch, Tally) {
    try_all(bytes, request).await.unwrap()
}

/// One text for each row: its values between blanks, empty where NULL.
fn lines(batch: &RecordBatch) -> Vec<String> {
    let value = |row, column: &ArrayRef| array_value_to_string(column, row).unwrap();
    let row = |row| batch.columns().iter().map(|c| value(row, c)).collect::<Vec<_>>().join(" ");
    (0..batch.num_rows()).map(row).collect()
}

fn set(values: &[&str]) -> HashSet<String> {
    values.iter().map(|value| (*value).to_owned()).collect()
}

#[tokio::test]
async fn aws_files_come_as_typed_rows() {
    let selected =
        ["object", "line", "srcaddr", "start", "dstport", "bytes", "action", "account_id"];
    let (batch, tally) = all(write(aws(3)), request(&selected)).await;
    assert_eq!(
        lines(&batch),
        [
            "a.parquet 1 10.0.0.0 2020-01-01T00:16:40Z 443 0  012345678901",
            "a.parquet 2 10.0.0.1 2020-01-01T00:16:50Z 443 100  012345678901",
            "a.parquet 3  2020-01-01T00:17:00Z    012345678901",
        ]
    );
    assert_eq!((tally.rows, tally.ok, tally.nodata), (3, 2, 1));
    // count(*) reads no column but the status.
    let (batch, tally) = all(write(aws(9)), request(&[])).await;
    assert_eq!((batch.num_rows(), tally.nodata), (9, 1));
}

#[tokio::test]
async fn rows_are_counted_by_status() {
    let columns: Columns = vec![
        ("srcaddr", texts(&["10.0.0.1"; 6])),
        ("dstaddr", texts(&["10.0.0.2"; 6])),
        ("log_status", texts(&["OK", "-", "NODATA", "SKIPDATA", "SKIPDATA", "NEW"])),
    ];
    let (_, tally) = all(write(columns), request(&["srcaddr"])).await;
    assert_eq!((tally.ok, tally.nodata, tally.skipdata, tally.other), (2, 1, 2, 1));
}

#[tokio::test]
async fn a_status_that_all_rows_have_is_counted_as_well() {
    let of = |statuses: &[&str]| {
        let columns: Columns = vec![
            ("srcaddr", texts(&vec!["10.0.0.1"; statuses.len()])),
            ("dstaddr", texts(&vec!["10.0.0.2"; statuses.len()])),
            ("log_status", texts(statuses)),
        ];
        write_with(
            columns,
            WriterProperties::builder().set_max_row_group_row_count(Some(2)).build(),
        )
    };
    for (statuses, counts) in [
        (["OK", "OK", "OK"], (3, 0, 0, 0)),
        (["OK", "OK", "NODATA"], (2, 1, 0, 0)),
        (["NODATA", "NODATA", "NODATA"], (0, 3, 0, 0)),
        (["-", "-", "OK"], (3, 0, 0, 0)),
        (["NEW", "NEW", "SKIPDATA"], (0, 0, 1, 2)),
    ] {
        let (batch, tally) = all(of(&statuses), request(&["srcaddr"])).await;
        let got = (tally.ok, tally.nodata, tally.skipdata, tally.other);
        assert_eq!((batch.num_rows(), got), (3, counts), "{statuses:?}");
    }
}

#[tokio::test]
async fn every_codec_opens() {
    let codecs = [
        Compression::UNCOMPRESSED,
        Compression::SNAPPY,
        Compression::GZIP(GzipLevel::default()),
        Compression::ZSTD(ZstdLevel::default()),
        Compression::LZ4_RAW,
    ];
    for codec in codecs {
        let properties = WriterProperties::builder().set_compression(codec).build();
        let (batch, _) = all(write_with(aws(20), properties), request(&["srcaddr"])).await;
        assert_eq!(batch.num_rows(), 20, "{codec}");
    }
}

#[tokio::test]
async fn types_are_cast_as_they_come() {
    let dictionary: DictionaryArray<Int32Type> = vec!["6", "17"].into_iter().collect();
    let at = |millis| TimestampMillisecondArray::from(vec![millis; 2]);
    let cases: Vec<(&str, ArrayRef, [&str; 2])> = vec![
        ("protocol", longs([6, 17]), ["6", "17"]),
        ("protocol", Arc::new(dictionary), ["6", "17"]),
        ("protocol", texts(&["6", "-"]), ["6", ""]),
        ("protocol", Arc::new(Float64Array::from(vec![Some(6.0), None])), ["6", ""]),
        ("bytes", Arc::new(UInt64Array::from(vec![7, 8])), ["7", "8"]),
        ("bytes", ints([7, 8]), ["7", "8"]),
        (
            "start",
            longs([T0 + 1000, 1_700_000_000_999]),
            ["2020-01-01T00:16:40Z", "2023-11-14T22:13:20Z"],
        ),
        (
            "start",
            texts(&["1577837800", "2023-11-14T22:13:20Z"]),
            ["2020-01-01T00:16:40Z", "2023-11-14T22:13:20Z"],
        ),
        ("start", Arc::new(at(T0 * 1000 + 1_999)), ["2020-01-01T00:00:01Z"; 2]),
        (
            "start",
            Arc::new(at(T0 * 1000 + 1_999).with_timezone("+01:00")),
            ["2020-01-01T00:00:01Z"; 2],
        ),
        ("account_id", longs([12_345_678_901, 999_999_999_999]), ["012345678901", "999999999999"]),
        ("account_id", texts(&["012345678901", "unknown"]), ["012345678901", "unknown"]),
        ("action", Arc::new(LargeStringArray::from(vec!["ACCEPT", ""])), ["ACCEPT", ""]),
        ("action", Arc::new(BinaryArray::from(vec![b"-".as_slice(), b"REJECT"])), ["", "REJECT"]),
        (
            "type",
            texts(&["--", "a very long text that is not inlined"]),
            ["--", "a very long text that is not inlined"],
        ),
        ("pkt_new", longs([1, 2]), ["1", "2"]),
    ];
    for (name, array, want) in cases {
        let what = format!("{name} {}", array.data_type());
        let mut columns: Columns =
            vec![("srcaddr", texts(&["10.0.0.1"; 2])), ("end", longs([1, 2]))];
        columns.push((name, array));
        columns.push(("dstaddr", texts(&["10.0.0.2"; 2])));
        let (batch, tally) = all(write(columns), request(&[name])).await;
        assert_eq!(lines(&batch), want, "{what}");
        assert_eq!((tally.ok, tally.malformed), (2, 0), "{what}");
    }
}

#[tokio::test]
async fn anything_else_is_refused_by_name() {
    let ocsf = vec![
        ("class_uid", ints([4001])),
        ("start", longs([T0])),
        ("end", longs([1])),
        ("type", texts(&["x"])),
    ];
    let trips = vec![("vendor", ints([1])), ("fare", ints([1])), ("start", longs([1]))];
    let twice = vec![
        ("srcaddr", texts(&["10.0.0.1"])),
        ("log-status", texts(&["OK"])),
        ("log_status", texts(&["OK"])),
        ("end", longs([1])),
    ];
    let cases =
        [(ocsf, "OCSF"), (trips, "1 of its 3"), (twice, "two of its columns are log_status")];
    for (columns, want) in cases {
        let err = open(write(columns), request(&[])).await.unwrap_err();
        let Error::NotFlowLog { object, source } = &err else { panic!("{err}") };
        assert_eq!(object, "a.parquet");
        assert!(source.to_string().contains(want), "{source}");
        assert!(!err.is_retryable());
    }
    let whole = write(aws(50));
    for cut in [0, 3, 100, whole.len() - 9, whole.len() - 1] {
        let err = try_all(whole.slice(..cut), request(&["srcaddr"])).await.unwrap_err();
        assert!(
            matches!(err, Error::Broken { .. }) && err.to_string().contains("a.parquet"),
            "{cut}: {err:?}"
        );
    }
    let mut damaged = whole.to_vec();
    damaged[4..200].fill(0xff);
    assert!(matches!(
        try_all(damaged.into(), request(&["version", "srcaddr"])).await,
        Err(Error::Broken { .. })
    ));
}

#[tokio::test]
async fn rows_of_the_other_layout_are_counted_and_left_out() {
    let columns: Columns = vec![
        ("resource_type", texts(&["TransitGateway"])),
        ("tgw_id", texts(&["tgw-1"])),
        ("srcaddr", texts(&["10.0.0.1"])),
        ("packets_lost_blackhole", longs([4])),
    ];
    let (batch, tally) = all(write(columns.clone()), request(&["srcaddr"])).await;
    assert_eq!((batch.num_rows(), tally.other_layout), (0, 1));
    let schema = Layout::TransitGateway.schema(&[]);
    let selected = ParquetRequest { layout: Layout::TransitGateway, schema, ..request(&[]) };
    let (batch, tally) = all(write(columns), selected).await;
    assert_eq!(batch["packets_lost_blackhole"].as_primitive::<Int64Type>().values(), &[4]);
    assert_eq!(tally.ok, 1);
}

#[tokio::test]
async fn dashes_in_names_and_unknown_columns_are_taken() {
    let columns: Columns = vec![
        ("interface-id", texts(&["eni-1"])),
        ("srcaddr", texts(&["10.0.0.1"])),
        ("log-status", texts(&["OK"])),
        ("pkt-new", ints([7])),
    ];
    let reading = open(write(columns.clone()), request(&[])).await.unwrap();
    assert_eq!(reading.format.extra, ["pkt_new"]);
    let (batch, _) = all(write(columns), request(&["pkt_new", "interface_id"])).await;
    assert_eq!(lines(&batch), ["7 eni-1"]);
}

#[tokio::test]
async fn what_flowq_wrote_reads_back_the_same() {
    let every: Vec<String> =
        Layout::Vpc.schema(&[]).fields().iter().map(|field| field.name().clone()).collect();
    let every: Vec<&str> = every.iter().map(String::as_str).collect();
    let (first, _) =
        all(write(aws(12)), ParquetRequest { object: "-".to_owned(), ..request(&every) }).await;
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, first.schema(), None).unwrap();
    writer.write(&first.slice(5, 7)).unwrap();
    writer.close().unwrap();
    let lake: Option<Arc<[String]>> = Some(Arc::from([]));
    let (again, tally) = all(bytes.into(), ParquetRequest { lake, ..request(&every) }).await;
    assert_eq!(again, first.slice(5, 7));
    assert_eq!((tally.ok, tally.nodata), (6, 1));
}

#[tokio::test]
async fn a_real_file_gives_the_known_rows() {
    let folder =
        concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/corpus/SEKOIA-IO__automation-library");
    let file =
        "111111111111_vpcflowlogs_eu-west-3_fl-032a163fae170ae52_20220831T1255Z_2ad4bef5.parquet";
    let Ok(bytes) = std::fs::read(Path::new(folder).join(file)) else {
        println!("not checked: no corpus here");
        return;
    };
    let want = std::fs::read_to_string(Path::new(folder).join("test_parquet_result.json")).unwrap();
    let want: Vec<String> = serde_json::from_str(&want).unwrap();
    let selected = [
        "srcaddr",
        "dstaddr",
        "srcport",
        "dstport",
        "protocol",
        "packets",
        "bytes",
        "start",
        "end",
        "action",
        "log_status",
        "interface_id",
        "account_id",
        "version",
    ];
    let (batch, tally) = all(bytes.into(), request(&selected)).await;
    assert_eq!((batch.num_rows(), tally.malformed), (want.len(), 0));
    for (row, want) in want.iter().enumerate() {
        let want: serde_json::Value = serde_json::from_str(want).unwrap();
        for name in selected {
            let array = &batch[name];
            let got = match array.as_primitive_opt::<TimestampSecondType>() {
                Some(times) => times.value(row).to_string(),
                None => array_value_to_string(array, row).unwrap(),
            };
            assert_eq!(got, want[name].to_string().trim_matches('"'), "row {row} {name}");
        }
    }
}

proptest! {
    /// Damaged bytes give rows or an error, and never a panic.
    #[test]
    fn damage_never_panics(at in 0usize..4000, value: u8, length in 1usize..4) {
        let mut bytes = write(aws(30)).to_vec();
        let at = at % bytes.len();
        let end = (at + length).min(bytes.len());
        bytes[at..end].fill(value);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let selected = ParquetRequest { schema: Layout::Vpc.schema(&[]), ..request(&[]) };
            if let Ok(reading) = open(bytes.into(), selected).await {
                let _read: Result<Vec<RecordBatch>, Error> = reading.batches.try_collect().await;
            }
        });
    }
}
