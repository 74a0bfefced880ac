//! Event time in Unix seconds; no clock of its own.
//!
//! [`Window`] is a range of event time, [`parse_time`] reads what a user writes, [`Clock`] continues from the
//! time that the caller gave it.

pub(crate) mod clock;
pub mod window;

pub use clock::Clock;
pub use window::{Error, Window, parse_time};
