//! Row groups that their statistics rule out.

use std::collections::HashSet;

use arrow::array::{Array as _, ArrayRef, AsArray as _, UInt64Array};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type, Schema};
use parquet::arrow::arrow_reader::ArrowReaderMetadata;
use parquet::arrow::arrow_reader::statistics::StatisticsConverter;
use parquet::errors::ParquetError;
use parquet::file::metadata::RowGroupMetaData;

use crate::flow::decode_options::RecordSelection;
use crate::flow::parquet::cast::{SECONDS_MAX, cast_column, is_integer};
use crate::flow::parquet::request::ParquetRequest;
use crate::flow::parquet::schema::{INTERFACE_ID, LOG_STATUS, ParquetFormat, column_type};
use crate::flow::value::{is_tag, range};

/// Converts a row count of the footer; a negative one, which a damaged file may have, is 0.
pub(super) fn rows_of(rows: i64) -> u64 {
    u64::try_from(rows).unwrap_or(0)
}

/// Returns the row groups that may contain a row that passes the filter.
pub(super) fn row_groups(
    metadata: &ArrowReaderMetadata,
    format: &ParquetFormat,
    request: &ParquetRequest,
) -> Result<Vec<usize>, ParquetError> {
    let groups = metadata.metadata().row_groups();
    let mut selected = vec![true; groups.len()];
    // Checking every value needs every row.
    if request.validate_all {
        return Ok((0..groups.len()).collect());
    }
    let filter = &request.filter;
    let ranges = filter.ranges.iter().map(|(name, least, most)| (name.as_str(), *least, *most));
    let ranges = ranges.map(|range| (range, false));
    let window = filter.window().into_iter().map(|range| (range, true));
    for ((name, least, most), null_passes) in ranges.chain(window) {
        let Some(bounds) = Bounds::new(metadata, format, request, name)? else { continue };
        for (group, selected) in selected.iter_mut().enumerate() {
            *selected &= bounds.numbers(group).is_none_or(|(min, max)| {
                least.is_none_or(|least| max >= least) && most.is_none_or(|most| min <= most)
            }) || (null_passes && bounds.may_hold_null(group));
        }
    }
    for (name, values) in &filter.equals {
        let Some(bounds) = Bounds::new(metadata, format, request, name)? else { continue };
        for (group, selected) in selected.iter_mut().enumerate() {
            *selected &= bounds.may_hold(group, values);
        }
    }
    if let Some(interface) = &filter.interface
        && let Some(bounds) = Bounds::new(metadata, format, request, INTERFACE_ID)?
    {
        // Busy interfaces fill whole row groups of a file that is sorted by them.
        for (group, selected) in selected.iter_mut().enumerate() {
            let only = bounds.only_text(group).filter(|_| !bounds.may_hold_null(group));
            *selected &= only.is_none_or(|id| interface(id) != RecordSelection::None);
        }
    }
    Ok((0..groups.len()).filter(|group| selected[*group]).collect())
}

/// Returns whether the statistics state that no row of these row groups has a status other than OK.
pub(super) fn are_all_ok(
    metadata: &ArrowReaderMetadata,
    format: &ParquetFormat,
    request: &ParquetRequest,
    groups: &[usize],
) -> Result<bool, ParquetError> {
    let bounds = Bounds::new(metadata, format, request, LOG_STATUS)?;
    Ok(bounds.is_some_and(|bounds| groups.iter().all(|at| bounds.only_text(*at) == Some("OK"))))
}

/// The least and the largest value of one column in each row group, as the layout types it.
struct Bounds {
    min: ArrayRef,
    max: ArrayRef,
    /// Row groups whose times are partly in seconds, partly in milliseconds: not in order once cast.
    mixed: Vec<bool>,
    /// The least and the greatest valid number: rows outside are malformed and must be read.
    range: (i64, i64),
    /// How many rows of each row group are NULL, where that is known.
    nulls: UInt64Array,
}

