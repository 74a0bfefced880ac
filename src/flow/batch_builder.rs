//! Builds batches from records. Long texts are not copied: a batch holds on to the blocks they lie in.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, Int32Array, Int64Array, RecordBatch, RecordBatchOptions, TimestampSecondArray,
    new_null_array,
};
use arrow::buffer::Buffer;
use arrow::datatypes::{DataType, Field, SchemaRef, TimeUnit};
use arrow::error::ArrowError;
use bytes::Bytes;

use crate::flow::decode_options::{Object, Plan};
use crate::flow::field::OBJECT;
use crate::flow::null_mask::Nulls;
use crate::flow::record_block::{Origin, Records};
use crate::flow::string_column::{Block, Texts};
use crate::flow::tokenizer::Word;
use crate::flow::value::percent_decoded;

/// Most bytes of blocks that a batch may hold on to before it is cut short.
const PINNED_MAX: usize = 16 << 20;

/// The rows of a batch to be.
pub(super) struct Rows {
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
    pinned: usize,
    /// Whether rows are dropped: then a batch would hold on to much that is not in it.
    sparse: bool,
    /// Whether rows of several formats share a batch: a column that one of them lacks is NULL there.
    mixed: bool,
    /// Whether each row names a place of its own.
    events: bool,
}

/// A column of the batch to be.
struct Column {
    values: Values,
    /// Where its values come from; the same for all rows of a batch.
    origin: Origin,
    nulls: Nulls,
}

enum Values {
    Text(Texts),
    Code(Vec<i32>),
    Count(Vec<i64>),
    /// Unix seconds.
    Time(Vec<i64>),
    /// The name of the object: the same in every row.
    Object,
    /// The name of the event that a row is from.
    Event(Texts),
    /// A type that no flow log column has.
    Null,
}

impl Values {
    fn new(field: &Field, rows: usize, events: bool) -> Self {
        match field.data_type() {
            DataType::Utf8View if field.name() == OBJECT && !events => Self::Object,
            DataType::Utf8View if field.name() == OBJECT => Self::Event(Texts::with_capacity(rows)),
            DataType::Utf8View => Self::Text(Texts::with_capacity(rows)),
            DataType::Int32 => Self::Code(Vec::with_capacity(rows)),
            DataType::Int64 => Self::Count(Vec::with_capacity(rows)),
            DataType::Timestamp(TimeUnit::Second, _) => Self::Time(Vec::with_capacity(rows)),
            _ => Self::Null,
        }
    }
}

impl Column {
    fn new(field: &Field, rows: usize, events: bool) -> Self {
        let values = Values::new(field, rows, events);
        Self { values, origin: Origin::Absent, nulls: Nulls::default() }
    }

    /// Adds the values of the kept records.
    fn push(&mut self, records: &Records<'_>, block: Option<&Block>) {
        let Self { values, origin, nulls } = self;
        match values {
            // What does not fit was set aside before.
            Values::Code(codes) => {
                let first = codes.len();
                records.numbers(*origin, nulls, first, |number| codes.push(number as i32));
            }
            Values::Count(numbers) | Values::Time(numbers) => {
                let first = numbers.len();
                records.numbers(*origin, nulls, first, |number| numbers.push(number));
            }
            Values::Text(texts) => text(texts, *origin, nulls, records, block),
            Values::Event(texts) => {
                records.kept.iter().for_each(|_| texts.push_copy(records.place.object));
            }
            Values::Object | Values::Null => {}
        }
    }

    /// Returns how many bytes it holds beside those of blocks.
    fn copied(&self) -> usize {
        match &self.values {
            Values::Text(texts) | Values::Event(texts) => texts.copied(),
            _ => 0,
        }
    }

    fn finish(self, field: &Field, rows: usize, object: &str) -> Result<ArrayRef, ArrowError> {
        let nulls = self.nulls;
        Ok(match self.values {
            Values::Text(texts) | Values::Event(texts) => Arc::new(texts.finish(nulls)?),
            Values::Code(codes) => {
                let nulls = nulls.finish(codes.len());
                Arc::new(Int32Array::try_new(codes.into(), nulls)?)
            }
            Values::Count(counts) => {
                let nulls = nulls.finish(counts.len());
                Arc::new(Int64Array::try_new(counts.into(), nulls)?)
            }
            Values::Time(times) => {
                let nulls = nulls.finish(times.len());
                let times = TimestampSecondArray::try_new(times.into(), nulls)?;
                Arc::new(times.with_data_type(field.data_type().clone()))
            }
            Values::Object => Arc::new(Texts::repeated(object, rows)?),
            Values::Null => new_null_array(field.data_type(), rows),
        })
    }
}

