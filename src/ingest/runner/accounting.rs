//! Counts of what was read for the ledger, and the check that they add up.

use std::collections::BTreeMap;

use crate::engine::ObjectRead;
use crate::flow::field::Layout;
use crate::ingest::object_loader::Reading;
use crate::ingest::{Error, selection};
use crate::lake::folder;
use crate::scan::ScanSummary;
use crate::source::Split;
use crate::state::{LineCounts, ObjectFailure, ObjectRecord, ObjectState, PassRecord};

/// What the readings of both tables tell of one split.
/// `earlier` is what was known of it before.
pub(super) fn object(
    split: &Split,
    readings: Vec<(Layout, &Reading)>,
    earlier: Option<&ObjectState>,
) -> ObjectRecord {
    let reads: Vec<(Layout, &ObjectRead)> = readings
        .iter()
        .filter_map(|(layout, reading)| Some((*layout, reading.objects.get(&split.id)?)))
        .collect();
    let mut rows = BTreeMap::new();
    // The number of known events of a log group is counted by table, not by time range.
    for (layout, read) in reads.iter().filter(|_| split.log_group.is_none()) {
        let ScanSummary { ok, nodata, skipdata, other, .. } = &read.summary;
        let count = ok + nodata + skipdata + other;
        if count > 0 {
            rows.insert(folder(*layout).to_owned(), count);
        }
    }
    let failures = reads.iter().filter_map(|(_, read)| read.failure.clone());
    let same = earlier.filter(|known| known.etag == split.etag);
    let failures =
        failures.map(|(reason, cause)| ObjectFailure::new(&split.id, reason, cause, same));
    let failure = failures.reduce(|a, b| if b.retry { b } else { a });
    let summaries = reads.iter().map(|(_, read)| read.summary.clone());
    let summary = summaries.reduce(ScanSummary::merge_other_layout).unwrap_or_default();
    ObjectRecord {
        id: split.id.clone(),
        etag: split.etag.clone(),
        size_bytes: split.size_bytes,
        inode: split.inode.clone(),
        ends: selection::ends(split),
        counts: counts(&summary),
        rows,
        failure,
        earlier: earlier.cloned().map(Box::new),
    }
}

fn counts(summary: &ScanSummary) -> LineCounts {
    let malformed = summary.malformed.by_reason.iter();
    LineCounts {
        lines: summary.lines,
        ok: summary.ok,
        nodata: summary.nodata,
        skipdata: summary.skipdata,
        other: summary.other,
        other_layout: summary.other_layout,
        blank: summary.blank,
        malformed: malformed.map(|(reason, count)| (reason.to_string(), *count)).collect(),
    }
}

/// Proves that every record that was read is a row, or was one before.
pub(super) fn check(pass: &PassRecord) -> Result<(), Error> {
    let read = pass.totals.counts.records();
    let sum = |of: fn(&crate::state::TableChange) -> u64| pass.tables.values().map(of).sum::<u64>();
    let (rows, known) = (sum(|table| table.rows), sum(|table| table.known));
    let uneven = |table: String, read, rows, known| Error::Unbalanced { table, read, rows, known };
    if read != rows + known || !pass.objects.iter().all(|object| object.counts.adds_up()) {
        return Err(uneven("the lake".to_owned(), read, rows, known));
    }
    for (table, change) in &pass.tables {
        let files =
            |files: &[crate::lake::DataFile]| files.iter().map(|file| file.rows).sum::<u64>();
        let (added, removed) = (files(&change.added), files(&change.removed));
        if added + change.replaced != change.rows + removed {
            return Err(uneven(table.clone(), change.rows + removed, added, change.replaced));
        }
    }
    Ok(())
}
