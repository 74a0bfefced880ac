//! SQL files with a TOML header.

pub mod params;
pub mod reports;
