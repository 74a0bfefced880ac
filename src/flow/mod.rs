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

pub use decode_options::{Filter, InterfaceTest, Limits, Object, Plan, Wanted};
pub use decode_stats::{Malformed, MalformedLine, Reason, Tally};
pub use decoder::Decoder;
pub use error::{DecodeError, Refusal};
pub use log_format::{FormatError, LogFormat};
