//! The schema of rows as they are written to files.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef, TimeUnit};
use arrow::error::ArrowError;

/// Returns the schema with a name of its own for each column: the second `bytes` becomes `bytes_2`. Two columns
/// of one name are lost or refused by most formats and readers.
pub(crate) fn with_unique_names(schema: &SchemaRef) -> SchemaRef {
    let mut taken: HashSet<String> = HashSet::new();
    let all: HashSet<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    if all.len() == schema.fields().len() {
        return Arc::clone(schema);
    }
    let fields = schema.fields().iter().map(|field| {
        if taken.insert(field.name().clone()) {
            return Arc::clone(field);
        }
        let numbered = (2..).map(|number: usize| format!("{}_{number}", field.name()));
        let mut free =
            numbered.filter(|name| !all.contains(name.as_str()) && !taken.contains(name));
        let name = free.next().unwrap_or_default();
        taken.insert(name.clone());
        Arc::new(field.as_ref().clone().with_name(name))
    });
    Arc::new(Schema::new_with_metadata(fields.collect::<Vec<_>>(), schema.metadata().clone()))
}

/// Returns the schema with times that Parquet has a type for: microseconds instead of seconds, also within lists
/// and structs. A time in seconds would be a bare number to every other reader.
pub(crate) fn with_parquet_times(schema: &SchemaRef) -> SchemaRef {
    let fields: Vec<FieldRef> = schema.fields().iter().map(parquet_field).collect();
    Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone()))
}

fn parquet_field(field: &FieldRef) -> FieldRef {
    let data_type = match field.data_type() {
        DataType::Timestamp(TimeUnit::Second, zone) => {
            DataType::Timestamp(TimeUnit::Microsecond, zone.clone())
        }
        DataType::List(item) => DataType::List(parquet_field(item)),
        DataType::LargeList(item) => DataType::LargeList(parquet_field(item)),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(parquet_field).collect()),
        _ => return Arc::clone(field),
    };
    Arc::new(Field::clone(field).with_data_type(data_type))
}

/// Returns the rows with the names and types of `schema`, column by column.
pub(crate) fn conform(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, ArrowError> {
    if batch.schema_ref() == schema {
        return Ok(batch.clone());
    }
    let columns = batch.columns().iter().zip(schema.fields());
    let columns = columns.map(|(column, field)| match column.data_type() == field.data_type() {
        true => Ok(Arc::clone(column)),
        false => cast(column, field.data_type()),
    });
    let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(
        Arc::clone(schema),
        columns.collect::<Result<Vec<_>, _>>()?,
        &options,
    )
}

#[cfg(test)]
mod tests {
    use arrow::array::{Array as _, AsArray as _, Int64Array, ListBuilder, TimestampSecondArray};
    use arrow::array::{StructBuilder, TimestampSecondBuilder};
    use arrow::datatypes::TimestampMicrosecondType;

    use super::*;

    #[test]
    fn the_second_column_of_a_name_gets_a_free_number() {
        let field = |name: &str| Field::new(name, DataType::Int64, true);
        let names = ["n", "n_2", "n", "m", "n"].map(field);
        let schema = with_unique_names(&Arc::new(Schema::new(names.to_vec())));
        let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
        assert_eq!(names, ["n", "n_2", "n_3", "m", "n_4"]);
    }

    #[test]
    fn times_are_microseconds_also_within_lists_and_structs() {
        let utc = || DataType::Timestamp(TimeUnit::Second, Some("UTC".into()));
        let fields = vec![Field::new("start", utc(), true)];
        let builder = TimestampSecondBuilder::new().with_data_type(utc());
        let mut list = ListBuilder::new(StructBuilder::new(fields, vec![Box::new(builder)]));
        list.values().field_builder::<TimestampSecondBuilder>(0).unwrap().append_value(7);
        list.values().append(true);
        list.append(true);
        let at = TimestampSecondArray::from(vec![1_577_836_800]).with_timezone("UTC");
        let batch = RecordBatch::try_from_iter([
            ("at", Arc::new(at) as _),
            ("evidence", Arc::new(list.finish()) as _),
            ("n", Arc::new(Int64Array::from(vec![1])) as _),
        ])
        .unwrap();
        let written = conform(&batch, &with_parquet_times(&batch.schema())).unwrap();
        let times = written["at"].as_primitive::<TimestampMicrosecondType>();
        assert_eq!(times.value(0), 1_577_836_800_000_000);
        let records = written["evidence"].as_list::<i32>().value(0);
        let starts = records.as_struct().column(0).as_primitive::<TimestampMicrosecondType>();
        assert_eq!((starts.value(0), starts.timezone()), (7_000_000, Some("UTC")));
        assert_eq!(written["n"].len(), 1);
    }
}
