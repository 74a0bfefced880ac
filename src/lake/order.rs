//! Rows as files hold them: Delta's types, in one order.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use arrow::array::{
    Array as _, ArrayRef, AsArray as _, DictionaryArray, Int32Array, RecordBatch, StringArray,
    StringViewArray, UInt32Array,
};
use arrow::compute::{cast, take_record_batch};
use arrow::datatypes::{
    DataType, Field, Int32Type, Int64Type, Schema, SchemaRef, TimeUnit, TimestampMicrosecondType,
};

use super::Error;
use crate::flow::field::{LINE, OBJECT};

/// The schema of a file for rows of [`Layout::schema`](crate::flow::field::Layout::schema): times in
/// microseconds, as Delta has them, and each object's name once in memory.
pub(super) fn stored_schema(schema: &Schema) -> SchemaRef {
    let fields = schema.fields().iter().map(|field| match field.data_type() {
        DataType::Timestamp(_, zone) => {
            let data_type = DataType::Timestamp(TimeUnit::Microsecond, zone.clone());
            Field::new(field.name(), data_type, true)
        }
        DataType::Utf8View if field.name() == OBJECT => {
            let data_type =
                DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
            Field::new(OBJECT, data_type, true)
        }
        DataType::Utf8View => Field::new(field.name(), DataType::Utf8, true),
        data_type => Field::new(field.name(), data_type.clone(), true),
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// Turns rows of a layout into rows of [`stored_schema`], which share no memory with others.
pub(super) fn stored(rows: &RecordBatch) -> Result<RecordBatch, Error> {
    let schema = stored_schema(&rows.schema());
    let columns = rows.columns().iter().zip(schema.fields());
    let columns = columns.map(|(column, field)| match column.as_string_view_opt() {
        Some(texts) if field.name() == OBJECT => Ok(dictionary(texts)),
        _ => cast(column, field.data_type()),
    });
    let columns: Result<Vec<ArrayRef>, _> = columns.collect();
    Ok(RecordBatch::try_new(schema, columns?)?)
}

/// Texts of which many in a row are the same.
fn dictionary(texts: &StringViewArray) -> ArrayRef {
    let mut known: HashMap<&str, i32> = HashMap::new();
    let mut values: Vec<&str> = Vec::new();
    let mut last: Option<(&str, i32)> = None;
    let keys = texts.iter().map(|text| {
        let text = text?;
        if let Some((_, key)) = last.filter(|(other, _)| *other == text) {
            return Some(key);
        }
        let key = *known.entry(text).or_insert_with(|| {
            values.push(text);
            values.len() as i32 - 1
        });
        last = Some((text, key));
        Some(key)
    });
    let keys: Int32Array = keys.collect();
    Arc::new(DictionaryArray::new(keys, Arc::new(StringArray::from(values))))
}

/// Sorts stored rows by interface and time, then by where they came from: the same rows give the same file.
pub(super) fn sorted(rows: &RecordBatch) -> Result<RecordBatch, Error> {
    let interfaces = rows.column_by_name("interface_id").map(ranks).transpose()?;
    let objects = rows.column_by_name(OBJECT).map(ranks).transpose()?;
    let starts = rows.column_by_name("start");
    let starts = starts.and_then(|c| c.as_primitive_opt::<TimestampMicrosecondType>());
    let lines = rows.column_by_name(LINE).and_then(|c| c.as_primitive_opt::<Int64Type>());
    let key = |row: usize| {
        let rank = |ranks: &Option<Vec<u32>>| ranks.as_ref().map_or(0, |ranks| ranks[row]);
        let start = starts.filter(|starts| starts.is_valid(row)).map(|starts| starts.value(row));
        let line = lines.filter(|lines| lines.is_valid(row)).map(|lines| lines.value(row));
        (rank(&interfaces), start, rank(&objects), line, row as u32)
    };
    let mut keys: Vec<_> = (0..rows.num_rows()).map(key).collect();
    if keys.is_sorted() {
        return Ok(rows.clone());
    }
    keys.sort_unstable();
    let order = UInt32Array::from_iter_values(keys.into_iter().map(|(.., row)| row));
    Ok(take_record_batch(rows, &order)?)
}

/// The place of each text among all texts of the column, counted from 1; 0 for NULL.
fn ranks(column: &ArrayRef) -> Result<Vec<u32>, Error> {
    let texts = match column.as_dictionary_opt::<Int32Type>() {
        Some(dictionary) => dictionary.values(),
        None => column,
    };
    let texts = cast(texts, &DataType::Utf8)?;
    let texts = texts.as_string::<i32>();
    let all: BTreeSet<&str> = match column.as_dictionary_opt::<Int32Type>() {
        Some(_) => texts.iter().flatten().collect(),
        None => {
            // Neighbours are often alike: a set of all would cost more than the sort.
            let mut known = std::collections::HashSet::new();
            let mut last = None;
            for text in texts.iter().flatten() {
                if last != Some(text) {
                    known.insert(text);
                    last = Some(text);
                }
            }
            known.into_iter().collect()
        }
    };
    let all: HashMap<&str, u32> = all.into_iter().zip(1..).collect();
    let mut last: Option<(&str, u32)> = None;
    let mut rank = |text: Option<&_>| {
        let Some(text) = text else { return 0 };
        match last.filter(|(other, _)| other == text) {
            Some((_, rank)) => rank,
            None => {
                let rank = all.get(*text).copied().unwrap_or(0);
                last = Some((*text, rank));
                rank
            }
        }
    };
    Ok(match column.as_dictionary_opt::<Int32Type>() {
        Some(dictionary) => {
            let by_value: Vec<u32> = texts.iter().map(|text| rank(text.as_ref())).collect();
            let keys = dictionary.keys().iter();
            let value =
                |key: i32| usize::try_from(key).ok().and_then(|key| by_value.get(key).copied());
            keys.map(|key| key.and_then(value).unwrap_or(0)).collect()
        }
        None => texts.iter().map(|text| rank(text.as_ref())).collect(),
    })
}
