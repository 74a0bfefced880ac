//! Checks of AWS's recommendations for SageMaker Processing jobs in a VPC, over the inventory and the flow logs.
//!
//! [`run`] judges each [`Check`] of [`CHECKS`] for each [`Scope`] of the jobs and VPCs of an [`AuditScope`], and returns
//! an [`AuditReport`] of [`Outcome`]s; each failed check is also a finding. Jobs that share what a check looks at are
//! one outcome. [`ObservedTraffic`] is what the flow logs prove or refute.
//!
//! Nothing here reads a record or runs SQL.

mod check;
mod checks;
mod error;
mod finding;
mod guide;
mod observed_traffic;
mod outcome;
mod outcome_batch;
pub mod policy;
mod rules;
mod runner;
pub mod sarif;
mod subject;

#[cfg(test)]
mod tests;

pub use check::Check;
pub use checks::CHECKS;
pub use error::Error;
pub use guide::Section;
pub use observed_traffic::{ObservedTraffic, SQL};
pub use outcome::{CheckVerdict, Outcome};
pub use outcome_batch::to_batch;
pub use runner::{AuditReport, run};
pub use subject::{AuditScope, Scope};
