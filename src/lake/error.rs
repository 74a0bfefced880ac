//! Errors of a lake.

use deltalake_core::DeltaTableError;
use deltalake_core::kernel::transaction::TransactionError;

use crate::storage;

/// Why the lake cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Delta's log cannot be read, or a commit failed.
    #[error("the table {table} cannot be used")]
    Delta {
        /// The table's folder or URL.
        table: String,
        /// What is wrong.
        source: Box<DeltaTableError>,
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
    /// Another writer deleted rows of a file by a deletion vector.
    #[error(
        "{path} of the table {table} has a deletion vector, and flowq does not read these: deleted rows would count; \
         hint: rewrite the file without it first (REORG TABLE … APPLY (PURGE) in Spark)"
    )]
    DeletionVector {
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
    /// The task that writes a file was stopped.
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
    /// Returns whether the folder or bucket refused to be read: nothing is known of what is in it.
    pub fn is_of_store(&self) -> bool {
        let Self::Delta { source, .. } = self else { return false };
        matches!(source.as_ref(), DeltaTableError::ObjectStore { .. })
    }

    /// Returns whether somebody else changed the same files meanwhile: what to do has to be worked out again.
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
