//! What SQL may read and change beside the flow logs.

use super::*;

async fn refused(sql: &str) -> String {
    let engine = engine(&[("a.log", &vpc(1))]).await;
    engine.allow_files();
    engine.rows(sql, no_params()).await.unwrap_err().strip_backtrace()
}

#[tokio::test]
async fn sql_opens_no_file_and_changes_nothing_of_the_machine() {
    for (sql, why) in [
        (
            "CREATE EXTERNAL TABLE t (a TEXT) STORED AS CSV LOCATION '/etc/hosts'",
            "read_csv('FILE')",
        ),
        (
            "EXPLAIN CREATE EXTERNAL TABLE t (a TEXT) STORED AS CSV LOCATION '/etc/hosts'",
            "read_csv('FILE')",
        ),
        ("SET datafusion.runtime.memory_limit = '64G'", "cannot be set in SQL"),
        ("SET datafusion.runtime.temp_directory = '/'", "cannot be set in SQL"),
        ("SET datafusion.execution.target_partitions = 1", "cannot be set in SQL"),
        ("RESET datafusion.runtime.memory_limit", "cannot be set in SQL"),
        ("CREATE SCHEMA s", "only tables and views"),
        ("CREATE DATABASE d", "only tables and views"),
        ("COPY (SELECT 1) TO 'x.csv'", "DML"),
        ("SELECT * FROM '/etc/hosts'", "not found"),
        ("SELECT * FROM read_csv('/dev/zero')", "it is not a file"),
        ("SELECT * FROM read_csv('/nonexistent/list')", "No such file"),
        ("SELECT * FROM read_csv(1)", "takes the name of a file"),
    ] {
        let error = refused(sql).await;
        assert!(error.contains(why), "{sql}: {error}");
    }
}

#[tokio::test]
async fn tables_in_memory_and_settings_of_the_output_are_allowed() {
    let engine = engine(&[("a.log", &vpc(2))]).await;
    ask(&engine, "SET TIME ZONE = '+02:00'").await;
    ask(&engine, "SET datafusion.explain.logical_plan_only = true").await;
    ask(&engine, "CREATE TABLE t AS SELECT bytes FROM flow_logs").await;
    ask(&engine, "CREATE VIEW v AS SELECT sum(bytes) AS b FROM t").await;
    assert_eq!(ask(&engine, "SELECT b FROM v").await, ["3"]);
    ask(&engine, "DROP VIEW v").await;
}

#[tokio::test]
async fn a_list_of_ones_own_can_be_joined() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let csv = write("list.csv", "\u{feff}addr,weight\n10.0.0.2,7\n");
    let lines_ = write("list.ndjson", "{\"addr\":\"10.0.0.1\",\"weight\":1}\n");
    let array = write("list.json", "[\n {\"addr\": \"10.0.0.1\",\n  \"weight\": 2}]");
    let engine = engine(&[("a.log", &vpc(3))]).await;
    engine.allow_files();
    for (call, weight) in [
        (format!("read_csv('{csv}')"), "2 7"),
        (format!("read_json('{lines_}')"), "1 1"),
        (format!("read_json('{array}')"), "1 2"),
    ] {
        let sql =
            format!("SELECT bytes, weight FROM flow_logs JOIN {call} AS l ON srcaddr = l.addr");
        assert_eq!(ask(&engine, &sql).await, [weight], "{call}");
    }
    // Detections and whatever else is not the user's own SQL have no such functions.
    let engine = crate::engine::tests::engine(&[("a.log", &vpc(1))]).await;
    let sql = format!("SELECT * FROM read_csv('{csv}')");
    assert!(engine.rows(&sql, no_params()).await.is_err());
}
