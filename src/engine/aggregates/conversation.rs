//! The aggregate `conversation(action, direction, syn_by, protocol, tcp_flags, start, end, packets, bytes)`: the
//! counts, sums and times of the records of one conversation, as a struct of [`COLUMNS`].
//!
//! It is what thirty aggregates of SQL would give, in one pass over the records and one block of memory for
//! each conversation. The fields are those of `queries/views/conversation_sums.sql`.

mod sums;

use std::sync::Arc;

use arrow::array::{
    Array as _, ArrayRef, AsArray as _, BooleanArray, FixedSizeBinaryArray, Int64Array,
    StringViewArray, StructArray, TimestampSecondArray,
};
use arrow::compute::cast;
use arrow::datatypes::{
    DataType, Field, FieldRef, Int64Type, TimeUnit, TimestampSecondType, ToByteSlice as _,
};
use datafusion::common::{Result, ScalarValue, exec_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, EmitTo, GroupsAccumulator, Signature, Volatility,
};

use crate::engine::aggregates::conversation::sums::{BYTES, COLUMNS, Fold, Record, Sums, fields};
use crate::engine::aggregates::grouping::{group_of_row, rows_as_groups};

/// The arguments of the function, in its order.
struct Columns {
    texts: [StringViewArray; 3],
    numbers: [Int64Array; 6],
}

impl Columns {
    fn new(values: &[ArrayRef]) -> Result<Self> {
        let [action, direction, syn_by, protocol, flags, start, end, packets, bytes] = values
        else {
            return exec_err!("conversation takes nine columns");
        };
        let text = |column: &ArrayRef| {
            let column = cast(column, &DataType::Utf8View)?;
            Ok::<_, arrow::error::ArrowError>(column.as_string_view().clone())
        };
        let time = DataType::Timestamp(TimeUnit::Second, Some("UTC".into()));
        let number = |column: &ArrayRef| {
            let column = match column.data_type() {
                DataType::Timestamp(..) => {
                    let times = cast(column, &time)?;
                    return Ok(times.as_primitive::<TimestampSecondType>().reinterpret_cast());
                }
                _ => cast(column, &DataType::Int64)?,
            };
            Ok::<_, arrow::error::ArrowError>(column.as_primitive::<Int64Type>().clone())
        };
        Ok(Self {
            texts: [text(action)?, text(direction)?, text(syn_by)?],
            numbers: [
                number(protocol)?,
                number(flags)?,
                number(start)?,
                number(end)?,
                number(packets)?,
                number(bytes)?,
            ],
        })
    }

    fn record(&self, row: usize) -> Record {
        let text = |at: usize| {
            let column = &self.texts[at];
            if column.is_valid(row) { column.value(row) } else { "" }
        };
        let number = |at: usize| {
            let column = &self.numbers[at];
            column.is_valid(row).then(|| column.value(row))
        };
        let (action, direction, syn_by) = (text(0), text(1), text(2));
        Record {
            accepted: action == "ACCEPT",
            rejected: action == "REJECT",
            out: direction == "egress",
            back: direction == "ingress",
            syn_local: syn_by == "local",
            syn_remote: syn_by == "remote",
            protocol: number(0),
            tcp_flags: number(1),
            start: number(2),
            end: number(3),
            packets: number(4),
            bytes: number(5),
        }
    }
}

/// The function's name.
pub(crate) const NAME: &str = "conversation";

/// Returns the aggregate function. Records that ended before `since` (Unix seconds) are context: they show how a
/// conversation began, and are not counted.
pub(crate) fn conversation(since: Option<i64>) -> AggregateUDF {
    let signature = Signature::any(9, Volatility::Immutable);
    AggregateUDF::from(Conversation { signature, since })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Conversation {
    signature: Signature,
    since: Option<i64>,
}

impl AggregateUDFImpl for Conversation {
    fn name(&self) -> &str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Struct(fields()))
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        // One column, so that groups that go to disk are sorted and moved as one.
        let name = format!("{}[numbers]", args.name);
        let numbers = DataType::FixedSizeBinary(BYTES as i32);
        Ok(vec![Arc::new(Field::new(name, numbers, true))])
    }

    fn accumulator(&self, _: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(Groups::new(self.since)))
    }

    fn groups_accumulator_supported(&self, _: AccumulatorArgs) -> bool {
        true
    }

    fn create_groups_accumulator(&self, _: AccumulatorArgs) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(Box::new(Groups::new(self.since)))
    }
}

