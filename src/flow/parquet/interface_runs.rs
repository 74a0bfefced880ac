//! Row ranges of each interface in a file of the lake, from the file's metadata: rows of other interfaces need
//! not be read.

use std::fmt::Write as _;

use parquet::arrow::arrow_reader::{RowSelection, RowSelector};
use parquet::file::metadata::RowGroupMetaData;

use crate::flow::parquet::row_group_filter::rows_of;
use crate::flow::parquet::schema::INTERFACE_ID;
use crate::flow::parquet::tally::Tally;
use crate::flow::{Filter, RecordSelection};

/// Key of the metadata of a Parquet file of the lake: its rows from the first to the last, in runs of one
/// interface in one row group. Of each `id rows nodata skipdata`, all separated by blanks; `-` is NULL.
pub const INTERFACE_RUNS_KEY: &str = "flowq.stretches";

/// The most runs that the metadata of a file lists: more would be as long as a column.
const RUNS_MAX: usize = 2048;

/// Adjacent rows of one interface.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct InterfaceRun<'a> {
    /// The interface; `None` for none.
    pub interface: Option<&'a str>,
    /// How many rows there are.
    pub rows: u64,
    /// How many of them have log status NODATA.
    pub nodata: u64,
    /// How many of them have log status SKIPDATA.
    pub skipdata: u64,
}

/// Returns the value of [`INTERFACE_RUNS_KEY`]. `None`: there are too many runs, or an id would not come back as
/// it is.
pub fn encode_runs(runs: &[InterfaceRun<'_>]) -> Option<String> {
    if runs.len() > RUNS_MAX {
        return None;
    }
    let mut encoded = String::new();
    for InterfaceRun { interface, rows, nodata, skipdata } in runs {
        if interface.is_some_and(|id| matches!(id, "" | "-") || id.contains(char::is_whitespace)) {
            return None;
        }
        let id = interface.unwrap_or("-");
        write!(encoded, "{id} {rows} {nodata} {skipdata} ").ok()?;
    }
    Some(encoded)
}

fn read<'a>(words: &mut impl Iterator<Item = &'a str>) -> Option<InterfaceRun<'a>> {
    let interface = words.next().map(|id| Some(id).filter(|id| *id != "-"))?;
    let mut number = || words.next()?.parse().ok();
    Some(InterfaceRun { interface, rows: number()?, nodata: number()?, skipdata: number()? })
}

/// Which rows of a file may be selected, and what the others are.
pub(super) struct SelectedRuns {
    /// Rows of the selected row groups, one after the other.
    pub(super) rows: RowSelection,
    /// The rows of these that need not be read, by status.
    pub(super) others: Tally,
}

impl SelectedRuns {
    /// Chooses rows by their interfaces, in the selected ones of all row groups of a file. `None`: the filter does not
    /// select interfaces, or the metadata does not fit the file.
    pub(super) fn new(
        encoded: &str,
        groups: &[RowGroupMetaData],
        row_groups: &[usize],
        filter: &Filter,
    ) -> Option<Self> {
        let lists = filter.equals.iter().filter(|(name, _)| name == INTERFACE_ID);
        let lists: Vec<_> = lists.map(|(_, ids)| ids).collect();
        if filter.interface.is_none() && lists.is_empty() {
            return None;
        }
        // As for rows: a record that names no interface passes the test, and is in no list.
        let is_wanted =
            |id: Option<&str>| {
                filter.interface.as_ref().is_none_or(|predicate| {
                    id.is_none_or(|id| predicate(id) != RecordSelection::None)
                }) && lists.iter().all(|ids| id.is_some_and(|id| ids.contains(id)))
            };
        let mut words = encoded.split_ascii_whitespace();
        let (mut selectors, mut others) = (Vec::new(), Tally::default());
        for (at, group) in groups.iter().enumerate() {
            let is_kept = row_groups.contains(&at);
            let mut left = rows_of(group.num_rows());
            while left > 0 {
                let run = read(&mut words)?;
                left = left.checked_sub(run.rows)?;
                if !is_kept {
                    continue;
                }
                let rows = usize::try_from(run.rows).ok()?;
                if is_wanted(run.interface) {
                    selectors.push(RowSelector::select(rows));
                    continue;
                }
                selectors.push(RowSelector::skip(rows));
                let ok = run.rows.checked_sub(run.nodata.checked_add(run.skipdata)?)?;
                others.ok += ok;
                others.nodata += run.nodata;
                others.skipdata += run.skipdata;
            }
        }
        words.next().is_none().then(|| Self { rows: RowSelection::from(selectors), others })
    }
}
