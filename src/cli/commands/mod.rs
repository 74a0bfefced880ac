//! The commands, one file each.

pub(crate) mod alert;
pub(crate) mod audit;
pub(crate) mod baseline;
pub(crate) mod check;
pub(crate) mod compact;
pub(crate) mod coverage;
pub(crate) mod detect;
pub(crate) mod explain;
pub(crate) mod feed;
pub(crate) mod fields;
pub(crate) mod functions;
pub(crate) mod generate;
pub(crate) mod health;
pub(crate) mod iam_policy;
pub(crate) mod ingest;
pub(crate) mod inventory;
pub(crate) mod man;
pub(crate) mod replay;
pub(crate) mod report;
pub(crate) mod serve;
pub(crate) mod sql;
pub(crate) mod status;
pub(crate) mod verify;
