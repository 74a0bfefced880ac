//! Rows as files hold them: Delta's types, in one order.

use std::sync::Arc;

use arrow::array::{Array as _, ArrayRef, AsArray as _, RecordBatch, UInt32Array};
use arrow::compute::take_record_batch;
use arrow::datatypes::{
    DataType, Field, Int32Type, Int64Type, Schema, SchemaRef, TimeUnit, TimestampMicrosecondType,
};

use super::Error;
use crate::flow::field::{LINE, OBJECT};

/// The schema of a file for rows of [`Layout::schema`](crate::flow::field::Layout::schema): times in
/// microseconds, as Delta has them, and each text once in memory.
pub(super) fn stored_schema(schema: &Schema) -> SchemaRef {
    let fields = schema.fields().iter().map(|field| match field.data_type() {
        DataType::Timestamp(_, zone) => {
            let data_type = DataType::Timestamp(TimeUnit::Microsecond, zone.clone());
            Field::new(field.name(), data_type, true)
        }
        DataType::Utf8View => {
            let data_type =
                DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
            Field::new(field.name(), data_type, true)
        }
        data_type => Field::new(field.name(), data_type.clone(), true),
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// Sorts stored rows by interface and time, then by where they came from: the same rows give the same file.
pub(super) fn sorted(rows: &RecordBatch) -> Result<RecordBatch, Error> {
    let interfaces = rows.column_by_name("interface_id").and_then(ranks);
    let objects = rows.column_by_name(OBJECT).and_then(ranks);
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
fn ranks(column: &ArrayRef) -> Option<Vec<u32>> {
    let dictionary = column.as_dictionary_opt::<Int32Type>()?;
    let texts = dictionary.values().as_string_opt::<i32>()?;
    let mut sorted: Vec<(&str, usize)> =
        texts.iter().enumerate().map(|(key, text)| (text.unwrap_or_default(), key)).collect();
    sorted.sort_unstable();
    // The same text may have several keys, in rows that were put together.
    let (mut ranks, mut rank, mut last) = (vec![0; sorted.len()], 0, None);
    for (text, key) in sorted {
        rank += u32::from(last != Some(text));
        last = Some(text);
        ranks[key] = rank;
    }
    let keys = dictionary.keys().iter();
    let of_key = |key: i32| usize::try_from(key).ok().and_then(|key| ranks.get(key));
    Some(keys.map(|key| key.and_then(of_key).copied().unwrap_or(0)).collect())
}
