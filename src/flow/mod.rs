//! Turns the text of a flow log object into Arrow batches.
//!
//! Does no I/O, knows no clock, and remembers nothing between objects.

pub mod field;

pub mod columns;

pub mod format;

pub mod addr;

pub mod protocol;

mod value;

mod plan;

mod tally;

mod refusal;

mod reader;

mod records;

mod several;

mod shape;

mod rows;

mod scan;

pub mod texts;

pub(crate) mod utf16;

pub mod nulls;

mod interfaces;

mod envelope;

mod current;

pub mod decode;

pub mod parquet;

#[cfg(test)]
mod tests;

pub use decode::Decoder;
pub use format::{FormatError, LogFormat};
pub use plan::{Filter, InterfaceTest, Limits, Object, Plan, Wanted};
pub use refusal::{DecodeError, Refusal};
pub use tally::{Malformed, MalformedLine, Reason, Tally};
