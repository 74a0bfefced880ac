//! Errors of a state.

use crate::state::holder::Holder;
use crate::storage;

/// Why the state cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Somebody else runs.
    #[error("{place} is in use by {holder}")]
    Busy {
        /// The state.
        place: String,
        /// Who, and since when.
        holder: Holder,
    },
    /// The lease was lost while this runner worked: another took over.
    #[error("{place} was taken over by another runner: what this pass wrote does not count")]
    Lost {
        /// The state.
        place: String,
    },
    /// An object of the state cannot be read or written.
    #[error("could not use {name} in {place}")]
    Object {
        /// The state.
        place: String,
        /// The object, relative to it.
        name: String,
        /// What is wrong.
        source: object_store::Error,
    },
    /// An object of the state is not what flowq wrote.
    #[error("{name} in {place} is not what flowq writes")]
    Content {
        /// The state.
        place: String,
        /// The object, relative to it.
        name: String,
        /// What is wrong.
        source: std::io::Error,
    },
    /// There is no state.
    #[error("{place} contains no state of flowq")]
    Missing {
        /// Where it was looked for.
        place: String,
    },
    /// The place cannot be used.
    #[error(transparent)]
    Store(#[from] storage::Error),
}

impl Error {
    /// Returns what the user can do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Busy { .. } => Some(
                "let it end, or stop it; the lease of a runner that died is free at once in a folder, and in S3 \
                 when it expires",
            ),
            Self::Missing { .. } => Some("name a lake that flowq ingest wrote, or its --state"),
            Self::Store(error) => error.hint(),
            _ => None,
        }
    }
}
