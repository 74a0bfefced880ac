//! Scans of flow log objects: list, read, decode, enrich, filter.
//!
//! [`table::FlowTable`] is a flow log as a DataFusion table and [`exec::FlowScanExec`] its physical plan. The readers
//! of a plan take [`work_queue::WorkUnit`]s from a [`work_queue::WorkQueue`], read them
//! ([`object_reader::read_objects`]) and send batches ([`batch_output::BatchOutput`]). [`ScanOptions`] is how to read,
//! [`task::ScanTask`] what one query reads, [`ScanSummary`] what was read.
//!
//! Every line of every object is counted. A record that several flow logs contain counts once ([`overlap`]).

pub(crate) mod batch_output;
pub(crate) mod beginnings;
pub(crate) mod block_reader;
pub(crate) mod dynamic_filter;
pub(crate) mod error;
pub(crate) mod exec;
pub(crate) mod interface_logs;
pub(crate) mod interface_minutes;
pub(crate) mod object_reader;
pub(crate) mod options;
pub(crate) mod overlap;
pub(crate) mod parquet_reader;
pub(crate) mod pushdown;
pub(crate) mod registry;
pub(crate) mod schema_probe;
pub(crate) mod summary;
pub(crate) mod table;
pub(crate) mod task;
pub(crate) mod text_reader;
pub(crate) mod work_queue;

pub use options::{Cause, MalformedSink, ObjectRead, ObjectSink, ScanOptions};
pub use overlap::{Share, TrafficType};
pub use summary::ScanSummary;
