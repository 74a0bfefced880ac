//! The flow log format: bytes of an object, decoded into Arrow batches.
//!
//! [`Decoder`] decodes text and JSON under [`DecodeOptions`] and counts lines in [`DecodeStats`]; [`parquet`]
//! reads Parquet into the same columns. [`LogFormat`] is the order of the fields, [`field`] lists them all,
//! [`Filter`] drops rows while they are decoded.
//!
//! No I/O, no clock, no DataFusion, and no state between objects.

mod active_format;
pub mod address;
mod batch_builder;
pub mod columns;
mod container;
mod decode_options;
mod decode_stats;
pub mod decoder;
mod envelope;
mod error;
pub mod field;
mod format_candidates;
mod interface_filter;
pub mod log_format;
pub mod null_mask;
pub mod parquet;
pub mod protocol;
mod record_block;
mod record_reader;
pub mod string_column;
mod tokenizer;
pub(crate) mod utf16;
mod value;

#[cfg(test)]
mod tests;

pub use decode_options::{
    DecodeOptions, Filter, InterfacePredicate, Limits, ObjectMeta, RecordSelection,
};
pub use decode_stats::{DecodeStats, Malformed, MalformedLine, Reason};
pub use decoder::Decoder;
pub use error::{DecodeError, DecodeFailure};
pub use log_format::{FormatError, LogFormat};
