//! The feed: after every pass, what its records may have changed is looked at again.
//!
//! The findings of the feed are at any time those that one batch over the same lake would give.

mod evaluator;
mod finding_store;
mod reevaluation_scope;

#[cfg(test)]
mod tests;

pub use evaluator::{Error, Evaluator, Judgement};
pub use finding_store::Findings;
pub use reevaluation_scope::{Range, ReevaluationScope, differences};

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
