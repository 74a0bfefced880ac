//! The function `allowed_by`: does a rule of `flowq.toml` allow this egress?

use std::sync::Arc;

use arrow::array::{Array as _, AsArray as _, StringViewBuilder};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int32Type};
use datafusion::common::{Result, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};

use crate::context::Context;
use crate::engine::functions::fits;

/// `allowed_by(job_name, remote_addr, remote_scope, remote_port, protocol)`: the reason of the first allow
/// rule that fits, else NULL.
#[derive(Debug)]
pub(super) struct AllowedBy {
    context: Arc<Context>,
    arguments: Vec<DataType>,
    signature: Signature,
}

impl AllowedBy {
    pub(super) fn new(context: Arc<Context>) -> Self {
        let text = DataType::Utf8View;
        let arguments = vec![text.clone(), text.clone(), text, DataType::Int32, DataType::Int32];
        Self { context, arguments, signature: Signature::user_defined(Volatility::Stable) }
    }
}

impl PartialEq for AllowedBy {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.context, &other.context)
    }
}

impl Eq for AllowedBy {}

impl std::hash::Hash for AllowedBy {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.context).hash(state);
    }
}

impl ScalarUDFImpl for AllowedBy {
    fn name(&self) -> &'static str {
        "allowed_by"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        let fit = self.arguments.iter().zip(given).all(|(wanted, given)| fits(wanted, given));
        if given.len() != self.arguments.len() || !fit {
            return plan_err!(
                "it takes (job_name, remote_addr, remote_scope, remote_port, protocol)"
            );
        }
        Ok(self.arguments.clone())
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8View)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let columns = ColumnarValue::values_to_arrays(&args.args)?;
        let texts = columns[..3].iter().map(|column| cast(column, &DataType::Utf8View));
        let texts = texts.collect::<Result<Vec<_>, _>>()?;
        let text = |column: usize, row: usize| {
            let column = texts[column].as_string_view();
            column.is_valid(row).then(|| column.value(row))
        };
        let number = |column: usize, row: usize| {
            let column = columns[column].as_primitive::<Int32Type>();
            column.is_valid(row).then(|| column.value(row))
        };
        let mut reasons = StringViewBuilder::with_capacity(columns[0].len());
        for row in 0..columns[0].len() {
            let remote = text(1, row).and_then(|addr| addr.parse().ok());
            let reason = remote.and_then(|remote| {
                let rules = self.context.allow();
                rules.fits(text(0, row), remote, text(2, row), number(3, row), number(4, row))
            });
            reasons.append_option(reason);
        }
        Ok(ColumnarValue::Array(Arc::new(reasons.finish())))
    }
}
