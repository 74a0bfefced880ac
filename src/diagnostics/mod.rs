//! Messages about user input: an unknown key or name, with its line and the nearest known one.
//!
//! [`check_keys`] finds unknown keys of TOML, [`one_line`] shortens a TOML error, [`nearest`] suggests a name.

pub mod suggest;
pub mod toml;

pub use suggest::nearest;
pub use toml::{check_keys, line_of, one_line};
