//! The rows of one batch as the layout types them, and which of them pass a filter.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::{
    Array as _, ArrayRef, AsArray as _, BooleanArray, Int64Array, RecordBatch, StringViewArray,
    make_view, new_null_array,
};
use arrow::buffer::BooleanBuffer;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type};
use arrow::error::ArrowError;
use arrow::util::display::array_value_to_string;

use crate::flow::decode_options::RecordSelection;
use crate::flow::decode_stats::Reason;
use crate::flow::field::{Kind, LINE, OBJECT};
use crate::flow::parquet::cast::{addresses, cast_column, decoded, within};
use crate::flow::parquet::request::ParquetRequest;
use crate::flow::parquet::schema::{
    INTERFACE_ID, LOG_STATUS, ParquetFormat, ROW, column_type, kind_of,
};
use crate::flow::parquet::tally::{MalformedRow, Tally};
use crate::flow::value::{integer, is_tag, range};

/// Returns why a value does not fit, in the words that lines of text are counted in.
fn reason(kind: Kind, text: &str) -> Reason {
    match kind {
        Kind::Name => Reason::NotUtf8,
        Kind::Addr => Reason::NotAnAddress,
        Kind::Code | Kind::Count | Kind::Time => {
            integer(text.into()).err().unwrap_or(Reason::OutOfRange)
        }
    }
}

/// Some columns of a file, and how to read them.
pub(super) struct Columns {
    pub(super) request: Arc<ParquetRequest>,
    pub(super) format: Arc<ParquetFormat>,
    /// SQL columns to read, those that the file contains.
    pub(super) names: Vec<String>,
}

/// The rows of one batch, cast.
pub(super) struct RowFilter<'a> {
    columns: &'a Columns,
    batch: &'a RecordBatch,
    arrays: Vec<ArrayRef>,
    misfits: Vec<Option<BooleanBuffer>>,
}

impl Columns {
    /// Returns the columns that the filter needs, and those that are counted for every row.
    pub(super) fn of_filter(
        request: &Arc<ParquetRequest>,
        format: &Arc<ParquetFormat>,
        counted: &[&str],
    ) -> Self {
        let filter = &request.filter;
        let filtered_names = filter.equals.iter().map(|(name, _)| name.as_str());
        let filtered_names =
            filtered_names.chain(filter.ranges.iter().map(|(name, _, _)| name.as_str()));
        let filtered_names =
            filtered_names.chain(filter.window().into_iter().map(|(name, _, _)| name));
        let filtered_names = filtered_names.chain(filter.interface.as_ref().map(|_| INTERFACE_ID));
        let every = format.columns.iter().map(|(name, _)| name.as_str());
        let every = every.filter(|_| request.validate_all);
        Self::new(request, format, filtered_names.chain(counted.iter().copied()).chain(every))
    }

    /// Returns the columns that the output needs, and those of the filter: a row that does not fit one
    /// of them is set aside with its line.
    pub(super) fn of_output(
        request: &Arc<ParquetRequest>,
        format: &Arc<ParquetFormat>,
        counted: &[&str],
    ) -> Self {
        let filter = Self::of_filter(request, format, counted).names;
        let output = request.schema.fields().iter().map(|field| field.name().as_str());
        Self::new(request, format, output.chain(filter.iter().map(String::as_str)))
    }

