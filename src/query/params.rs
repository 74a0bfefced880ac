//! Reports: SQL files whose leading `--` lines are TOML, and the parameters that queries take.

use std::collections::{BTreeMap, HashMap};

use datafusion::common::{ParamValues, ScalarValue};
use serde::Deserialize;
use toml::Value;

/// A query that flowq ships or the user wrote: `flowq report ID`.
#[derive(Debug, Clone, PartialEq)]
pub struct ReportQuery {
    /// Name of its file, without `.sql`.
    pub id: String,
    /// One line: what it answers.
    pub title: String,
    /// What its rows mean, what to take care of, and where it is from.
    pub description: String,
    /// Whether it answers nothing without `--inventory`.
    pub inventory: bool,
    /// Fields of flow logs that it needs, as SQL columns; without one of them it is not run.
    pub requires: Vec<String>,
    /// The parameters of its SQL, with their defaults.
    pub params: BTreeMap<String, Value>,
    /// The whole file. The header consists of comments, so it runs as it is.
    pub sql: String,
}

/// Why a query file or its parameters cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum QueryFileError {
    /// The header is no TOML, lacks a key, or has one that no report has.
    #[error("header of report {id}")]
    Header {
        /// The report.
        id: String,
        /// What is wrong with it.
        source: Box<toml::de::Error>,
    },
    /// The query has no such parameter.
    #[error("no parameter {name}; {known}")]
    UnknownParam {
        /// The name that was given.
        name: String,
        /// The parameters that there are.
        known: String,
    },
    /// A parameter was given a value of another type than its default has.
    #[error("parameter {name} is {expected}, not {given:?}")]
    ParamType {
        /// The parameter.
        name: String,
        /// The type of its default.
        expected: &'static str,
        /// The value that was given.
        given: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    title: String,
    description: String,
    #[serde(default)]
    inventory: bool,
    #[serde(default)]
    requires: Vec<String>,
    #[serde(default)]
    params: BTreeMap<String, Value>,
}

impl ReportQuery {
    /// Reads a report. Its header is the `--` lines at the top, as TOML; `-- # …` is a free comment.
    ///
    /// # Errors
    ///
    /// [`QueryFileError::Header`] when the header is wrong.
    pub fn parse(id: &str, text: &str) -> Result<Self, QueryFileError> {
        let toml: String = text
            .lines()
            .map_while(|line| line.strip_prefix("--"))
            .map(|line| format!("{}\n", line.strip_prefix(' ').unwrap_or(line)))
            .collect();
        let header: Header = toml::from_str(&toml)
            .map_err(|err| QueryFileError::Header { id: id.to_owned(), source: Box::new(err) })?;
        let Header { title, description, inventory, requires, params } = header;
        let (id, sql) = (id.to_owned(), text.to_owned());
        Ok(Self { id, title, description, inventory, requires, params, sql })
    }
}

/// Returns the parameters of a query: its defaults, with the values given as `--param name=value`.
///
/// The type of the default decides how a value is read: `limit = 20` takes a whole number.
///
/// # Errors
///
/// When a name has no default, or a value is not of its default's type.
pub fn params_from(
    defaults: &BTreeMap<String, Value>,
    given: &[(String, String)],
) -> Result<ParamValues, QueryFileError> {
    let mut values: HashMap<String, ScalarValue> =
        defaults.iter().map(|(name, value)| (name.clone(), scalar(value))).collect();
    for (name, text) in given {
        let Some(default) = defaults.get(name) else {
            let names: Vec<&str> = defaults.keys().map(String::as_str).collect();
            let known = match names[..] {
                [] => "it takes none".to_owned(),
                _ => format!("there are {}", names.join(", ")),
            };
            return Err(QueryFileError::UnknownParam { name: name.clone(), known });
        };
        let value = typed(default, text).ok_or_else(|| QueryFileError::ParamType {
            name: name.clone(),
            expected: type_name(default),
            given: text.clone(),
        })?;
        values.insert(name.clone(), value);
    }
    Ok(ParamValues::from(values))
}

/// Returns the parameters of a query without defaults (`flowq sql --param name=value`): whole numbers,
/// decimal numbers and `true` or `false` are that, all else is text. `'…'` keeps a number as text, and so
/// do leading zeros.
pub fn params_untyped(given: &[(String, String)]) -> ParamValues {
    let scalar = |text: &str| {
        if let Some(quoted) = text.strip_prefix('\'').and_then(|text| text.strip_suffix('\'')) {
            return ScalarValue::from(quoted);
        }
        // Without this, `nan` and `inf` would be numbers.
        let number = text.contains('.') && !text.starts_with("00");
        let float = || text.parse::<f64>().ok().filter(|_| number).map(ScalarValue::from);
        // An account id with leading zeros is no number.
        let whole =
            text.parse::<i64>().ok().filter(|n| n.to_string() == text).map(ScalarValue::from);
        let truth = || text.parse::<bool>().ok().map(ScalarValue::from);
        whole.or_else(float).or_else(truth).unwrap_or_else(|| ScalarValue::from(text))
    };
    let values = given.iter().map(|(name, text)| (name.clone(), scalar(text)));
    ParamValues::from(values.collect::<HashMap<_, _>>())
}

