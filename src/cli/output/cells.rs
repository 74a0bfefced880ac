//! Values of a batch as text.

use anyhow::Result;
use arrow::array::{Array as _, RecordBatch};
use arrow::datatypes::{DataType, Schema};
use arrow::json::writer::{EncoderOptions, NullableEncoder, make_encoder};
use arrow::util::display::{ArrayFormatter, FormatOptions};

/// How times are written: RFC 3339, with a fraction only where there is one.
const UTC_TIME: &str = "%Y-%m-%dT%H:%M:%S%.fZ";
const ZONED_TIME: &str = "%Y-%m-%dT%H:%M:%S%.f%:z";
const PLAIN_TIME: &str = "%Y-%m-%dT%H:%M:%S%.f";

/// The rows of one batch as text.
pub(crate) struct Cells<'a> {
    columns: Vec<Column<'a>>,
    row: Vec<String>,
}

enum Column<'a> {
    Plain(ArrayFormatter<'a>),
    Nested(NullableEncoder<'a>),
}

impl<'a> Cells<'a> {
    pub(crate) fn new(batch: &'a RecordBatch) -> Result<Self> {
        static JSON: std::sync::LazyLock<EncoderOptions> =
            std::sync::LazyLock::new(|| EncoderOptions::default().with_explicit_nulls(true));
        let fields = batch.schema_ref().fields().iter();
        let columns = fields.zip(batch.columns()).map(|(field, array)| {
            let kind = array.data_type();
            if kind.is_nested() && !matches!(kind, DataType::Dictionary(..)) {
                return Ok(Column::Nested(make_encoder(field, array, &JSON)?));
            }
            Ok(Column::Plain(ArrayFormatter::try_new(array, &options(kind))?))
        });
        Ok(Self { columns: columns.collect::<Result<_>>()?, row: Vec::new() })
    }

    /// Returns the text of each column of one row.
    pub(crate) fn row(&mut self, row: usize) -> Result<&[String]> {
        self.row.clear();
        for column in &mut self.columns {
            self.row.push(match column {
                Column::Plain(values) => values.value(row).try_to_string()?,
                Column::Nested(values) if values.is_null(row) => String::new(),
                Column::Nested(values) => {
                    let mut json = Vec::new();
                    values.encode(row, &mut json);
                    String::from_utf8(json)?
                }
            });
        }
        Ok(&self.row)
    }
}

fn options(kind: &DataType) -> FormatOptions<'static> {
    let zoned = match kind {
        DataType::Timestamp(_, Some(zone)) if !["UTC", "Z", "+00:00"].contains(&&**zone) => {
            ZONED_TIME
        }
        _ => UTC_TIME,
    };
    FormatOptions::new()
        .with_display_error(false)
        .with_timestamp_tz_format(Some(zoned))
        .with_timestamp_format(Some(PLAIN_TIME))
}

/// Tells for each column whether its values are numbers, which stand at the right.
pub(crate) fn right_aligned(schema: &Schema) -> impl Iterator<Item = bool> {
    schema.fields().iter().map(|field| field.data_type().is_numeric())
}
