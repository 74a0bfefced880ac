//! The aggregate `first_records(start, object, line)`: where the first few records of a group are located.
//! `first_records(records)` takes the first few out of several of its own answers.
//!
//! The first by time, then object, then line: the same data gives the same evidence in whatever order,
//! batches and threads it is read.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{
    Array as _, ArrayRef, AsArray as _, BooleanArray, Int64Array, ListArray, StringArray,
    StringViewBuilder, StructArray, TimestampSecondArray,
};
use arrow::buffer::OffsetBuffer;
use arrow::compute::cast;
use arrow::datatypes::{
    DataType, Field, FieldRef, Fields, Int64Type, TimeUnit, TimestampSecondType,
};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, EmitTo, GroupsAccumulator, Signature,
    TypeSignature, Volatility,
};

use crate::engine::aggregates::grouping::{group_of_row, rows_as_groups};

/// How many records a group stores: enough to look one up by hand, few enough to store for every group.
const RECORDS_MAX: usize = 3;

/// Returns the aggregate function `first_records(start, object, line)`, also of its own answers.
pub(crate) fn first_records() -> AggregateUDF {
    let arguments = vec![time_type(), DataType::Utf8View, DataType::Int64];
    let forms = vec![TypeSignature::Exact(arguments), TypeSignature::Any(1)];
    let signature = Signature::one_of(forms, Volatility::Immutable);
    AggregateUDF::from(FirstRecords { signature })
}

fn time_type() -> DataType {
    DataType::Timestamp(TimeUnit::Second, Some("UTC".into()))
}

/// The fields of a record. In an answer the names of objects are views, so that many records share one; on the way
/// to disk each record takes its name along, so that a part of the groups needs no name of the rest.
fn record_fields(name: &DataType) -> Fields {
    Fields::from(vec![
        Field::new("start", time_type(), true),
        Field::new("object", name.clone(), true),
        Field::new("line", DataType::Int64, true),
    ])
}