    fn new<'a>(
        request: &Arc<ParquetRequest>,
        format: &Arc<ParquetFormat>,
        filtered_names: impl Iterator<Item = &'a str>,
    ) -> Self {
        let mut names: Vec<String> = Vec::new();
        for name in filtered_names {
            if format.physical_type(name).is_some() && !names.iter().any(|other| other == name) {
                names.push(name.to_owned());
            }
        }
        Self { request: Arc::clone(request), format: Arc::clone(format), names }
    }

    /// Casts a batch as it was read.
    pub(super) fn rows<'a>(&'a self, batch: &'a RecordBatch) -> Result<RowFilter<'a>, ArrowError> {
        let (mut arrays, mut misfits) = (Vec::new(), Vec::new());
        for name in &self.names {
            let kind = kind_of(self.request.layout, name);
            let to = column_type(self.request.layout, name);
            if self.format.checked && !self.request.validate_all {
                arrays.push(cast(self.raw(name, batch)?, &to)?);
                misfits.push(None);
                continue;
            }
            let mut cast = cast_column(name, self.raw(name, batch)?, &to)?;
            if kind == Kind::Addr {
                cast = addresses(cast)?;
            }
            cast = within(cast, range(name))?;
            // What flowq wrote itself is decoded already.
            if kind == Kind::Name && is_tag(name) && self.format.physical_type(OBJECT).is_none() {
                cast.array = decoded(&cast.array);
            }
            arrays.push(cast.array);
            misfits.push(cast.misfits);
        }
        Ok(RowFilter { columns: self, batch, arrays, misfits })
    }

    fn raw<'a>(&self, name: &str, batch: &'a RecordBatch) -> Result<&'a ArrayRef, ArrowError> {
        let stored =
            self.format.physical_type(name).and_then(|stored| batch.column_by_name(stored));
        stored.ok_or_else(|| ArrowError::SchemaError(format!("column {name} was not read")))
    }
}

impl RowFilter<'_> {
    /// Returns a column of the table; NULL in every row where the file does not hold it.
    pub(super) fn column(&self, name: &str) -> Result<ArrayRef, ArrowError> {
        if let Some(at) = self.columns.names.iter().position(|other| other == name) {
            return Ok(Arc::clone(&self.arrays[at]));
        }
        let request = &self.columns.request;
        match name {
            OBJECT => Ok(Arc::new(constant(&request.object, self.batch.num_rows())?)),
            LINE => Ok(Arc::new(self.lines()?)),
            _ => Ok(new_null_array(&column_type(request.layout, name), self.batch.num_rows())),
        }
    }

    /// Returns the rows' numbers in the file, counted from 1.
    fn lines(&self) -> Result<Int64Array, ArrowError> {
        let rows =
            self.batch.column_by_name(ROW).and_then(|array| array.as_primitive_opt::<Int64Type>());
        let rows =
            rows.ok_or_else(|| ArrowError::SchemaError("row numbers were not read".to_owned()))?;
        Ok(rows.unary(|row| row + 1))
    }

    /// Returns the rows that do not fit; `None` if all do.
    pub(super) fn malformed(&self) -> Option<BooleanBuffer> {
        self.misfits.iter().flatten().cloned().reduce(|all, more| &all | &more)
    }

    /// Counts the malformed rows and retains the first.
    pub(super) fn reject_row(
        &self,
        malformed: &BooleanBuffer,
        tally: &mut Tally,
    ) -> Result<(), ArrowError> {
        tally.malformed += malformed.count_set_bits() as u64;
        let lines = self.lines()?;
        for row in malformed.set_indices() {
            let misfit =
                |bits: &Option<BooleanBuffer>| bits.as_ref().is_some_and(|bits| bits.value(row));
            let Some(at) = self.misfits.iter().position(misfit) else { continue };
            let column = self.columns.names[at].clone();
            let text = array_value_to_string(self.columns.raw(&column, self.batch)?, row)?;
            let reason = reason(kind_of(self.columns.request.layout, &column), &text);
            *tally.by_reason.entry(reason).or_default() += 1;
            if tally.first.len() < self.columns.request.malformed_max {
                tally.first.push(MalformedRow { line: lines.value(row), column, text, reason });
            }
        }
        Ok(())
    }

    /// Counts the chosen rows by log status.
    pub(super) fn count(&self, chosen: &BooleanBuffer, tally: &mut Tally) {
        let all = chosen.count_set_bits() as u64;
        let at = self.columns.names.iter().position(|name| name == LOG_STATUS);
        let Some(statuses) = at.and_then(|at| self.arrays[at].as_string_view_opt()) else {
            tally.ok += all;
            return;
        };
        // Texts this short are their views.
        let [ok, nodata, skipdata] =
            ["OK", "NODATA", "SKIPDATA"].map(|text| make_view(text.as_bytes(), 0, 0));
        let mut counts = [0u64; 3];
        for row in chosen.set_indices() {
            match statuses.is_valid(row).then(|| statuses.views()[row]) {
                // As in text: `-` is no status.
                None => counts[0] += 1,
                Some(view) if view == ok => counts[0] += 1,
                Some(view) if view == nodata => counts[1] += 1,
                Some(view) if view == skipdata => counts[2] += 1,
                Some(_) => {}
            }
        }
        tally.ok += counts[0];
        tally.nodata += counts[1];
        tally.skipdata += counts[2];
        tally.other += all - counts.iter().sum::<u64>();
    }

    /// Returns the rows that fulfil every condition of the filter. NULL fulfils none.
    pub(super) fn selected(&self) -> Result<BooleanBuffer, ArrowError> {
        let request = &self.columns.request;
        let mut selected = BooleanBuffer::new_set(self.batch.num_rows());
        let filter = &request.filter;
        let within = |name: &str, least: Option<i64>, most: Option<i64>| {
            let numbers = cast(&self.column(name)?, &DataType::Int64)?;
            let (least, most) = (least.unwrap_or(i64::MIN), most.unwrap_or(i64::MAX));
            let inside = all(numbers.as_primitive::<Int64Type>(), |n| least <= n && n <= most);
            Ok::<_, ArrowError>((inside, numbers))
        };
        for (name, least, most) in &filter.ranges {
            selected = &selected & &within(name, *least, *most)?.0;
        }
        for (name, least, most) in filter.window() {
            let (inside, numbers) = within(name, least, most)?;
            selected = &selected
                & &numbers.nulls().map_or(inside.clone(), |nulls| &inside | &!nulls.inner());
        }
        for (name, values) in &filter.equals {
            selected = &selected & &is_in(&self.column(name)?, values)?;
        }
        if let Some(interface) = &filter.interface {
            let ids = self.column(INTERFACE_ID)?;
            let filtered_names =
                all_texts(ids.as_string_view(), |id| interface(id) != RecordSelection::None);
            selected = &selected
                & &ids
                    .nulls()
                    .map_or(filtered_names.clone(), |nulls| &filtered_names | &!nulls.inner());
        }
        Ok(selected)
    }
}

