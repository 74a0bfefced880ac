//! Builds batches from records. Long texts are not copied: a batch retains the blocks they are in.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, Int32Array, Int64Array, RecordBatch, RecordBatchOptions, TimestampSecondArray,
    new_null_array,
};
use arrow::buffer::Buffer;
use arrow::datatypes::{DataType, Field, SchemaRef, TimeUnit};
use arrow::error::ArrowError;
use bytes::Bytes;

use crate::flow::decode_options::{DecodeOptions, ObjectMeta};
use crate::flow::field::OBJECT;
use crate::flow::null_mask::NullMask;
use crate::flow::record_block::{ColumnSource, RecordBlock};
use crate::flow::string_column::{Block, StringColumn};
use crate::flow::tokenizer::FieldBytes;
use crate::flow::value::percent_decoded;

/// Most bytes of blocks that a batch may retain before it is cut short.
const RETAINED_BYTES_MAX: usize = 16 << 20;

/// The rows of a batch to be.
pub(super) struct BatchBuilder {
    schema: SchemaRef,
    columns: Vec<Column>,
    /// The last columns without a value, one of each type: many columns share them.
    nulls: Vec<ArrayRef>,
    object: String,
    rows: usize,
    rows_max: usize,
    /// The block that lines are in now. `None` = copy texts.
    block: Option<Block>,
    blocks: u64,
    retained_bytes: usize,
    /// Whether rows are dropped: then a batch would retain much that is not in it.
    sparse: bool,
    /// Whether rows of several formats share a batch: a column that one of them lacks is NULL there.
    mixed: bool,
    /// Whether each row names a place of its own.
    events: bool,
}

/// A column of the batch to be.
struct Column {
    values: ColumnBuffer,
    /// Where its values come from; the same for all rows of a batch.
    origin: ColumnSource,
    nulls: NullMask,
}

enum ColumnBuffer {
    Text(StringColumn),
    Code(Vec<i32>),
    Count(Vec<i64>),
    /// Unix seconds.
    Time(Vec<i64>),
    /// The name of the object: the same in every row.
    Object,
    /// The name of the event that a row is from.
    Event(StringColumn),
    /// A type that no flow log column has.
    Null,
}

impl ColumnBuffer {
    fn new(field: &Field, rows: usize, events: bool) -> Self {
        match field.data_type() {
            DataType::Utf8View if field.name() == OBJECT && !events => Self::Object,
            DataType::Utf8View if field.name() == OBJECT => {
                Self::Event(StringColumn::with_capacity(rows))
            }
            DataType::Utf8View => Self::Text(StringColumn::with_capacity(rows)),
            DataType::Int32 => Self::Code(Vec::with_capacity(rows)),
            DataType::Int64 => Self::Count(Vec::with_capacity(rows)),
            DataType::Timestamp(TimeUnit::Second, _) => Self::Time(Vec::with_capacity(rows)),
            _ => Self::Null,
        }
    }
}

impl Column {
    fn new(field: &Field, rows: usize, events: bool) -> Self {
        let values = ColumnBuffer::new(field, rows, events);
        Self { values, origin: ColumnSource::Absent, nulls: NullMask::default() }
    }

    /// Adds the values of the selected records.
    fn push(&mut self, records: &RecordBlock<'_>, block: Option<&Block>) {
        let Self { values, origin, nulls } = self;
        match values {
            // What does not fit was set aside before.
            ColumnBuffer::Code(codes) => {
                let first = codes.len();
                records.numbers(*origin, nulls, first, |number| codes.push(number as i32));
            }
            ColumnBuffer::Count(numbers) | ColumnBuffer::Time(numbers) => {
                let first = numbers.len();
                records.numbers(*origin, nulls, first, |number| numbers.push(number));
            }
            ColumnBuffer::Text(texts) => text(texts, *origin, nulls, records, block),
            ColumnBuffer::Event(texts) => {
                records.selected.iter().for_each(|_| texts.push_copy(records.place.object));
            }
            ColumnBuffer::Object | ColumnBuffer::Null => {}
        }
    }

    /// Returns how many bytes it contains beside those of blocks.
    fn copied(&self) -> usize {
        match &self.values {
            ColumnBuffer::Text(texts) | ColumnBuffer::Event(texts) => texts.copied(),
            _ => 0,
        }
    }

    fn finish(self, field: &Field, rows: usize, object: &str) -> Result<ArrayRef, ArrowError> {
        let nulls = self.nulls;
        Ok(match self.values {
            ColumnBuffer::Text(texts) | ColumnBuffer::Event(texts) => {
                Arc::new(texts.finish(nulls)?)
            }
            ColumnBuffer::Code(codes) => {
                let nulls = nulls.finish(codes.len());
                Arc::new(Int32Array::try_new(codes.into(), nulls)?)
            }
            ColumnBuffer::Count(counts) => {
                let nulls = nulls.finish(counts.len());
                Arc::new(Int64Array::try_new(counts.into(), nulls)?)
            }
            ColumnBuffer::Time(times) => {
                let nulls = nulls.finish(times.len());
                let times = TimestampSecondArray::try_new(times.into(), nulls)?;
                Arc::new(times.with_data_type(field.data_type().clone()))
            }
            ColumnBuffer::Object => Arc::new(StringColumn::repeated(object, rows)?),
            ColumnBuffer::Null => new_null_array(field.data_type(), rows),
        })
    }
}

