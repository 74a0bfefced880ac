//! Explanations: why a flow passes or is blocked, and which fixes would change it; all about one job on one page.
//!
//! [`explain`] evaluates a [`FlowQuery`] against the configuration of its time with `reachability`, and returns an
//! [`Explanation`]; [`find`] resolves a [`FindingQuery`]; [`replay`] applies a fix to the rejected flows of the logs;
//! [`job`] is the page of a job.
//!
//! Nothing here runs SQL or prints: the rows of the logs are arguments, and a page is data.

mod error;
mod finding;
mod fix_simulation;
mod flow;
pub mod job;
mod logged_flow;
#[cfg(test)]
mod tests;

pub use error::Error;
pub use finding::{FindingQuery, find};
pub use fix_simulation::{FlowLine, REJECTED, RejectedFlow, SimulationResult, replay};
pub use flow::{End, Explanation, FlowQuery, explain, inventory_label};
pub use logged_flow::{LOGGED, LoggedFlow, logged_params};
