//! Detections: SQL files whose rows are findings.
//!
//! A [`Detection`] is one file, read by [`built_in`] or [`load`]; [`runner`] runs it and returns each [`Finding`], and a
//! [`DetectionRun`] or the reason [`NotRun`]. [`Coverage`] is what the logs do not show, [`Suppression`] hides findings
//! of the user's choice, and a [`Case`] tests a detection.
//!
//! Nothing here opens an engine: the function that runs SQL is an argument. `queries/README.md` describes the files.

pub mod answerable;
mod built_in;
pub mod case;
pub mod coverage;
mod definition;
pub mod delivery_gaps;
mod error;
pub mod finding;
pub mod finding_batch;
pub mod header;
pub mod ocsf;
pub mod runner;
mod severity;
pub mod suppression;
pub mod text_table;

#[cfg(test)]
mod tests;

pub use answerable::{InterfaceLog, Unanswered};
pub use built_in::{built_in, built_in_cases, find, load};
pub use case::Case;
pub use coverage::Coverage;
pub use definition::Detection;
pub use error::{Error, unknown};
pub use finding::{Evidence, Finding};
pub use runner::{DetectionRun, NotRun};
pub use severity::{Confidence, Severity};
pub use suppression::Suppression;
