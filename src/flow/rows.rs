//! Builds batches from records. Long texts are not copied: a batch holds on to the blocks they lie in.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, Int32Builder, Int64Builder, RecordBatch, RecordBatchOptions, StringViewBuilder,
    TimestampSecondBuilder, new_null_array,
};
use arrow::buffer::Buffer;
use arrow::datatypes::{DataType, Field, SchemaRef, TimeUnit};
use arrow::error::ArrowError;
use bytes::Bytes;

use crate::flow::field::OBJECT;
use crate::flow::plan::{Object, Plan};
use crate::flow::reader::{Origin, Record};
use crate::flow::value::percent_decoded;

/// Longest text that an Arrow view holds within itself.
const INLINE_MAX: usize = 12;

/// Most bytes of blocks that a batch may hold on to before it is cut short.
const PINNED_MAX: usize = 16 << 20;

/// The rows of a batch to be.
pub(super) struct Rows {
    schema: SchemaRef,
    columns: Vec<Column>,
    /// Where each column's values come from; the same for all rows of a batch.
    origins: Vec<Origin>,
    /// The last columns without a value, one of each type: many columns share them.
    nulls: Vec<ArrayRef>,
    object: Buffer,
    rows: usize,
    rows_max: usize,
    /// The block that lines are in now. `None` = copy texts.
    block: Option<Buffer>,
    /// Counts blocks, so that a column knows whether it has the block at hand already.
    block_number: u64,
    pinned: usize,
    /// Whether rows are dropped: then a batch would hold on to much that is not in it.
    sparse: bool,
    /// Whether rows of several formats share a batch: a column that one of them lacks is NULL there.
    mixed: bool,
    /// Whether each row names a place of its own.
    events: bool,
}

enum Column {
    Text {
        values: StringViewBuilder,
        block: Option<(u64, u32)>,
    },
    Code(Int32Builder),
    Count(Int64Builder),
    Time(TimestampSecondBuilder),
    /// The name of the object: the same in every row.
    Object,
    /// The name of the event that a row is from.
    Event(StringViewBuilder),
    /// A type that no flow log column has.
    Null(DataType),
}

impl Column {
    fn new(field: &Field, rows: usize, events: bool) -> Self {
        let data_type = field.data_type();
        match data_type {
            DataType::Utf8View if field.name() == OBJECT && events => {
                Self::Event(StringViewBuilder::with_capacity(rows))
            }
            DataType::Utf8View if field.name() == OBJECT => Self::Object,
            DataType::Utf8View => {
                Self::Text { values: StringViewBuilder::with_capacity(rows), block: None }
            }
            DataType::Int32 => Self::Code(Int32Builder::with_capacity(rows)),
            DataType::Int64 => Self::Count(Int64Builder::with_capacity(rows)),
            DataType::Timestamp(TimeUnit::Second, _) => Self::Time(
                TimestampSecondBuilder::with_capacity(rows).with_data_type(data_type.clone()),
            ),
            _ => Self::Null(data_type.clone()),
        }
    }
}

impl Rows {
    /// Makes rows of one object. `mixed`: rows of several formats share a batch.
    pub(super) fn new(plan: &Plan, object: &Object, mixed: bool) -> Self {
        let events = object.log_group.is_some();
        let columns = plan.schema.fields().iter().map(|field| Column::new(field, 0, events));
        Self {
            schema: Arc::clone(&plan.schema),
            columns: columns.collect(),
            origins: Vec::new(),
            nulls: Vec::new(),
            object: Buffer::from(object.name.as_bytes().to_vec()),
            rows: 0,
            rows_max: plan.batch_rows.max(1),
            block: None,
            block_number: 0,
            pinned: 0,
            sparse: !plan.filter.is_empty(),
            mixed,
            events,
        }
    }

    /// Tells where the values of the next rows come from. Returns the rows so far if they came from
    /// elsewhere: a column that the log does not have costs nothing for each row, only for each batch.
    pub(super) fn set_origins(
        &mut self,
        origins: &[Origin],
    ) -> Result<Option<RecordBatch>, ArrowError> {
        if self.origins == origins {
            return Ok(None);
        }
        let batch = if self.mixed { None } else { self.flush()? };
        self.origins.clear();
        self.origins.extend_from_slice(origins);
        Ok(batch)
    }

    /// Tells which block the next lines are in; `None` when they are in none that can be held.
    pub(super) fn set_block(&mut self, block: Option<&Bytes>) {
        self.block = block.filter(|_| !self.sparse).map(|bytes| Buffer::from(bytes.clone()));
        self.block_number += 1;
        if self.rows == 0 {
            self.pinned = 0;
        }
        self.pinned += self.block.as_ref().map_or(0, Buffer::len);
    }

