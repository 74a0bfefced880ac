//! The log of a service, on standard error: a line for each event, for people or as JSON.

use std::io::Write as _;

use serde_json::{Value, json};

use crate::cli::failure::Failure;
use crate::cli::output::visible;

/// How a line is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Time, level, message, key=value
    #[default]
    Text,
    /// One JSON object a line
    Json,
}

/// How much a line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    Info,
    Warn,
    Error,
}

impl Level {
    fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

/// The fields of a line beside its message.
pub(crate) type Fields = Vec<(&'static str, Value)>;

/// Writes the log. Libraries below (`tracing`) are not heard: nothing collects what they say.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Log {
    format: Format,
}

impl Log {
    pub(crate) fn new(format: Format) -> Self {
        Self { format }
    }

    pub(crate) fn info(self, message: &str, fields: Fields) {
        self.write(Level::Info, message, fields);
    }

    pub(crate) fn warn(self, message: &str, fields: Fields) {
        self.write(Level::Warn, message, fields);
    }

    /// Tells of something that failed, with what can be done about it.
    pub(crate) fn failure(self, message: &str, failure: &Failure, mut fields: Fields) {
        fields.push(("error", json!(format!("{:#}", failure.error))));
        fields.extend(failure.hint.as_ref().map(|hint| ("hint", json!(hint))));
        self.write(Level::Error, message, fields);
    }

    fn write(self, level: Level, message: &str, fields: Fields) {
        let line = line(self.format, &now(), level, message, fields);
        // A log that cannot be written must not end the service.
        drop(std::io::stderr().lock().write_all(line.as_bytes()));
    }
}

#[expect(clippy::disallowed_methods, reason = "a log tells when")]
fn now() -> String {
    chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}

fn line(format: Format, time: &str, level: Level, message: &str, fields: Fields) -> String {
    match format {
        Format::Json => {
            let first = [("time", json!(time)), ("level", json!(level.as_str()))];
            let all = first.into_iter().chain([("message", json!(message))]).chain(fields);
            // In this order, which a map would not keep.
            let pairs: Vec<String> =
                all.map(|(name, value)| format!("\"{name}\":{value}")).collect();
            format!("{{{}}}\n", pairs.join(","))
        }
        Format::Text => {
            let level = level.as_str().to_uppercase();
            let fields = fields.iter().map(|(name, value)| match value {
                Value::String(text) if is_plain(text) => format!(" {name}={text}"),
                other => format!(" {name}={other}"),
            });
            let fields: String = fields.collect();
            // A line stays one, whatever an error of somebody else holds.
            let message = message.replace(['\n', '\r'], " ");
            format!("{time} {level:<5} {}\n", visible(&format!("{message}{fields}")))
        }
    }
}

/// Returns whether a text needs no quotes.
fn is_plain(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_graphic() && !"\"'=\\".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(format: Format) -> String {
        let fields = vec![
            ("pass", json!(3)),
            ("took", json!("1.2s")),
            ("error", json!("no \"bucket\"\nat all")),
        ];
        line(format, "2026-03-10T09:00:00.123Z", Level::Warn, "pass\nfailed", fields)
    }

    #[test]
    fn a_line_is_one_line_for_people() {
        assert_eq!(
            written(Format::Text),
            "2026-03-10T09:00:00.123Z WARN  pass failed pass=3 took=1.2s error=\"no \\\"bucket\\\"\\nat all\"\n"
        );
    }

    #[test]
    fn a_line_is_one_object_for_programs() {
        let text = written(Format::Json);
        assert_eq!(text.lines().count(), 1);
        assert!(text.starts_with("{\"time\":\"2026-"), "{text}");
        let object: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(object["level"], "warn");
        assert_eq!(object["message"], "pass\nfailed");
        assert_eq!(object["pass"], 3);
        assert_eq!(object["time"], "2026-03-10T09:00:00.123Z");
    }
}
