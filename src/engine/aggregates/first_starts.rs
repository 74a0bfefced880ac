//! The aggregate `first_starts(start)`: the first distinct times of a group, sorted.
//! `first_starts(starts)` takes the first out of several of its own answers.
//!
//! The same data gives the same list in whatever order, batches and threads it is read.

use std::sync::Arc;

use arrow::array::{
    Array as _, ArrayRef, AsArray as _, BooleanArray, ListArray, TimestampSecondArray,
};
use arrow::buffer::{OffsetBuffer, ScalarBuffer};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, FieldRef, TimeUnit, TimestampSecondType};
use datafusion::common::{Result, ScalarValue, plan_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, EmitTo, GroupsAccumulator, Signature, Volatility,
};

use crate::engine::aggregates::grouping::{group_of_row, rows_as_groups};

/// How many times a group stores: enough to see a period, few enough to store for every group.
const KEPT: usize = 100;

/// Returns the aggregate function `first_starts(start)`, also of its own answers.
pub(crate) fn first_starts() -> AggregateUDF {
    AggregateUDF::from(FirstStarts { signature: Signature::any(1, Volatility::Immutable) })
}

fn time_type() -> DataType {
    DataType::Timestamp(TimeUnit::Second, Some("UTC".into()))
}

fn item() -> FieldRef {
    Arc::new(Field::new("item", time_type(), true))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct FirstStarts {
    signature: Signature,
}

impl AggregateUDFImpl for FirstStarts {
    fn name(&self) -> &str {
        "first_starts"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, given: &[DataType]) -> Result<DataType> {
        match given {
            [DataType::Timestamp(..) | DataType::List(_) | DataType::Null] => {
                Ok(DataType::List(item()))
            }
            [other, ..] => plan_err!("first_starts takes a time, not {other}"),
            [] => plan_err!("first_starts takes a time"),
        }
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let name = format!("{}[starts]", args.name);
        Ok(vec![Arc::new(Field::new(name, DataType::List(item()), true))])
    }

    fn accumulator(&self, _: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(Groups::default()))
    }

    fn groups_accumulator_supported(&self, _: AccumulatorArgs) -> bool {
        true
    }

    fn create_groups_accumulator(&self, _: AccumulatorArgs) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(Box::new(Groups::default()))
    }
}

/// The first times of one group, in Unix seconds. Most groups have one, which allocates nothing.
#[derive(Debug, Clone, Default)]
enum Starts {
    #[default]
    None,
    One(i64),
    /// Sorted, each once, [`KEPT`] at most.
    Many(Vec<i64>),
}

impl Starts {
    fn add(&mut self, start: i64) {
        match self {
            Self::None => *self = Self::One(start),
            Self::One(stored) if *stored == start => {}
            Self::One(stored) => *self = Self::Many(vec![start.min(*stored), start.max(*stored)]),
            Self::Many(stored) => {
                // Records come roughly in order: most belong at the end.
                let last = stored.last().copied().unwrap_or(i64::MIN);
                if start > last {
                    if stored.len() < KEPT {
                        stored.push(start);
                    }
                } else if let Err(at) = stored.binary_search(&start) {
                    stored.truncate(KEPT - 1);
                    stored.insert(at, start);
                }
            }
        }
    }

    fn all(&self) -> &[i64] {
        match self {
            Self::None => &[],
            Self::One(start) => std::slice::from_ref(start),
            Self::Many(starts) => starts,
        }
    }

    fn heap_bytes(&self) -> usize {
        match self {
            Self::Many(starts) => starts.capacity() * size_of::<i64>(),
            _ => 0,
        }
    }
}

#[derive(Debug, Default)]
struct Groups {
    starts: Vec<Starts>,
    heap_bytes: usize,
}

impl Groups {
    fn grow(&mut self, total: usize) {
        if self.starts.len() < total {
            self.starts.resize(total, Starts::None);
        }
    }

    fn add(&mut self, group: usize, start: i64) {
        let starts = &mut self.starts[group];
        let before = starts.heap_bytes();
        starts.add(start);
        self.heap_bytes += starts.heap_bytes() - before;
    }

    /// Adds the argument of either function: times, or lists of them.
    fn add_values(
        &mut self,
        values: &ArrayRef,
        group_of: impl Fn(usize) -> Option<usize>,
    ) -> Result<()> {
        if let DataType::List(_) = values.data_type() {
            return self.merge(values, group_of);
        }
        let times = cast(values, &time_type())?;
        let times = times.as_primitive::<TimestampSecondType>();
        for row in (0..times.len()).filter(|&row| times.is_valid(row)) {
            if let Some(group) = group_of(row) {
                self.add(group, times.value(row));
            }
        }
        Ok(())
    }

