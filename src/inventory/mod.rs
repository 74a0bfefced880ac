//! What the VPC and its jobs were, and when: reads AWS answers, trails and mappings into tables.
//!
//! It judges no record. Documents become facts (`fact`); a set of facts makes one inventory (`merge`), so
//! neither the order nor the repetition of documents matters. `collect` asks AWS for the documents.

mod attribution;
pub mod collect;
mod documents;
mod fact;
mod gather;
mod import;
mod merge;
pub mod model;
mod owner;
mod read;
mod store;
mod tables;
mod thin;
mod time;
mod timeline;
pub mod zone;

pub use gather::Gathered;
pub use import::import;
pub use model::Inventory;
pub use read::Error;
pub use read::Warning;
pub use store::Kept;
pub use store::Target;
pub use tables::TABLES;

#[cfg(test)]
mod tests;
