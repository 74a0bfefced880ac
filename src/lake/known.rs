//! What a lake has already: rows by where they came from, files by their names.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

use arrow::array::{Array as _, AsArray as _};
use arrow::datatypes::{DataType, Int64Type, Schema, TimestampMicrosecondType};
use futures::{StreamExt as _, TryStreamExt as _};

use super::order::stored_schema;
use super::{Error, File, Table, read};
use crate::flow::field::{LINE, Layout, OBJECT};

/// A row by a hash of its object and line: two rows with one hash are not to be expected in a lifetime.
pub type RowKey = u128;

/// Rows that are in a table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known {
    rows: HashSet<RowKey>,
}

impl Known {
    /// The key of a row.
    pub fn key(object: &str, line: i64) -> RowKey {
        let hash = |seed: u8| {
            let mut hasher = DefaultHasher::new();
            (seed, object, line).hash(&mut hasher);
            u128::from(hasher.finish())
        };
        hash(0) << 64 | hash(1)
    }

    /// Tells whether the table has the row.
    pub fn has(&self, object: &str, line: i64) -> bool {
        self.rows.contains(&Self::key(object, line))
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Tells whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

/// Returns the rows of a table that start within `[first, last]` (Unix seconds) and whose object begins with
/// `prefix`. At most `rows_max` of them, each of which takes some 32 bytes.
///
/// # Errors
///
/// [`Error::TooMany`] when there are more, else when the table cannot be read.
pub async fn known(
    table: &Table,
    (first, last): (i64, i64),
    prefix: &str,
    rows_max: usize,
) -> Result<Known, Error> {
    // What flowq knows: a column that the file lacks would be NULL here.
    let schema = stored_schema(&Layout::Vpc.schema(&[]));
    let columns =
        [OBJECT, LINE, "start"].iter().filter_map(|name| schema.field_with_name(name).ok());
    let schema = Arc::new(Schema::new(columns.cloned().collect::<Vec<_>>()));
    let mut known = Known::default();
    for file in table.files().await? {
        if !may_hold(&file, (first, last), prefix) {
            continue;
        }
        for batch in read::rows(table.place(), &file, &schema).await?.batches {
            let objects = arrow::compute::cast(batch.column(0), &DataType::Utf8)?;
            let objects = objects.as_string::<i32>();
            let lines = batch.column(1).as_primitive::<Int64Type>();
            let starts = batch.column(2).as_primitive::<TimestampMicrosecondType>();
            for row in 0..batch.num_rows() {
                let start = starts.value(row).div_euclid(1_000_000);
                let is_within = starts.is_valid(row) && first <= start && start <= last;
                if is_within && objects.is_valid(row) && objects.value(row).starts_with(prefix) {
                    known.rows.insert(Known::key(objects.value(row), lines.value(row)));
                }
            }
            if known.rows.len() > rows_max {
                return Err(Error::TooMany { table: table.place().to_string(), rows_max });
            }
        }
    }
    Ok(known)
}

fn may_hold(file: &File, (first, last): (i64, i64), prefix: &str) -> bool {
    let in_time = file.start.is_none_or(|(least, most)| least <= last && first <= most);
    let named = file.objects.as_ref().is_none_or(|(least, most)| {
        let below = least.as_str() <= prefix || least.starts_with(prefix);
        below && most.as_str() >= prefix
    });
    in_time && named
}

/// Returns the data files whose names begin with `prefix` and that the table does not have: what a pass left
/// that never came to its commit. Sorted. Files that a commit took away and whose grace period is not over are
/// among them: ask only for names that were never committed.
///
/// # Errors
///
/// When the table cannot be listed.
pub async fn orphans(table: &Table, prefix: &str) -> Result<Vec<String>, Error> {
    let active: HashSet<String> = table.files().await?.into_iter().map(|file| file.path).collect();
    let failed = |source| Error::Read { path: table.place().to_string(), source };
    let listed = table.place().objects().list(None).map_err(failed);
    let paths = listed.map_ok(|object| object.location.to_string());
    let wanted = |path: &String| {
        let name = path.rsplit('/').next().unwrap_or_default();
        let is_data = !path.starts_with("_delta_log/") && name.ends_with(".parquet");
        is_data && name.starts_with(prefix) && !active.contains(path)
    };
    let wanted = paths.try_filter(|path| std::future::ready(wanted(path))).boxed();
    let mut orphans: Vec<String> = wanted.try_collect().await?;
    orphans.sort();
    Ok(orphans)
}
