use super::*;

#[tokio::test]
async fn values_that_do_not_fit_set_their_row_aside() {
    let reason = |name, text: &str| match name {
        "action" => Reason::NotUtf8,
        "dstaddr" => Reason::NotAnAddress,
        _ if text.chars().any(char::is_alphabetic) => Reason::NotANumber,
        _ => Reason::OutOfRange,
    };
    let cases: Vec<(&str, ArrayRef)> = vec![
        ("dstport", longs([1, i64::MAX, 3])),
        ("dstport", texts(&["1", "99999999999", "3"])),
        ("dstport", texts(&["1", "http", "3"])),
        ("bytes", Arc::new(UInt64Array::from(vec![1, u64::MAX, 3]))),
        ("start", longs([T0, -5, T0])),
        ("start", longs([T0, i64::MAX, T0])),
        // Outside the years 2010 to 2099, in seconds and in milliseconds.
        ("start", longs([T0, 1_262_303_999, T0])),
        ("end", longs([T0, 4_102_444_800, T0])),
        ("start", longs([T0, 4_102_444_800_000, T0])),
        ("dstport", longs([1, 65_536, 3])),
        ("protocol", longs([1, 256, 3])),
        ("start", texts(&["1577836800", "yesterday", "1577836800"])),
        ("action", Arc::new(BinaryArray::from(vec![b"A".as_slice(), b"\xff\xfe", b"B"]))),
        ("dstaddr", texts(&["10.0.0.1", "10.0.0.256", "None"])),
    ];
    for (name, array) in cases {
        let what = format!("{name} {}", array.data_type());
        let mut columns: Columns = vec![("interface_id", texts(&["a", "b", "c"])), (name, array)];
        columns.push(("log_status", texts(&["OK", "OK", "SKIPDATA"])));
        let bytes = write(columns);
        let (batch, tally) = all(bytes.clone(), request(&["interface_id", "line", name])).await;
        let rows = lines(&batch);
        assert!(
            rows.len() == 2 && rows[0].starts_with("a 1 ") && rows[1].starts_with("c 3 "),
            "{what}"
        );
        assert_eq!((tally.ok, tally.skipdata, tally.malformed), (1, 1, 1), "{what}");
        assert_eq!((tally.first[0].line, tally.first[0].column.as_str()), (2, name), "{what}");
        let want = reason(name, &tally.first[0].text);
        assert_eq!((tally.first[0].reason, tally.by_reason[&want]), (want, 1), "{what}");
        // A filter on the column neither hides nor loses the row.
        let mut filtered = request(&["interface_id"]);
        filtered.filter.equals.push((name.to_owned(), set(&["1", "A"])));
        let (batch, tally) = all(bytes, filtered).await;
        assert_eq!(tally.malformed, 1, "{what}");
        assert!(batch.num_rows() <= 1, "{what}");
    }
}

#[tokio::test]
async fn every_column_is_checked_when_asked_for() {
    let columns: Columns = vec![
        ("srcaddr", texts(&["10.0.0.1", "10.0.0.2"])),
        ("start", longs([T0, T0])),
        ("dstport", longs([1, i64::MAX])),
    ];
    let bytes = write(columns);
    let (batch, tally) = all(bytes.clone(), request(&["srcaddr"])).await;
    assert_eq!((batch.num_rows(), tally.malformed), (2, 0));
    let mut parquet_request = ParquetRequest { validate_all: true, ..request(&["srcaddr"]) };
    parquet_request.filter.equals.push(("srcaddr".to_owned(), set(&["10.9.9.9"])));
    let (batch, tally) = all(bytes, parquet_request).await;
    assert_eq!((batch.num_rows(), tally.malformed, tally.pruned), (0, 1, 0));
}

#[tokio::test]
async fn tags_are_decoded_unless_flowq_wrote_them() {
    let columns = |object: bool| {
        let mut columns: Columns = vec![
            ("srcaddr", texts(&["10.0.0.1"])),
            ("start", longs([T0])),
            ("instance_tag", texts(&["100%25%20a"])),
        ];
        columns.extend(object.then(|| ("object", texts(&["a.log"]))));
        write(columns)
    };
    let (batch, _) = all(columns(false), request(&["instance_tag"])).await;
    assert_eq!(lines(&batch), ["100% a"]);
    let lake = Some(Arc::from([]));
    let (batch, _) =
        all(columns(true), ParquetRequest { lake, ..request(&["instance_tag"]) }).await;
    assert_eq!(lines(&batch), ["100%25%20a"]);
    // Statistics are of the stored texts.
    let mut parquet_request = request(&["instance_tag"]);
    parquet_request.filter.equals.push(("instance_tag".to_owned(), set(&["100% a"])));
    assert_eq!(all(columns(false), parquet_request).await.0.num_rows(), 1);
}
