//! Errors of the engine as messages with hints.

use anyhow::anyhow;
use arrow::error::ArrowError;
use datafusion::common::{DataFusionError, SchemaError};

use crate::cli::failure::{Exit, Failure};
use crate::diagnostics::nearest;
use crate::{inventory, source};

/// Tables of flow logs; the others are the inventory's.
const FLOW_TABLES: [&str; 4] = ["flow_logs", "transit_gateway_flow_logs", "flows", "conversations"];

/// Names of layers that the engine puts before what it has to say.
const PREFIXES: [&str; 16] = [
    "Error during planning: ",
    "Execution error: ",
    "External error: ",
    "Schema error: ",
    "SQL error: ",
    "This feature is not implemented: ",
    "Resources exhausted: ",
    "Internal error: ",
    "Arrow error: ",
    "Optimizer rule 'simplify_expressions' failed",
    "type_coercion",
    "caused by",
    "Parser error: ",
    "Cast error: ",
    "Invalid argument error: ",
    "\n",
];

impl From<DataFusionError> for Failure {
    /// A wrong statement is the user's to mend; everything else came from the input.
    fn from(error: DataFusionError) -> Self {
        let (exit, text, hint) = match error.find_root() {
            DataFusionError::SchemaError(schema, _) => schema_error(schema, &error),
            DataFusionError::SQL(..)
            | DataFusionError::Plan(_)
            | DataFusionError::Internal(_)
            | DataFusionError::Configuration(_)
            | DataFusionError::NotImplemented(_) => statement(&error),
            // Not the wrapping of an error of reading: a literal or a value that does not fit its use.
            DataFusionError::ArrowError(arrow, _) if is_value(arrow) => statement(&error),
            DataFusionError::ResourcesExhausted(_) => {
                let hint = "give it more with --memory, or query less at a time";
                (Exit::Input, simplify(&error), Some(hint.to_owned()))
            }
            _ => return input(error),
        };
        Self { exit, error: anyhow!(text), hint }
    }
}

fn input(error: DataFusionError) -> Failure {
    let text = simplify(&error);
    // A join or a sort hands on what its inputs ran into wrapped up.
    let hint = match error.find_root() {
        DataFusionError::External(inner) => {
            inner.downcast_ref::<source::Error>().and_then(source::Error::hint)
        }
        _ => None,
    };
    if let DataFusionError::External(inner) = error
        && let Ok(inner) = inner.downcast::<source::Error>()
    {
        let hint = inner.hint();
        return Failure { exit: Exit::Input, error: anyhow::Error::new(*inner), hint };
    }
    Failure { exit: Exit::Input, error: anyhow!(text), hint }
}

fn is_value(error: &ArrowError) -> bool {
    matches!(
        error,
        ArrowError::CastError(_)
            | ArrowError::ParseError(_)
            | ArrowError::ComputeError(_)
            | ArrowError::DivideByZero
            | ArrowError::ArithmeticOverflow(_)
            | ArrowError::InvalidArgumentError(_)
    )
}

type UserMessage = (Exit, String, Option<String>);

fn schema_error(schema: &SchemaError, error: &DataFusionError) -> UserMessage {
    let SchemaError::FieldNotFound { field, valid_fields } = schema else {
        return (Exit::Config, simplify(error), None);
    };
    let likely = nearest(&field.name, valid_fields.iter().map(|column| column.name.as_str()));
    let hint = likely.map_or_else(
        || "DESCRIBE flow_logs lists the columns of that table".to_owned(),
        |column| format!("did you mean {column}?"),
    );
    (Exit::Config, format!("no column {}", field.name), Some(hint))
}

/// What is wrong with a statement, for the mistakes that people make most.
fn statement(error: &DataFusionError) -> UserMessage {
    let text = simplify(error);
    let (text, hint) = if let Some(name) = between(&text, "table '", "' not found") {
        let name = name.rsplit('.').next().unwrap_or(name);
        let tables = inventory::TABLES.iter().map(|(table, _)| *table).chain(FLOW_TABLES);
        let hint = nearest(name, tables).map(|table| format!("did you mean {table}?"));
        (format!("no table {name}"), hint.or_else(|| Some("SHOW TABLES lists them".to_owned())))
    } else if let Some(name) = between(&text, "nvalid function '", "'") {
        let hint =
            between(&text, "Did you mean '", "'").map(|name| format!("did you mean {name}?"));
        (
            format!("no function {name}"),
            hint.or_else(|| Some("flowq functions lists flowq's own".to_owned())),
        )
    } else if let Some(message) = between(&text, "coercion failed with: ", ". No function") {
        (message.trim_start_matches(PREFIXES[0]).to_owned(), None)
    } else if let Some(call) = between(&text, "given name and argument types '", "'") {
        let hint = "no function of this name takes these types: CAST(… AS BIGINT) changes one";
        (format!("{call} cannot be"), Some(hint.to_owned()))
    } else if let Some(name) = between(&text, "placeholder with name ", "") {
        let hint = format!("--param {}=VALUE", name.trim_start_matches('$'));
        (format!("no value for {name}"), Some(hint))
    } else if let Some(column) =
        between(&text, "wildcard, column \"", "\" must appear in the GROUP BY")
    {
        let hint = "name it there, or take min(), max(), sum() of it";
        (format!("column {column} is not in GROUP BY"), Some(hint.to_owned()))
    } else if text.contains("only supports a single SQL statement") {
        ("one statement at a time".to_owned(), None)
    } else if let Some(what) = between(&text, "DML not supported: ", "") {
        let hint = "--output FILE --format FORMAT writes the result of a query";
        (
            format!("{} is not for flowq, which only reads", what.to_uppercase()),
            Some(hint.to_owned()),
        )
    } else {
        (text, None)
    };
    (
        Exit::Config,
        text.replace("Utf8View", "text").replace("Timestamp(s, \"UTC\")", "timestamp"),
        hint,
    )
}

/// The text after `start` and before `end`.
fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    let rest = &text[text.find(start)? + start.len()..];
    if end.is_empty() { Some(rest) } else { rest.find(end).map(|at| &rest[..at]) }
}

/// What the engine says in flowq's own style: without the layers it came through, lower case.
pub(crate) fn simplify(error: &DataFusionError) -> String {
    let text = error.strip_backtrace();
    let mut text = text.as_str();
    while let Some(rest) = PREFIXES.iter().find_map(|layer| text.strip_prefix(layer)) {
        text = rest;
    }
    let text =
        text.trim_start_matches("ParserError(\"").trim_end_matches("\")").trim_end_matches('.');
    let mut letters = text.chars();
    let second_is_lower = text.chars().nth(1).is_some_and(char::is_lowercase);
    match letters.next() {
        Some(first) if second_is_lower => first.to_lowercase().chain(letters).collect(),
        _ => text.to_owned(),
    }
}
