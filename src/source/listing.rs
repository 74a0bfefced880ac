//! The result of listing a source, and of reading it.

use std::collections::BTreeSet;

use crate::source::split::Split;
use crate::time::Window;

/// What came of a reading.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReadOutcome {
    /// Whether every split of the listing was read, to its end or to where it failed.
    pub complete: bool,
    /// The ids of splits that could not be read to their end.
    pub failed: BTreeSet<String>,
}

/// What a source found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    /// What can be read, sorted by id, each once.
    pub splits: Vec<Split>,
    /// Files left out because their names put them outside of the window.
    pub pruned_files: u64,
    /// Folders left out, with all that is in them, for the same reason.
    pub pruned_folders: u64,
    /// Names inside folders that were not read: hidden files, markers such as `_SUCCESS`, links that
    /// lead nowhere. Sorted.
    pub skipped: Vec<String>,
    /// Failed requests that may make the result less complete, a sentence each.
    pub notes: Vec<String>,
}

impl Listing {
    /// Leaves out what the names put outside of a narrower window.
    pub fn within(mut self, window: &Window) -> Self {
        let listed = self.splits.len();
        self.splits.retain(|split| split.name.may_hold(window));
        self.pruned_files += (listed - self.splits.len()) as u64;
        self
    }
}
