//! WHETHER A PACKET WOULD PASS: the configuration of the VPCs, held against a 5-tuple in AWS's order.
//!
//! It knows the inventory only, reads no record and runs no SQL. What the inventory lacks is said to be not
//! known, never guessed.

mod network;

pub use network::Network;
pub use network::TableOf;
