//! Collects the inventory of one region of an account from its APIs.
//!
//! A pass of a [`Collector`] continues where the last one ended: it requests the jobs of its time, the VPCs
//! that their subnets are in, and the interfaces in those, existing and deleted. A source that is denied is
//! reported in the [`CollectionReport`] and the others continue.

mod collector;
mod flow_logs;
mod history;
mod jobs;
mod network;
mod pass;
mod trail;

pub(super) use collector::CollectedUntil;
pub use collector::{CollectionReport, Collector, SINCE_DEFAULT_SECS};
pub use flow_logs::flow_logs;
