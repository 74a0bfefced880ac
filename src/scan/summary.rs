//! What was read: objects, records by status, malformed lines, and the objects that could not be read.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::flow::field::Layout;
use crate::flow::{DecodeStats, Filter, Malformed};
use crate::scan::overlap::{Choice, Share};

/// How many objects that could not be read are named; the rest are counted.
const PROBLEMS_MAX: usize = 20;

/// What was read. One SQL query may scan the same sources more than once: [`ScanSummary::of`] counts every
/// line once all the same.
#[derive(Debug, Clone, Default)]
pub struct ScanSummary {
    /// Objects that the sources listed for the time range of the query.
    pub objects_listed: u64,
    /// Objects left out by their names, because they lie outside the time range of the query.
    pub objects_pruned: u64,
    /// Folders left out, with all that is in them, for the same reason.
    pub folders_pruned: u64,
    /// Names inside folders that were passed over: hidden files and markers such as `_SUCCESS`.
    pub skipped: Vec<String>,
    /// What the sources could not query, and what may make the result incomplete.
    pub notes: BTreeSet<String>,
    /// Objects that were opened.
    pub objects_begun: u64,
    /// Objects read, to their end or to where they broke off. Fewer than were listed: the query had
    /// enough before.
    pub objects_read: u64,
    /// Lines of text read, and rows of Parquet.
    pub lines: u64,
    /// Records with traffic (`log-status` OK, or a log without that field).
    pub ok: u64,
    /// NODATA records: no traffic.
    pub nodata: u64,
    /// SKIPDATA records: records were lost.
    pub skipdata: u64,
    /// Records of a status that AWS does not document.
    pub other: u64,
    /// Records of a layout that no table of the query has.
    pub other_layout: u64,
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
    /// All objects that could not be read to the end, by name.
    pub failed: BTreeSet<String>,
    /// SQL columns that at least one object has.
    pub columns: BTreeSet<String>,
    /// Columns that flowq does not know and that turned up after the table was made: not readable.
    pub late_columns: BTreeSet<String>,
    /// Which of `start` and `end` some object lacks, though the query has a time range: its records stay.
    pub untimed: BTreeSet<&'static str>,
    /// Objects that have the same text, by what they are known by: their records count as often.
    pub copies: BTreeMap<u64, BTreeSet<String>>,
    /// By what the text of the one object at hand is known.
    pub(crate) print: Option<u64>,
    /// Which flow log is authoritative for the interfaces that several record.
    pub(crate) choice: Option<Arc<Choice>>,
}

impl ScanSummary {
    /// Records of every status.
    pub fn records(&self) -> u64 {
        self.ok + self.nodata + self.skipdata + self.other + self.other_layout
    }

    /// Returns what each flow log gave of the interfaces that several record, by interface, the best flow log first.
    /// Empty: no interface was recorded by several.
    pub fn shares(&self) -> Vec<Share> {
        self.choice.as_ref().map(|choice| choice.shares()).unwrap_or_default()
    }

    /// Returns the name of the first interface of those, by name, that were too many: where several flow logs record
    /// one, all records count.
    pub fn unchosen_from(&self) -> Option<&str> {
        self.choice.as_ref()?.bound.as_deref()
    }

    /// Returns whether every line was accounted for: lines = records + malformed + headers and blanks.
    pub fn adds_up(&self) -> bool {
        self.lines == self.known()
    }

    /// Returns whether the query had enough before everything was read.
    pub fn stopped_early(&self) -> bool {
        self.objects_read < self.objects_listed
    }

    fn known(&self) -> u64 {
        self.records() + self.malformed.total() + self.blank + self.rows_pruned
    }

    /// Adds what one object gave to the same scan.
    pub(crate) fn add_object(&mut self, object: Self) {
        self.lines += object.lines;
        self.ok += object.ok;
        self.nodata += object.nodata;
        self.skipdata += object.skipdata;
        self.other += object.other;
        self.other_layout += object.other_layout;
        self.blank += object.blank;
        self.rows_pruned += object.rows_pruned;
        self.malformed.merge(object.malformed);
        self.notes.extend(object.notes);
        self.columns.extend(object.columns);
        self.late_columns.extend(object.late_columns);
        self.untimed.extend(object.untimed);
    }

    /// Adds what one object of text gave.
    pub(crate) fn add_tally(&mut self, tally: DecodeStats) {
        self.lines += tally.lines;
        self.ok += tally.ok;
        self.nodata += tally.nodata;
        self.skipdata += tally.skipdata;
        self.other += tally.other;
        self.other_layout += tally.other_layout;
        self.blank += tally.blank;
        self.malformed.merge(tally.malformed);
    }

