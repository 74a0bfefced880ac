//! Sources of flow logs: files, S3, SQS, CloudWatch Logs and lakes. A source lists objects and reads their bytes.
//!
//! [`Source`] is the trait, [`open_sources`] opens what the arguments name. A [`Listing`] has one [`Split`] per
//! object or time range; a [`ByteStream`] is the content of one as it is stored.
//!
//! Sources neither decompress nor parse, and do not record what was read: that is [`decompress`], `flow` and
//! `state`.

mod cloudwatch;
mod combined;
mod context;
pub mod decompress;
mod error;
pub mod file;
mod lake;
mod listing;
pub mod memory;
pub mod object_name;
pub mod progress;
mod s3;
mod source_trait;
mod split;
mod sqs;

pub use combined::open_sources;
pub use context::SourceContext;
pub use error::Error;
pub use listing::{Listing, ReadOutcome};
pub use memory::MemorySource;
pub use object_name::ObjectName;
pub use source_trait::{ByteStream, CHUNK_BYTES_MAX, Source};
pub use split::Split;
pub use sqs::is_event;
