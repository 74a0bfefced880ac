//! One column as it comes, cast to the type of its field.

use std::sync::Arc;

use arrow::array::{
    Array as _, ArrayRef, AsArray as _, BooleanArray, Int64Array, PrimitiveArray, StringViewArray,
    TimestampSecondArray,
};
use arrow::buffer::{BooleanBuffer, NullBuffer};
use arrow::compute::cast;
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Int32Type, Int64Type, TimeUnit, TimestampSecondType,
};
use arrow::error::ArrowError;

use crate::flow::address;
use crate::flow::field::OBJECT;
use crate::flow::value::percent_decoded;

/// Larger than any Unix time in seconds before the year 5138: such a number is in milliseconds.
pub(super) const SECONDS_MAX: i64 = 99_999_999_999;

/// A column cast, and the rows whose value did not fit (NULL in `array`).
pub(super) struct Cast {
    pub(super) array: ArrayRef,
    pub(super) misfits: Option<BooleanBuffer>,
}

/// Casts a column. `-` and empty text become NULL; a value that the type cannot represent is a misfit.
pub(super) fn cast_column(
    column: &str,
    array: &ArrayRef,
    to: &DataType,
) -> Result<Cast, ArrowError> {
    if column == OBJECT {
        // flowq's own column: `-` is standard input.
        return Ok(Cast { array: cast(array, to)?, misfits: None });
    }
    let from = array.data_type().clone();
    let text = is_text(&from);
    let read = if text { cast(array, &DataType::Utf8View)? } else { Arc::clone(array) };
    // Bytes that are no UTF-8 do not survive the first cast.
    let not_text = if text { misfits(array, &read) } else { None };
    let array = if text { without_dashes(&read) } else { read };
    let result = match to {
        DataType::Timestamp(..) if text => text_times(&array)?,
        DataType::Timestamp(..) if !matches!(from, DataType::Timestamp(..)) => {
            times(cast(&array, &DataType::Int64)?.as_primitive())
        }
        // Account ids have twelve digits; a tool that stored numbers lost the leading zeros.
        DataType::Utf8View if is_integer(&from) && column.ends_with("account_id") => {
            let numbers = cast(&array, &DataType::Int64)?;
            let numbers = numbers.as_primitive::<Int64Type>().iter();
            let texts = numbers.map(|number| number.map(|number| format!("{number:012}")));
            Arc::new(StringViewArray::from_iter(texts))
        }
        _ => cast(&array, to)?,
    };
    let misfits = [not_text, misfits(&array, &result)].into_iter().flatten().reduce(|a, b| &a | &b);
    Ok(Cast { array: result, misfits })
}

/// How many addresses of a batch are remembered.
const KNOWN_ADDRESSES: usize = 1024;