#[derive(Debug)]
struct Groups {
    sums: Vec<Sums>,
    /// Records that ended before it are context.
    since: Option<i64>,
}

impl Groups {
    fn new(since: Option<i64>) -> Self {
        Self { sums: Vec::new(), since }
    }

    fn grow(&mut self, total: usize) {
        if self.sums.len() < total {
            self.sums.resize_with(total, Sums::default);
        }
    }

    fn add(
        &mut self,
        values: &[ArrayRef],
        group_of: impl Fn(usize) -> Option<usize>,
    ) -> Result<()> {
        let columns = Columns::new(values)?;
        let since = self.since.unwrap_or(i64::MIN);
        for row in 0..columns.texts[0].len() {
            if let Some(group) = group_of(row) {
                let record = columns.record(row);
                match record.end.is_some_and(|end| end < since) {
                    true => self.sums[group].add_context(&record),
                    false => self.sums[group].add(&record),
                }
            }
        }
        Ok(())
    }

    fn merge(&mut self, states: &[ArrayRef], group_of: impl Fn(usize) -> usize) {
        let parts = states[0].as_fixed_size_binary();
        for row in (0..parts.len()).filter(|row| parts.is_valid(*row)) {
            self.sums[group_of(row)].merge(parts.value(row));
        }
    }

    fn columns(groups: &[Sums]) -> Result<ArrayRef> {
        let column = |(at, (_, fold)): (usize, &(&str, Fold))| -> ArrayRef {
            let nothing = fold.nothing();
            let known = |number: i64| *fold == Fold::Count || number != nothing;
            let numbers = groups.iter().map(|sums| Some(sums.0[at]).filter(|n| known(*n)));
            match fold.data_type() {
                DataType::Timestamp(..) => {
                    Arc::new(TimestampSecondArray::from_iter(numbers).with_timezone("UTC"))
                }
                _ => Arc::new(Int64Array::from_iter(numbers)),
            }
        };
        let columns = COLUMNS.iter().enumerate().map(column).collect();
        Ok(Arc::new(StructArray::try_new(fields(), columns, None)?))
    }

    fn parts(groups: &[Sums]) -> Result<ArrayRef> {
        let bytes = groups.iter().flat_map(|sums| sums.0.to_byte_slice());
        let bytes: Vec<u8> = bytes.copied().collect();
        Ok(Arc::new(FixedSizeBinaryArray::try_new(BYTES as i32, bytes.into(), None)?))
    }
}

impl GroupsAccumulator for Groups {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        self.grow(total_num_groups);
        let group_of = group_of_row(group_indices, filter);
        self.add(values, group_of)
    }

    fn merge_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        total_num_groups: usize,
    ) -> Result<()> {
        self.grow(total_num_groups);
        self.merge(values, |row| group_indices[row]);
        Ok(())
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        Self::columns(&emit_to.take_needed(&mut self.sums))
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        Ok(vec![Self::parts(&emit_to.take_needed(&mut self.sums))?])
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        rows_as_groups(Self::new(self.since), values, filter)
    }

    fn size(&self) -> usize {
        // The result has a bit for each number as well, and must not exceed the reserved memory.
        let answer = self.sums.len() * (size_of::<Sums>() + COLUMNS.len().div_ceil(8));
        answer.max(self.sums.capacity() * size_of::<Sums>())
    }
}

/// Without GROUP BY there is one group.
impl Accumulator for Groups {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.grow(1);
        self.add(values, |_| Some(0))
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.grow(1);
        self.merge(states, |_| 0);
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        self.grow(1);
        ScalarValue::try_from_array(&Self::columns(&self.sums)?, 0)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        self.grow(1);
        Ok(vec![ScalarValue::try_from_array(&Self::parts(&self.sums)?, 0)?])
    }

    fn size(&self) -> usize {
        GroupsAccumulator::size(self)
    }
}

#[cfg(test)]
mod tests;
