//! Errors of a pass.

use datafusion::common::DataFusionError;

use crate::{lake, source, state, storage};

/// Why a pass was not made. Nothing of it counts.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The state cannot be used.
    #[error(transparent)]
    State(#[from] state::Error),
    /// The lake cannot be used.
    #[error(transparent)]
    Lake(#[from] lake::Error),
    /// A place cannot be used.
    #[error(transparent)]
    Store(#[from] storage::Error),
    /// The sources cannot be listed, or do not accept an acknowledgement.
    #[error(transparent)]
    Source(#[from] source::Error),
    /// Objects cannot be read at all.
    #[error("could not read the flow logs")]
    Engine(#[from] DataFusionError),
    /// An object cannot be read again and again.
    #[error("{id} can be read only once: after a crash its state would be unknown")]
    OneShot {
        /// The object.
        id: String,
    },
    /// The identity of the ledger does not hold: flowq is at fault.
    #[error(
        "{table}: {read} records were read, but {rows} rows written and {known} left out as known"
    )]
    Unbalanced {
        /// The table.
        table: String,
        /// Records read.
        read: u64,
        /// Rows written.
        rows: u64,
        /// Rows left out because the lake has them.
        known: u64,
    },
}

impl Error {
    /// Returns what the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::State(error) => error.hint().map(str::to_owned),
            Self::Source(error) => error.hint(),
            Self::OneShot { .. } => Some("save it to a file first, and name that".to_owned()),
            Self::Unbalanced { .. } => {
                Some("nothing was published; please report this, with the object".to_owned())
            }
            Self::Store(error) => error.hint().map(str::to_owned),
            Self::Lake(_) | Self::Engine(_) => None,
        }
    }
}
