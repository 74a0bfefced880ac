//! The times of the records that a pass changed.

use crate::feed::reevaluation_scope::Range;
use crate::flow::field::Layout;
use crate::lake;
use crate::state::PassRecord;

/// Returns the times of the records that a pass put into `flow_logs` or took out of it.
pub fn touched(pass: &PassRecord) -> Vec<Range> {
    let table = pass.tables.get(lake::folder(Layout::Vpc));
    let files = table.into_iter().flat_map(|table| table.added.iter().chain(&table.removed));
    let range = |file: &lake::DataFile| match file.start {
        Some((from, last)) => Range { from, to: file.end.unwrap_or(last).max(last) },
        None => Range::ALL,
    };
    Range::merge(files.map(range).collect())
}
