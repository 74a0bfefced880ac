//! WHAT JOBS OF A FAMILY DO: learned from what they opened, written as allow rules, compared with what is new.
//!
//! Rows in, rules and changes out: it runs no SQL itself, it is handed the rows of [`DESTINATIONS`].

mod diff;
mod learn;
mod render;
mod seen;

#[cfg(test)]
mod tests;

pub use diff::{Change, Changed, against, between, to_batch};
pub use learn::{Flagged, Learned, LeftOut, Options, Rule, Runs, learn};
pub use render::render;
pub use seen::{Error, Seen, read};

/// The SQL that tells what jobs opened. It takes `$since` and `$until`, timestamps or NULL.
pub const DESTINATIONS: &str = include_str!("../../queries/baseline/destinations.sql");