fn item(name: &DataType) -> FieldRef {
    Arc::new(Field::new("item", DataType::Struct(record_fields(name)), true))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct FirstRecords {
    signature: Signature,
}

impl AggregateUDFImpl for FirstRecords {
    fn name(&self) -> &str {
        "first_records"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::List(item(&DataType::Utf8View)))
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let name = format!("{}[records]", args.name);
        Ok(vec![Arc::new(Field::new(name, DataType::List(item(&DataType::Utf8)), true))])
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

/// Bytes that an object takes beside its name.
const OBJECT_BYTES: usize = 64;

/// Bytes of a record in an answer: its time, the view of its object's name, its line.
const ANSWER_BYTES: usize = 8 + 16 + 8;

/// A record's place. `object` is an index into [`Groups::objects`].
#[derive(Debug, Clone, Copy)]
struct RecordReference {
    start: i64,
    object: u32,
    /// The caps on objects and the length of a record keep lines below this type's limit.
    line: u32,
}

/// No record: sorts after every real one.
const NONE: RecordReference = RecordReference { start: i64::MAX, object: u32::MAX, line: u32::MAX };

/// The locations of every group. Names of objects are stored once, however many groups cite them, and only while
/// one does: in a log group each record has a name of its own.
#[derive(Debug, Default)]
struct Groups {
    places: Vec<[RecordReference; RECORDS_MAX]>,
    objects: Vec<Object>,
    numbers: HashMap<Arc<str>, u32>,
    /// Numbers of objects that nothing cites any more.
    free: Vec<u32>,
    /// The object cited last.
    last: u32,
    object_bytes: usize,
    /// How many places there are.
    cited: usize,
}

#[derive(Debug)]
struct Object {
    name: Arc<str>,
    /// How many places cite it.
    cited: u32,
}

impl Groups {
    /// Returns the number of an object that one more place cites.
    fn add_reference(&mut self, object: &str) -> u32 {
        self.cited += 1;
        // Rows of one object are adjacent: most look-ups are this comparison.
        if let Some(last) = self.objects.get_mut(self.last as usize)
            && last.cited > 0
            && *last.name == *object
        {
            last.cited += 1;
            return self.last;
        }
        self.last = self.number(object);
        self.last
    }

    fn number(&mut self, object: &str) -> u32 {
        if let Some(&number) = self.numbers.get(object) {
            self.objects[number as usize].cited += 1;
            return number;
        }
        let name: Arc<str> = object.into();
        self.object_bytes += name.len() + OBJECT_BYTES;
        let object = Object { name: Arc::clone(&name), cited: 1 };
        let number = match self.free.pop() {
            Some(number) => {
                self.objects[number as usize] = object;
                number
            }
            None => {
                self.objects.push(object);
                self.objects.len() as u32 - 1
            }
        };
        self.numbers.insert(name, number);
        number
    }

    /// Takes note that one place less cites an object.
    fn drop_reference(&mut self, number: u32) {
        let Some(object) = self.objects.get_mut(number as usize) else { return };
        object.cited -= 1;
        self.cited -= 1;
        if object.cited == 0 {
            self.object_bytes -= object.name.len() + OBJECT_BYTES;
            let name = std::mem::replace(&mut object.name, "".into());
            self.numbers.remove(&name);
            self.free.push(number);
        }
    }

    fn name(&self, number: u32) -> &str {
        self.objects.get(number as usize).map_or("", |object| &object.name)
    }

    /// Returns whether a record of object `name` comes before a place.
    fn comes_before(
        &self,
        (start, name, line): (i64, &str, u32),
        current: &RecordReference,
    ) -> bool {
        if current.object == u32::MAX || start != current.start {
            return current.object == u32::MAX || start < current.start;
        }
        let held_name = self.name(current.object);
        if name == held_name { line < current.line } else { name < held_name }
    }

    fn add(&mut self, group: usize, record: (i64, &str, u32)) {
        let current = self.places[group];
        // Most records come too late: then nothing is looked up.
        let Some(slot) = current.iter().position(|place| self.comes_before(record, place)) else {
            return;
        };
        let (start, name, line) = record;
        let object = self.add_reference(name);
        self.drop_reference(current[RECORDS_MAX - 1].object);
        let places = &mut self.places[group];
        places[slot..].rotate_right(1);
        places[slot] = RecordReference { start, object, line };
    }

    fn add_rows(
        &mut self,
        columns: &[ArrayRef],
        group_of: impl Fn(usize) -> Option<usize>,
    ) -> Result<()> {
        let times = columns[0].as_primitive::<TimestampSecondType>();
        let objects = cast(&columns[1], &DataType::Utf8View)?;
        let objects = objects.as_string_view();
        let lines = columns[2].as_primitive::<Int64Type>();
        for row in 0..times.len() {
            let Some(group) = group_of(row) else { continue };
            let name = if objects.is_null(row) { "" } else { objects.value(row) };
            let start = if times.is_null(row) { i64::MAX } else { times.value(row) };
            let line = if lines.is_null(row) { 0 } else { lines.value(row) };
            let line = u32::try_from(line).unwrap_or(u32::MAX);
            self.add(group, (start, name, line));
        }
        Ok(())
    }

    /// Adds the arguments of either function: three columns, or lists of them.
    fn add_values(
        &mut self,
        values: &[ArrayRef],
        group_of: impl Fn(usize) -> Option<usize>,
    ) -> Result<()> {
        match values {
            [lists] => self.merge(lists, group_of),
            columns => self.add_rows(columns, group_of),
        }
    }

    fn merge(&mut self, lists: &ArrayRef, group_of: impl Fn(usize) -> Option<usize>) -> Result<()> {
        let lists = cast(lists, &DataType::List(item(&DataType::Utf8View)))?;
        let lists = lists.as_list::<i32>();
        let offsets = lists.value_offsets();
        let mut groups = Vec::with_capacity(lists.values().len());
        for (row, bounds) in offsets.windows(2).enumerate() {
            let group = if lists.is_null(row) { None } else { group_of(row) };
            groups.resize((bounds[1] - offsets[0]) as usize, group);
        }
        let records = lists.values().slice(offsets[0] as usize, groups.len());
        self.add_rows(records.as_struct().columns(), |row| groups[row])
    }

    fn emit(&mut self, emit_to: EmitTo, name: &DataType) -> Result<ArrayRef> {
        let groups = emit_to.take_needed(&mut self.places);
        let cited = || groups.iter().flatten().filter(|place| place.object != u32::MAX);
        let count = cited().count();
        let starts = cited().map(|place| (place.start != i64::MAX).then_some(place.start));
        let starts = TimestampSecondArray::from_iter(starts).with_timezone("UTC");
        let names = cited().map(|place| self.name(place.object));
        let objects: ArrayRef = match name {
            DataType::Utf8 => Arc::new(StringArray::from_iter_values(names)),
            _ => {
                let mut views = StringViewBuilder::with_capacity(count).with_deduplicate_strings();
                names.for_each(|name| views.append_value(name));
                Arc::new(views.finish())
            }
        };
        let lines = Int64Array::from_iter_values(cited().map(|place| i64::from(place.line)));
        let lengths = groups
            .iter()
            .map(|places| places.iter().filter(|place| place.object != u32::MAX).count());
        let offsets = OffsetBuffer::from_lengths(lengths);
        for place in groups.iter().flatten() {
            self.drop_reference(place.object);
        }
        let columns: Vec<ArrayRef> = vec![Arc::new(starts), objects, Arc::new(lines)];
        let records = StructArray::try_new(record_fields(name), columns, None)?;
        Ok(Arc::new(ListArray::try_new(item(name), offsets, Arc::new(records), None)?))
    }

    fn grow(&mut self, total: usize) {
        if self.places.len() < total {
            self.places.resize(total, [NONE; RECORDS_MAX]);
        }
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
        self.add_values(values, group_of)
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
        self.emit(emit_to, &DataType::Utf8View)
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        Ok(vec![self.emit(emit_to, &DataType::Utf8)?])
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        rows_as_groups(Self::default(), values, filter)
    }

    fn size(&self) -> usize {
        // The result replaces all this, and must not exceed the reserved memory.
        let current = self.places.capacity() * size_of::<[RecordReference; RECORDS_MAX]>();
        let answer = self.places.len() * size_of::<i32>() + self.cited * ANSWER_BYTES;
        current.max(answer) + self.object_bytes
    }
}

/// Without GROUP BY there is one group.
impl Accumulator for Groups {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.grow(1);
        self.add_values(values, |_| Some(0))
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.grow(1);
        self.merge(&states[0], |_| Some(0))
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        self.grow(1);
        ScalarValue::try_from_array(&self.emit(EmitTo::All, &DataType::Utf8View)?, 0)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        self.grow(1);
        Ok(vec![ScalarValue::try_from_array(&self.emit(EmitTo::All, &DataType::Utf8)?, 0)?])
    }

    fn size(&self) -> usize {
        GroupsAccumulator::size(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_held_only_while_a_place_cites_them() {
        let mut groups = Groups::default();
        groups.grow(2);
        // Each comes before all others so far: the latest three of each group stay.
        for n in (0..1000).rev() {
            groups.add(0, (n, &format!("event-{n}"), 1));
            groups.add(1, (n, "file", n as u32));
        }
        let names: Vec<&str> = groups.places[0].iter().map(|p| groups.name(p.object)).collect();
        assert_eq!(names, ["event-0", "event-1", "event-2"]);
        let lines: Vec<u32> = groups.places[1].iter().map(|place| place.line).collect();
        assert_eq!(lines, [0, 1, 2]);
        assert_eq!((groups.numbers.len(), groups.objects.len()), (4, 5));
        assert_eq!(groups.object_bytes, 3 * 7 + 4 + 4 * OBJECT_BYTES);
        groups.emit(EmitTo::First(1), &DataType::Utf8).unwrap();
        assert_eq!((groups.numbers.len(), groups.object_bytes), (1, 4 + OBJECT_BYTES));
        groups.emit(EmitTo::All, &DataType::Utf8View).unwrap();
        assert_eq!((groups.numbers.len(), groups.object_bytes), (0, 0));
    }
}
