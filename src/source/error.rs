//! Errors of sources.

use crate::aws;

/// Errors of a source.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No source was named.
    #[error("no source given")]
    NoSource,
    /// The argument names nothing, or the split was deleted after it was listed.
    #[error("{id} does not exist")]
    Missing {
        /// The argument or the split.
        id: String,
    },
    /// The folder or glob contains no file to read.
    #[error("nothing to read in {id}")]
    Empty {
        /// The argument.
        id: String,
        /// How many hidden files and markers were passed over.
        skipped: usize,
    },
    /// The operating system does not let us read it.
    #[error("no permission to read {id}")]
    Denied {
        /// The argument or the split.
        id: String,
        /// The error of the operating system.
        source: std::io::Error,
    },
    /// The glob is not well-formed.
    #[error("{id} is not a valid glob")]
    Glob {
        /// The argument.
        id: String,
        /// Where it goes wrong.
        source: glob::PatternError,
    },
    /// A split that can be read only once was requested again.
    #[error("{id} was read before and can be read only once")]
    OneShot {
        /// The split.
        id: String,
    },
    /// Reading failed half-way; a later try may work.
    #[error("could not read {id}")]
    Io {
        /// The argument or the split.
        id: String,
        /// The error of the operating system.
        source: std::io::Error,
    },
    /// There are more objects than fit in memory.
    #[error("more than {objects_max} objects in {id}")]
    TooMany {
        /// The argument.
        id: String,
        /// How many would do.
        objects_max: usize,
    },
    /// A call of AWS failed.
    #[error("could not read {id}")]
    Aws {
        /// The argument or the split.
        id: String,
        /// The error of AWS.
        source: aws::Error,
    },
    /// Objects of a queue were read, but their messages could not be deleted.
    #[error(
        "{count} of the messages of {id} could not be deleted: the objects they name are read again"
    )]
    Undeleted {
        /// The argument.
        id: String,
        /// How many messages.
        count: usize,
        /// The error of one of them.
        source: aws::Error,
    },
    /// A lake's log cannot be read.
    #[error("could not read the lake {id}")]
    Lake {
        /// The argument.
        id: String,
        /// What is wrong with it.
        source: Box<crate::lake::Error>,
    },
    /// It is a Delta table that flowq did not write.
    #[error("{id} is a Delta table, but not one of a lake that flowq wrote")]
    NotALake {
        /// The table.
        id: String,
    },
    /// The lake's tables have no files.
    #[error("the lake {id} is empty")]
    EmptyLake {
        /// The argument.
        id: String,
    },
    /// A table's log names a file that is not there.
    #[error("{id} does not exist, though the table's log names it")]
    LakeFile {
        /// The file.
        id: String,
    },
    /// An event of a queue speaks of a created object and cannot be understood: which event, and why.
    #[error("could not read {0}: {1}")]
    Event(String, String),
    /// The URL is not one that can be read from.
    #[error("{id} is not a source: {reason}")]
    Url {
        /// The argument.
        id: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl Error {
    /// Converts an error of AWS about `id`.
    pub fn aws(id: impl Into<String>, source: aws::Error) -> Self {
        let id = id.into();
        match source.kind {
            aws::Kind::Missing => Self::Missing { id },
            _ => Self::Aws { id, source },
        }
    }

    /// Converts an error of the operating system about `id`.
    pub fn io(id: impl Into<String>, source: std::io::Error) -> Self {
        let id = id.into();
        match source.kind() {
            std::io::ErrorKind::NotFound => Self::Missing { id },
            std::io::ErrorKind::PermissionDenied => Self::Denied { id, source },
            _ => Self::Io { id, source },
        }
    }

    /// Returns whether the same call may succeed later.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Io { .. } | Self::Event(..) => true,
            Self::Aws { source, .. } => source.is_retryable(),
            _ => false,
        }
    }

    /// Returns what the user can do about it.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::NoSource => {
                "name a file, a folder, a quoted glob, s3://…, cloudwatch://…, sqs://…, or - for standard input"
            }
            Self::Missing { id } if id.contains("://") => {
                "it was deleted after it was listed, or never was there"
            }
            Self::Missing { .. } => "check the spelling; a glob must be quoted to reach flowq",
            Self::Empty { skipped: 1.., .. } => {
                "hidden files, names that start with _ and names of files that are being written are passed over; \
                 name one to read it"
            }
            Self::Empty { id, .. } if id.contains("://") && id.contains('*') => {
                "a URL takes no globs: name the folder, the object, or what their names begin with"
            }
            Self::Empty { id, .. } if id.contains('*') => {
                "** matches folders at any depth: 'logs/**/*.log.gz'"
            }
            Self::Empty { .. } => "the objects are looked for in all folders below it",
            Self::TooMany { .. } => "name a folder in it, or a time with --since and --until",
            Self::Denied { .. } => "run as a user who may read it, or change its mode",
            Self::Glob { .. } => "* ? ** and [a-z] have a meaning; write [*] for a plain *",
            Self::OneShot { .. } => {
                "this reads it more than once: save it to a file first, and name that"
            }
            Self::Url { .. } => {
                "write s3://bucket/prefix, cloudwatch://log-group, sqs:// and the queue's URL or ARN, or \
                 the path of a file or folder"
            }
            Self::Aws { source, .. } | Self::Undeleted { source, .. } => source.hint()?,
            Self::NotALake { .. } => {
                "name Parquet files of it one by one if they contain flow logs"
            }
            Self::EmptyLake { .. } => "flowq ingest SOURCE --to LAKE fills it",
            Self::LakeFile { .. } => {
                "somebody deleted it by hand, or it was replaced longer ago than the grace period of \
                 flowq compact: start again"
            }
            Self::Lake { .. } | Self::Io { .. } | Self::Event(..) => return None,
        };
        Some(hint.to_owned())
    }
}
