//! What the aggregates of this room share.

use arrow::array::{Array as _, ArrayRef, BooleanArray};
use datafusion::common::Result;
use datafusion::logical_expr::{EmitTo, GroupsAccumulator};

/// Returns the group of each row; none of a row that the filter of an aggregate leaves out.
pub(crate) fn group_of_row(
    group_indices: &[usize],
    filter: Option<&BooleanArray>,
) -> impl Fn(usize) -> Option<usize> {
    move |row| {
        let is_taken = filter.is_none_or(|selected| selected.is_valid(row) && selected.value(row));
        is_taken.then(|| group_indices[row])
    }
}

/// Returns the states of groups of one row each, for plans that continue with rows as if they were groups.
pub(crate) fn rows_as_groups(
    mut groups: impl GroupsAccumulator,
    values: &[ArrayRef],
    filter: Option<&BooleanArray>,
) -> Result<Vec<ArrayRef>> {
    let rows = values[0].len();
    let each: Vec<usize> = (0..rows).collect();
    groups.update_batch(values, &each, filter, rows)?;
    groups.state(EmitTo::All)
}
