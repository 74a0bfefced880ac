//! The SQL functions `window_since` and `saw_beginning` that the views use.
//!
//! [`Beginnings`] is filled while a scan reads; the views evaluate the functions over sums and sorted rows, which
//! exist only once the scan has ended.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray as _, BooleanArray, TimestampSecondArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use crate::scan::beginnings::Beginnings;

fn time() -> DataType {
    DataType::Timestamp(TimeUnit::Second, Some("UTC".into()))
}

/// Returns the functions. `since`: where the window begins, in Unix seconds.
pub(crate) fn functions(since: Option<i64>, beginnings: &Arc<Beginnings>) -> [ScalarUDF; 2] {
    let none = Signature::exact(Vec::new(), Volatility::Immutable);
    let arguments = vec![DataType::Utf8View, time()];
    let beginnings = Arc::clone(beginnings);
    [
        ScalarUDF::from(WindowSince { since, signature: none }),
        ScalarUDF::from(SawBeginning {
            beginnings,
            signature: Signature::exact(arguments, Volatility::Stable),
        }),
    ]
}

/// `window_since()`: where the window begins; SQL NULL where it has no beginning. A constant of each statement.
#[derive(Debug, PartialEq, Eq, Hash)]
struct WindowSince {
    since: Option<i64>,
    signature: Signature,
}

impl ScalarUDFImpl for WindowSince {
    fn name(&self) -> &'static str {
        "window_since"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(time())
    }

    fn invoke_with_args(&self, _: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let since = ScalarValue::TimestampSecond(self.since, Some("UTC".into()));
        Ok(ColumnarValue::Scalar(since))
    }
}

/// `saw_beginning(interface_id, start)`: whether the log would have shown earlier records of a conversation.
#[derive(Debug)]
struct SawBeginning {
    beginnings: Arc<Beginnings>,
    signature: Signature,
}

impl PartialEq for SawBeginning {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.beginnings, &other.beginnings)
    }
}

impl Eq for SawBeginning {}

impl Hash for SawBeginning {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.beginnings).hash(state);
    }
}

impl ScalarUDFImpl for SawBeginning {
    fn name(&self) -> &'static str {
        "saw_beginning"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let columns = ColumnarValue::values_to_arrays(&args.args)?;
        let [ids, starts] = columns.as_slice() else {
            return datafusion::common::exec_err!("saw_beginning takes (interface_id, start)");
        };
        let ids = cast(ids, &DataType::Utf8View)?;
        let starts: ArrayRef = cast(starts, &time())?;
        let starts: &TimestampSecondArray = starts.as_primitive();
        let rows = ids.as_string_view().iter().zip(starts.iter());
        // Without a start, no beginning was seen.
        let saw = rows.map(|(id, start)| Some(start.is_some_and(|s| self.beginnings.saw(id, s))));
        Ok(ColumnarValue::Array(Arc::new(saw.collect::<BooleanArray>())))
    }
}