    /// Adds a row. `base` is where the record's line starts in the block.
    pub(super) fn push(
        &mut self,
        record: &Record<'_>,
        base: Option<usize>,
    ) -> Result<(), ArrowError> {
        let block =
            self.block.as_ref().zip(base).map(|(block, base)| (block, self.block_number, base));
        for (column, &origin) in self.columns.iter_mut().zip(&self.origins) {
            match column {
                _ if origin == Origin::Absent && !self.mixed => {}
                Column::Text { values, block: known } => match record.text(origin) {
                    None => values.append_null(),
                    Some((text, _)) if matches!(origin, Origin::Encoded(_)) => {
                        values.try_append_value(percent_decoded(text))?;
                    }
                    Some((text, start)) => append(values, known, text, start, block)?,
                },
                Column::Code(values) => {
                    let number = record.number(origin).and_then(|n| i32::try_from(n).ok());
                    values.append_option(number);
                }
                Column::Count(values) => values.append_option(record.number(origin)),
                Column::Time(values) => values.append_option(record.number(origin)),
                Column::Event(values) => values.try_append_value(record.place.object)?,
                Column::Object | Column::Null(_) => {}
            }
        }
        self.rows += 1;
        Ok(())
    }

    /// Tells whether it is time for a batch.
    pub(super) fn is_full(&self) -> bool {
        self.rows >= self.rows_max || (self.pinned > PINNED_MAX && self.rows > 0)
    }

    /// Returns the rows so far as a batch, if there are any.
    pub(super) fn flush(&mut self) -> Result<Option<RecordBatch>, ArrowError> {
        if self.rows == 0 {
            return Ok(None);
        }
        let rows = std::mem::take(&mut self.rows);
        self.pinned = self.block.as_ref().map_or(0, Buffer::len);
        let mut arrays: Vec<ArrayRef> = Vec::with_capacity(self.columns.len());
        let columns = self.columns.iter_mut().zip(&self.origins);
        for ((column, &origin), field) in columns.zip(self.schema.fields()) {
            if origin == Origin::Absent && !self.mixed {
                arrays.push(nulls(&mut self.nulls, field.data_type(), rows));
                continue;
            }
            // The next batch is likely to be as large as this one.
            arrays.push(match std::mem::replace(column, Column::new(field, rows, self.events)) {
                Column::Text { mut values, .. } => Arc::new(values.finish()),
                Column::Code(mut values) => Arc::new(values.finish()),
                Column::Count(mut values) => Arc::new(values.finish()),
                Column::Time(mut values) => Arc::new(values.finish()),
                Column::Event(mut values) => Arc::new(values.finish()),
                Column::Object => repeated(&self.object, rows)?,
                Column::Null(data_type) => new_null_array(&data_type, rows),
            });
        }
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(Arc::clone(&self.schema), arrays, &options).map(Some)
    }
}

/// Appends a text: as it is if it is short, else as a view into its block, else as a copy.
fn append(
    values: &mut StringViewBuilder,
    known: &mut Option<(u64, u32)>,
    text: &str,
    start: usize,
    block: Option<(&Buffer, u64, usize)>,
) -> Result<(), ArrowError> {
    let Some((buffer, number, base)) = block.filter(|_| text.len() > INLINE_MAX) else {
        return values.try_append_value(text);
    };
    let (Ok(offset), Ok(length)) = (u32::try_from(base + start), u32::try_from(text.len())) else {
        return values.try_append_value(text);
    };
    let index = match *known {
        Some((known, index)) if known == number => index,
        _ => values.append_block(buffer.clone()),
    };
    *known = Some((number, index));
    values.try_append_view(index, offset, length)
}

/// Returns a column without a value, the same one as long as the number of rows stays.
fn nulls(known: &mut Vec<ArrayRef>, data_type: &DataType, rows: usize) -> ArrayRef {
    known.retain(|array| array.len() == rows);
    if let Some(array) = known.iter().find(|array| array.data_type() == data_type) {
        return Arc::clone(array);
    }
    let array = new_null_array(data_type, rows);
    known.push(Arc::clone(&array));
    array
}

/// Returns a column that holds one text in every row, once in memory.
fn repeated(text: &Buffer, rows: usize) -> Result<ArrayRef, ArrowError> {
    let length = u32::try_from(text.len()).map_err(|err| ArrowError::ExternalError(err.into()))?;
    let mut values = StringViewBuilder::with_capacity(rows);
    let block = values.append_block(text.clone());
    for _ in 0..rows {
        values.try_append_view(block, 0, length)?;
    }
    Ok(Arc::new(values.finish()))
}
