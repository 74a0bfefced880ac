//! The views: SQL that comes with flowq, from `queries/views`.

use std::collections::BTreeSet;

use datafusion::common::Result;
use datafusion::config::Dialect;
use datafusion::prelude::SessionContext;
use datafusion::sql::parser::Statement;

/// Name and SQL of every view, each after those it reads.
pub const VIEWS: &[(&str, &str)] = &[
    ("flows", include_str!("../../queries/views/flows.sql")),
    ("interface_minutes", include_str!("../../queries/views/interface_minutes.sql")),
    ("minute_runs", include_str!("../../queries/views/minute_runs.sql")),
    ("interface_logs", include_str!("../../queries/views/interface_logs.sql")),
    ("interface_runs", include_str!("../../queries/views/interface_runs.sql")),
    ("conversation_sums", include_str!("../../queries/views/conversation_sums.sql")),
    ("conversations", include_str!("../../queries/views/conversations.sql")),
    ("peers", include_str!("../../queries/views/peers.sql")),
    ("refused_conversations", include_str!("../../queries/views/refused_conversations.sql")),
];

/// The schema that lists all tables, and views.
const LISTING: &str = "information_schema";

/// Creates the views that a statement reads, if they are not there yet: to plan them all takes longer than a small
/// question does.
///
/// Views may use `* EXCEPT`; everybody else's SQL is read in a dialect in which AWS's column `end` needs no quotes.
pub(super) async fn make(session: &SessionContext, statement: &Statement) -> Result<()> {
    let mut missing = BTreeSet::new();
    add_missing(session, statement, &mut missing)?;
    for (name, sql) in VIEWS.iter().filter(|(name, _)| missing.contains(name)) {
        let state = session.state();
        let sql = format!("CREATE OR REPLACE VIEW {name} AS {sql}");
        let create = state.sql_to_statement(&sql, &Dialect::Generic)?;
        let plan = state.statement_to_plan(create).await?;
        session.execute_logical_plan(plan).await?;
    }
    Ok(())
}

/// Adds the views that a statement reads and that are not there, and those that these read.
fn add_missing(
    session: &SessionContext,
    statement: &Statement,
    missing: &mut BTreeSet<&'static str>,
) -> Result<()> {
    let state = session.state();
    for table in state.resolve_table_references(statement)? {
        let is_read = |name| table.schema() == Some(LISTING) || table.table() == name;
        for (name, sql) in VIEWS.iter().filter(|(name, _)| is_read(*name)) {
            if !session.table_exist(*name)? && missing.insert(name) {
                add_missing(session, &state.sql_to_statement(sql, &Dialect::Generic)?, missing)?;
            }
        }
    }
    Ok(())
}
