use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use arrow::array::RecordBatch;
use flate2::read::MultiGzDecoder;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use walkdir::WalkDir;

use super::*;

mod verdicts;

const CHECKED_IN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/sample-logs");

/// Files that people wrote, not the generator.
const BY_HAND: &[&str] = &["README.md", "flowq.toml"];

#[derive(Debug, PartialEq)]
enum Content {
    Bytes(Vec<u8>),
    Rows(Vec<RecordBatch>),
}

/// Reads a tree by content: gzip by what it decompresses to (as far as it goes), Parquet by its rows.
fn tree(dir: &Path) -> BTreeMap<String, Content> {
    let files = WalkDir::new(dir).into_iter().map(Result::unwrap);
    files
        .filter(|entry| entry.file_type().is_file())
        .map(|entry| {
            let name = entry.path().strip_prefix(dir).unwrap().display().to_string();
            (name, content(entry.path()))
        })
        .collect()
}

fn content(path: &Path) -> Content {
    if path.extension().is_some_and(|extension| extension == "parquet") {
        let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap();
        return Content::Rows(reader.build().unwrap().map(Result::unwrap).collect());
    }
    let bytes = std::fs::read(path).unwrap();
    // A cut stream is compared as it is stored: how far it decompresses is up to the compressor.
    if !bytes.starts_with(&[0x1f, 0x8b]) || path.ends_with("truncated.log.gz") {
        return Content::Bytes(bytes);
    }
    let mut text = Vec::new();
    MultiGzDecoder::new(&*bytes).read_to_end(&mut text).unwrap();
    Content::Bytes(text)
}

#[test]
fn checked_in_samples_are_what_the_generator_writes() {
    let dir = tempfile::tempdir().unwrap();
    write_samples(dir.path()).unwrap();
    let mut checked_in = tree(Path::new(CHECKED_IN));
    checked_in.retain(|name, _| !BY_HAND.contains(&name.as_str()));
    let generated = tree(dir.path());
    assert!(
        generated.keys().eq(checked_in.keys()),
        "{:#?}\n{:#?}",
        generated.keys(),
        checked_in.keys()
    );
    for (name, content) in generated {
        assert!(content == checked_in[&name], "{name} differs from what the generator writes");
    }
}

fn options(records: u64) -> Options {
    Options {
        seed: 7,
        records,
        format: Format::V2,
        files: 6,
        parquet: false,
        gzip: false,
        start: 1_773_129_600,
    }
}

fn generate(options: &Options) -> (Summary, BTreeMap<String, Content>) {
    let dir = tempfile::tempdir().unwrap();
    (write(options, dir.path()).unwrap(), tree(dir.path()))
}

#[test]
fn the_same_seed_gives_the_same_files() {
    assert_eq!(generate(&options(3_000)), generate(&options(3_000)));
    let other = Options { seed: 8, ..options(3_000) };
    assert_ne!(generate(&options(3_000)).1, generate(&other).1);
}

#[test]
fn summary_counts_what_is_there() {
    let (summary, files) = generate(&options(5_000));
    let objects = files.iter().filter(|(name, _)| name.starts_with("logs/"));
    let lines: usize = objects
        .clone()
        .map(|(_, content)| match content {
            Content::Bytes(text) => text.iter().filter(|&&byte| byte == b'\n').count() - 1,
            Content::Rows(_) => 0,
        })
        .sum();
    assert_eq!(summary.objects, objects.count() as u64);
    assert_eq!(summary.records, lines as u64);
}

/// One line by column name.
fn rows(files: &BTreeMap<String, Content>) -> Vec<BTreeMap<String, String>> {
    let mut rows = Vec::new();
    for (name, content) in files {
        let Content::Bytes(text) = content else { continue };
        if !name.starts_with("logs/") {
            continue;
        }
        let text = std::str::from_utf8(text).unwrap();
        let (header, lines) = text.split_once('\n').unwrap();
        for line in lines.lines() {
            let pair = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
            rows.push(header.split(' ').zip(line.split(' ')).map(pair).collect());
        }
    }
    rows
}

#[test]
fn every_format_tells_the_same_traffic() {
    let v2 = rows(&generate(&options(4_000)).1);
    for format in [Format::V5, Format::V11, Format::Custom] {
        let other = rows(&generate(&Options { format, ..options(4_000) }).1);
        assert_eq!(v2.len(), other.len());
        for (a, b) in v2.iter().zip(&other) {
            for (name, value) in a.iter().filter(|(name, _)| *name != "version") {
                assert_eq!(b.get(name), Some(value), "{name} in {format:?}");
            }
        }
    }
}

#[test]
fn parquet_has_the_rows_of_text() {
    let text = rows(&generate(&options(4_000)).1);
    let (summary, files) = generate(&Options { parquet: true, ..options(4_000) });
    let rows: usize = files
        .values()
        .map(|content| match content {
            Content::Rows(batches) => batches.iter().map(RecordBatch::num_rows).sum(),
            Content::Bytes(_) => 0,
        })
        .sum();
    assert_eq!(rows, text.len());
    assert_eq!(summary.records, rows as u64);
}

#[test]
fn a_reply_never_starts_before_its_request_and_no_record_is_longer_than_an_interval() {
    let format = Format::V5;
    let rows = rows(&generate(&Options { format, ..options(20_000) }).1);
    let start = |row: &BTreeMap<String, String>| row["start"].parse::<i64>().unwrap();
    let mut opened: BTreeMap<Vec<&str>, i64> = BTreeMap::new();
    for row in &rows {
        let end: i64 = row["end"].parse().unwrap();
        assert!((0..=60).contains(&(end - start(row))), "{row:?}");
        if row["tcp-flags"].parse::<u8>().is_ok_and(|flags| flags & 18 == 2) {
            let key = ["interface-id", "srcaddr", "srcport", "dstaddr", "dstport"];
            let key = key.map(|name| row[name].as_str()).to_vec();
            let first = opened.entry(key).or_insert(i64::MAX);
            *first = (*first).min(start(row));
        }
    }
    for row in &rows {
        if row["tcp-flags"].parse::<u8>().is_ok_and(|flags| flags & 18 == 18) {
            let key = ["interface-id", "dstaddr", "dstport", "srcaddr", "srcport"];
            let key = key.map(|name| row[name].as_str()).to_vec();
            assert!(opened[&key] <= start(row), "{row:?}");
        }
    }
}
