//! The lake: flow logs as Parquet, in one Delta Lake table per layout.
//!
//! [`Writer`] sorts rows into Parquet files, [`LakeTable`] commits them as a [`TableCommit`], [`compact`] merges
//! small [`DataFile`]s and drops expired ones.
//!
//! `flow_logs/` and `transit_gateway_flow_logs/` below the lake's root are separate tables, partitioned by the
//! account and region of the flow log and by date and hour (UTC) of `start`. Delta's log (`_delta_log/`) lists
//! the live files: a commit adds and removes files at once, so a reader of the table never sees half of one.
//! <https://github.com/delta-io/delta/blob/master/PROTOCOL.md>

mod compaction;
mod data_file;
mod delta_table;
mod error;
mod reader;
mod rewrite;
mod row_buffer;
mod sorting;
mod table_layout;
mod writer;

#[cfg(test)]
mod tests;

pub use compaction::{CompactOptions, Compacted, compact};
pub use data_file::{DataFile, Partition};
pub use delta_table::{LakeTable, TableCommit};
pub use error::Error;
pub use reader::Stored;
pub use table_layout::{PARTITION_COLUMNS, folder};
pub use writer::{Origin, Writer, WriterOptions};

pub use crate::flow::parquet::COLUMNS_KEY;
