//! Event time in Unix seconds; no clock of its own.

pub(crate) mod clock;
pub mod window;
pub use clock::Clock;
pub use window::{Window, parse_time};
