//! WHETHER A PACKET WOULD PASS: the configuration of the VPCs, held against a 5-tuple in AWS's order.
//!
//! It knows the inventory only, reads no record and runs no SQL. What the inventory lacks is said to be not
//! known, never guessed: one place that is not known never makes a flow pass, one that denies is enough to
//! refuse it.

mod acl;
mod change;
pub mod command;
mod fit;
mod fix;
mod groups;
mod judge;
mod network;
pub mod paste;
pub mod quote;
mod refusal;
mod route;
mod s3;
mod side;
mod step;
mod tuple;

pub use change::Change;
pub use fix::Fix;
pub use judge::Judgement;
pub use judge::Reach;
pub use network::Network;
pub use refusal::Leg;
pub use refusal::Refusal;
pub use refusal::Refused;
pub use s3::Bypass;
pub use s3::Bypassed;
pub use side::Side;
pub use side::Unclear;
pub use step::Answer;
pub use step::Place;
pub use step::Step;
pub use step::Verdict;
pub use tuple::Error;
pub use tuple::Tuple;

#[cfg(test)]
pub(crate) mod tests;
