//! An invented VPC with processing jobs, and a seeded generator of its flow logs.
//!
//! [`write`] writes a generation of [`Options`], [`write_samples`] the folder `sample-logs/`. The `scenarios` make each
//! detection fire or stay quiet; `bulk` adds ordinary traffic. The same options always write the same files. Nothing
//! here reads a flow log.

mod bulk;
mod conversation;
mod documents;
mod files;
mod formats;
mod network;
mod object_writer;
mod record_encoder;
mod scenarios;
#[cfg(test)]
mod tests;
mod world;

use std::io;
use std::path::{Path, PathBuf};

pub use files::{SAMPLE_START, write, write_samples};

/// What to generate.
#[derive(Debug, Clone)]
pub struct Options {
    /// Seed of everything that is random.
    pub seed: u64,
    /// Records in bulk, about; those of the scenarios are added.
    pub records: u64,
    /// Fields of the records.
    pub format: Format,
    /// Objects to spread the bulk over, at least 1; those of the scenarios are added.
    pub files: u32,
    /// Whether objects are Parquet; then `gzip` does not matter.
    pub parquet: bool,
    /// Whether text objects are compressed.
    pub gzip: bool,
    /// When the first scenario starts, in Unix seconds.
    pub start: i64,
}

/// Which fields a record has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// The 14 fields of the default format.
    V2,
    /// The 29 fields of versions 2 to 5.
    V5,
    /// All fields up to version 11.
    V11,
    /// The fields that detections need, in a custom order.
    Custom,
}

/// What was written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Flow log objects.
    pub objects: u64,
    /// Records in them.
    pub records: u64,
    /// Processing jobs in the inventory.
    pub jobs: u64,
    /// Interfaces in the inventory.
    pub enis: u64,
}

/// A file that could not be written.
#[derive(Debug, thiserror::Error)]
#[error("could not write sample file {}", path.display())]
pub struct Error {
    path: PathBuf,
    source: io::Error,
}

impl Error {
    fn new(path: &Path, source: io::Error) -> Self {
        Self { path: path.to_owned(), source }
    }
}
