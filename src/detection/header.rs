//! The header of a detection file: its leading `-- ` lines, which are TOML.

use std::collections::BTreeMap;

use datafusion::scalar::ScalarValue;
use serde::Deserialize;

use crate::detection::{Detection, Error, Severity, unknown};
use crate::diagnostics::{check_keys, one_line};

/// Keys of a header.
#[rustfmt::skip]
const KEYS: &[&str] = &[
    "title", "severity", "mitre", "description", "remediation", "requires", "actions", "improves",
    "needs", "aggregation_secs", "strong", "proven", "params",
];

/// The actions of records that a detection may need.
const ACTIONS: [&str; 2] = ["ACCEPT", "REJECT"];

#[derive(Deserialize)]
struct Header {
    title: String,
    severity: Severity,
    #[serde(default)]
    mitre: Vec<String>,
    description: String,
    remediation: String,
    #[serde(default)]
    requires: Vec<String>,
    actions: Option<Vec<String>>,
    aggregation_secs: Option<i64>,
    #[serde(default)]
    improves: Vec<String>,
    #[serde(default)]
    needs: BTreeMap<String, String>,
    #[serde(default)]
    strong: Vec<String>,
    #[serde(default)]
    proven: Vec<String>,
    #[serde(default)]
    params: toml::Table,
}

impl Detection {
    /// Reads a detection file. Its id is the name of the file, without `.sql`.
    ///
    /// # Errors
    ///
    /// [`Error::Header`] names the line and, for an unknown key, the nearest known one.
    pub fn parse(id: &str, text: &str) -> Result<Self, Error> {
        let failed = |problem: String| Error::Header { id: id.to_owned(), problem };
        let toml = header_of(text);
        check_keys(&toml, &[], KEYS).map_err(failed)?;
        let header: Header = toml::from_str(&toml).map_err(|err| failed(one_line(&toml, &err)))?;
        if text.lines().all(|line| line.trim().is_empty() || line.starts_with("--")) {
            return Err(failed("no SQL follows the header".to_owned()));
        }
        let params = header.params.iter().map(|(name, value)| {
            scalar(value)
                .map(|value| (name.clone(), value))
                .ok_or_else(|| failed(format!("parameter {name} is neither number, text nor bool")))
        });
        let is_about_actions = header.requires.iter().any(|column| column == "action");
        let all = || ACTIONS.iter().filter(|_| is_about_actions).map(|name| (*name).to_owned());
        let actions = header.actions.unwrap_or_else(|| all().collect());
        if let Some(wrong) = actions.iter().find(|action| !ACTIONS.contains(&action.as_str())) {
            return Err(failed(format!(
                "unknown action {wrong}; known are {}",
                ACTIONS.join(", ")
            )));
        }
        Ok(Self {
            id: id.to_owned(),
            title: header.title,
            severity: header.severity,
            severity_set: None,
            mitre: header.mitre,
            description: header.description,
            remediation: header.remediation,
            requires: header.requires,
            actions,
            aggregation_secs: header.aggregation_secs,
            improves: header.improves,
            needs: header.needs.into_iter().collect(),
            strong: header.strong,
            proven: header.proven,
            params: params.collect::<Result<_, _>>()?,
            sql: text.to_owned(),
        })
    }

    /// Sets a parameter.
    ///
    /// # Errors
    ///
    /// [`Error::Unknown`] with the nearest parameter; [`Error::Value`] when the type is another one.
    pub fn set_param(&mut self, name: &str, value: &toml::Value) -> Result<(), Error> {
        let names: Vec<String> = self.params.iter().map(|(name, _)| name.clone()).collect();
        let Some((_, old)) = self.params.iter_mut().find(|(known, _)| known == name) else {
            return Err(unknown("parameter", name, names.iter().map(String::as_str)));
        };
        let new = scalar(value).and_then(|new| new.cast_to(&old.data_type()).ok().zip(Some(new)));
        match new {
            Some((new, given)) if kind(&given) == kind(old) => *old = new,
            _ => {
                return Err(Error::Value(format!(
                    "parameter {name} of detection {} must be {}",
                    self.id,
                    kind(old)
                )));
            }
        }
        Ok(())
    }
}

