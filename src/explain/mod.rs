//! WHY: a flow or a finding, held against the configuration of its time, and what would change it; and
//! everything about one job on one page.
//!
//! It judges with `reach`, and is handed what the logs show; it runs no SQL and prints nothing. A page is data:
//! how it looks is decided after it is whole.

mod finding;
mod fix_simulation;
mod flow;
pub mod job;
mod logged_flow;

pub use finding::{FindingQuery, find};
pub use fix_simulation::{FlowLine, REJECTED, RejectedFlow, SimulationResult, replay};
pub use flow::{End, Explanation, FlowQuery, explain, inventory_label};
pub use logged_flow::{LOGGED, LoggedFlow};

/// What could not be explained, and why.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An end of the flow is not clear.
    #[error("{0}")]
    Unclear(crate::reachability::ResolveError),
    /// A port or a protocol cannot be read.
    #[error(transparent)]
    Tuple(#[from] crate::vpc::Error),
    /// No finding has this id.
    #[error("no finding has the id {0}")]
    NoFinding(String),
    /// Several findings have ids that begin so.
    #[error("several findings have ids that begin with {0}: {1}")]
    Several(String, String),
    /// Rows of the logs are not as expected.
    #[error("rows of flow logs could not be read: {0}")]
    Rows(String),
}

impl From<crate::reachability::ResolveError> for Error {
    fn from(unclear: crate::reachability::ResolveError) -> Self {
        Self::Unclear(unclear)
    }
}

#[cfg(test)]
mod tests;
