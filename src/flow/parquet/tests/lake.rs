use arrow::datatypes::Schema;
use parquet::file::metadata::KeyValue;
use proptest::prelude::{prop_assert_eq, proptest};

use super::*;

/// The request for a file that the log of a lake's table names.
fn request(columns: &[&str]) -> ParquetRequest {
    ParquetRequest { lake: Some(Arc::new([])), ..super::request(columns) }
}

#[tokio::test]
async fn a_file_that_no_lake_names_is_not_believed() {
    let ids = [Some("eni-a"), Some("eni-b")];
    let key_values = [HAD, (INTERFACE_RUNS_KEY, "eni-b 2 0 0")];
    let mut columns = rows(&ids, &["OK"; 2]);
    columns.push(("Object", texts(&["x", "y"])));
    let bytes = || file(columns.clone(), &key_values);
    // Its own `object` and `line` have other names, and its values are checked.
    let selected = ["object", "line", "interface_id"];
    let (batch, tally) = all(bytes(), crate::flow::parquet::tests::request(&selected)).await;
    assert_eq!(lines(&batch), ["a.parquet 1 eni-a", "a.parquet 2 eni-b"]);
    assert_eq!((tally.ok, tally.malformed), (2, 0));
    let schema =
        Layout::Vpc.schema(&["object_".to_owned(), "line_".to_owned(), "object__2".to_owned()]);
    let selected: Vec<_> = ["object_", "line_", "object__2"]
        .map(|name| schema.field_with_name(name).unwrap().clone())
        .into();
    let selected =
        ParquetRequest { schema: Arc::new(Schema::new(selected)), ..super::request(&[]) };
    assert_eq!(lines(&all(bytes(), selected).await.0), ["a.gz 5 x", "a.gz 6 y"]);
    // What it says of its interfaces leaves out none of its rows.
    let mut selected = crate::flow::parquet::tests::request(&["interface_id"]);
    selected.filter.equals.push(("interface_id".to_owned(), set(&["eni-a"])));
    assert_eq!(lines(&all(bytes(), selected).await.0), ["eni-a"]);
}

/// A file as the lake holds it, row groups of three rows, with what it tells of itself.
fn file(columns: Columns, key_values: &[(&str, &str)]) -> Bytes {
    let key_values =
        key_values.iter().map(|(key, value)| KeyValue::new((*key).to_owned(), (*value).to_owned()));
    let properties = WriterProperties::builder()
        .set_max_row_group_row_count(Some(3))
        .set_key_value_metadata(Some(key_values.collect()))
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

/// The runs of rows that may be in any order, none longer than a row group.
fn interface_runs(interfaces: &[Option<&str>], statuses: &[&str]) -> String {
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
    let mut selected = request(&["line", "interface_id"]);
    selected.filter.equals.push(("interface_id".to_owned(), set(&["eni-b"])));
    let (batch, tally) = all(bytes.clone(), selected).await;
    assert_eq!(lines(&batch), ["5 eni-a", "8 eni-b"]);
    assert_eq!((tally.ok, tally.nodata, tally.skipdata, tally.pruned), (2, 1, 1, 0));

    // Who wants every value checked wants every row read.
    let mut selected = request(&["line"]);
    selected.filter.equals.push(("interface_id".to_owned(), set(&["eni-b"])));
    selected.validate_all = true;
    let (_, tally) = all(bytes, selected).await;
    assert_eq!((tally.ok, tally.malformed), (0, 4));

    for unfit in [
        "eni-a 4 0 0",
        "eni-a 3 0 0 eni-a 2 0 0",
        "eni-a 3 0 0",
        "eni-a 3",
        "eni-a 3 4 0 eni-a 1 0 0",
    ] {
        let bytes = file(rows(&ids, &["OK"; 4]), &[HAD, (INTERFACE_RUNS_KEY, unfit)]);
        let mut selected = request(&["line"]);
        selected.filter.interface = Some(only("eni-b"));
        let (batch, tally) = all(bytes, selected).await;
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
        let request_of = || {
            let mut selected = request(&["line", "interface_id"]);
            if by_test {
                selected.filter.interface = Some(only("eni-a"));
            }
            if by_list {
                selected.filter.equals.push(("interface_id".to_owned(), set(&["eni-b", "eni-a"])));
            }
            if more {
                selected.filter.equals.push(("log_status".to_owned(), set(&["OK", "NODATA"])));
            }
            selected
        };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let plain = runtime.block_on(all(file(rows(&ids, &statuses), &[HAD]), request_of()));
        let key_values = interface_runs(&ids, &statuses);
        let key_values = file(rows(&ids, &statuses), &[HAD, (INTERFACE_RUNS_KEY, &key_values)]);
        let key_values = runtime.block_on(all(key_values, request_of()));
        prop_assert_eq!(lines(&key_values.0), lines(&plain.0));
        // A row group that statistics rule out is not read in either case.
        prop_assert_eq!(key_values.1, plain.1);
    }
}
