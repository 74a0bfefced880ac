//! Why the server cannot start or a page cannot be answered.

use std::io;
use std::net::SocketAddr;

/// Why the server cannot start or a page cannot be answered.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// A file of a certificate, a key or a token cannot be read.
    #[error("{what} {path}")]
    File {
        /// What the file is for.
        what: &'static str,
        /// The file.
        path: String,
        /// What the system says.
        source: io::Error,
    },
    /// A certificate and its key cannot be used.
    #[error("TLS certificate {path}: {problem}")]
    Certificate {
        /// The file of the certificate.
        path: String,
        /// What is wrong.
        problem: String,
    },
    /// A token is too short.
    #[error("token file {path} has {length} characters, and at least {least} are needed")]
    WeakToken {
        /// The file.
        path: String,
        /// Characters of the token.
        length: usize,
        /// The least.
        least: usize,
    },
    /// The system has no random numbers.
    #[error("no random numbers for a token: {0}")]
    Random(String),
    /// SQL failed.
    #[error("{0}")]
    Query(#[from] datafusion::error::DataFusionError),
    /// Rows cannot be read.
    #[error("{0}")]
    Rows(#[from] arrow::error::ArrowError),
    /// A parameter of the URL is wrong.
    #[error("{0}")]
    Parameter(String),
    /// Nothing has this name.
    #[error("{0}")]
    NotFound(String),
    /// Another fault of an answer, in words for the user.
    #[error("{0}")]
    Failed(String),
    /// A statement was ended by a limit of the server or by its user.
    #[error("{0}")]
    Ended(String),
    /// As many statements run as may.
    #[error("{0} statements run already, and no more may: try again later")]
    Busy(usize),
}

impl Error {
    /// Returns what to do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Listen { source, .. } => match source.kind() {
                io::ErrorKind::AddrInUse => {
                    Some("another process listens there; --listen 127.0.0.1:0 takes a free port")
                }
                io::ErrorKind::PermissionDenied => {
                    Some("ports below 1024 are for the administrator; --listen takes another one")
                }
                io::ErrorKind::AddrNotAvailable => Some("this machine does not have the address"),
                _ => None,
            },
            Self::WeakToken { .. } => Some("openssl rand -hex 32 > FILE"),
            _ => None,
        }
    }
}
