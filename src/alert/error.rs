//! Errors of sinks, and of the outbox.

/// Why alerts cannot be sent, or kept until they can.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// What is configured cannot be used.
    #[error("alert {sink}: {problem}")]
    Config {
        /// The sink's name.
        sink: String,
        /// What is wrong. It names no secret.
        problem: String,
    },
    /// What waits to be told, or was told, is not what flowq wrote.
    #[error("{name} is not what flowq writes")]
    Content {
        /// The object.
        name: String,
        /// What is wrong.
        source: serde_json::Error,
    },
    /// What waits to be told, or was told, could not be read or written.
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
