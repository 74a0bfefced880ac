//! Flow logs as DataFusion tables.

pub(crate) mod batch_output;
pub(crate) mod block_reader;
pub(crate) mod dynamic_filter;
pub(crate) mod exec;
pub(crate) mod interface_logs;
pub(crate) mod interface_minutes;
pub(crate) mod object_reader;
pub(crate) mod overlap;
pub(crate) mod parquet_reader;
pub(crate) mod pushdown;
pub(crate) mod registry;
pub(crate) mod schema_probe;
pub(crate) mod summary;
pub(crate) mod table;
pub(crate) mod work_queue;
pub use overlap::{Share, TrafficType};
pub use summary::ScanSummary;
