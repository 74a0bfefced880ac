//! What is pushed into the decoder never changes a result.

use datafusion::prelude::SessionContext;
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;
use proptest::prelude::{Just, Strategy, any, prop_assert_eq, prop_oneof, proptest};
use proptest::sample::select;

use super::*;

const COLUMNS: &str =
    "version interface-id srcaddr dstport protocol bytes start end action log-status instance-tag";

fn row() -> impl Strategy<Value = String> {
    let interface = select(vec!["eni-1", "eni-2", "-"]);
    let address = select(vec!["10.0.0.1", "10.0.0.2", "2001:db8::1", "-"]);
    let port = select(vec!["22", "443", "0", "-"]);
    let bytes = select(vec!["0", "100", "5000000000", "-"]);
    let start = prop_oneof![
        (1000i64..1010).prop_map(|n| (i64::from(T0) + n).to_string()),
        Just("-".to_owned())
    ];
    let action = select(vec!["ACCEPT", "REJECT", "-"]);
    let status = select(vec!["OK", "NODATA", "SKIPDATA"]);
    let tag = select(vec!["a%20b", "x", "-"]);
    let fields = (interface, address, port, bytes, start, action, status, tag, any::<bool>());
    fields.prop_map(|(interface, address, port, bytes, start, action, status, tag, tcp)| {
        let protocol = if tcp { 6 } else { 17 };
        let end = start.parse::<i64>().map_or("-".to_owned(), |start| (start + 60).to_string());
        format!(
            "5 {interface} {address} {port} {protocol} {bytes} {start} {end} {action} {status} {tag}\n"
        )
    })
}

fn predicate() -> impl Strategy<Value = String> {
    let second = |n: i64| format!("2020-01-01T00:16:{:02}Z", 40 + n);
    let leaf = prop_oneof![
        select(vec![
            "srcaddr = '10.0.0.1'",
            "srcaddr = '-'",
            "srcaddr <> '10.0.0.1'",
            "srcaddr IN ('10.0.0.1', '2001:db8::1')",
            "srcaddr NOT IN ('10.0.0.1')",
            "srcaddr IN ('10.0.0.1', NULL)",
            "srcaddr IS NULL",
            "'eni-1' = interface_id",
            "interface_id = 'eni-1' OR interface_id = 'eni-2'",
            "interface_id = 'eni-1' OR action = 'REJECT'",
            "action ILIKE 'acc%'",
            "action = NULL",
            "action = 'accept'",
            "dstport = 443",
            "dstport = '443'",
            "dstport = '0443'",
            "CAST(dstport AS VARCHAR) = '443'",
            "CAST(dstport AS DOUBLE) = 443.0",
            "dstport IN (22, 443)",
            "dstport > 22",
            "dstport BETWEEN 1 AND 400",
            "NOT (dstport = 443)",
            "protocol = 6",
            "bytes >= 100",
            "bytes = 5000000000",
            "bytes < 99.5",
            "bytes / 2 = 50",
            "instance_tag = 'a b'",
            "instance_tag = 'a%20b'",
            "object = 'log'",
            "line = 2",
            "log_status = 'NODATA'",
        ])
        .prop_map(str::to_owned),
        (select(vec!["=", "<", "<=", ">", ">=", "<>"]), 0i64..10)
            .prop_map(move |(op, n)| { format!("start {op} '{}'", second(n)) }),
        (0i64..10).prop_map(move |n| format!("CAST(start AS VARCHAR) = '{}'", second(n))),
        (0i64..10).prop_map(move |n| {
            format!("CAST(CAST(start AS DATE) AS TIMESTAMP) <= TIMESTAMP '{}'", second(n))
        }),
        (0i64..10).prop_map(move |n| format!("end < '2020-01-01T00:17:{:02}.5Z'", 40 + n)),
        (0i64..10).prop_map(move |n| format!("'{}' BETWEEN start AND end", second(n))),
    ];
    leaf.prop_recursive(3, 8, 2, |inner| {
        (inner.clone(), select(vec!["AND", "OR", "AND NOT"]), inner)
            .prop_map(|(left, op, right)| format!("(({left}) {op} ({right}))"))
    })
}

/// The rows of a predicate over the reader, and over the same rows in a plain table.
async fn both(objects: Vec<(&'static str, Vec<u8>)>, sql: &str) -> (Vec<String>, Vec<String>) {
    let source: Arc<dyn Source> = Arc::new(objects.into_iter().collect::<MemorySource>());
    let engine = over(source, ScanOptions::new(Window::default())).await;
    let read = ask(&engine, sql).await;
    assert!(engine.summary().adds_up(), "{sql}: {:?}", engine.summary());
    let all = engine.rows("SELECT * FROM flow_logs", no_params()).await.unwrap();
    let plain = SessionContext::new();
    let schema = engine.session().table("flow_logs").await.unwrap();
    let schema = Arc::clone(schema.schema().inner());
    let table = datafusion::datasource::MemTable::try_new(schema, vec![all]).unwrap();
    plain.register_table("flow_logs", Arc::new(table)).unwrap();
    let want = plain.sql(sql).await.unwrap().execute_stream().await.unwrap();
    let want: Vec<RecordBatch> = want.try_collect().await.unwrap();
    (read, lines(&want))
}

/// The rows as AWS stores them in Parquet: `-` in texts, NULL in numbers.
async fn parquet(text: &str) -> Vec<u8> {
    let engine = engine(&[("log", text)]).await;
    let columns = "version, coalesce(interface_id, '-') AS interface_id, \
        coalesce(srcaddr, '-') AS srcaddr, dstport, protocol, bytes, \
        CAST(start AS BIGINT) AS start, CAST(end AS BIGINT) AS end, \
        coalesce(action, '-') AS action, log_status, replace(coalesce(instance_tag, '-'), ' ', '%20') AS instance_tag";
    let sql = format!("SELECT {columns} FROM flow_logs ORDER BY line");
    let rows = engine.rows(&sql, no_params()).await.unwrap();
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(4)).build();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, rows[0].schema(), Some(properties)).unwrap();
    for batch in &rows {
        writer.write(batch).unwrap();
    }
    writer.close().unwrap();
    bytes
}

proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(40))]

    #[test]
    fn pushed_or_not_the_rows_are_the_same(
        rows in proptest::collection::vec(row(), 1..24),
        predicate in predicate(),
    ) {
        let text = format!("{COLUMNS}\n{}", rows.concat());
        let sql = format!(
            "SELECT object, line, srcaddr, start FROM flow_logs WHERE {predicate} ORDER BY object, line"
        );
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let stored = parquet(&text).await;
            let objects = vec![("log", text.into_bytes()), ("stored", stored)];
            let (read, want) = both(objects, &sql).await;
            prop_assert_eq!(read, want, "{}", sql);
            Ok(())
        })?;
    }
}
