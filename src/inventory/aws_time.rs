//! Times as AWS responses write them: ISO text, seconds, milliseconds, HTTP dates.

use chrono::{DateTime, NaiveDate, NaiveDateTime};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// Larger numbers are milliseconds: as seconds they would be after the year 5000.
const SECONDS_MAX: f64 = 1e11;

/// The first second of year 1.
const SECONDS_FIRST: f64 = -62_135_596_800.0;

/// The last second of year 9999.
const SECONDS_LAST: f64 = 253_402_300_799.0;

/// A time in a document, in Unix seconds; `None` when absent or not a time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct AwsTime(pub(super) Option<i64>);

impl<'de> Deserialize<'de> for AwsTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(of_value(&Value::deserialize(deserializer)?)))
    }
}

/// Reads a time from a JSON value.
pub(super) fn of_value(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_f64().and_then(of_number),
        Value::String(text) => of_text(text),
        _ => None,
    }
}

/// Reads a time from text: RFC 3339, with or without a zone (then UTC), a date, a number, an HTTP date.
pub(super) fn of_text(text: &str) -> Option<i64> {
    let text = text.trim();
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Some(time.timestamp());
    }
    for zoned in ["%Y-%m-%dT%H:%M:%S%.f%z", "%Y-%m-%d %H:%M:%S%.f%z"] {
        if let Ok(time) = DateTime::parse_from_str(text, zoned) {
            return Some(time.timestamp());
        }
    }
    for plain in ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d-%H-%M-%S"] {
        if let Ok(time) = NaiveDateTime::parse_from_str(text, plain) {
            return Some(time.and_utc().timestamp());
        }
    }
    if let Ok(date) = NaiveDate::parse_from_str(text, "%Y-%m-%d") {
        return date.and_hms_opt(0, 0, 0).map(|time| time.and_utc().timestamp());
    }
    if let Ok(time) = DateTime::parse_from_rfc2822(text) {
        return Some(time.timestamp());
    }
    text.parse::<f64>().ok().and_then(of_number)
}

/// Returns a number as a time, and `None` beyond the years 1 to 9999.
fn of_number(number: f64) -> Option<i64> {
    let seconds = if number.abs() >= SECONDS_MAX { number / 1000.0 } else { number };
    (SECONDS_FIRST..=SECONDS_LAST).contains(&seconds).then_some(seconds.floor() as i64)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_spelling_of_a_time_is_read() {
        for value in [
            json!("2024-01-03T22:16:39Z"),
            json!("2024-01-03T22:16:39.999Z"),
            json!("2024-01-03T23:16:39+01:00"),
            json!("2024-01-03T22:16:39.000000+0000"),
            json!("2024-01-03 22:16:39+00:00"),
            json!("2024-01-03T22:16:39"),
            json!("2024-01-03-22-16-39"),
            json!("Wed, 03 Jan 2024 22:16:39 GMT"),
            json!(1704320199),
            json!(1704320199.123),
            json!(1704320199000_i64),
            json!("1704320199"),
        ] {
            assert_eq!(of_value(&value), Some(1_704_320_199), "{value}");
        }
        assert_eq!(of_text("2024-01-03"), Some(1_704_240_000));
        assert_eq!(of_text("yesterday"), None);
        assert_eq!(of_text("nan"), None);
        assert_eq!(of_value(&json!(1e300)), None);
    }
}
