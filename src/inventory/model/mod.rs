//! The rows of an inventory: the configuration of VPCs and jobs, with times.
//!
//! [`Inventory`] has all rows: [`Job`], [`Eni`] with its [`Attribution`], and those of the network. Every row type
//! is a SQL table of its own (see `tables.rs`) and a Parquet file of `flowq inventory import`.
//!
//! Every time is in Unix seconds, UTC. A list is never NULL: unknown is empty.

mod interface;
mod inventory;
mod job;
mod network;

pub use interface::{Attribution, Eni};
pub use inventory::Inventory;
pub use job::Job;
pub use network::*;
