//! Errors of detections.

use std::io;
use std::path::PathBuf;

/// An error of a detection, its cases or its findings.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The header is not what `queries/README.md` describes.
    #[error("detection {id}: {problem}")]
    Header {
        /// The detection.
        id: String,
        /// What is wrong, with the line where that is known.
        problem: String,
    },
    /// Two files have the same id.
    #[error("detection {id} exists already: {path} needs another file name")]
    Duplicate {
        /// The id that both have.
        id: String,
        /// The second file.
        path: PathBuf,
    },
    /// A file or folder of detections could not be read.
    #[error("could not read {path}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// No detection, or no parameter, has this name.
    #[error("unknown {what} {name}{}", hint(.nearest))]
    Unknown {
        /// What kind of thing was named.
        what: &'static str,
        /// The name that was given.
        name: String,
        /// The known name that is most like it.
        nearest: Option<String>,
    },
    /// A parameter or a severity has a value that it cannot have.
    #[error("{0}")]
    Value(String),
    /// The SQL failed.
    #[error("detection {id} failed")]
    Query {
        /// The detection.
        id: String,
        /// The error of the engine.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The SQL ran, but its rows are no findings.
    #[error("detection {id}: {problem}")]
    Rows {
        /// The detection.
        id: String,
        /// What is wrong with its columns or values.
        problem: String,
    },
    /// A cases file is not what `queries/README.md` describes.
    #[error("{file}: {problem}")]
    Cases {
        /// The cases file.
        file: String,
        /// What is wrong, with the case and line where that is known.
        problem: String,
    },
    /// Findings could not be written as a table.
    #[error("could not make a table of the findings")]
    Table(#[from] arrow::error::ArrowError),
}

fn hint(nearest: &Option<String>) -> String {
    nearest.as_ref().map(|name| format!("; did you mean {name}?")).unwrap_or_default()
}

/// Returns an [`Error::Unknown`] that names the known name most like `name`.
pub fn unknown<'a>(
    what: &'static str,
    name: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Error {
    let nearest = crate::diagnostics::nearest(name, known).map(str::to_owned);
    Error::Unknown { what, name: name.to_owned(), nearest }
}
