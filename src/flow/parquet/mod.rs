//! Parquet flow logs, as AWS writes them, into the same columns as text.
//!
//! AWS's files name columns with `_` for `-` and hold INT32, INT64 and strings; numbers are null and
//! strings `-` where a field does not apply. Files that other tools made of them differ in types, so
//! every column is cast as it comes. The schema tells what a file is; its name never does.

mod cast;
mod file_part;
mod footer;
mod interface_runs;
mod reader;
mod row_filter;
mod row_group_filter;
mod schema;

use std::collections::BTreeMap;
use std::io::ErrorKind;

pub use file_part::FilePart;
pub use interface_runs::{INTERFACE_RUNS_KEY, InterfaceRun, encode_runs};
use parquet::errors::ParquetError;
pub use reader::{FileStream, ParquetRequest, format_of, read};
pub use schema::{COLUMNS_KEY, NotFlowLog, ParquetFormat, detect_schema};

use crate::flow::decode_stats::Reason;

/// Why a Parquet file was not read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It holds something else.
    #[error("{object} is no flow log")]
    NotFlowLog {
        /// The object.
        object: String,
        /// What it looks like.
        source: NotFlowLog,
    },
    /// It is cut, damaged, or in an encoding that this build cannot read.
    #[error("{object} is a cut or damaged Parquet file")]
    Broken {
        /// The object.
        object: String,
        /// What is wrong with it.
        source: ParquetError,
    },
    /// Its bytes could not be fetched; a later try may work.
    #[error("could not read {object}")]
    Io {
        /// The object.
        object: String,
        /// What went wrong.
        source: ParquetError,
    },
}

impl Error {
    fn new(object: &str, source: ParquetError) -> Self {
        let object = object.to_owned();
        match &source {
            // A file shorter than a footer: the seek leads to before its start.
            ParquetError::External(err) if !is_too_short(err.as_ref()) => {
                Self::Io { object, source }
            }
            _ => Self::Broken { object, source },
        }
    }

    /// Tells whether the same call may succeed later.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Io { .. })
    }
}

fn is_too_short(err: &(dyn std::error::Error + 'static)) -> bool {
    let kind = err.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
    matches!(kind, Some(ErrorKind::InvalidInput | ErrorKind::UnexpectedEof))
}

/// What became of the rows of one file. Once all of it is read,
/// `rows = ok + nodata + skipdata + other + other_layout + malformed + pruned`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Rows that the file holds, by its footer.
    pub rows: u64,
    /// Rows with log status OK, or without a status. Rows that a filter dropped are counted too.
    pub ok: u64,
    /// Rows with log status NODATA.
    pub nodata: u64,
    /// Rows with log status SKIPDATA.
    pub skipdata: u64,
    /// Rows with a status that AWS does not document.
    pub other: u64,
    /// Rows of the layout that was not asked for.
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

#[cfg(test)]
mod tests;
