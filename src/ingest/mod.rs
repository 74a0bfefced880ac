//! A pass: list new objects, read them, write their rows to the lake, publish, then move the checkpoint.
//!
//! [`Runner`] makes passes with [`Options`] and returns a [`PassReport`]; [`verify`] compares a lake with its sources.
//!
//! One write publishes a pass: that of its record (`state`). Without the record, the files of the pass do not count
//! and the next runner deletes them; with it, the next runner completes what is missing: the commits of the tables,
//! each of which names its pass, and the checkpoint.

mod error;
mod names;
mod object_loader;
mod options;
mod row_removal;
mod runner;
mod selected_source;
mod selection;
mod verification;

pub use error::Error;
pub use options::{LATENESS_SECS, Opener, Options, PassReport, StepHook};
pub use runner::Runner;
pub use selected_source::SelectedSource;
pub use verification::{Discrepancy, VerificationResult, verify};
