//! Errors of an explanation.

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
