//! Decides from the configuration of the VPCs whether a packet would pass, in AWS's order of evaluation.
//!
//! [`Analyzer`] indexes an inventory; [`Analyzer::analyze`] returns a [`PathAnalysis`] of one [`Step`] for each
//! [`Stage`], [`Analyzer::refusal`] the cause of a logged rejection, [`Analyzer::bypass`] why traffic to S3 did not
//! use the gateway endpoint, and [`Analyzer::fixes`] the [`Fix`]es.
//!
//! The room reads no record and runs no SQL. What the inventory lacks is unknown and never guessed: a flow with an
//! unknown stage never passes, one denying stage is enough to refuse it.

mod analyzer;
pub mod command;
mod config_change;
mod endpoint_fixes;
pub mod escape;
mod fit;
mod fix;
mod fixer;
mod flow_end;
mod network_acl;
mod path;
mod rejection;
mod route;
mod s3_bypass;
mod security_groups;
pub mod snippets;
mod step;
#[cfg(test)]
pub(crate) mod tests;

pub use analyzer::Analyzer;
pub use config_change::ConfigChange;
pub use fix::Fix;
pub use flow_end::{FlowEnd, ResolveError};
pub use path::PathAnalysis;
pub use rejection::{PacketLeg, RejectedPacket, Rejection};
pub use s3_bypass::{BypassExplanation, BypassObservation};
pub use step::{Stage, StageVerdict, Step, Verdict};
