//! Errors of an audit.

/// Why an audit could not be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The rows of [`SQL`] are not what they should be.
    #[error("the traffic of the jobs could not be read")]
    Rows(#[source] Box<dyn std::error::Error + Send + Sync>),
}