/// Adds the texts of the selected records.
fn text(
    texts: &mut StringColumn,
    origin: ColumnSource,
    nulls: &mut NullMask,
    records: &RecordBlock<'_>,
    block: Option<&Block>,
) {
    let lines = &records.lines;
    let is_null = |word: FieldBytes<'_>| word.is_null();
    let is_none = |word: FieldBytes<'_>| word.is_null() || word.is_none();
    let values_of = |field: usize| {
        records.selected.iter().map(move |line| records.lines.word(*line as usize, field))
    };
    match origin {
        ColumnSource::Text(field) if records.is_all() => {
            texts.extend(lines.column(field), is_null, nulls, block);
        }
        ColumnSource::Text(field) => texts.extend(values_of(field), is_null, nulls, block),
        ColumnSource::Addr(field) if records.is_all() => {
            texts.extend(lines.column(field), is_none, nulls, block);
        }
        ColumnSource::Addr(field) => texts.extend(values_of(field), is_none, nulls, block),
        // What is decoded is in no block, and is no NULL, whatever its text.
        ColumnSource::Encoded(field) => values_of(field).for_each(|word| match word.is_null() {
            true => texts.push_null(nulls),
            false => texts.push_copy(&percent_decoded(word.text())),
        }),
        _ => texts.extend(records.selected.iter().map(|_| FieldBytes::NULL), is_null, nulls, block),
    }
}

impl BatchBuilder {
    /// Creates rows of one object. `mixed`: rows of several formats share a batch.
    pub(super) fn new(plan: &DecodeOptions, object: &ObjectMeta, mixed: bool) -> Self {
        let events = object.log_group.is_some();
        let columns = plan.schema.fields().iter().map(|field| Column::new(field, 0, events));
        Self {
            schema: Arc::clone(&plan.schema),
            columns: columns.collect(),
            nulls: Vec::new(),
            object: object.name.clone(),
            rows: 0,
            rows_max: plan.batch_rows.max(1),
            block: None,
            blocks: 0,
            retained_bytes: 0,
            sparse: !plan.filter.is_empty(),
            mixed,
            events,
        }
    }

    /// Returns where the values of the next rows come from. Returns the rows so far if they came from
    /// elsewhere: a column that the log does not have costs nothing for each row, only for each batch.
    pub(super) fn set_origins(
        &mut self,
        origins: &[ColumnSource],
    ) -> Result<Option<RecordBatch>, ArrowError> {
        if self.columns.iter().map(|column| column.origin).eq(origins.iter().copied()) {
            return Ok(None);
        }
        let batch = if self.mixed { None } else { self.flush()? };
        for (column, origin) in self.columns.iter_mut().zip(origins) {
            column.origin = *origin;
        }
        Ok(batch)
    }

    /// Returns which block the next lines are in; `None` when they are in none that can be retained.
    pub(super) fn set_block(&mut self, block: Option<&Bytes>) {
        self.blocks += 1;
        let number = self.blocks;
        let block = block.filter(|_| !self.sparse);
        self.block = block.map(|bytes| Block { bytes: Buffer::from(bytes.clone()), number });
        if self.rows == 0 {
            self.retained_bytes = 0;
        }
        self.retained_bytes += self.block_bytes();
    }

    fn block_bytes(&self) -> usize {
        self.block.as_ref().map_or(0, |block| block.bytes.len())
    }

    /// Adds the selected records, and appends the batches that are full to `out`.
    pub(super) fn push(
        &mut self,
        records: RecordBlock<'_>,
        out: &mut Vec<RecordBatch>,
    ) -> Result<(), ArrowError> {
        let mut rest = records.selected;
        while !rest.is_empty() {
            let room = self.rows_max.saturating_sub(self.rows).min(rest.len());
            let (values_of, after) = rest.split_at(room);
            rest = after;
            let records = RecordBlock { selected: values_of, ..records };
            for column in &mut self.columns {
                if column.origin != ColumnSource::Absent || self.mixed {
                    let copied = column.copied();
                    column.push(&records, self.block.as_ref());
                    self.retained_bytes += column.copied() - copied;
                }
            }
            self.rows += values_of.len();
            if self.is_full() {
                out.extend(self.flush()?);
            }
        }
        Ok(())
    }

    /// Returns whether it is time for a batch.
    fn is_full(&self) -> bool {
        self.rows >= self.rows_max || (self.retained_bytes > RETAINED_BYTES_MAX && self.rows > 0)
    }

    /// Returns the rows so far as a batch, if there are any.
    pub(super) fn flush(&mut self) -> Result<Option<RecordBatch>, ArrowError> {
        if self.rows == 0 {
            return Ok(None);
        }
        let rows = std::mem::take(&mut self.rows);
        self.retained_bytes = self.block_bytes();
        let mut arrays: Vec<ArrayRef> = Vec::with_capacity(self.columns.len());
        for (column, field) in self.columns.iter_mut().zip(self.schema.fields()) {
            let origin = column.origin;
            if origin == ColumnSource::Absent && !self.mixed {
                arrays.push(nulls(&mut self.nulls, field.data_type(), rows));
                continue;
            }
            // The next batch is likely to be as large as this one.
            let next = Column { origin, ..Column::new(field, rows, self.events) };
            arrays.push(std::mem::replace(column, next).finish(field, rows, &self.object)?);
        }
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(Arc::clone(&self.schema), arrays, &options).map(Some)
    }
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
