use std::fs;
use std::sync::{Arc, Mutex};

use arrow::array::{
    ArrayRef, Float64Array, Int64Array, ListBuilder, StringBuilder, StringViewArray,
    TimestampSecondArray,
};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::*;

#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A reader that went away.
struct Gone;

impl Write for Gone {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::BrokenPipe.into())
    }
    fn flush(&mut self) -> io::Result<()> {
        Err(io::ErrorKind::BrokenPipe.into())
    }
}

fn batch() -> RecordBatch {
    let mut lists = ListBuilder::new(StringBuilder::new());
    lists.append_value([Some("a"), None]);
    lists.append_null();
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("name", Arc::new(StringViewArray::from_iter([Some("a|b,\"c\"\t\\"), None]))),
        ("bytes", Arc::new(Int64Array::from(vec![Some(1_234_567), Some(5)]))),
        ("share", Arc::new(Float64Array::from(vec![0.5, 1.0]))),
        (
            "seen",
            Arc::new(
                TimestampSecondArray::from(vec![Some(1_773_144_000), None]).with_timezone("UTC"),
            ),
        ),
        ("list", Arc::new(lists.finish())),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, c)| (n, c, true)))
        .unwrap()
}

fn bytes(format: Format, batches: &[RecordBatch], width: Option<u16>) -> Vec<u8> {
    let shared = Shared::default();
    let mut writer =
        RowWriter::new(format, batches[0].schema(), Box::new(shared.clone()), width).unwrap();
    for batch in batches {
        writer.write(batch).unwrap();
    }
    let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
    assert_eq!(writer.finish().unwrap(), rows as u64);
    std::mem::take(&mut *shared.0.lock().unwrap())
}

fn text(format: Format, batches: &[RecordBatch], width: Option<u16>) -> String {
    String::from_utf8(bytes(format, batches, width)).unwrap()
}

const FORMATS: [Format; 8] = [
    Format::Table,
    Format::Json,
    Format::Ndjson,
    Format::Csv,
    Format::Tsv,
    Format::Markdown,
    Format::Parquet,
    Format::Arrow,
];

#[test]
fn table_aligns_and_spells_out_control_characters() {
    let want = "\
name          bytes  share  seen                  list
──────────  ───────  ─────  ────────────────────  ──────────
a|b,\"c\"\\t\\  1234567    0.5  2026-03-10T12:00:00Z  [\"a\",null]
                  5    1.0
";
    assert_eq!(text(Format::Table, &[batch()], None), want);
}

#[test]
fn table_cuts_text_to_the_terminal_but_never_numbers() {
    let names = StringViewArray::from_iter_values(["é".repeat(40), "short".to_owned()]);
    let columns: [(&str, ArrayRef); 2] =
        [("name", Arc::new(names)), ("n", Arc::new(Int64Array::from(vec![12_345, 1])))];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let table = text(Format::Table, &[batch], Some(25));
    assert!(table.contains(&format!("{}…  12345\n", "é".repeat(17))), "{table}");
    assert!(table.lines().all(|line| line.chars().count() <= 25), "{table}");
}

#[test]
fn table_too_wide_for_the_terminal_becomes_records() {
    let table = text(Format::Table, &[batch()], Some(30));
    assert!(table.starts_with("── 1 ──\nname   a|b"), "{table}");
    assert!(table.contains("\n── 2 ──\nname\nbytes  5\n"), "{table}");
}

#[test]
fn table_streams_after_its_sample() {
    let one = Arc::new(Int64Array::from_iter_values(0..1500)) as ArrayRef;
    let batch = RecordBatch::try_from_iter([("n", one)]).unwrap();
    let mut table = Table::new(&batch.schema(), None);
    assert_eq!(table.push(&batch).unwrap().lines().count(), 2 + 1500);
    assert_eq!(table.finish(), "");
}

#[test]
fn json_is_one_array_and_ndjson_one_object_a_line() {
    let first = r#"{"name":"a|b,\"c\"\t\\","bytes":1234567,"share":0.5,"seen":"2026-03-10T12:00:00Z","list":["a",null]}"#;
    let second = r#"{"name":null,"bytes":5,"share":1.0,"seen":null,"list":null}"#;
    assert_eq!(text(Format::Json, &[batch()], None), format!("[{first},{second}]\n"));
    assert_eq!(text(Format::Ndjson, &[batch()], None), format!("{first}\n{second}\n"));
    assert_eq!(text(Format::Json, &[batch().slice(0, 0)], None), "[]\n");
}

