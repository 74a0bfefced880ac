//! SQL over flow logs and inventory: the session, its tables, views and functions.
//!
//! [`Engine`] is a session: it registers the tables of [`crate::scan`] and of the inventory, the [`VIEWS`], the
//! [`functions`] and the aggregates, and runs one statement at a time within its [`Resources`].
//!
//! Only this room names DataFusion's session. It knows no detections and prints nothing.

pub(crate) mod aggregates;
mod files;
pub mod functions;
mod interruptible;
mod limits;
mod materialize;
mod memory;
mod restrict;
mod session;
mod single_stage;
mod temp_folder;
#[cfg(test)]
mod tests;
mod views;

#[cfg(test)]
pub(crate) use aggregates::first_records::first_records;
#[cfg(test)]
pub(crate) use aggregates::first_starts::first_starts;
#[cfg(test)]
pub(crate) use functions::most_within::most_within;
#[cfg(test)]
pub(crate) use functions::reachability::functions as why_functions;
pub use memory::Resources;
pub use session::{Engine, no_params};
pub use views::VIEWS;

pub use crate::scan::{Cause, MalformedSink, ObjectRead, ObjectSink, ScanOptions, ScanSummary};
