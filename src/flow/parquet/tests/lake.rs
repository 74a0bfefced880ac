use arrow::datatypes::Schema;
use parquet::file::metadata::KeyValue;
use proptest::prelude::{prop_assert_eq, proptest};

use super::*;

/// What is asked of a file that the log of a lake's table names.
fn request(columns: &[&str]) -> ParquetRequest {
    ParquetRequest { lake: Some(Arc::new([])), ..super::request(columns) }
}

#[tokio::test]
async fn a_file_that_no_lake_names_is_not_believed() {
    let ids = [Some("eni-a"), Some("eni-b")];
    let told = [HAD, (INTERFACE_RUNS_KEY, "eni-b 2 0 0")];
    let mut columns = rows(&ids, &["OK"; 2]);
    columns.push(("Object", texts(&["x", "y"])));
    let bytes = || file(columns.clone(), &told);
    // Its own `object` and `line` have other names, and its values are checked.
    let wanted = ["object", "line", "interface_id"];
    let (batch, tally) = all(bytes(), crate::flow::parquet::tests::request(&wanted)).await;
    assert_eq!(lines(&batch), ["a.parquet 1 eni-a", "a.parquet 2 eni-b"]);
    assert_eq!((tally.ok, tally.malformed), (2, 0));
    let schema =
        Layout::Vpc.schema(&["object_".to_owned(), "line_".to_owned(), "object__2".to_owned()]);
    let wanted: Vec<_> = ["object_", "line_", "object__2"]
        .map(|name| schema.field_with_name(name).unwrap().clone())
        .into();
    let wanted = ParquetRequest { schema: Arc::new(Schema::new(wanted)), ..super::request(&[]) };
    assert_eq!(lines(&all(bytes(), wanted).await.0), ["a.gz 5 x", "a.gz 6 y"]);
    // What it says of its interfaces leaves out none of its rows.
    let mut wanted = crate::flow::parquet::tests::request(&["interface_id"]);
    wanted.filter.equals.push(("interface_id".to_owned(), set(&["eni-a"])));
    assert_eq!(lines(&all(bytes(), wanted).await.0), ["eni-a"]);
}

/// A file as the lake holds it, row groups of three rows, with what it tells of itself.
fn file(columns: Columns, told: &[(&str, &str)]) -> Bytes {
    let told =
        told.iter().map(|(key, value)| KeyValue::new((*key).to_owned(), (*value).to_owned()));
    let properties = WriterProperties::builder()
        .set_max_row_group_row_count(Some(3))
        .set_key_value_metadata(Some(told.collect()))
        .build();
    write_with(columns, properties)
}

fn rows(interfaces: &[Option<&str>], statuses: &[&str]) -> Columns {
    let count = interfaces.len();
    vec![
        ("interface_id", Arc::new(StringArray::from(interfaces.to_vec()))),
        ("srcaddr", texts(&vec!["10.0.0.1"; count])),
        ("dstaddr", texts(&vec!["nowhere"; count])),
        ("log_status", texts(statuses)),
        ("object", texts(&vec!["a.gz"; count])),
        ("line", longs((0..count as i64).map(|row| row + 5))),
    ]
}

const HAD: (&str, &str) = (COLUMNS_KEY, "dstaddr,interface_id,log_status,srcaddr");

/// The stretches of rows that may be in any order, none longer than a row group.
fn stretches(interfaces: &[Option<&str>], statuses: &[&str]) -> String {
    let one = |(id, status): (&Option<&'static str>, &&str)| InterfaceRun {
        interface: *id,
        rows: 1,
        nodata: u64::from(*status == "NODATA"),
        skipdata: u64::from(*status == "SKIPDATA"),
    };
    let interfaces: Vec<Option<&'static str>> = interfaces
        .iter()
        .map(|id| id.map(|id| if id == "eni-a" { "eni-a" } else { "eni-b" }))
        .collect();
    encode_runs(&interfaces.iter().zip(statuses).map(one).collect::<Vec<_>>()).unwrap()
}

