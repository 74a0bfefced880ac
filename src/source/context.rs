//! Settings that all sources share.

use std::sync::Arc;

use crate::aws::Account;
use crate::inventory::model::FlowLog;

/// What sources outside of the machine need to know.
#[derive(Debug, Clone, Default)]
pub struct SourceContext {
    /// The account that calls are made in.
    pub account: Arc<Account>,
    /// The flow logs of the inventory: they state the formats of log groups.
    pub flow_logs: Arc<[FlowLog]>,
    /// Unix seconds.
    pub now: i64,
    /// Whether what is read goes into a ledger: files are named by their canonical paths, and those that are
    /// still being written are left for another time.
    pub for_ledger: bool,
}
