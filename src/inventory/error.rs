//! Errors and warnings of reading and writing an inventory.

use std::path::{Path, PathBuf};
use std::{fmt, io};

use crate::aws;

/// Why an inventory could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A named path cannot be read.
    #[error("could not read inventory {}", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// A call of AWS failed, without which there is no result.
    #[error("could not read inventory {id}")]
    Aws {
        /// The account or the object.
        id: String,
        /// The error of AWS.
        source: aws::Error,
    },
    /// A file of the import could not be written.
    #[error("could not write inventory {}", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// The error of the operating system or the encoder.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Rows could not be made a table.
    #[error("could not make table {table}")]
    Table {
        /// Name of the table.
        table: &'static str,
        /// What did not fit.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// Something in the inventory's files that was not understood; everything beside it was read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Warning {
    /// The file.
    pub path: PathBuf,
    /// What is wrong, and where in the file.
    pub message: String,
    /// Whether nothing of the file, or not all of it, was read.
    pub is_unread: bool,
}

impl Warning {
    pub(super) fn unread(path: &Path, message: String) -> Self {
        Self { path: path.to_path_buf(), message, is_unread: true }
    }

    /// Whether a part of the file was not read: the inventory may be incomplete, and what is judged by it
    /// may be wrong.
    pub fn is_partial(&self) -> bool {
        self.is_unread
            || ["broken ", "not read"].iter().any(|begin| self.message.starts_with(begin))
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "inventory {}: {}", self.path.display(), self.message)
    }
}

/// What went wrong inside a file.
pub(super) type Failed = Box<dyn std::error::Error + Send + Sync>;

/// Returns the error of a file that could not be written.
pub(super) fn write_error(path: &Path, source: impl Into<Failed>) -> Error {
    Error::Write { path: path.to_path_buf(), source: source.into() }
}
