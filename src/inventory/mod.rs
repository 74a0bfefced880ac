//! What the VPC and its jobs were, and when: reads AWS answers, trails and mappings into tables.
//!
//! It calls no AWS API and judges no record. Documents become facts (`fact`); a set of facts makes
//! one inventory (`merge`), so neither the order nor the repetition of documents matters.

mod attribution;
mod documents;
mod fact;
mod import;
mod merge;
pub mod model;
mod owner;
mod read;
mod tables;
mod time;
mod timeline;

pub use import::import;
pub use model::Inventory;
pub use read::Error;
pub use read::Warning;
pub use tables::TABLES;

#[cfg(test)]
mod tests;
