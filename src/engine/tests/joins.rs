use super::*;

/// Records of eni-1 to eni-4 in two objects, and one that names no interface.
fn logs() -> Arc<dyn Source> {
    let nameless = format!("{VPC}\n2 - 10.0.0.9 10.1.0.1 9 1009 1069 ACCEPT OK\n");
    memory(&[("a", &vpc(4)), ("b", &vpc(3)), ("c", &nameless)])
}

async fn with_threads(threads: usize) -> Engine {
    let context = Arc::new(Enricher::new(Arc::new(Inventory::default()), Vec::new(), 0));
    let resources = Resources { threads, memory_bytes: 256 << 20 };
    Engine::new(logs(), context, ScanOptions::new(Window::default()), &resources).await.unwrap()
}

#[tokio::test]
async fn joins_on_interfaces_give_what_they_gave_without_help() {
    let subquery = "(SELECT * FROM (VALUES ('eni-2'), ('eni-3'), ('eni-9')) AS wanted (id))";
    for (sql, want) in [
        ("SELECT count(*), sum(bytes) FROM flow_logs WHERE interface_id IN {}", "4 10"),
        ("SELECT count(*), sum(bytes) FROM flow_logs WHERE interface_id NOT IN {}", "3 6"),
        ("SELECT count(*), count(id) FROM flow_logs LEFT JOIN {} w ON id = interface_id", "8 4"),
        ("SELECT count(*), count(id) FROM {} w LEFT JOIN flow_logs ON id = interface_id", "5 5"),
        ("SELECT count(*), count(id) FROM {} w FULL JOIN flow_logs ON id = interface_id", "9 5"),
        (
            "SELECT count(*), sum(bytes) FROM flow_logs JOIN {} w ON id = interface_id \
             WHERE interface_id = 'eni-3'",
            "2 6",
        ),
        (
            "SELECT count(*), sum(a.bytes) FROM flow_logs a JOIN flow_logs b \
             ON a.interface_id = b.interface_id WHERE b.bytes = 3",
            "4 12",
        ),
        ("SELECT count(*), sum(bytes) FROM flow_logs WHERE interface_id IN (SELECT 'eni-9')", "0 "),
    ] {
        let sql = sql.replace("{}", subquery);
        for threads in [1, 2] {
            let engine = with_threads(threads).await;
            assert_eq!(ask(&engine, &sql).await, [want], "{sql}, {threads} threads");
            let summary = engine.summary();
            assert!(summary.adds_up() && summary.ok % 8 == 0, "{sql}: {summary:?}");
        }
    }
}

#[tokio::test]
async fn only_the_interfaces_that_a_join_looks_for_are_decoded() {
    let engine = with_threads(1).await;
    let sql = "SELECT bytes FROM flow_logs WHERE interface_id IN (SELECT 'eni-4')";
    let plan = ask(&engine, &format!("EXPLAIN {sql}")).await.join("\n");
    assert!(plan.contains("where=[interface is one that the join looks for]"), "{plan}");
    let plan = ask(&engine, &format!("EXPLAIN ANALYZE {sql}")).await.join("\n");
    // The one of eni-4, and the one without an interface.
    assert!(plan.contains("input_rows=2"), "{plan}");
}
