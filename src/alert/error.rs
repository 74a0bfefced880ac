//! Errors of sinks, and of the outbox.

/// An error of a sink's configuration, or of the outbox.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration of a sink cannot be used.
    #[error("alert {sink}: {problem}")]
    Config {
        /// The sink's name.
        sink: String,
        /// What is wrong. It names no secret.
        problem: String,
    },
    /// An object of the outbox is not what flowq wrote.
    #[error("{name} is not what flowq writes")]
    Content {
        /// The object.
        name: String,
        /// What is wrong.
        source: serde_json::Error,
    },
    /// An object of the outbox could not be read or written.
    #[error("could not {what} {name}")]
    Place {
        /// `read` or `write`.
        what: &'static str,
        /// The object.
        name: String,
        /// Why not.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}
