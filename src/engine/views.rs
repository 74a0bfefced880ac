//! The views: SQL that comes with flowq, from `queries/views`.

/// Name and SQL of every view, each after those it reads.
pub const VIEWS: &[(&str, &str)] = &[
    ("flows", include_str!("../../queries/views/flows.sql")),
    ("conversations", include_str!("../../queries/views/conversations.sql")),
];