/// Returns the TOML of the leading `--` lines, line for line, so that its line numbers are the file's.
fn header_of(text: &str) -> String {
    let comments = text.lines().map_while(|line| line.strip_prefix("--"));
    comments.map(|line| line.strip_prefix(' ').unwrap_or(line).to_owned() + "\n").collect()
}

/// Returns the SQL value of a TOML value that is a number, a text or a bool.
fn scalar(value: &toml::Value) -> Option<ScalarValue> {
    match value {
        toml::Value::Integer(number) => Some(ScalarValue::Int64(Some(*number))),
        toml::Value::Float(number) => Some(ScalarValue::Float64(Some(*number))),
        toml::Value::String(text) => Some(ScalarValue::Utf8(Some(text.clone()))),
        toml::Value::Boolean(yes) => Some(ScalarValue::Boolean(Some(*yes))),
        _ => None,
    }
}

fn kind(value: &ScalarValue) -> &'static str {
    match value {
        ScalarValue::Int64(_) | ScalarValue::Float64(_) => "a number",
        ScalarValue::Boolean(_) => "true or false",
        _ => "a text",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "-- title = \"T\"\n-- severity = \"low\"\n-- description = \"D\"\n\
        -- remediation = \"R\"\n-- # a free comment\n-- [params]\n-- min_bytes = 3\nSELECT 1\n";

    #[test]
    fn a_header_is_read() {
        let detection = Detection::parse("d", GOOD).unwrap();
        assert_eq!(detection.severity, Severity::Low);
        assert_eq!(detection.params, [("min_bytes".to_owned(), ScalarValue::Int64(Some(3)))]);
        assert_eq!(detection.sql, GOOD);
    }

    #[test]
    fn who_requires_action_and_states_none_is_about_both() {
        let with = |lines: &str| Detection::parse("d", &format!("{lines}{GOOD}"));
        assert!(with("").unwrap().actions.is_empty());
        let both = with("-- requires = [\"action\"]\n").unwrap();
        assert_eq!(both.actions, ["ACCEPT", "REJECT"]);
        let one = with("-- requires = [\"action\"]\n-- actions = [\"REJECT\"]\n").unwrap();
        assert_eq!(one.actions, ["REJECT"]);
        let err = with("-- actions = [\"DENY\"]\n").unwrap_err();
        assert_eq!(err.to_string(), "detection d: unknown action DENY; known are ACCEPT, REJECT");
    }

    #[test]
    fn an_unknown_key_names_line_and_nearest() {
        let err = Detection::parse("d", &GOOD.replace("severity", "serverity")).unwrap_err();
        assert_eq!(
            err.to_string(),
            "detection d: line 2: unknown key serverity; did you mean severity?"
        );
    }

    #[test]
    fn a_bad_severity_a_missing_title_and_no_sql_are_errors() {
        let err = Detection::parse("d", &GOOD.replace("\"low\"", "\"loud\"")).unwrap_err();
        assert!(
            err.to_string().contains("line 2: unknown severity loud; did you mean low?"),
            "{err}"
        );
        let err = Detection::parse("d", &GOOD.replace("-- title = \"T\"\n", "")).unwrap_err();
        assert!(err.to_string().contains("missing field `title`"), "{err}");
        let err = Detection::parse("d", &GOOD.replace("SELECT 1", "")).unwrap_err();
        assert!(err.to_string().contains("no SQL"), "{err}");
    }

    #[test]
    fn a_parameter_keeps_its_type() {
        let mut detection = Detection::parse("d", GOOD).unwrap();
        detection.set_param("min_bytes", &toml::Value::Integer(9)).unwrap();
        assert_eq!(detection.params[0].1, ScalarValue::Int64(Some(9)));
        let err = detection.set_param("min_bytes", &toml::Value::Boolean(true)).unwrap_err();
        assert_eq!(err.to_string(), "parameter min_bytes of detection d must be a number");
        let err = detection.set_param("min_byte", &toml::Value::Integer(1)).unwrap_err();
        assert_eq!(err.to_string(), "unknown parameter min_byte; did you mean min_bytes?");
    }
}
