//! Rows that wait to be written: each text once, however many rows have it.

use std::sync::Arc;

use arrow::array::{
    Array as _, ArrayRef, AsArray as _, DictionaryArray, Int32Array, MAX_INLINE_VIEW_LEN,
    RecordBatch, StringArray, StringViewArray, UInt32Array,
};
use arrow::compute::{cast, concat, take};
use arrow::datatypes::{Schema, SchemaRef};
use arrow::error::ArrowError;
use foldhash::HashMap;

use crate::flow::null_mask::NullMask;
use crate::lake::Error;
use crate::lake::sorting::stored_schema;

/// What a distinct text takes beside its bytes.
const TEXT_BYTES: usize = 64;

/// Rows of one partition.
#[derive(Debug, Default)]
pub(super) struct RowBuffer {
    columns: Vec<Column>,
    rows: usize,
    bytes: usize,
}

#[derive(Debug)]
enum Column {
    Text(Texts),
    Other(Vec<ArrayRef>),
}

/// A column of texts, each by its number.
#[derive(Debug, Default)]
struct Texts {
    keys: Vec<i32>,
    nulls: NullMask,
    /// Every text, in the order of their numbers.
    texts: Vec<Box<str>>,
    /// Numbers of texts that are in their views, by these.
    short: HashMap<u128, i32>,
    /// Numbers of all others.
    long: HashMap<Box<str>, i32>,
}

impl RowBuffer {
    /// Returns how many rows there are.
    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// Returns how much memory they take.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Adds these rows of a batch, which all have one schema.
    pub(super) fn add(&mut self, batch: &RecordBatch, rows: &[u32]) -> Result<(), Error> {
        if self.columns.is_empty() {
            let column = |array: &ArrayRef| match array.as_string_view_opt() {
                Some(_) => Column::Text(Texts::default()),
                None => Column::Other(Vec::new()),
            };
            self.columns = batch.columns().iter().map(column).collect();
        }
        let is_all = rows.len() == batch.num_rows();
        let indices = (!is_all).then(|| UInt32Array::from(rows.to_vec()));
        for (column, array) in self.columns.iter_mut().zip(batch.columns()) {
            self.bytes += match (column, array.as_string_view_opt()) {
                (Column::Text(texts), Some(array)) => texts.add(array, rows),
                (Column::Other(parts), _) => {
                    let part = match &indices {
                        Some(indices) => take(array, indices, None)?,
                        None => Arc::clone(array),
                    };
                    parts.push(part);
                    parts.last().map_or(0, |part| part.get_array_memory_size())
                }
                (Column::Text(_), None) => 0,
            };
        }
        self.rows += rows.len();
        Ok(())
    }

    /// Creates one batch of [`stored_schema`] of them. `schema` is that of the batches added.
    pub(super) fn finish(self, schema: &Schema) -> Result<RecordBatch, Error> {
        let schema: SchemaRef = stored_schema(schema);
        let columns = self.columns.into_iter().zip(schema.fields()).map(|(column, field)| {
            let array = match column {
                Column::Text(texts) => texts.finish()?,
                Column::Other(parts) => {
                    concat(&parts.iter().map(AsRef::as_ref).collect::<Vec<_>>())?
                }
            };
            cast(&array, field.data_type())
        });
        let columns: Result<Vec<ArrayRef>, _> = columns.collect();
        Ok(RecordBatch::try_new(schema, columns?)?)
    }
}

impl Texts {
    /// Adds the texts of some rows. Returns how many bytes that takes.
    fn add(&mut self, texts: &StringViewArray, rows: &[u32]) -> usize {
        let mut bytes = size_of::<i32>() * rows.len();
        let mut last: (u128, i32) = (0, -1);
        for row in rows {
            let row = *row as usize;
            if texts.is_null(row) {
                self.nulls.add(self.keys.len());
                self.keys.push(0);
                continue;
            }
            let view = texts.views()[row];
            // One view is always the same text; to compare those costs less.
            if last.0 != view || last.1 < 0 {
                let before = self.texts.len();
                last = (view, self.number(view, || texts.value(row)));
                bytes += self.texts.get(before).map_or(0, |text| 2 * text.len() + TEXT_BYTES);
            }
            self.keys.push(last.1);
        }
        bytes
    }

    fn number<'t>(&mut self, view: u128, text: impl FnOnce() -> &'t str) -> i32 {
        let next = self.texts.len() as i32;
        if view as u32 <= MAX_INLINE_VIEW_LEN {
            return *self.short.entry(view).or_insert_with(|| {
                self.texts.push(text().into());
                next
            });
        }
        let text = text();
        if let Some(number) = self.long.get(text) {
            return *number;
        }
        self.texts.push(text.into());
        self.long.insert(text.into(), next);
        next
    }

    fn finish(self) -> Result<ArrayRef, ArrowError> {
        let nulls = self.nulls.finish(self.keys.len());
        let keys = Int32Array::try_new(self.keys.into(), nulls)?;
        let texts = StringArray::from_iter_values(&self.texts);
        Ok(Arc::new(DictionaryArray::try_new(keys, Arc::new(texts))?))
    }
}
