//! Rows as files store them: Delta's types, in one sort order.

use std::sync::Arc;

use arrow::array::{
    Array as _, ArrayRef, AsArray as _, Int32Array, RecordBatch, StringArray, UInt32Array,
};
use arrow::compute::take_record_batch;
use arrow::datatypes::{
    DataType, Field, Int32Type, Int64Type, Schema, SchemaRef, TimeUnit, TimestampMicrosecondType,
};

use crate::flow::field::{LINE, OBJECT};
use crate::flow::parquet::{InterfaceRun, encode_runs};
use crate::lake::Error;

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
pub(super) fn sort_rows(rows: &RecordBatch) -> Result<RecordBatch, Error> {
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

/// Returns the row ranges of the interfaces in sorted rows, as metadata for the reader. `None`: they cannot be
/// listed, or it is not worth it.
pub(super) fn interface_runs(rows: &RecordBatch, group_rows: usize) -> Option<String> {
    let interfaces = Texts::new(rows.column_by_name("interface_id")?)?;
    let statuses = Texts::new(rows.column_by_name("log_status")?)?;
    let mut runs: Vec<InterfaceRun<'_>> = Vec::new();
    for row in 0..rows.num_rows() {
        let interface = interfaces.at(row);
        let goes_on = runs.last().is_some_and(|last| last.interface == interface);
        if !goes_on || row.is_multiple_of(group_rows.max(1)) {
            runs.push(InterfaceRun { interface, ..InterfaceRun::default() });
        }
        let run = runs.last_mut()?;
        run.rows += 1;
        match statuses.at(row) {
            None | Some("OK") => {}
            Some("NODATA") => run.nodata += 1,
            Some("SKIPDATA") => run.skipdata += 1,
            Some(_) => return None,
        }
    }
    encode_runs(&runs)
}

/// A column of texts as rows are buffered here.
struct Texts<'a> {
    keys: &'a Int32Array,
    values: &'a StringArray,
}

impl<'a> Texts<'a> {
    fn new(column: &'a ArrayRef) -> Option<Self> {
        let dictionary = column.as_dictionary_opt::<Int32Type>()?;
        Some(Self { keys: dictionary.keys(), values: dictionary.values().as_string_opt()? })
    }

    fn at(&self, row: usize) -> Option<&'a str> {
        let key = self.keys.is_valid(row).then(|| self.keys.value(row))?;
        let key = usize::try_from(key).ok()?;
        self.values.is_valid(key).then(|| self.values.value(key))
    }
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

#[cfg(test)]
mod tests {
    use arrow::array::DictionaryArray;

    use super::*;

    #[test]
    fn stretches_end_with_their_interface_and_their_row_group() {
        let runs_of = |interfaces: Vec<Option<&str>>, statuses: Vec<Option<&str>>| {
            let texts = |texts: Vec<Option<&str>>| -> ArrayRef {
                Arc::new(texts.into_iter().collect::<DictionaryArray<Int32Type>>())
            };
            let columns = [("interface_id", texts(interfaces)), ("log_status", texts(statuses))];
            interface_runs(&RecordBatch::try_from_iter(columns).unwrap(), 3)
        };
        let ids = vec![None, Some("a"), Some("a"), Some("a"), Some("b")];
        let statuses = vec![Some("NODATA"), Some("OK"), None, Some("SKIPDATA"), Some("OK")];
        let got = runs_of(ids.clone(), statuses);
        assert_eq!(got.as_deref(), Some("- 1 1 0 a 2 0 0 a 1 0 1 b 1 0 0 "));
        // What cannot be reported is not reported.
        assert_eq!(runs_of(ids, vec![Some("NEW"); 5]), None);
        assert_eq!(runs_of(vec![Some("a b")], vec![Some("OK")]), None);
        assert_eq!(runs_of(vec![Some("-")], vec![Some("OK")]), None);
    }
}