/// Sets aside what is no address, as in text; `None` is NULL.
pub(super) fn addresses(cast: Cast) -> Result<Cast, ArrowError> {
    let texts = cast.array.as_string_view();
    let rows_where = |test: &dyn Fn(&str) -> bool| {
        BooleanBuffer::collect_bool(texts.len(), |row| {
            texts.is_valid(row) && test(texts.value(row))
        })
    };
    // Few addresses are in most rows, and within one array the same view is the same text.
    let mut known = vec![u128::MAX; KNOWN_ADDRESSES];
    let wrong = BooleanBuffer::collect_bool(texts.len(), |row| {
        let Some(view) = texts.views().get(row).copied().filter(|_| texts.is_valid(row)) else {
            return false;
        };
        let hash = (view as u64 ^ (view >> 64) as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        let slot = known.get_mut(hash as usize % KNOWN_ADDRESSES).filter(|slot| **slot != view);
        let Some(slot) = slot else { return false };
        let is_wrong = !address::is_addr(texts.value(row));
        if !is_wrong {
            *slot = view;
        }
        is_wrong
    });
    if wrong.count_set_bits() == 0 {
        return Ok(cast);
    }
    let none = rows_where(&|text| text == "None");
    let wrong = &wrong & &!&none;
    let array = arrow::compute::nullif(&cast.array, &BooleanArray::from(none))?;
    let misfits = match cast.misfits {
        Some(misfits) => &misfits | &wrong,
        None => wrong,
    };
    Ok(Cast { array, misfits: (misfits.count_set_bits() > 0).then_some(misfits) })
}

/// Sets aside numbers and times beyond the least and the greatest that a field may contain.
pub(super) fn within(cast: Cast, (least, greatest): (i64, i64)) -> Result<Cast, ArrowError> {
    if least == i64::MIN {
        return Ok(cast);
    }
    let array = &cast.array;
    let is_beyond = |number: i64| number < least || number > greatest;
    let wrong = if let Some(numbers) = array.as_primitive_opt::<Int32Type>() {
        beyond(numbers, |number| is_beyond(i64::from(number)))
    } else if let Some(times) = array.as_primitive_opt::<TimestampSecondType>() {
        beyond(times, is_beyond)
    } else {
        return Ok(cast);
    };
    if wrong.count_set_bits() == 0 {
        return Ok(cast);
    }
    let array = arrow::compute::nullif(&cast.array, &BooleanArray::from(wrong.clone()))?;
    let misfits = match cast.misfits {
        Some(misfits) => &misfits | &wrong,
        None => wrong,
    };
    Ok(Cast { array, misfits: Some(misfits) })
}

/// Returns the rows with a value that `is_beyond` the valid range.
fn beyond<T: ArrowPrimitiveType>(
    values: &PrimitiveArray<T>,
    is_beyond: impl Fn(T::Native) -> bool,
) -> BooleanBuffer {
    BooleanBuffer::collect_bool(values.len(), |row| {
        values.is_valid(row) && is_beyond(values.value(row))
    })
}

/// Decodes the values of a tag.
pub(super) fn decoded(array: &ArrayRef) -> ArrayRef {
    let texts = array.as_string_view().iter();
    Arc::new(texts.map(|text| text.map(percent_decoded)).collect::<StringViewArray>())
}

/// Returns the rows that contain a value before and NULL after.
fn misfits(before: &ArrayRef, after: &ArrayRef) -> Option<BooleanBuffer> {
    let lost = !after.logical_nulls()?.inner();
    let lost = match before.logical_nulls() {
        Some(nulls) => &lost & nulls.inner(),
        None => lost,
    };
    (lost.count_set_bits() > 0).then_some(lost)
}

pub(super) fn is_text(data_type: &DataType) -> bool {
    match data_type {
        DataType::Dictionary(_, value) => is_text(value),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => true,
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => true,
        _ => false,
    }
}

pub(super) fn is_integer(data_type: &DataType) -> bool {
    match data_type {
        DataType::Dictionary(_, value) => is_integer(value),
        data_type => data_type.is_integer(),
    }
}

/// Replaces `-` and empty text by NULL. A view contains its length in the lowest 32 bits and the first
/// byte in the next eight.
fn without_dashes(array: &ArrayRef) -> ArrayRef {
    let texts = array.as_string_view();
    let views = texts.views();
    let parsed = BooleanBuffer::collect_bool(views.len(), |row| {
        let view = views[row];
        let length = view as u32;
        length > 1 || (length == 1 && (view >> 32) as u8 != b'-')
    });
    if parsed.count_set_bits() == views.len() {
        return Arc::clone(array);
    }
    let nulls = NullBuffer::union(texts.nulls(), Some(&NullBuffer::new(parsed)));
    let buffers = texts.data_buffers().to_vec();
    // Fails only on views that do not fit their buffers; these are the array's own.
    match StringViewArray::try_new(views.clone(), buffers, nulls) {
        Ok(texts) => Arc::new(texts),
        Err(_) => Arc::clone(array),
    }
}

/// Reads Unix seconds, or milliseconds where they are too large to be seconds.
fn times(numbers: &Int64Array) -> ArrayRef {
    let seconds = numbers.unary_opt::<_, TimestampSecondType>(|number| match number {
        0..=SECONDS_MAX => Some(number),
        _ => (0..=SECONDS_MAX)
            .contains(&(number / 1000))
            .then_some(number / 1000)
            .filter(|_| number > 0),
    });
    Arc::new(seconds.with_timezone("UTC"))
}

/// Reads Unix seconds written as text, else a date and time (UTC where it states no zone).
fn text_times(texts: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    let numbers = times(cast(texts, &DataType::Int64)?.as_primitive());
    if numbers.null_count() == texts.null_count() {
        return Ok(numbers);
    }
    let dates = cast(texts, &DataType::Timestamp(TimeUnit::Second, Some("UTC".into())))?;
    let pairs = numbers
        .as_primitive::<TimestampSecondType>()
        .iter()
        .zip(dates.as_primitive::<TimestampSecondType>());
    let times: TimestampSecondArray = pairs.map(|(number, date)| number.or(date)).collect();
    Ok(Arc::new(times.with_timezone("UTC")))
}
