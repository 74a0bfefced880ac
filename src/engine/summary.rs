//! What was read: objects, records by status, malformed lines, and the objects that could not be read.

use std::collections::BTreeSet;

use crate::flow::{Malformed, Tally};

/// How many objects that could not be read are named; the rest are counted.
const PROBLEMS_MAX: usize = 20;

/// What one scan of the sources read. One SQL query may scan the same sources more than once; see
/// `Summary::widest`.
#[derive(Debug, Clone, Default)]
pub struct Summary {
    /// Objects that the sources listed for the time asked for.
    pub objects_listed: u64,
    /// Objects left out by their names, because they lie outside the time asked for.
    pub objects_pruned: u64,
    /// Folders left out, with all that is in them, for the same reason.
    pub folders_pruned: u64,
    /// Names inside folders that were passed over: hidden files and markers such as `_SUCCESS`.
    pub skipped: Vec<String>,
    /// Objects read, to their end or to where they broke off.
    pub objects_read: u64,
    /// Lines of text read, and rows of Parquet.
    pub lines: u64,
    /// Records with traffic (`log-status` OK, or a log without that field).
    pub ok: u64,
    /// Records that say there was no traffic.
    pub nodata: u64,
    /// Records that say that records were lost.
    pub skipdata: u64,
    /// Records of another layout, or of a status that AWS does not document.
    pub other: u64,
    /// Headers, blank lines and comments.
    pub blank: u64,
    /// Rows of Parquet row groups that no filter could match, and so were not read; part of `lines`.
    pub rows_pruned: u64,
    /// Lines that could not be read, by reason.
    pub malformed: Malformed,
    /// Objects that could not be read to the end, by name, with the reason.
    pub problems: Vec<(String, String)>,
    /// How many objects could not be read to the end.
    pub problem_objects: u64,
    /// SQL columns that at least one object has.
    pub columns: BTreeSet<String>,
    /// Columns that flowq does not know and that turned up after the table was made: not readable.
    pub late_columns: BTreeSet<String>,
}

impl Summary {
    /// Records of every status.
    pub fn records(&self) -> u64 {
        self.ok + self.nodata + self.skipdata + self.other
    }

    /// Tells whether every line was accounted for: lines = records + malformed + headers and blanks.
    pub fn adds_up(&self) -> bool {
        let known = self.records() + self.malformed.total() + self.blank;
        self.lines == known + self.rows_pruned
    }

    /// Adds what one object of text gave.
    pub(super) fn add_tally(&mut self, tally: Tally) {
        self.lines += tally.lines;
        self.ok += tally.ok;
        self.nodata += tally.nodata;
        self.skipdata += tally.skipdata;
        self.other += tally.other + tally.other_layout;
        self.blank += tally.blank;
        self.malformed.merge(tally.malformed);
    }

    /// Names an object that could not be read to the end.
    pub(super) fn add_problem(&mut self, object: &str, reason: String) {
        self.problem_objects += 1;
        self.problems.push((object.to_owned(), reason));
        // Kept sorted and cut, so that the same objects are named whichever thread met them first.
        self.problems.sort();
        self.problems.truncate(PROBLEMS_MAX);
    }

    /// Of several scans of the same sources the one that read the most: a join of a table with itself
    /// reads everything twice and must not count it twice.
    pub(super) fn widest(scans: impl Iterator<Item = Self>) -> Self {
        scans.max_by_key(|scan| (scan.objects_read, scan.lines)).unwrap_or_default()
    }
}
