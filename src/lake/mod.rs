//! The lake: flow logs as Parquet, in one Delta Lake table for each layout.
//!
//! `flow_logs/` and `transit_gateway_flow_logs/` below the lake's root are tables of their own, partitioned by
//! the account and region of the flow log and by date and hour (UTC) of `start`. Delta's log
//! (`_delta_log/`) says which files count: a commit adds and removes files at once, so a reader of the table
//! never sees half of one. <https://github.com/delta-io/delta/blob/master/PROTOCOL.md>

mod compaction;
mod data_file;
mod delta_table;
mod reader;
mod rewrite;
mod row_buffer;
mod sorting;
mod writer;

#[cfg(test)]
mod tests;

pub use compaction::{CompactOptions, Compacted, compact};
pub use data_file::{DataFile, Partition};
pub use delta_table::{LakeTable, TableCommit};
use deltalake_core::DeltaTableError;
use deltalake_core::kernel::transaction::TransactionError;
pub use reader::Stored;
pub use writer::{Origin, Writer, WriterOptions};

use crate::flow::field::Layout;
pub use crate::flow::parquet::COLUMNS_KEY;
use crate::storage;

/// The partition columns, in the order of the folders.
pub const PARTITION_COLUMNS: [&str; 4] = ["log_account", "log_region", "date", "hour"];

/// The folder of a layout's table in a lake: the name of its SQL table.
pub const fn folder(layout: Layout) -> &'static str {
    match layout {
        Layout::Vpc => "flow_logs",
        Layout::TransitGateway => "transit_gateway_flow_logs",
    }
}

/// Why the lake cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Delta's log cannot be read, or a commit failed.
    #[error("the table {table} cannot be used")]
    Delta {
        /// The table's folder or URL.
        table: String,
        /// What is wrong.
        source: Box<deltalake_core::DeltaTableError>,
    },
    /// A file cannot be written or deleted.
    #[error("could not write {path}")]
    Write {
        /// The file, relative to the table.
        path: String,
        /// What is wrong.
        source: object_store::Error,
    },
    /// A file cannot be read.
    #[error("could not read {path}")]
    Read {
        /// The file, relative to the table.
        path: String,
        /// What is wrong.
        source: object_store::Error,
    },
    /// A commit takes a file away that the table does not have any more.
    #[error("the table {table} does not have {path} any more: somebody else changed it")]
    Gone {
        /// The table's folder or URL.
        table: String,
        /// The file, relative to the table.
        path: String,
    },
    /// The table is not one of a lake.
    #[error("{table} is a Delta table, but not one of a lake that flowq wrote")]
    NotALake {
        /// The table's folder or URL.
        table: String,
    },
    /// The task that makes a file was stopped.
    #[error("making a file was stopped")]
    Stopped {
        /// Why.
        source: tokio::task::JoinError,
    },
    /// Rows cannot be written as Parquet, or read.
    #[error("could not encode or decode rows as Parquet")]
    Parquet(#[from] parquet::errors::ParquetError),
    /// Rows cannot be sorted or cut.
    #[error("could not order rows")]
    Arrow(#[from] arrow::error::ArrowError),
    /// The place cannot be used.
    #[error(transparent)]
    Store(#[from] storage::Error),
}

impl Error {
    /// Tells whether the folder or bucket refused to be read: nothing is known of what is in it.
    pub fn is_of_store(&self) -> bool {
        let Self::Delta { source, .. } = self else { return false };
        matches!(source.as_ref(), DeltaTableError::ObjectStore { .. })
    }

    /// Tells whether somebody else changed the same files meanwhile: what to do has to be worked out again.
    pub fn is_conflict(&self) -> bool {
        match self {
            Self::Gone { .. } => true,
            Self::Delta { source, .. } => matches!(
                source.as_ref(),
                DeltaTableError::Transaction { source: TransactionError::CommitConflict(_) }
            ),
            _ => false,
        }
    }
}
