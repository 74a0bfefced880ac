//! Limits of one statement: its depth, and the size of the result of one function call.

use std::hash::Hash;
use std::sync::Arc;

use arrow::array::{Array as _, ArrayRef, AsArray as _};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type, IntervalMonthDayNanoType, TimeUnit};
use datafusion::common::{DataFusionError, Result, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl,
    Signature,
};
use datafusion::prelude::SessionContext;
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};

/// The most operators of a statement. Each may be nested in the other, and the stack has room for that many.
const OPERATORS_MAX: usize = 2000;

/// The part of the memory that one call of a function may fill.
const CALL_SHARE: usize = 4;

/// Refuses a statement that would not fit the stack. What does not even fall into words is for the parser to refuse.
pub(super) fn check(sql: &str) -> Result<()> {
    let Ok(tokens) = Tokenizer::new(&GenericDialect {}, sql).tokenize() else { return Ok(()) };
    let count = tokens.iter().filter(|token| nests(token)).count();
    if count > OPERATORS_MAX {
        return plan_err!(
            "the statement has {count} operators, and {OPERATORS_MAX} are the most: \
             write column IN (…) for many values"
        );
    }
    Ok(())
}

/// Returns whether a token may make an expression, or a query, one level deeper. Brackets are counted by the parser.
fn nests(token: &Token) -> bool {
    match token {
        Token::EOF
        | Token::Number(..)
        | Token::Char(_)
        | Token::SingleQuotedString(_)
        | Token::DoubleQuotedString(_)
        | Token::EscapedStringLiteral(_)
        | Token::Comma
        | Token::Whitespace(_)
        | Token::LParen
        | Token::RParen
        | Token::RBracket
        | Token::RBrace
        | Token::Period
        | Token::SemiColon => false,
        Token::Word(word) => matches!(
            word.keyword,
            Keyword::AND
                | Keyword::OR
                | Keyword::XOR
                | Keyword::NOT
                | Keyword::IS
                | Keyword::IN
                | Keyword::BETWEEN
                | Keyword::LIKE
                | Keyword::ILIKE
                | Keyword::SIMILAR
                | Keyword::AT
                | Keyword::COLLATE
                | Keyword::UNION
                | Keyword::INTERSECT
                | Keyword::EXCEPT
                | Keyword::JOIN
        ),
        _ => true,
    }
}

/// Puts functions that make much of little in place of DataFusion's: the same, with a limit.
pub(super) fn register(session: &SessionContext, memory_bytes: usize) {
    let functions = session.state().scalar_functions().clone();
    for (name, makes) in [
        ("repeat", Makes::Repeated),
        ("lpad", Makes::Padded),
        ("rpad", Makes::Padded),
        ("array_repeat", Makes::Elements),
        ("array_resize", Makes::Elements),
        ("generate_series", Makes::Series),
        ("range", Makes::Series),
    ] {
        if let Some(inner) = functions.get(name) {
            let bytes_max = memory_bytes / CALL_SHARE;
            let function = Limited { inner: Arc::clone(inner), makes, bytes_max };
            session.register_udf(ScalarUDF::from(function));
        }
    }
}

/// How the size of what a function makes follows from its arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Makes {
    /// A repeated text.
    Repeated,
    /// A padded text.
    Padded,
    /// A list of a given length.
    Elements,
    /// A list from one value to another.
    Series,
}

impl Makes {
    /// Bytes that one call makes. `None`: the arguments are not recognized here; such results are small.
    fn bytes(self, args: &[ArrayRef]) -> Option<u128> {
        let counts = |at: usize| {
            let counts = cast(args.get(at)?, &DataType::Int64).ok()?;
            let counts: Vec<u128> = counts
                .as_primitive::<Int64Type>()
                .iter()
                .map(|count| u128::try_from(count.unwrap_or(0)).unwrap_or(0))
                .collect();
            Some(counts)
        };
        match self {
            Self::Repeated => {
                let texts = cast(args.first()?, &DataType::Utf8View).ok()?;
                let lengths = texts.as_string_view().iter().map(|text| text.map_or(0, str::len));
                Some(lengths.zip(counts(1)?).map(|(length, count)| length as u128 * count).sum())
            }
            Self::Padded => Some(counts(1)?.into_iter().map(|count| count.saturating_mul(4)).sum()),
            Self::Elements => {
                Some(counts(1)?.into_iter().map(|count| count.saturating_mul(16)).sum())
            }
            Self::Series => series(args),
        }
    }
}

/// Bytes of a series from 0 or the first of two or three arguments on, at steps of 1 or the third.
fn series(args: &[ArrayRef]) -> Option<u128> {
    let number = |array: &ArrayRef| -> Option<Vec<i128>> {
        let array = match array.data_type() {
            DataType::Interval(_) => {
                let to = DataType::Interval(arrow::datatypes::IntervalUnit::MonthDayNano);
                let array = cast(array, &to).ok()?;
                let intervals = array.as_primitive::<IntervalMonthDayNanoType>().iter();
                let nanos = intervals.map(|step| {
                    step.map_or(0, |step| {
                        let days = i128::from(step.months) * 28 + i128::from(step.days);
                        days * 86_400_000_000_000 + i128::from(step.nanoseconds)
                    })
                });
                return Some(nanos.collect());
            }
            DataType::Date32 | DataType::Date64 | DataType::Timestamp(..) => {
                let seconds = DataType::Timestamp(TimeUnit::Second, None);
                let array = cast(&cast(array, &seconds).ok()?, &DataType::Int64).ok()?;
                let seconds = array.as_primitive::<Int64Type>().iter();
                let nanos = seconds.map(|at| i128::from(at.unwrap_or(0)) * 1_000_000_000);
                return Some(nanos.collect());
            }
            _ => cast(array, &DataType::Int64).ok()?,
        };
        let numbers = array.as_primitive::<Int64Type>().iter();
        Some(numbers.map(|number| i128::from(number.unwrap_or(0))).collect())
    };
    let (first, last, step) = match args {
        [last] => (vec![0; last.len()], number(last)?, vec![1; last.len()]),
        [first, last] => (number(first)?, number(last)?, vec![1; last.len()]),
        [first, last, step, ..] => (number(first)?, number(last)?, number(step)?),
        [] => return None,
    };
    let counts = first.into_iter().zip(last).zip(step).map(|((first, last), step)| {
        // One that leads away from the end makes nothing, and one of 0 is refused.
        let forward = if step < 0 { first - last } else { last - first };
        match step.unsigned_abs() {
            0 => 0,
            step => u128::try_from(forward).map_or(0, |span| span / step + 1),
        }
    });
    Some(counts.map(|count| count.saturating_mul(8)).sum())
}

/// A function that is refused when it would make too much at once.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Limited {
    inner: Arc<ScalarUDF>,
    makes: Makes,
    bytes_max: usize,
}

impl ScalarUDFImpl for Limited {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn aliases(&self) -> &[String] {
        self.inner.aliases()
    }

    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        self.inner.return_type(types)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<arrow::datatypes::FieldRef> {
        self.inner.return_field_from_args(args)
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        self.inner.coerce_types(types)
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.inner.documentation()
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let bytes = self.makes.bytes(&arrays).unwrap_or(0);
        if bytes > self.bytes_max as u128 {
            return Err(DataFusionError::ResourcesExhausted(format!(
                "not enough memory: {}() would make {bytes} bytes at once, and {} are the most with this --memory",
                self.name(),
                self.bytes_max
            )));
        }
        self.inner.invoke_with_args(args)
    }
}
