//! Turns the text of a flow log object into Arrow batches.
//!
//! Does no I/O, knows no clock, and remembers nothing between objects.

pub mod field;

pub mod columns;

pub mod protocol;

mod value;

pub(crate) mod utf16;

mod envelope;

mod active_format;
pub mod address;
mod batch_builder;
mod container;
mod decode_options;
mod decode_stats;
pub mod decoder;
mod error;
mod format_candidates;
mod interface_filter;
pub mod log_format;
pub mod null_mask;
pub mod parquet;
mod record_block;
mod record_reader;
pub mod string_column;
mod tokenizer;

#[cfg(test)]
mod tests;

pub use decode_options::{
    DecodeOptions, Filter, InterfacePredicate, Limits, ObjectMeta, RecordSelection,
};
pub use decode_stats::{DecodeStats, Malformed, MalformedLine, Reason};
pub use decoder::Decoder;
pub use error::{DecodeError, DecodeFailure};
pub use log_format::{FormatError, LogFormat};
