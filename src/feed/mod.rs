//! Findings of the service: after each pass, the detections run again over the time that its records may change.
//!
//! [`Evaluator`] does so for each [`Range`] of a [`ReevaluationScope`] and updates [`Findings`], which are at any time
//! those that one run over the whole lake would give.

mod evaluator;
mod finding_store;
mod reevaluation_scope;
#[cfg(test)]
mod tests;
mod touched;

pub use evaluator::{Error, Evaluator, Judgement};
pub use finding_store::Findings;
pub use reevaluation_scope::{Range, ReevaluationScope, differences};
pub use touched::touched;