/// Adds the texts of the kept records.
fn text(
    texts: &mut Texts,
    origin: Origin,
    nulls: &mut Nulls,
    records: &Records<'_>,
    block: Option<&Block>,
) {
    let lines = &records.lines;
    let is_null = |word: Word<'_>| word.is_null();
    let is_none = |word: Word<'_>| word.is_null() || word.is_none();
    let kept = |field: usize| {
        records.kept.iter().map(move |line| records.lines.word(*line as usize, field))
    };
    match origin {
        Origin::Text(field) if records.is_all() => {
            texts.extend(lines.column(field), is_null, nulls, block);
        }
        Origin::Text(field) => texts.extend(kept(field), is_null, nulls, block),
        Origin::Addr(field) if records.is_all() => {
            texts.extend(lines.column(field), is_none, nulls, block);
        }
        Origin::Addr(field) => texts.extend(kept(field), is_none, nulls, block),
        // What is decoded lies in no block, and is no NULL, whatever it says.
        Origin::Encoded(field) => kept(field).for_each(|word| match word.is_null() {
            true => texts.push_null(nulls),
            false => texts.push_copy(&percent_decoded(word.text())),
        }),
        _ => texts.extend(records.kept.iter().map(|_| Word::NULL), is_null, nulls, block),
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
            nulls: Vec::new(),
            object: object.name.clone(),
            rows: 0,
            rows_max: plan.batch_rows.max(1),
            block: None,
            blocks: 0,
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
        if self.columns.iter().map(|column| column.origin).eq(origins.iter().copied()) {
            return Ok(None);
        }
        let batch = if self.mixed { None } else { self.flush()? };
        for (column, origin) in self.columns.iter_mut().zip(origins) {
            column.origin = *origin;
        }
        Ok(batch)
    }

    /// Tells which block the next lines are in; `None` when they are in none that can be held.
    pub(super) fn set_block(&mut self, block: Option<&Bytes>) {
        self.blocks += 1;
        let number = self.blocks;
        let block = block.filter(|_| !self.sparse);
        self.block = block.map(|bytes| Block { bytes: Buffer::from(bytes.clone()), number });
        if self.rows == 0 {
            self.pinned = 0;
        }
        self.pinned += self.block_bytes();
    }

    fn block_bytes(&self) -> usize {
        self.block.as_ref().map_or(0, |block| block.bytes.len())
    }

    /// Adds the kept records, and appends the batches that are full to `out`.
    ///
    /// # Errors
    ///
    /// When Arrow refuses a batch.
    pub(super) fn push(
        &mut self,
        records: Records<'_>,
        out: &mut Vec<RecordBatch>,
    ) -> Result<(), ArrowError> {
        let mut rest = records.kept;
        while !rest.is_empty() {
            let room = self.rows_max.saturating_sub(self.rows).min(rest.len());
            let (kept, after) = rest.split_at(room);
            rest = after;
            let records = Records { kept, ..records };
            for column in &mut self.columns {
                if column.origin != Origin::Absent || self.mixed {
                    let copied = column.copied();
                    column.push(&records, self.block.as_ref());
                    self.pinned += column.copied() - copied;
                }
            }
            self.rows += kept.len();
            if self.is_full() {
                out.extend(self.flush()?);
            }
        }
        Ok(())
    }

    /// Tells whether it is time for a batch.
    fn is_full(&self) -> bool {
        self.rows >= self.rows_max || (self.pinned > PINNED_MAX && self.rows > 0)
    }

    /// Returns the rows so far as a batch, if there are any.
    pub(super) fn flush(&mut self) -> Result<Option<RecordBatch>, ArrowError> {
        if self.rows == 0 {
            return Ok(None);
        }
        let rows = std::mem::take(&mut self.rows);
        self.pinned = self.block_bytes();
        let mut arrays: Vec<ArrayRef> = Vec::with_capacity(self.columns.len());
        for (column, field) in self.columns.iter_mut().zip(self.schema.fields()) {
            let origin = column.origin;
            if origin == Origin::Absent && !self.mixed {
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
