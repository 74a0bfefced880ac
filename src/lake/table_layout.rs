//! Folders and partitions of the tables of a lake.

use crate::flow::field::Layout;

/// The partition columns, in the order of the folders.
pub const PARTITION_COLUMNS: [&str; 4] = ["log_account", "log_region", "date", "hour"];

/// The folder of a layout's table in a lake: the name of its SQL table.
pub const fn folder(layout: Layout) -> &'static str {
    match layout {
        Layout::Vpc => "flow_logs",
        Layout::TransitGateway => "transit_gateway_flow_logs",
    }
}