#[test]
fn csv_tsv_and_markdown_escape() {
    assert_eq!(
        text(Format::Csv, &[batch()], None),
        "name,bytes,share,seen,list\n\"a|b,\"\"c\"\"\t\\\",1234567,0.5,2026-03-10T12:00:00Z,\"[\"\"a\"\",null]\"\n,5,1.0,,\n"
    );
    assert_eq!(
        text(Format::Tsv, &[batch()], None),
        "name\tbytes\tshare\tseen\tlist\na|b,\"c\"\\t\\\\\t1234567\t0.5\t2026-03-10T12:00:00Z\t[\"a\",null]\n\t5\t1.0\t\t\n"
    );
    assert_eq!(
        text(Format::Markdown, &[batch()], None),
        "| name | bytes | share | seen | list |\n| --- | --: | --: | --- | --- |\n| a\\|b,\"c\" \\\\ | 1234567 | 0.5 | 2026-03-10T12:00:00Z | \\[\"a\",null\\] |\n|  | 5 | 1.0 |  |  |\n"
    );
}

#[test]
fn parquet_and_arrow_read_back() {
    let parquet = bytes::Bytes::from(bytes(Format::Parquet, &[batch(), batch()], None));
    let reader = ParquetRecordBatchReaderBuilder::try_new(parquet).unwrap().build().unwrap();
    let back: Vec<RecordBatch> = reader.map(Result::unwrap).collect();
    assert_eq!(back.iter().map(RecordBatch::num_rows).sum::<usize>(), 4);
    // Times come in microseconds: Parquet has no type for seconds.
    let schema = crate::batch::output_schema::with_parquet_times(&batch().schema());
    let written = crate::batch::output_schema::conform(&batch(), &schema).unwrap();
    assert_eq!(back[0].slice(0, 2), written);

    let file = io::Cursor::new(bytes(Format::Arrow, &[batch()], None));
    let mut reader = arrow::ipc::reader::FileReader::try_new(file, None).unwrap();
    assert_eq!(reader.next().unwrap().unwrap(), batch());
}

#[test]
fn no_rows_are_fine_in_every_format() {
    for format in FORMATS {
        let none = bytes(format, &[batch().slice(0, 0)], Some(80));
        assert_eq!(none.is_empty(), format == Format::Ndjson, "{format:?}");
    }
}

#[test]
fn a_reader_that_went_away_is_told_apart() {
    for format in FORMATS {
        let run = || -> Result<u64> {
            let mut writer = RowWriter::new(format, batch().schema(), Box::new(Gone), None)?;
            writer.write(&batch())?;
            writer.finish()
        };
        let err = run().unwrap_err();
        assert!(is_broken_pipe(&err), "{format:?}: {err:#}");
    }
}

#[test]
fn a_reader_that_goes_away_within_a_batch_is_told_apart() {
    // More than any writer holds back.
    let many = arrow::compute::concat_batches(&batch().schema(), &vec![batch(); 2000]).unwrap();
    for format in FORMATS {
        let run = || -> Result<u64> {
            let mut writer = RowWriter::new(format, many.schema(), Box::new(Gone), None)?;
            writer.write(&many)?;
            writer.finish()
        };
        let err = run().unwrap_err();
        assert!(is_broken_pipe(&err), "{format:?}: {err:#}");
    }
}

#[test]
fn output_file_appears_whole_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.csv");
    let listed = || fs::read_dir(folder.path()).unwrap().count();

    let dropped = OutputFile::create(&path).unwrap();
    dropped.writer().unwrap().write_all(b"half").unwrap();
    assert_eq!((path.exists(), listed()), (false, 1));
    drop(dropped);
    assert_eq!(listed(), 0);

    fs::write(&path, "old").unwrap();
    let file = OutputFile::create(&path).unwrap();
    let mut writer =
        RowWriter::new(Format::Csv, batch().schema(), file.writer().unwrap(), None).unwrap();
    writer.write(&batch()).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "old");
    writer.finish().unwrap();
    file.publish().unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), text(Format::Csv, &[batch()], None));
    assert_eq!(listed(), 1);
}

#[test]
fn output_to_a_folder_or_into_none_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let err = OutputFile::create(folder.path()).err().unwrap().to_string();
    assert!(err.ends_with("is a folder; name a file"), "{err}");
    let err = OutputFile::create(&folder.path().join("none/out.csv")).err().unwrap().to_string();
    assert!(err.contains("there is no folder"), "{err}");
}

#[cfg(unix)]
#[test]
fn a_device_is_written_as_it_stands() {
    let file = OutputFile::create(std::path::Path::new("/dev/null")).unwrap();
    file.writer().unwrap().write_all(b"gone").unwrap();
    file.publish().unwrap();
}
