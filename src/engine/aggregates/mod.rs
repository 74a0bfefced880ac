//! Aggregate functions of flowq.

pub(crate) mod conversation;
pub(crate) mod first_records;
pub(crate) mod first_starts;
pub(crate) mod grouping;
