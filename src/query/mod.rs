//! SQL files with a TOML header: the reports that flowq ships and those of the user.
//!
//! [`reports`] finds and parses a report, [`params`] converts the values of `--param` to the types that its header
//! declares. Nothing here runs SQL.

pub mod params;
pub mod reports;
