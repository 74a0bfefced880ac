//! What the VPC and its jobs were, and when: reads AWS answers, trails and mappings into tables.
//!
//! It judges no record. Documents become facts (`fact`); a set of facts makes one inventory (`merge`), so
//! neither the order nor the repetition of documents matters. `collect` asks AWS for the documents.

mod attribution;
mod aws_time;
pub mod collect;
mod collector_store;
mod deduplicate;
mod documents;
mod fact;
mod files;
pub(crate) mod import;
mod interface_owner;
mod loader;
mod merge;
pub mod model;
mod tables;
mod timeline;
pub mod zone;

pub use collector_store::{CollectorTarget, PersistentCollector};
pub use files::{Error, Warning};
pub use import::import;
pub use loader::InventoryLoader;
pub use model::Inventory;
pub use tables::TABLES;

#[cfg(test)]
mod tests;
