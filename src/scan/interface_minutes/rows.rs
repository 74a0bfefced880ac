//! Hours as they are read back, and builders of the columns of both tables.

use std::io;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Builder, StringViewBuilder};
use arrow::datatypes::{DataType, Field};

use crate::scan::interface_minutes::minute::{Key, Minute};
use crate::scan::interface_minutes::spill::{Hour, Reader, UNTIMED};

/// Rows of a batch.
pub(super) const BATCH_ROWS: usize = 4096;

/// Hours in the order of interface, job and time.
pub(super) struct Hours {
    pub(super) keys: Arc<[Key]>,
    pub(super) hours: Option<Reader>,
}

impl Hours {
    pub(super) fn key(&self, number: u32) -> Option<&Key> {
        self.keys.get(number as usize)
    }
}

impl Iterator for Hours {
    type Item = io::Result<Hour>;

    fn next(&mut self) -> Option<Self::Item> {
        self.hours.as_mut()?.next()
    }
}

/// The minutes of an hour that have records, as minutes since 1970; `None` for records without a time.
pub(super) fn minutes_of(hour: &Hour) -> impl Iterator<Item = (Option<i64>, Minute)> {
    let (first, is_timed) = (hour.hour, hour.hour != UNTIMED);
    let of_slot = move |slot: i64| is_timed.then(|| first.saturating_mul(60).saturating_add(slot));
    let with_status = hour.slots.iter().zip(0..).filter(|(minute, _)| minute.statuses != 0);
    with_status.map(move |(minute, slot)| (of_slot(slot), *minute))
}

pub(super) fn text(name: &str) -> Field {
    Field::new(name, DataType::Utf8View, true)
}

pub(super) fn number(name: &str) -> Field {
    Field::new(name, DataType::Int64, true)
}

/// Columns of text of which few values are different.
pub(super) fn texts<const N: usize>() -> [StringViewBuilder; N] {
    std::array::from_fn(|_| StringViewBuilder::with_capacity(BATCH_ROWS).with_deduplicate_strings())
}

pub(super) fn numbers<const N: usize>() -> [Int64Builder; N] {
    std::array::from_fn(|_| Int64Builder::with_capacity(BATCH_ROWS))
}

pub(super) fn finished<const N: usize>(
    columns: [StringViewBuilder; N],
) -> impl Iterator<Item = ArrayRef> {
    columns.into_iter().map(|mut column| Arc::new(column.finish()) as ArrayRef)
}

pub(super) fn counts(minute: &Minute) -> [u32; 3] {
    [minute.records, minute.nodata, minute.skipdata]
}
