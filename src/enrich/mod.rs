//! Enrichment of one flow record: its job, the local and the remote side, the scope of the remote address, the path to
//! S3.
//!
//! [`Enricher`] indexes an inventory and computes the columns of [`COLUMNS`]: Arrow in, Arrow out, one record at a
//! time, without state between records. What needs several records (the initiator, both legs of a rejection) is SQL.

mod column_builders;
mod columns;
mod destination;
mod endpoints;
mod enricher;
mod input_columns;
mod interface_index;
mod job_attribution;
mod record_context;
mod s3_path;
#[cfg(test)]
mod tests;

pub use columns::{COLUMNS, Column, ColumnInfo};
pub use enricher::{Enricher, InterfaceRelevance, SERVICE_OWNERS};
