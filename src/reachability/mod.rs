//! WHETHER A PACKET WOULD PASS: the configuration of the VPCs, held against a 5-tuple in AWS's order.
//!
//! It knows the inventory only, reads no record and runs no SQL. What the inventory lacks is said to be not
//! known, never guessed: one place that is not known never makes a flow pass, one that denies is enough to
//! refuse it.

pub mod command;
mod config_change;
pub mod escape;
mod fit;
mod fix;
mod flow_end;
mod network_acl;
mod path;
mod rejection;
mod route;
mod s3_bypass;
mod security_groups;
pub mod snippets;
mod step;

pub use config_change::ConfigChange;
pub use fix::Fix;
pub use flow_end::{FlowEnd, ResolveError};
pub use path::{Analyzer, PathAnalysis};
pub use rejection::{PacketLeg, RejectedPacket, Rejection};
pub use s3_bypass::{BypassExplanation, BypassObservation};
pub use step::{Stage, StageVerdict, Step, Verdict};

#[cfg(test)]
pub(crate) mod tests;
