//! The function `most_within(times, secs)`: the largest number of these times within any window of `secs`.

use std::sync::Arc;

use arrow::array::{Array as _, AsArray as _, Int64Builder};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Int64Type};
use datafusion::common::{Result, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

/// Returns the function `most_within(times, secs)`: of a list of Unix seconds, and a number of seconds.
pub(crate) fn most_within() -> ScalarUDF {
    ScalarUDF::from(MostWithin { signature: Signature::any(2, Volatility::Immutable) })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct MostWithin {
    signature: Signature,
}

impl ScalarUDFImpl for MostWithin {
    fn name(&self) -> &str {
        "most_within"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, given: &[DataType]) -> Result<DataType> {
        match given {
            [DataType::List(_), _] => Ok(DataType::Int64),
            _ => plan_err!("most_within takes a list of whole seconds, and a number of seconds"),
        }
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let columns = ColumnarValue::values_to_arrays(&args.args)?;
        let item = Arc::new(Field::new_list_field(DataType::Int64, true));
        let lists = cast(&columns[0], &DataType::List(item))?;
        let lists = lists.as_list::<i32>();
        let secs = cast(&columns[1], &DataType::Int64)?;
        let secs = secs.as_primitive::<Int64Type>();
        let mut most = Int64Builder::with_capacity(lists.len());
        for row in 0..lists.len() {
            if lists.is_null(row) || secs.is_null(row) {
                most.append_null();
                continue;
            }
            let list = lists.value(row);
            let mut times: Vec<i64> = list.as_primitive::<Int64Type>().iter().flatten().collect();
            most.append_value(count(&mut times, secs.value(row)) as i64);
        }
        Ok(ColumnarValue::Array(Arc::new(most.finish())))
    }
}

fn count(times: &mut [i64], secs: i64) -> usize {
    times.sort_unstable();
    let (mut first, mut most) = (0, 0);
    for (last, &time) in times.iter().enumerate() {
        while time.saturating_sub(times[first]) > secs {
            first += 1;
        }
        most = most.max(last - first + 1);
    }
    most
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_densest_stretch_counts() {
        assert_eq!(count(&mut [], 10), 0);
        assert_eq!(count(&mut [7], 0), 1);
        assert_eq!(count(&mut [100, 0, 10, 21, 22, 31], 10), 3);
        assert_eq!(count(&mut [5, 5, 5, 16], 10), 3);
        assert_eq!(count(&mut [i64::MIN, i64::MAX], 10), 1);
    }
}