/// Returns the rows whose value is one of `values`, compared as the column's type.
fn is_in(array: &ArrayRef, values: &HashSet<String>) -> Result<BooleanBuffer, ArrowError> {
    if let Some(texts) = array.as_string_view_opt() {
        return Ok(all_texts(texts, |text| values.contains(text)));
    }
    let values: HashSet<i64> = values.iter().filter_map(|value| value.parse().ok()).collect();
    let numbers = cast(array, &DataType::Int64)?;
    Ok(all(numbers.as_primitive::<Int64Type>(), |number| values.contains(&number)))
}

fn all<A: arrow::array::ArrayAccessor>(array: A, fits: impl Fn(A::Item) -> bool) -> BooleanBuffer {
    let fits = BooleanArray::from_unary(array, fits);
    match fits.nulls() {
        Some(nulls) => fits.values() & nulls.inner(),
        None => fits.values().clone(),
    }
}

/// Returns which texts fit. Equal ones are often adjacent: then one view follows the same one, and is the same text.
fn all_texts(texts: &StringViewArray, fits: impl Fn(&str) -> bool) -> BooleanBuffer {
    let mut last = None;
    BooleanBuffer::collect_bool(texts.len(), |row| {
        let Some(view) = texts.views().get(row).filter(|_| texts.is_valid(row)) else {
            return false;
        };
        if let Some((_, fits)) = last.filter(|(known, _)| known == view) {
            return fits;
        }
        let fits = fits(texts.value(row));
        last = Some((*view, fits));
        fits
    })
}

/// Returns one text in every row, stored once.
fn constant(text: &str, rows: usize) -> Result<StringViewArray, ArrowError> {
    let one = StringViewArray::from_iter_values([text]);
    let views = vec![one.views()[0]; rows];
    StringViewArray::try_new(views.into(), one.data_buffers().to_vec(), None)
}