fn scalar(value: &Value) -> ScalarValue {
    match value {
        Value::Integer(number) => ScalarValue::from(*number),
        Value::Float(number) => ScalarValue::from(*number),
        Value::Boolean(truth) => ScalarValue::from(*truth),
        Value::String(text) => ScalarValue::from(text.as_str()),
        other => ScalarValue::from(other.to_string()),
    }
}

fn typed(default: &Value, text: &str) -> Option<ScalarValue> {
    match default {
        Value::Integer(_) => text.parse::<i64>().ok().map(ScalarValue::from),
        Value::Float(_) => text.parse::<f64>().ok().map(ScalarValue::from),
        Value::Boolean(_) => text.parse::<bool>().ok().map(ScalarValue::from),
        _ => Some(ScalarValue::from(text)),
    }
}

fn type_name(default: &Value) -> &'static str {
    match default {
        Value::Integer(_) => "a whole number",
        Value::Float(_) => "a number",
        Value::Boolean(_) => "true or false",
        _ => "text",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn defaults() -> BTreeMap<String, Value> {
        toml::from_str("limit = 20\nshare = 0.5\nall = false\ncidr = '10.0.0.0/8'").unwrap()
    }

    fn given(name: &str, text: &str) -> [(String, String); 1] {
        [(name.to_owned(), text.to_owned())]
    }

    fn value(params: &ParamValues, name: &str) -> ScalarValue {
        let ParamValues::Map(values) = params else { panic!("not by name") };
        values[name].value().clone()
    }

    #[test]
    fn a_header_is_toml_in_comments() {
        let text = "-- title = \"T\"\n-- # free\n-- description = \"D\"\n-- [params]\n-- n = 1\nSELECT $n -- x\n";
        let report = ReportQuery::parse("r", text).unwrap();
        assert_eq!(
            (report.id.as_str(), report.title.as_str(), report.inventory),
            ("r", "T", false)
        );
        assert_eq!(report.params["n"], Value::Integer(1));
        assert_eq!(report.sql, text);
    }

    #[test]
    fn a_wrong_header_names_the_report() {
        for text in ["SELECT 1", "-- title = \"T\"\n-- description = \"D\"\n-- titel = 1\nSELECT 1"]
        {
            let err = ReportQuery::parse("r", text).unwrap_err();
            assert_eq!(err.to_string(), "header of report r");
        }
    }

    #[test]
    fn the_default_decides_the_type() {
        let params = params_from(&defaults(), &given("limit", "5")).unwrap();
        assert_eq!(value(&params, "limit"), ScalarValue::from(5_i64));
        assert_eq!(value(&params, "share"), ScalarValue::from(0.5));
        assert_eq!(value(&params, "all"), ScalarValue::from(false));
        let params = params_from(&defaults(), &given("cidr", "10")).unwrap();
        assert_eq!(value(&params, "cidr"), ScalarValue::from("10"));
    }

    #[test]
    fn wrong_parameters_are_told() {
        let err = params_from(&defaults(), &given("limit", "ten")).unwrap_err().to_string();
        assert_eq!(err, "parameter limit is a whole number, not \"ten\"");
        let err = params_from(&defaults(), &given("top", "1")).unwrap_err().to_string();
        assert_eq!(err, "no parameter top; there are all, cidr, limit, share");
        let err = params_from(&BTreeMap::new(), &given("top", "1")).unwrap_err().to_string();
        assert_eq!(err, "no parameter top; it takes none");
    }

    #[test]
    fn without_defaults_the_text_decides() {
        let cases = [
            ("7", ScalarValue::from(7_i64)),
            ("-1.5", ScalarValue::from(-1.5)),
            ("true", ScalarValue::from(true)),
            ("'7'", ScalarValue::from("7")),
            ("012345678901", ScalarValue::from("012345678901")),
            ("10.0.0.1", ScalarValue::from("10.0.0.1")),
            ("nan", ScalarValue::from("nan")),
            ("eni-1", ScalarValue::from("eni-1")),
        ];
        for (text, want) in cases {
            assert_eq!(value(&params_untyped(&given("p", text)), "p"), want, "{text}");
        }
    }
}
