//! The inventory: configuration of VPCs and jobs over time, from AWS responses, trails and mappings.
//!
//! Documents become facts (`fact`), facts merge into one [`Inventory`] (`merge`): neither the order nor the
//! repetition of documents matters. [`InventoryLoader`] reads files, S3 and the account, [`collect`] calls AWS,
//! [`import()`] writes Parquet.
//!
//! Nothing here reads flow log records.

mod attribution;
mod aws_time;
pub mod collect;
mod collector_store;
mod deduplicate;
mod documents;
mod error;
mod fact;
mod files;
pub(crate) mod import;
mod interface_owner;
mod loader;
mod merge;
pub mod model;
mod parquet;
mod tables;
mod timeline;
pub mod zone;

#[cfg(test)]
mod tests;

pub use collector_store::{CollectorTarget, PersistentCollector};
pub use error::{Error, Warning};
pub use import::import;
pub use loader::InventoryLoader;
pub use model::Inventory;
pub use tables::TABLES;
