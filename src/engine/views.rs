//! The views: SQL that comes with flowq, from `queries/views`.

/// Name and SQL of every view, each after those it reads.
pub const VIEWS: &[(&str, &str)] = &[
    ("flows", include_str!("../../queries/views/flows.sql")),
    ("interface_minutes", include_str!("../../queries/views/interface_minutes.sql")),
    ("interface_runs", include_str!("../../queries/views/interface_runs.sql")),
    ("conversation_sums", include_str!("../../queries/views/conversation_sums.sql")),
    ("conversations", include_str!("../../queries/views/conversations.sql")),
    ("peers", include_str!("../../queries/views/peers.sql")),
    ("refused_conversations", include_str!("../../queries/views/refused_conversations.sql")),
];

/// Returns the SQL of a view.
pub(super) fn sql(view: &str) -> &'static str {
    VIEWS.iter().find(|(name, _)| *name == view).map_or("", |(_, sql)| sql)
}
