//! Messages about what a user wrote: a wrong key, a wrong name, with its line and the nearest known one.

pub mod suggest;
pub mod toml;

pub use suggest::nearest;
pub use toml::{check_keys, line_of, one_line};