    /// Adds an object that could not be read to the end. Several parts of it may fail; one reason is reported.
    pub(crate) fn add_problem(&mut self, object: &str, reason: String) {
        if !self.failed.insert(object.to_owned()) {
            let known = self.problems.iter_mut().find(|(named, _)| named == object);
            if let Some((_, current)) = known.filter(|(_, current)| reason < *current) {
                *current = reason;
            }
            return;
        }
        self.problem_objects += 1;
        self.problems.push((object.to_owned(), reason));
        // Kept sorted and cut, so that the same objects are named whichever thread met them first.
        self.problems.sort();
        self.problems.truncate(PROBLEMS_MAX);
    }

    /// Notes which times a format lacks that `filter` asks for.
    pub(crate) fn add_untimed(&mut self, filter: &Filter, has: impl Fn(&str) -> bool) {
        let window_columns = filter.window().into_iter().map(|(column, ..)| column);
        self.untimed.extend(window_columns.filter(|column| !has(column)));
    }

    /// What all scans of one session read, each of one layout.
    pub(crate) fn of(scans: Vec<(Layout, Self)>) -> Self {
        let mut tables: BTreeMap<Layout, Self> = BTreeMap::new();
        for (layout, scan) in scans {
            match tables.entry(layout) {
                Entry::Vacant(entry) => drop(entry.insert(scan)),
                Entry::Occupied(mut entry) => entry.get_mut().merge_rescan(scan),
            }
        }
        tables.into_values().reduce(Self::merge_other_layout).unwrap_or_default()
    }

    /// Adds another scan of the same layout: a join of a table with itself reads everything twice and
    /// must not count it twice, so the scan that read the most counts. What went wrong counts in any.
    fn merge_rescan(&mut self, mut other: Self) {
        if (other.objects_begun, other.lines) > (self.objects_begun, self.lines) {
            std::mem::swap(self, &mut other);
        }
        self.merge_problems(other);
    }

    /// Adds what a scan of another layout read of the same sources: the same lines, other records.
    pub fn merge_other_layout(mut self, mut other: Self) -> Self {
        if (other.objects_begun, other.lines) > (self.objects_begun, self.lines) {
            std::mem::swap(&mut self, &mut other);
        }
        self.ok += other.ok;
        self.nodata += other.nodata;
        self.skipdata += other.skipdata;
        self.other += other.other;
        self.rows_pruned += other.rows_pruned;
        self.malformed.merge_other_layout(std::mem::take(&mut other.malformed));
        self.other_layout = 0;
        self.other_layout = self.lines.saturating_sub(self.known());
        self.merge_problems(other);
        self
    }

    fn merge_problems(&mut self, other: Self) {
        for problem in other.problems {
            if !self.problems.contains(&problem) {
                self.problems.push(problem);
            }
        }
        self.problems.sort();
        self.problems.truncate(PROBLEMS_MAX);
        let named = self.problems.len() as u64;
        self.problem_objects = self.problem_objects.max(other.problem_objects).max(named);
        self.failed.extend(other.failed);
        self.notes.extend(other.notes);
        self.columns.extend(other.columns);
        self.late_columns.extend(other.late_columns);
        self.untimed.extend(other.untimed);
        for (print, names) in other.copies {
            self.copies.entry(print).or_default().extend(names);
        }
        self.choice = self.choice.take().or(other.choice);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::{MalformedLine, Reason};

    fn malformed(reason: Reason, line: u64) -> Malformed {
        let line = MalformedLine { object: "a".into(), line, reason, text: String::new() };
        Malformed { by_reason: BTreeMap::from([(reason, 1)]), first: vec![line] }
    }

    #[test]
    fn two_tables_over_the_same_lines_count_each_line_once() {
        let scan = |ok, other_layout, mut malformed_own: Malformed| {
            malformed_own.merge(malformed(Reason::TooFewFields, 9));
            ScanSummary {
                objects_listed: 1,
                objects_begun: 1,
                objects_read: 1,
                lines: 9,
                ok,
                other_layout,
                blank: 2,
                malformed: malformed_own,
                ..ScanSummary::default()
            }
        };
        let vpc = scan(3, 3, Malformed::default());
        let transit = scan(2, 3, malformed(Reason::NotAnAddress, 8));
        assert!(vpc.adds_up() && transit.adds_up());
        let both = ScanSummary::of(vec![
            (Layout::Vpc, vpc.clone()),
            (Layout::TransitGateway, transit),
            (Layout::Vpc, vpc),
        ]);
        assert!(both.adds_up(), "{both:?}");
        assert_eq!((both.lines, both.ok, both.other_layout), (9, 5, 0));
        assert_eq!((both.malformed.total(), both.malformed.first.len()), (2, 2));
    }

    #[test]
    fn what_went_wrong_in_any_scan_is_told() {
        let fine = ScanSummary { objects_begun: 1, lines: 5, ..ScanSummary::default() };
        let mut cut = ScanSummary { objects_begun: 1, lines: 2, ..ScanSummary::default() };
        cut.add_problem("a", "cut".into());
        let both = ScanSummary::of(vec![(Layout::Vpc, fine), (Layout::Vpc, cut)]);
        assert_eq!((both.lines, both.problem_objects, both.problems.len()), (5, 1, 1));
    }
}
