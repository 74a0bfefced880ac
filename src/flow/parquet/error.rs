//! Errors of reading a Parquet file.

use std::io::ErrorKind;

use parquet::errors::ParquetError;

use crate::flow::parquet::schema::NotFlowLog;

/// Why a Parquet file was not read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It contains something else.
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
    pub(super) fn new(object: &str, source: ParquetError) -> Self {
        let object = object.to_owned();
        match &source {
            // A file shorter than a footer: the seek leads to before its start.
            ParquetError::External(err) if !is_too_short(err.as_ref()) => {
                Self::Io { object, source }
            }
            _ => Self::Broken { object, source },
        }
    }

    /// Returns whether the same call may succeed later.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Io { .. })
    }
}

fn is_too_short(err: &(dyn std::error::Error + 'static)) -> bool {
    let kind = err.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
    matches!(kind, Some(ErrorKind::InvalidInput | ErrorKind::UnexpectedEof))
}
