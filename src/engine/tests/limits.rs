//! What a statement may ask for, and what it gets with little memory.

use arrow::array::AsArray as _;

use super::*;

async fn little(text: &str, memory_bytes: usize) -> Engine {
    let context = Arc::new(Enricher::new(Arc::new(Inventory::default()), Vec::new(), 0));
    let options = ScanOptions::new(Window::default());
    let resources = Resources { threads: 2, memory_bytes };
    Engine::new(memory(&[("a", text)]), context, options, &resources).await.unwrap()
}

#[tokio::test]
async fn what_does_not_fit_the_memory_is_sorted_on_disk() {
    let row = |row: u32| {
        let (id, bytes) = (row % 1000, row.wrapping_mul(2_654_435_761));
        format!(
            "2 eni-{id:017x} 10.0.{}.{} 10.1.0.1 {bytes} 1577837800 1577837860 ACCEPT OK\n",
            id / 250,
            id % 250
        )
    };
    let text = format!("{VPC}\n{}", (0..30_000).map(row).collect::<String>());
    for memory_bytes in [16 << 20, 64 << 20] {
        let engine = little(&text, memory_bytes).await;
        let sorted = "SELECT * FROM flow_logs ORDER BY bytes, srcaddr";
        let rows = engine
            .rows(sorted, no_params())
            .await
            .unwrap_or_else(|e| panic!("{memory_bytes}: {e}"));
        let bytes: Vec<i64> = rows
            .iter()
            .flat_map(|batch| {
                let column = batch.column_by_name("bytes").unwrap();
                column.as_primitive::<arrow::datatypes::Int64Type>().values().to_vec()
            })
            .collect();
        assert_eq!(bytes.len(), 30_000, "{memory_bytes}");
        assert!(bytes.is_sorted(), "{memory_bytes}");
        // Many sorts in one plan, none of which needs much.
        let windows: Vec<String> = (0..20)
            .map(|at| {
                format!(
                    "row_number() OVER (PARTITION BY bytes % {} ORDER BY srcaddr, bytes)",
                    at + 2
                )
            })
            .collect();
        let sql = format!("SELECT count(*) FROM (SELECT {} FROM flow_logs)", windows.join(", "));
        assert_eq!(ask(&engine, &sql).await, ["30000"], "{memory_bytes}");
    }
}

#[tokio::test]
async fn a_function_makes_no_more_than_a_part_of_the_memory() {
    let engine = little(VPC, 128 << 20).await;
    for (sql, name) in [
        ("SELECT length(repeat('x', 2000000000))", "repeat"),
        ("SELECT length(lpad('x', 2000000000))", "lpad"),
        ("SELECT length(rpad('x', 2000000000, 'y'))", "rpad"),
        ("SELECT array_length(generate_series(1, 1000000000))", "generate_series"),
        ("SELECT array_length(generate_series(1000000000, 1, -1))", "generate_series"),
        ("SELECT count(*) FROM (SELECT unnest(range(1000000000)))", "range"),
        (
            "SELECT array_length(generate_series(TIMESTAMP '2000-01-01', TIMESTAMP '2040-01-01', INTERVAL '1 second'))",
            "generate_series",
        ),
        ("SELECT array_length(array_repeat(1, 1000000000))", "array_repeat"),
        ("SELECT array_length(array_resize(make_array(1), 1000000000))", "array_resize"),
    ] {
        let error = engine.rows(sql, no_params()).await.unwrap_err();
        let text = error.to_string();
        assert!(
            matches!(error.find_root(), DataFusionError::ResourcesExhausted(_)),
            "{sql}: {text}"
        );
        assert!(text.contains(&format!("{name}() would make ")), "{sql}: {text}");
    }
    for (sql, expected) in [
        ("SELECT repeat('ab', 3), lpad('x', 3), rpad('x', 3, 'y')", "ababab   x xyy"),
        (
            "SELECT array_length(generate_series(1, 1000000)), array_length(range(5, 1, -2))",
            "1000000 2",
        ),
        (
            "SELECT array_length(array_repeat(1, 3)), array_length(array_resize(make_array(1), 4))",
            "3 4",
        ),
        (
            "SELECT array_length(generate_series(DATE '2026-01-01', DATE '2026-01-31', INTERVAL '1 day'))",
            "31",
        ),
        ("SELECT list_repeat(1, 2), repeat(NULL, 5)", "[1, 1] "),
    ] {
        assert_eq!(ask(&engine, sql).await, [expected], "{sql}");
    }
    // The table function of the same name streams its rows.
    assert_eq!(ask(&engine, "SELECT max(value) FROM generate_series(1, 100000)").await, ["100000"]);
    let sql = "SELECT count(*) FROM (SELECT * FROM generate_series(1, 1000000000) LIMIT 3)";
    assert_eq!(ask(&engine, sql).await, ["3"]);
}

#[tokio::test]
async fn a_statement_that_is_too_deep_is_refused() {
    let engine = engine(&[("a", &vpc(2))]).await;
    for (piece, between) in [
        ("1=1", " and "),
        ("1", "+"),
        ("'a'", "||"),
        ("select 1", " union all "),
        ("(select 1)", " cross join "),
    ] {
        let sql = |count: usize| match between {
            " cross join " => format!("SELECT * FROM {}", vec![piece; count].join(between)),
            " union all " => vec![piece; count].join(between),
            _ => format!("SELECT {}", vec![piece; count].join(between)),
        };
        let error = engine.rows(&sql(20_000), no_params()).await.unwrap_err().to_string();
        assert!(error.contains("operators, and 2000 are the most"), "{error}");
    }
    for deep in ["-", "NOT ", "(", "1::int::", "make_array("] {
        let sql = format!("SELECT {}1", deep.repeat(50_000));
        assert!(engine.rows(&sql, no_params()).await.is_err(), "{deep}");
    }
    let most = vec!["bytes=1"; 900].join(" or ");
    let sql = format!("SELECT count(*) FROM flow_logs WHERE {most}");
    assert_eq!(ask(&engine, &sql).await, ["1"]);
    let many: Vec<String> = (0..5000).map(|value| value.to_string()).collect();
    let sql = format!("SELECT count(*) FROM flow_logs WHERE bytes IN ({})", many.join(", "));
    assert_eq!(ask(&engine, &sql).await, ["2"]);
}
