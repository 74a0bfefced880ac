//! The state between two runs: the lease, the published passes, and the objects that need not be read again.
//!
//! [`State`] publishes passes under a [`Lease`]; [`Reader`] reads without one. A state is a folder or a prefix
//! of S3, `LAKE/_flowq/` unless another is named:
//!
//! - `state.json`: its id, written once. Delta's log identifies a pass by this id and its number.
//! - `lease.json` (S3) or `lease` (a folder, locked by the operating system): the current runner.
//! - `passes/<number>.json.gz`: the ledger, a [`PassRecord`] each. A pass is published exactly if its record is
//!   here. A number is used once: of two runners with the same number, one fails here.
//! - `checkpoint.json.gz`: the [`Checkpoint`], derived from the passes and rebuilt from them if it is lost.

mod checkpoint;
mod error;
mod holder;
mod lease;
mod mend;
mod object_record;
mod objects;
mod pass_record;
mod reader;
mod writer;

#[cfg(test)]
mod tests;

pub use checkpoint::Checkpoint;
pub use error::Error;
pub use holder::{Holder, LEASE_SECS};
pub use lease::Lease;
pub use object_record::{LineCounts, ObjectFailure, ObjectRecord, ObjectState};
pub use pass_record::{Kind, PassRecord, PassTotals, TableChange};
pub use reader::Reader;
pub use writer::State;

/// The folder of the state in a lake.
pub const FOLDER: &str = "_flowq";
