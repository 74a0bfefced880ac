//! WHAT JOBS OF A FAMILY DO: learned from what they opened, written as allow rules, compared with what is new.
//!
//! Rows in, rules and changes out: it runs no SQL itself, it is handed the rows of [`DESTINATIONS`].

mod diff;
pub(crate) mod learn;
mod observed;
pub(crate) mod render;

#[cfg(test)]
mod tests;

pub use diff::{ChangeKind, DestinationChange, against, between, to_batch};
pub use learn::{Excluded, Flagged, Learned, LearnedRule, Options, Runs, learn};
pub use observed::{Error, ObservedDestination, read};
pub use render::render;

/// The SQL that tells what jobs opened. It takes `$since` and `$until`, timestamps or NULL.
pub const DESTINATIONS: &str = include_str!("../../queries/baseline/destinations.sql");
