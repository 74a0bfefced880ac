//! WHY: a flow or a finding, held against the configuration of its time, and what would change it; and
//! everything about one job on one page.
//!
//! It judges with `reach`, and is handed what the logs show; it runs no SQL and prints nothing. A page is data:
//! how it looks is decided after it is whole.

mod finding;
mod flow;
pub mod job;
mod logged;
mod simulate;

pub use finding::Target;
pub use finding::find;
pub use flow::Asked;
pub use flow::End;
pub use flow::Explanation;
pub use flow::explain;
pub use flow::told;
pub use logged::LOGGED;
pub use logged::Logged;
pub use simulate::Line;
pub use simulate::REJECTED;
pub use simulate::Rejected;
pub use simulate::Replay;
pub use simulate::replay;

/// What could not be explained, and why.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An end of the flow is not clear.
    #[error("{0}")]
    Unclear(crate::reach::Unclear),
    /// A port or a protocol cannot be read.
    #[error(transparent)]
    Tuple(#[from] crate::reach::Error),
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

impl From<crate::reach::Unclear> for Error {
    fn from(unclear: crate::reach::Unclear) -> Self {
        Self::Unclear(unclear)
    }
}

#[cfg(test)]
mod tests;
