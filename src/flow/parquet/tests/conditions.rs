use proptest::prelude::{Strategy as _, prop_assert_eq, proptest};

use super::*;

#[tokio::test]
async fn conditions_drop_rows_and_row_groups_and_keep_row_numbers() {
    let grouped = || WriterProperties::builder().set_max_row_group_row_count(Some(10)).build();
    let bytes = write_with(aws(100), grouped());
    let mut parquet_request = request(&["line", "start"]);
    parquet_request.filter.ranges.push(("start".to_owned(), Some(T0 + 1555), Some(T0 + 1600)));
    let (batch, tally) = all(bytes.clone(), parquet_request).await;
    let numbers = batch["line"].as_primitive::<Int64Type>().values().to_vec();
    assert_eq!(numbers, [57, 58, 59, 60, 61]);
    assert_eq!((tally.rows, tally.pruned, tally.ok), (100, 80, 20));

    let mut parquet_request = request(&["line"]);
    parquet_request.filter.equals.push(("srcaddr".to_owned(), set(&["10.0.0.42", "10.0.0.7"])));
    parquet_request.filter.interface = Some(only("eni-0"));
    let (batch, tally) = all(bytes.clone(), parquet_request).await;
    assert_eq!(lines(&batch), ["43"]);
    assert!(tally.pruned >= 50, "{tally:?}");

    let mut parquet_request = request(&[]);
    parquet_request.filter.equals.push(("dstport".to_owned(), set(&["80"])));
    let (batch, tally) = all(bytes.clone(), parquet_request).await;
    // Nothing but 443 anywhere: no row group is read.
    assert_eq!((batch.num_rows(), tally.pruned), (0, 100));

    // A column that the file lacks is NULL, which fulfils nothing; the rows are counted.
    let mut parquet_request = request(&["line"]);
    parquet_request.filter.equals.push(("action".to_owned(), set(&["REJECT"])));
    let (batch, tally) = all(bytes, parquet_request).await;
    assert_eq!((batch.num_rows(), tally.ok, tally.nodata), (0, 99, 1));

    // Numbers stored as text sort as text: their statistics must not prune.
    let ports = vec![
        ("srcaddr", texts(&["10.0.0.1"; 3])),
        ("dstaddr", texts(&["10.0.0.2"; 3])),
        ("dstport", texts(&["9", "10", "80"])),
    ];
    let mut parquet_request = request(&["line"]);
    parquet_request.filter.equals.push(("dstport".to_owned(), set(&["10"])));
    let (batch, _) = all(write(ports), parquet_request).await;
    assert_eq!(lines(&batch), ["2"]);
}

proptest! {
    /// The reader keeps the rows that a plain loop keeps, whatever the row groups and batches, and each
    /// row is counted once.
    #[test]
    fn conditions_keep_what_a_plain_loop_keeps(
        starts in proptest::collection::vec(proptest::option::of(T0..T0 + 50), 1..60),
        group in 1usize..20,
        batch_rows in 1usize..9,
        least in proptest::option::of(T0..T0 + 50),
        most in proptest::option::of(T0..T0 + 50),
        keep in proptest::collection::hash_set((0i64..5).prop_map(|n| n.to_string()), 1..3),
    ) {
        let ports: Vec<i64> = (0..starts.len() as i64).map(|row| row % 5).collect();
        let columns: Columns = vec![
            ("start", longs(starts.clone())),
            ("dstport", longs(ports.clone())),
            ("log_status", texts(&vec!["OK"; starts.len()])),
        ];
        let properties = WriterProperties::builder().set_max_row_group_row_count(Some(group)).build();
        let mut parquet_request = request(&["line"]);
        parquet_request.batch_rows = batch_rows;
        parquet_request.filter.ranges.push(("start".to_owned(), least, most));
        parquet_request.filter.equals.push(("dstport".to_owned(), keep.clone()));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (batch, _) = runtime.block_on(all(write_with(columns, properties), parquet_request));
        let fits = |row: &usize| {
            let start = starts[*row];
            start.is_some_and(|s| least.is_none_or(|l| l <= s) && most.is_none_or(|m| s <= m))
                && keep.contains(&ports[*row].to_string())
        };
        let want: Vec<String> =
            (0..starts.len()).filter(fits).map(|row| (row + 1).to_string()).collect();
        prop_assert_eq!(lines(&batch), want);
    }
}

#[tokio::test]
async fn a_window_keeps_rows_and_row_groups_that_do_not_tell_their_time() {
    let rows = 40;
    let columns: Columns = vec![
        ("srcaddr", texts(&vec!["10.0.0.1"; rows])),
        ("start", longs((0..rows as i64).map(|row| (row != 35).then_some(T0 + row)))),
        ("dstport", longs(vec![1; rows])),
    ];
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(10)).build();
    let mut parquet_request = request(&["line"]);
    // The file has no `end`: nothing is known to have ended before `since`.
    (parquet_request.filter.since, parquet_request.filter.until) =
        (Some(T0 + 1_000_000), Some(T0 + 5));
    let (batch, tally) = all(write_with(columns, properties), parquet_request).await;
    assert_eq!(lines(&batch), ["1", "2", "3", "4", "5", "36"]);
    assert_eq!(tally.pruned, 20);
}

#[tokio::test]
async fn parts_of_a_file_are_the_file() {
    let grouped = WriterProperties::builder().set_max_row_group_row_count(Some(10)).build();
    let bytes = write_with(aws(95), grouped);
    let parquet_request = || {
        let mut parquet_request = request(&["line", "srcaddr"]);
        parquet_request.filter.ranges.push(("start".to_owned(), Some(T0 + 1155), Some(T0 + 1900)));
        parquet_request.filter.interface = Some(only("eni-0"));
        parquet_request
    };
    let (whole, sum) = all(bytes.clone(), parquet_request()).await;
    assert_eq!((sum.rows, sum.pruned, sum.ok), (95, 10, 84));
    for of in [1, 2, 3, 10, 12] {
        let (mut rows, mut counts) = (Vec::new(), [0; 4]);
        for at in 0..of {
            let part = ParquetRequest { part: FilePart { at, of }, ..parquet_request() };
            let (batch, tally) = all(bytes.clone(), part).await;
            rows.extend(lines(&batch));
            let more = [tally.rows, tally.pruned, tally.ok, tally.nodata];
            counts.iter_mut().zip(more).for_each(|(count, more)| *count += more);
        }
        assert_eq!(rows, lines(&whole), "{of} parts");
        assert_eq!(counts, [sum.rows, sum.pruned, sum.ok, sum.nodata], "{of} parts");
    }
}
