//! Outcomes as an Arrow table.

use std::sync::Arc;

use arrow::array::{ArrayRef, ListBuilder, StringArray, StringBuilder};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use serde_json::Value;

use crate::audit::outcome::Outcome;
use crate::detection::finding_batch::Lists;

/// Every field of an [`Outcome`], in its order; those that are lists.
#[rustfmt::skip]
const FIELDS: &[(&str, bool)] = &[
    ("check", false), ("title", false), ("verdict", false), ("severity", false), ("confidence", false),
    ("why", false), ("evidence", true), ("guide", false), ("guide_url", false), ("account_id", false),
    ("region", false), ("vpc_id", false), ("subnet_ids", true), ("security_group_ids", true), ("jobs", true),
    ("fix", false), ("cli", false), ("terraform", false), ("finding_id", false),
];

/// Returns results as one table, one row each, in the order given, all columns nullable.
pub fn to_batch(outcomes: &[Outcome], lists: Lists) -> Result<RecordBatch, ArrowError> {
    let rows = outcomes.iter().map(serde_json::to_value).collect::<Result<Vec<Value>, _>>();
    let rows = rows.map_err(|err| ArrowError::JsonError(err.to_string()))?;
    let column = |(name, is_list): &(&'static str, bool)| -> (&'static str, ArrayRef, bool) {
        let array: ArrayRef = match (is_list, lists) {
            (true, Lists::Nested) => {
                let mut list = ListBuilder::new(StringBuilder::new());
                for row in &rows {
                    let items = row[*name].as_array().into_iter().flatten();
                    list.append_value(items.map(Value::as_str));
                }
                Arc::new(list.finish())
            }
            (true, Lists::Text) => {
                Arc::new(StringArray::from_iter_values(rows.iter().map(|row| {
                    let items = row[*name].as_array().into_iter().flatten();
                    items.filter_map(Value::as_str).collect::<Vec<_>>().join(",")
                })))
            }
            (false, _) => {
                Arc::new(rows.iter().map(|row| row[*name].as_str()).collect::<StringArray>())
            }
        };
        (name, array, true)
    };
    RecordBatch::try_from_iter_with_nullable(FIELDS.iter().map(column))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::tests::report_of_base;

    #[test]
    fn every_field_is_a_column() {
        let outcomes = report_of_base().outcomes;
        let Value::Object(fields) = serde_json::to_value(&outcomes[0]).unwrap() else { panic!() };
        let mut names: Vec<&str> = fields.keys().map(String::as_str).collect();
        let mut columns: Vec<&str> = FIELDS.iter().map(|(name, _)| *name).collect();
        names.sort_unstable();
        columns.sort_unstable();
        assert_eq!(names, columns);
        for lists in [Lists::Nested, Lists::Text] {
            let batch = to_batch(&outcomes, lists).unwrap();
            assert_eq!(batch.num_rows(), outcomes.len());
            assert_eq!(batch.column_by_name("why").unwrap().null_count(), 0);
            assert_eq!(batch.column_by_name("cli").unwrap().null_count(), outcomes.len());
        }
    }
}