impl Bounds {
    /// Returns nothing where the order of the stored values is not the order of the cast ones: numbers
    /// stored as text, text stored as numbers.
    fn new(
        metadata: &ArrowReaderMetadata,
        format: &ParquetFormat,
        request: &ParquetRequest,
        name: &str,
    ) -> Result<Option<Self>, ParquetError> {
        let schema: &Schema = metadata.schema();
        let Some(stored) = format.physical_type(name) else { return Ok(None) };
        let Ok(field) = schema.field_with_name(stored) else { return Ok(None) };
        let (from, to) = (field.data_type(), column_type(request.layout, name));
        // A tag is stored percent-encoded, which is another order.
        let text = !is_tag(name)
            && to == DataType::Utf8View
            && matches!(from, DataType::Utf8View | DataType::Utf8);
        let number = to != DataType::Utf8View
            && (is_integer(from) || matches!(from, DataType::Timestamp(..)));
        if !text && !number {
            return Ok(None);
        }
        let descr = metadata.metadata().file_metadata().schema_descr();
        let statistics = StatisticsConverter::try_new(stored, schema, descr)?;
        let groups = metadata.metadata().row_groups();
        let trusted = |group: &RowGroupMetaData| {
            let statistics =
                statistics.parquet_column_index().and_then(|at| group.column(at).statistics());
            // Old writers ordered text as signed bytes.
            statistics.is_some_and(|s| number || !s.is_min_max_deprecated())
        };
        if !groups.iter().all(trusted) {
            return Ok(None);
        }
        let (min, max) = (statistics.row_group_mins(groups)?, statistics.row_group_maxes(groups)?);
        let nulls = statistics.row_group_null_counts(groups)?;
        if text {
            // `-` is NULL in a row, and a bound here.
            return Ok(Some(Self {
                min: cast(&min, &to)?,
                max: cast(&max, &to)?,
                mixed: Vec::new(),
                range: range(name),
                nulls,
            }));
        }
        let mixed = match matches!(to, DataType::Timestamp(..)) && is_integer(from) {
            true => {
                let (min, max) = (cast(&min, &DataType::Int64)?, cast(&max, &DataType::Int64)?);
                let pairs =
                    min.as_primitive::<Int64Type>().iter().zip(max.as_primitive::<Int64Type>());
                pairs
                    .map(|(min, max)| min <= Some(SECONDS_MAX) && max > Some(SECONDS_MAX))
                    .collect()
            }
            false => Vec::new(),
        };
        let number = |array| cast(&cast_column(name, array, &to)?.array, &DataType::Int64);
        Ok(Some(Self { min: number(&min)?, max: number(&max)?, mixed, range: range(name), nulls }))
    }

    /// Returns the bounds of one row group; nothing if they are not known or do not fit the type, in
    /// which case rows are malformed and must be seen.
    fn numbers(&self, group: usize) -> Option<(i64, i64)> {
        let mixed = self.mixed.get(group).copied().unwrap_or(false);
        if mixed || self.min.is_null(group) || self.max.is_null(group) {
            return None;
        }
        let value = |array: &ArrayRef| Some(array.as_primitive_opt::<Int64Type>()?.value(group));
        let (min, max) = (value(&self.min)?, value(&self.max)?);
        (self.range.0 <= min && max <= self.range.1).then_some((min, max))
    }

    fn may_hold_null(&self, group: usize) -> bool {
        self.nulls.is_null(group) || self.nulls.value(group) > 0
    }

    /// Returns the only text of one row group, if there is but one.
    fn only_text(&self, group: usize) -> Option<&str> {
        let (min, max) = (self.min.as_string_view_opt()?, self.max.as_string_view_opt()?);
        let is_one =
            min.is_valid(group) && max.is_valid(group) && min.value(group) == max.value(group);
        // `-` and nothing are NULL in a row.
        is_one.then(|| min.value(group)).filter(|text| !matches!(*text, "" | "-"))
    }

    fn may_hold(&self, group: usize, values: &HashSet<String>) -> bool {
        if let (Some(min), Some(max)) =
            (self.min.as_string_view_opt(), self.max.as_string_view_opt())
        {
            if min.is_null(group) || max.is_null(group) {
                return true;
            }
            let (min, max) = (min.value(group), max.value(group));
            return values.iter().any(|value| min <= value.as_str() && value.as_str() <= max);
        }
        self.numbers(group).is_none_or(|(min, max)| {
            let mut numbers = values.iter().filter_map(|value| value.parse::<i64>().ok());
            numbers.any(|number| min <= number && number <= max)
        })
    }
}
