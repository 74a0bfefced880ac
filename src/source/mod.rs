//! Where bytes come from. A source lists what can be read and moves bytes as they are stored.
//!
//! It does not decompress, parse or judge them, and it does not remember what it gave out.

mod cloudwatch;
mod combined;
pub mod decompress;
pub mod file;
mod lake;
pub mod memory;
pub mod object_name;
pub mod progress;
mod s3;
mod split;
mod sqs;

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
pub use combined::open_sources;
use futures::stream::BoxStream;
pub use memory::MemorySource;
pub use object_name::ObjectName;
use parquet::arrow::async_reader::AsyncFileReader;
pub use split::Split;
pub use sqs::is_event;

use crate::aws;
use crate::aws::Account;
use crate::inventory::model::FlowLog;
use crate::time::Window;

/// The bytes of one split, in order, in chunks of at most [`CHUNK_BYTES_MAX`].
pub type ByteStream = BoxStream<'static, Result<Bytes, Error>>;

/// The largest chunk that a source gives out.
pub const CHUNK_BYTES_MAX: usize = 512 * 1024;

/// A place that flow logs are read from.
#[async_trait]
pub trait Source: Send + Sync + Debug {
    /// Lists what can be read now, sorted by id, each once. A source outside of the machine may list only
    /// once for a window: all that one command reads are the same objects.
    ///
    /// # Errors
    ///
    /// [`Error::Missing`], [`Error::Empty`] and [`Error::Denied`] name the argument at fault.
    async fn splits(&self, window: &Window) -> Result<Listing, Error>;

    /// Returns up to the first `bytes_max` bytes of a split; [`Source::open`] gives them out again,
    /// also where the split can be read only once.
    ///
    /// # Errors
    ///
    /// As [`Source::open`].
    async fn head(&self, split: &Split, bytes_max: usize) -> Result<Bytes, Error>;

    /// Opens one split as it is stored: still compressed.
    ///
    /// # Errors
    ///
    /// [`Error::Missing`] when it was deleted after it was listed, [`Error::OneShot`] when it was
    /// read before and cannot be read again, [`Error::Io`] when a later try may work.
    async fn open(&self, split: &Split) -> Result<ByteStream, Error>;

    /// Opens one split for reading at any offset, which Parquet needs.
    ///
    /// # Errors
    ///
    /// As [`Source::open`].
    async fn open_random_access(&self, split: &Split) -> Result<Box<dyn AsyncFileReader>, Error>;

    /// Tells whether a split is so small that the way to another thread, which reads it, costs as much as reading.
    fn is_small(&self, _split: &Split) -> bool {
        false
    }

    /// Returns the bytes of small splits as they are stored, all read at one go. NULL, or nothing: the split is
    /// left to [`Source::open`], and so is what is wrong with it.
    async fn read_small(&self, _splits: &[Split]) -> Vec<Option<Bytes>> {
        Vec::new()
    }

    /// Says which splits will be opened next, in this order, so that a network source can begin to read
    /// them. Told again and again, with overlaps, as reading goes on.
    fn prefetch(&self, _splits: &[Split]) {}

    /// Returns the ids of splits that are not what they were when they were listed: what was read of them may be
    /// a part of each version.
    async fn changed(&self, _splits: &[Split]) -> BTreeSet<String> {
        BTreeSet::new()
    }

    /// Says what came of the reading, once what was made of it is durable: a queue can let go of what was
    /// read. Returns what the user should know of, a line each.
    ///
    /// # Errors
    ///
    /// When the source cannot be told: it will give the same splits out again.
    async fn acknowledge(&self, _outcome: &ReadOutcome) -> Result<Vec<String>, Error> {
        Ok(Vec::new())
    }
}

/// What sources outside of the machine need to know.
#[derive(Debug, Clone, Default)]
pub struct SourceContext {
    /// The account that calls are made in.
    pub account: Arc<Account>,
    /// The flow logs of the inventory: they tell the formats of log groups.
    pub flow_logs: Arc<[FlowLog]>,
    /// Unix seconds.
    pub now: i64,
    /// Whether what is read goes into a ledger: files are named by their canonical paths, and those that are
    /// still being written are left for another time.
    pub for_ledger: bool,
}

/// What came of a reading.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReadOutcome {
    /// Whether every split of the listing was read, to its end or to where it failed.
    pub complete: bool,
    /// The ids of splits that could not be read to their end.
    pub failed: BTreeSet<String>,
}

/// What a source found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    /// What can be read, sorted by id, each once.
    pub splits: Vec<Split>,
    /// Files left out because their names put them outside of the window.
    pub pruned_files: u64,
    /// Folders left out, with all that is in them, for the same reason.
    pub pruned_folders: u64,
    /// Names inside folders that were not read: hidden files, markers such as `_SUCCESS`, links that
    /// lead nowhere. Sorted.
    pub skipped: Vec<String>,
    /// What could not be asked and may make the answer poorer, a sentence each.
    pub notes: Vec<String>,
}

/// Why a source could not give what was asked for.
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
    /// The folder or glob holds no file to read.
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
        /// What the operating system said.
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
    /// The time is in none of the forms that [`parse_time`] takes.
    #[error("{text:?} is not a time")]
    Time {
        /// What was given.
        text: String,
    },
    /// A split that can be read only once was asked for again.
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
        /// What the operating system said.
        source: std::io::Error,
    },
    /// There is more than can be kept in memory.
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
        /// What AWS said.
        source: aws::Error,
    },
    /// What a queue told of was read, but it could not be told so.
    #[error(
        "{count} of the messages of {id} could not be deleted: what they tell of is read again"
    )]
    Undeleted {
        /// The argument.
        id: String,
        /// How many messages.
        count: usize,
        /// What AWS said of one of them.
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
    /// Returns the error for what AWS said about `id`.
    pub fn aws(id: impl Into<String>, source: aws::Error) -> Self {
        let id = id.into();
        match source.kind {
            aws::Kind::Missing => Self::Missing { id },
            _ => Self::Aws { id, source },
        }
    }

    /// Returns the error for what the operating system said about `id`.
    pub fn io(id: impl Into<String>, source: std::io::Error) -> Self {
        let id = id.into();
        match source.kind() {
            std::io::ErrorKind::NotFound => Self::Missing { id },
            std::io::ErrorKind::PermissionDenied => Self::Denied { id, source },
            _ => Self::Io { id, source },
        }
    }

    /// Tells whether the same call may succeed later.
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
            Self::Time { .. } => {
                "write 2026-03-10, 2026-03-10T12:00 (UTC), 2026-03-10T12:00:00+01:00, \
                 Unix seconds, or 2h, 30m, 7d for so long ago"
            }
            Self::OneShot { .. } => {
                "this reads it more than once: save it to a file first, and name that"
            }
            Self::Url { .. } => {
                "write s3://bucket/prefix, cloudwatch://log-group, sqs:// and the queue's URL or ARN, or \
                 the path of a file or folder"
            }
            Self::Aws { source, .. } | Self::Undeleted { source, .. } => source.hint()?,
            Self::NotALake { .. } => "name Parquet files of it one by one if they hold flow logs",
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
