//! Why an object cannot be read, and what the user can do about it.

use arrow::error::ArrowError;

use crate::flow::decode_stats::{DecodeStats, Reason};
use crate::flow::log_format::FormatError;

/// An object that cannot be read, or not to its end.
#[derive(Debug, thiserror::Error)]
#[error("object {object} cannot be read")]
pub struct DecodeError {
    /// The object.
    pub object: String,
    /// Why.
    #[source]
    pub refusal: DecodeFailure,
    /// What was read before.
    pub tally: Box<DecodeStats>,
}

/// Why an object cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum DecodeFailure {
    /// No header, no stated format, and the first record does not fit the default format.
    #[error("no header, and line {line} does not fit the default format: {reason}{}", in_field(field.as_deref()))]
    NoFormat {
        /// The line, from 1.
        line: u64,
        /// What does not fit.
        reason: Reason,
        /// The field that does not fit, if it is one.
        field: Option<String>,
        /// Whether the line has commas.
        is_csv: bool,
    },
    /// A header that cannot be read.
    #[error("line {line} is a header that cannot be read")]
    Header {
        /// The line, from 1.
        line: u64,
        /// What is wrong with it.
        source: FormatError,
    },
    /// JSON, but no log events.
    #[error("no flow log, but {what}")]
    Json {
        /// What it looks like.
        what: String,
    },
    /// One JSON document is larger than the limit.
    #[error("a JSON document is larger than {bytes_max} bytes")]
    JsonTooLarge {
        /// The limit.
        bytes_max: usize,
    },
    /// The object is larger than the limit.
    #[error("more than {bytes_max} bytes when decompressed")]
    TooLarge {
        /// The limit.
        bytes_max: u64,
    },
    /// The requested columns are none of the table's.
    #[error("the batch could not be built")]
    Batch(#[from] ArrowError),
}

impl DecodeFailure {
    /// Returns what the user can do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NoFormat { is_csv: true, .. } => Some(
                "of CSV only the console's columns timestamp,message are read; write the records alone to a file, one a line",
            ),
            Self::NoFormat { .. } => {
                Some("state the format of the log: --log-format '${version} ${account-id} …'")
            }
            _ => None,
        }
    }
}

fn in_field(field: Option<&str>) -> String {
    field.map(|name| format!(" in field `{name}`")).unwrap_or_default()
}
