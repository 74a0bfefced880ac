//! Reads the columns of a query result, whatever Arrow type the SQL returned.

use std::sync::Arc;

use arrow::array::{
    Array as _, ArrayRef, AsArray as _, Int64Array, StringArray, StructArray, new_null_array,
};
use arrow::buffer::OffsetBuffer;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type, TimeUnit};
use arrow::error::ArrowError;

/// Returns a column as text.
pub(crate) fn texts(array: &ArrayRef) -> Result<StringArray, ArrowError> {
    Ok(cast(array, &DataType::Utf8)?.as_string::<i32>().clone())
}

/// Returns a column as 64-bit integers.
pub(crate) fn numbers(array: &ArrayRef) -> Result<Int64Array, ArrowError> {
    Ok(cast(array, &DataType::Int64)?.as_primitive::<Int64Type>().clone())
}

/// Returns a column of times as Unix seconds, UTC.
pub(crate) fn seconds(array: &ArrayRef) -> Result<Int64Array, ArrowError> {
    match array.data_type() {
        DataType::Timestamp(_, zone) => {
            numbers(&cast(array, &DataType::Timestamp(TimeUnit::Second, zone.clone()))?)
        }
        DataType::Null => numbers(array),
        other => Err(ArrowError::CastError(format!("{other} is no time"))),
    }
}

/// A column of lists of texts, or of texts joined by commas.
pub(crate) struct TextListColumn {
    lists: Option<OffsetBuffer<i32>>,
    values: StringArray,
}

impl TextListColumn {
    pub(crate) fn new(array: &ArrayRef) -> Result<Self, ArrowError> {
        let Some((lists, values)) = list(array)? else {
            return Ok(Self { lists: None, values: texts(array)? });
        };
        Ok(Self { lists: Some(lists), values: texts(&values)? })
    }

    pub(crate) fn get(&self, row: usize) -> Vec<String> {
        let (rows, split) = match &self.lists {
            Some(lists) => (range(lists, row), false),
            None => (row..row + 1, true),
        };
        let texts = rows.filter(|at| self.values.is_valid(*at)).map(|at| self.values.value(at));
        if split {
            let parts = texts.flat_map(|text| text.split(','));
            parts.map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
        } else {
            texts.map(str::to_owned).collect()
        }
    }
}

/// A reference to one record: the second in which it starts, its object, its line.
pub(crate) type RecordReference = (Option<i64>, String, Option<i64>);

/// A column of lists of `{start, object, line}`.
pub(crate) struct EvidenceColumn {
    lists: OffsetBuffer<i32>,
    valid: StructArray,
    start: Int64Array,
    object: StringArray,
    line: Int64Array,
}

impl EvidenceColumn {
    pub(crate) fn new(array: &ArrayRef) -> Result<Self, ArrowError> {
        let wrong = |what: &DataType| {
            ArrowError::CastError(format!("evidence is {what}, no list of (start, object, line)"))
        };
        let (lists, values) = list(array)?.ok_or_else(|| wrong(array.data_type()))?;
        let records = values.as_struct_opt().ok_or_else(|| wrong(array.data_type()))?.clone();
        let column = |name: &str, kind: DataType| {
            let null = || new_null_array(&kind, records.len());
            records.column_by_name(name).cloned().unwrap_or_else(null)
        };
        let time = DataType::Timestamp(TimeUnit::Second, None);
        Ok(Self {
            start: seconds(&column("start", time))?,
            object: texts(&column("object", DataType::Utf8))?,
            line: numbers(&column("line", DataType::Int64))?,
            valid: records,
            lists,
        })
    }

    pub(crate) fn get(&self, row: usize) -> impl Iterator<Item = RecordReference> {
        let number = |column: &Int64Array, at: usize| column.is_valid(at).then(|| column.value(at));
        range(&self.lists, row)
            .filter(|at| self.valid.is_valid(*at) && self.object.is_valid(*at))
            .map(move |at| {
                let object = self.object.value(at).to_owned();
                (number(&self.start, at), object, number(&self.line, at))
            })
    }
}

/// Returns the offsets and values of a list column; `None` when it is no list.
fn list(array: &ArrayRef) -> Result<Option<(OffsetBuffer<i32>, ArrayRef)>, ArrowError> {
    let (DataType::List(item)
    | DataType::LargeList(item)
    | DataType::ListView(item)
    | DataType::LargeListView(item)
    | DataType::FixedSizeList(item, _)) = array.data_type()
    else {
        return Ok(None);
    };
    let array = cast(array, &DataType::List(Arc::clone(item)))?;
    let lists = array.as_list::<i32>();
    Ok(Some((lists.offsets().clone(), Arc::clone(lists.values()))))
}

fn range(lists: &OffsetBuffer<i32>, row: usize) -> std::ops::Range<usize> {
    let at = |row: usize| usize::try_from(lists[row]).unwrap_or_default();
    at(row)..at(row + 1)
}