#[tokio::test]
async fn rows_of_other_interfaces_are_not_read() {
    let ids = [Some("eni-a"), Some("eni-b"), Some("eni-b"), Some("eni-b")];
    // What the file tells is not what it holds, so that it can be seen which was looked at.
    let lie = "eni-b 1 0 0 eni-a 2 1 1 eni-b 1 0 0";
    let bytes = file(rows(&ids, &["OK"; 4]), &[HAD, (INTERFACE_RUNS_KEY, lie)]);
    let mut wanted = request(&["line", "interface_id"]);
    wanted.filter.equals.push(("interface_id".to_owned(), set(&["eni-b"])));
    let (batch, tally) = all(bytes.clone(), wanted).await;
    assert_eq!(lines(&batch), ["5 eni-a", "8 eni-b"]);
    assert_eq!((tally.ok, tally.nodata, tally.skipdata, tally.pruned), (2, 1, 1, 0));

    // Who wants every value checked wants every row read.
    let mut wanted = request(&["line"]);
    wanted.filter.equals.push(("interface_id".to_owned(), set(&["eni-b"])));
    wanted.validate_all = true;
    let (_, tally) = all(bytes, wanted).await;
    assert_eq!((tally.ok, tally.malformed), (0, 4));

    for unfit in [
        "eni-a 4 0 0",
        "eni-a 3 0 0 eni-a 2 0 0",
        "eni-a 3 0 0",
        "eni-a 3",
        "eni-a 3 4 0 eni-a 1 0 0",
    ] {
        let bytes = file(rows(&ids, &["OK"; 4]), &[HAD, (INTERFACE_RUNS_KEY, unfit)]);
        let mut wanted = request(&["line"]);
        wanted.filter.interface = Some(only("eni-b"));
        let (batch, tally) = all(bytes, wanted).await;
        assert_eq!(
            (lines(&batch), tally.ok),
            (vec!["6".into(), "7".into(), "8".into()], 4),
            "{unfit}"
        );
    }
}

#[tokio::test]
async fn values_of_the_lake_were_checked_before() {
    let bytes = || file(rows(&[Some("eni-a"); 2], &["OK"; 2]), &[HAD]);
    let (batch, tally) = all(bytes(), request(&["dstaddr", "line"])).await;
    assert_eq!((lines(&batch), tally.malformed), (vec!["nowhere 5".into(), "nowhere 6".into()], 0));
    let mut every = request(&["line"]);
    every.validate_all = true;
    let (_, tally) = all(bytes(), every).await;
    assert_eq!((tally.malformed, tally.first[0].line), (2, 1));

    // A column of another type is none of the lake's.
    let mut columns = rows(&[Some("eni-a"); 2], &["OK"; 2]);
    columns.push(("dstport", texts(&["443", "many"])));
    let bytes = file(columns, &[(COLUMNS_KEY, "dstport,log_status,srcaddr")]);
    let (batch, tally) = all(bytes, request(&["dstport"])).await;
    assert_eq!((lines(&batch), tally.malformed), (vec!["443".into()], 1));
}

proptest! {
    /// What a file tells of its interfaces changes neither the rows nor the counts.
    #[test]
    fn stretches_change_no_answer(
        rows_of in proptest::collection::vec((0usize..3, 0usize..3), 1..20),
        by_test in proptest::bool::ANY,
        by_list in proptest::bool::ANY,
        more in proptest::bool::ANY,
    ) {
        let ids: Vec<_> = rows_of.iter().map(|(id, _)| [None, Some("eni-a"), Some("eni-b")][*id]).collect();
        let statuses: Vec<_> = rows_of.iter().map(|(_, at)| ["OK", "NODATA", "SKIPDATA"][*at]).collect();
        let asked = || {
            let mut wanted = request(&["line", "interface_id"]);
            if by_test {
                wanted.filter.interface = Some(only("eni-a"));
            }
            if by_list {
                wanted.filter.equals.push(("interface_id".to_owned(), set(&["eni-b", "eni-a"])));
            }
            if more {
                wanted.filter.equals.push(("log_status".to_owned(), set(&["OK", "NODATA"])));
            }
            wanted
        };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let plain = runtime.block_on(all(file(rows(&ids, &statuses), &[HAD]), asked()));
        let told = stretches(&ids, &statuses);
        let told = file(rows(&ids, &statuses), &[HAD, (INTERFACE_RUNS_KEY, &told)]);
        let told = runtime.block_on(all(told, asked()));
        prop_assert_eq!(lines(&told.0), lines(&plain.0));
        // A row group that statistics rule out is not read in either case.
        prop_assert_eq!(told.1, plain.1);
    }
}
