//! How statements are planned.

use super::*;

#[tokio::test]
async fn a_view_is_made_when_a_statement_reads_it() {
    let engine = engine(&[("a", &vpc(3))]).await;
    let made = || {
        let is_made = |name: &&str| engine.session().table_exist(*name).unwrap();
        VIEWS.iter().map(|(name, _)| *name).filter(is_made).collect::<Vec<_>>()
    };
    ask(&engine, "WITH peers AS (SELECT count(*) FROM flow_logs) SELECT * FROM peers").await;
    assert!(made().is_empty(), "{:?}", made());
    ask(&engine, "SELECT count(*) FROM (SELECT 1 FROM Conversations) AS c").await;
    assert_eq!(made(), ["conversation_sums", "conversations"]);
    // Whoever lists the tables sees all.
    let listed = ask(&engine, "SHOW TABLES").await.join("\n");
    assert!(VIEWS.iter().all(|(name, _)| listed.contains(name)), "{listed}");
    assert_eq!(made().len(), VIEWS.len());
    assert!(!ask(&engine, "DESCRIBE flows").await.is_empty());
}

#[tokio::test]
async fn one_step_groups_conversations_whatever_the_threads() {
    let source = || memory(&[("a", VPC)]);
    let options = || ScanOptions::new(Window::default());
    let sql = "EXPLAIN SELECT * FROM conversation_sums";
    for threads in [1, 2, 3] {
        let engine = with(source(), options(), threads).await;
        let plan = ask(&engine, sql).await.join("\n");
        let steps = plan.matches("AggregateExec").count();
        assert!(steps == 1 && plan.contains("AggregateExec: mode=Single,"), "{plan}");
    }
    // Where rows are many to a group, each thread makes its own first.
    let engine = with(source(), options(), 2).await;
    let plan = ask(&engine, "EXPLAIN SELECT srcaddr, count(*) FROM flow_logs GROUP BY srcaddr");
    let plan = plan.await.join("\n");
    assert!(plan.contains("mode=Partial") && plan.contains("mode=FinalPartitioned"), "{plan}");
}