    fn merge(&mut self, lists: &ArrayRef, group_of: impl Fn(usize) -> Option<usize>) -> Result<()> {
        let lists = cast(lists, &DataType::List(item()))?;
        let lists = lists.as_list::<i32>();
        let times = lists.values().as_primitive::<TimestampSecondType>();
        for (row, bounds) in lists.value_offsets().windows(2).enumerate() {
            if let Some(group) = group_of(row).filter(|_| lists.is_valid(row)) {
                for at in bounds[0] as usize..bounds[1] as usize {
                    self.add(group, times.value(at));
                }
            }
        }
        Ok(())
    }

    fn emit(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let groups = emit_to.take_needed(&mut self.starts);
        let mut offsets = Vec::with_capacity(groups.len() + 1);
        let mut times = Vec::with_capacity(groups.len());
        offsets.push(0);
        for starts in &groups {
            times.extend_from_slice(starts.all());
            offsets.push(times.len() as i32);
            self.heap_bytes -= starts.heap_bytes();
        }
        let times = TimestampSecondArray::from(times).with_timezone("UTC");
        let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
        Ok(Arc::new(ListArray::try_new(item(), offsets, Arc::new(times), None)?))
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
        self.add_values(&values[0], group_of)
    }

    fn merge_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        total_num_groups: usize,
    ) -> Result<()> {
        self.grow(total_num_groups);
        self.merge(&values[0], |row| Some(group_indices[row]))
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        self.emit(emit_to)
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        Ok(vec![self.emit(emit_to)?])
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        rows_as_groups(Self::default(), values, filter)
    }

    fn size(&self) -> usize {
        self.starts.capacity() * size_of::<Starts>() + self.heap_bytes
    }
}

/// Without GROUP BY there is one group.
impl Accumulator for Groups {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.grow(1);
        self.add_values(&values[0], |_| Some(0))
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.grow(1);
        self.merge(&states[0], |_| Some(0))
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        self.grow(1);
        ScalarValue::try_from_array(&self.emit(EmitTo::All)?, 0)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![Accumulator::evaluate(self)?])
    }

    fn size(&self) -> usize {
        GroupsAccumulator::size(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(starts: &[i64]) -> ArrayRef {
        Arc::new(TimestampSecondArray::from(starts.to_vec()).with_timezone("UTC"))
    }

    fn lists(array: &ArrayRef) -> Vec<Vec<i64>> {
        let lists = array.as_list::<i32>().iter().map(Option::unwrap);
        lists.map(|list| list.as_primitive::<TimestampSecondType>().values().to_vec()).collect()
    }

    #[test]
    fn the_first_distinct_times_stay_in_whatever_order_they_come() {
        let expected: Vec<i64> = (0..KEPT as i64).collect();
        // 7 and 400 have no common divisor: every time comes, twice.
        let shuffled: Vec<i64> = (0..800).map(|n| n * 7 % 400).collect();
        for starts in [(0..400).collect(), (0..400).rev().collect(), shuffled] {
            let starts: Vec<i64> = starts;
            let each = vec![1; starts.len()];
            let mut groups = Groups::default();
            GroupsAccumulator::update_batch(&mut groups, &[times(&starts)], &each, None, 2)
                .unwrap();
            assert!(groups.heap_bytes >= KEPT * 8);
            let array = GroupsAccumulator::evaluate(&mut groups, EmitTo::All).unwrap();
            assert_eq!(lists(&array), [vec![], expected.clone()]);
            assert_eq!(groups.heap_bytes, 0);
        }
    }

    #[test]
    fn answers_are_merged_and_one_time_takes_no_memory_of_its_own() {
        let mut parts = Groups::default();
        let rows = [5, 5, 9, 3];
        GroupsAccumulator::update_batch(&mut parts, &[times(&rows)], &[0, 0, 1, 1], None, 2)
            .unwrap();
        assert!(matches!(parts.starts[0], Starts::One(5)));
        let state = GroupsAccumulator::state(&mut parts, EmitTo::All).unwrap();
        assert_eq!(lists(&state[0]), [vec![5], vec![3, 9]]);
        let mut whole = Groups::default();
        GroupsAccumulator::merge_batch(&mut whole, &state, &[0, 0], 1).unwrap();
        let array = GroupsAccumulator::evaluate(&mut whole, EmitTo::All).unwrap();
        assert_eq!(lists(&array), [vec![3, 5, 9]]);
    }
}
