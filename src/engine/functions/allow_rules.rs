//! The functions over the allow rules and the enrichment: `allowed_by`, `baseline_rule`, `destination_of`.

use std::net::IpAddr;
use std::sync::Arc;

use arrow::array::{
    Array as _, ArrayRef, AsArray as _, BooleanArray, Int32Array, Int32Builder, Int64Array,
    RecordBatch, StringArray, StringViewBuilder,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int32Type};
use arrow::error::ArrowError;
use datafusion::common::{Result, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};

use crate::allow::BaselineRule;
use crate::engine::functions::fits;
use crate::enrich::Enricher;

/// Which of the functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum AllowQuery {
    /// `allowed_by`: the reason of the first allow rule that fits, else NULL.
    AllowedBy,
    /// `baseline_rule`: the number of the first rule that covers the destination; 0 if none does,
    /// NULL when there is no baseline for the job.
    BaselineRule,
    /// `destination_of`: where an address is, in the words of an allow rule's `to`.
    DestinationOf,
}

/// A function over the allow rules. Its arguments are (job_name, remote_addr, remote_scope, remote_port, protocol), of
/// `destination_of` the second and the third of them.
#[derive(Debug)]
pub(crate) struct AllowFunction {
    question: AllowQuery,
    context: Arc<Enricher>,
    signature: Signature,
}

impl AllowFunction {
    pub(crate) fn new(question: AllowQuery, context: Arc<Enricher>) -> Self {
        Self { question, context, signature: Signature::user_defined(Volatility::Stable) }
    }

    fn arguments(&self) -> (&'static str, Vec<DataType>) {
        let text = || DataType::Utf8View;
        match self.question {
            AllowQuery::DestinationOf => ("remote_addr, remote_scope", vec![text(), text()]),
            _ => (
                "job_name, remote_addr, remote_scope, remote_port, protocol",
                vec![text(), text(), text(), DataType::Int32, DataType::Int32],
            ),
        }
    }
}

impl PartialEq for AllowFunction {
    fn eq(&self, other: &Self) -> bool {
        self.question == other.question && Arc::ptr_eq(&self.context, &other.context)
    }
}

impl Eq for AllowFunction {}

impl std::hash::Hash for AllowFunction {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.question.hash(state);
        Arc::as_ptr(&self.context).hash(state);
    }
}

impl ScalarUDFImpl for AllowFunction {
    fn name(&self) -> &'static str {
        match self.question {
            AllowQuery::AllowedBy => "allowed_by",
            AllowQuery::BaselineRule => "baseline_rule",
            AllowQuery::DestinationOf => "destination_of",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        let (names, expected) = self.arguments();
        let fit = expected.iter().zip(given).all(|(expected, given)| fits(expected, given));
        if given.len() != expected.len() || !fit {
            return plan_err!("it takes ({names})");
        }
        Ok(expected)
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(match self.question {
            AllowQuery::BaselineRule => DataType::Int32,
            _ => DataType::Utf8View,
        })
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let columns = ColumnarValue::values_to_arrays(&args.args)?;
        let rules = self.context.allow();
        let answers: ArrayRef = match self.question {
            AllowQuery::AllowedBy => {
                let rows = Rows::new(&columns)?;
                let mut reasons = StringViewBuilder::with_capacity(rows.len);
                for row in 0..rows.len {
                    let (job, scope, port, protocol) = rows.rest(row);
                    let fits = |remote| rules.matching_rule(job, remote, scope, port, protocol);
                    reasons.append_option(rows.remote(row).and_then(fits));
                }
                Arc::new(reasons.finish())
            }
            AllowQuery::BaselineRule => {
                let rows = Rows::new(&columns)?;
                let mut numbers = Int32Builder::with_capacity(rows.len);
                for row in 0..rows.len {
                    let (job, scope, port, protocol) = rows.rest(row);
                    let known =
                        |remote| rules.baseline_rule_for(job, remote, scope, port, protocol);
                    numbers.append_option(rows.remote(row).and_then(known));
                }
                Arc::new(numbers.finish())
            }
            AllowQuery::DestinationOf => {
                let addresses = cast(&columns[0], &DataType::Utf8View)?;
                let scopes = cast(&columns[1], &DataType::Utf8View)?;
                let mut names = StringViewBuilder::with_capacity(addresses.len());
                for (ip, scope) in addresses.as_string_view().iter().zip(scopes.as_string_view()) {
                    let ip = ip.and_then(|ip| ip.parse().ok());
                    names.append_option(ip.map(|ip| self.context.destination(ip, scope)));
                }
                Arc::new(names.finish())
            }
        };
        Ok(ColumnarValue::Array(answers))
    }
}

/// The five columns that a question about the rules takes.
struct Rows<'a> {
    len: usize,
    texts: Vec<ArrayRef>,
    numbers: &'a [ArrayRef],
}

impl<'a> Rows<'a> {
    fn new(columns: &'a [ArrayRef]) -> Result<Self> {
        let texts = columns[..3].iter().map(|column| cast(column, &DataType::Utf8View));
        let texts = texts.collect::<Result<Vec<_>, ArrowError>>()?;
        Ok(Self { len: columns[0].len(), texts, numbers: &columns[3..] })
    }

    fn text(&self, column: usize, row: usize) -> Option<&str> {
        let column = self.texts[column].as_string_view();
        column.is_valid(row).then(|| column.value(row))
    }

    fn remote(&self, row: usize) -> Option<IpAddr> {
        self.text(1, row)?.parse().ok()
    }

    fn rest(&self, row: usize) -> (Option<&str>, Option<&str>, Option<i32>, Option<i32>) {
        let number = |column: usize| {
            let column = self.numbers[column].as_primitive::<Int32Type>();
            column.is_valid(row).then(|| column.value(row))
        };
        (self.text(0, row), self.text(2, row), number(0), number(1))
    }
}

/// The table `baseline`: the rules that were learned or have a band.
pub(crate) fn baseline(known: &[BaselineRule]) -> Result<RecordBatch, ArrowError> {
    fn texts<'a>(values: impl Iterator<Item = Option<&'a str>>) -> ArrayRef {
        Arc::new(values.collect::<StringArray>())
    }
    let numbers = |values: &mut dyn Iterator<Item = Option<i32>>| -> ArrayRef {
        Arc::new(values.collect::<Int32Array>())
    };
    let bands: Int64Array = known.iter().map(|rule| rule.bytes_out_max).collect();
    let learned: BooleanArray = known.iter().map(|rule| Some(rule.learned)).collect();
    RecordBatch::try_from_iter_with_nullable([
        ("rule", numbers(&mut known.iter().map(|rule| Some(rule.number))), false),
        ("to", texts(known.iter().map(|rule| Some(rule.to.as_str()))), false),
        ("job", texts(known.iter().map(|rule| rule.job.as_deref())), true),
        ("ports", texts(known.iter().map(|rule| rule.ports.as_deref())), true),
        ("protocol", numbers(&mut known.iter().map(|rule| rule.protocol)), true),
        ("bytes_out_max", Arc::new(bands), true),
        ("learned", Arc::new(learned), false),
        ("reason", texts(known.iter().map(|rule| Some(rule.reason.as_str()))), false),
    ])
}
