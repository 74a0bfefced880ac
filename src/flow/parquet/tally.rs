//! Counts of the rows of one Parquet file, by outcome.

use std::collections::BTreeMap;

use crate::flow::decode_stats::Reason;

/// What became of the rows of one file. Once all of it is read,
/// `rows = ok + nodata + skipdata + other + other_layout + malformed + pruned`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Rows that the file contains, by its footer.
    pub rows: u64,
    /// Rows with log status OK, or without a status. Rows that a filter dropped are counted too.
    pub ok: u64,
    /// Rows with log status NODATA.
    pub nodata: u64,
    /// Rows with log status SKIPDATA.
    pub skipdata: u64,
    /// Rows with a status that AWS does not document.
    pub other: u64,
    /// Rows of the layout that was not requested.
    pub other_layout: u64,
    /// Rows set aside because a value does not fit its column.
    pub malformed: u64,
    /// Those rows by reason.
    pub by_reason: BTreeMap<Reason, u64>,
    /// Rows of row groups that were not read, since their statistics rule every row out.
    pub pruned: u64,
    /// The first malformed rows, in the order of the file.
    pub first: Vec<MalformedRow>,
}

/// A row that was set aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MalformedRow {
    /// The row in the file, counted from 1.
    pub line: i64,
    /// The SQL column whose value does not fit.
    pub column: String,
    /// The value, as a Parquet reader prints it.
    pub text: String,
    /// Why it does not fit.
    pub reason: Reason,
}
