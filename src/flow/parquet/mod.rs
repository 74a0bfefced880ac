//! Parquet flow logs, as AWS writes them, decoded into the same columns as text.
//!
//! [`read`] takes a [`ParquetRequest`] and returns a [`FileStream`] of batches with its [`Tally`];
//! [`detect_schema`] returns the [`ParquetFormat`] of a file, or why it is [`NotFlowLog`].
//!
//! AWS's files name columns with `_` for `-` and store INT32, INT64 and strings; numbers are null and
//! strings `-` where a field does not apply. Files that other tools converted differ in types, so every
//! column is cast. A file is recognized by its schema, never by its name.

mod cast;
mod error;
mod file_part;
mod footer;
mod interface_runs;
mod reader;
mod request;
mod row_filter;
mod row_group_filter;
mod schema;
mod tally;

#[cfg(test)]
mod tests;

pub use error::Error;
pub use file_part::FilePart;
pub use interface_runs::{INTERFACE_RUNS_KEY, InterfaceRun, encode_runs};
pub use reader::{FileStream, format_of, read};
pub use request::ParquetRequest;
pub use schema::{COLUMNS_KEY, NotFlowLog, ParquetFormat, detect_schema};
pub use tally::{MalformedRow, Tally};
