//! Event-time windows and the times that users type.

use std::time::Duration;

use chrono::{DateTime, NaiveDate, NaiveDateTime};

/// Default of [`Window::slack_secs`].
///
/// AWS delivers to S3 in about 10 minutes, "best effort", and one aggregation interval lasts up to
/// another 10. An hour leaves room for the delays that AWS does not promise to avoid.
pub const SLACK_SECS: i64 = 3600;

/// The longest aggregation interval: by so much a record may start before it ends.
pub const AGGREGATION_SECS: i64 = 600;

/// Event time, `[since, until)`, in Unix seconds. A source prunes by it from names only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// First second; `None` for no lower bound.
    pub since: Option<i64>,
    /// First second after it; `None` for no upper bound.
    pub until: Option<i64>,
    /// How far off a name may be: late delivery, clocks.
    pub slack_secs: i64,
    /// How long before `since` records are read as well, for context only: who opened a connection.
    pub margin_secs: i64,
}

impl Default for Window {
    fn default() -> Self {
        Self { since: None, until: None, slack_secs: SLACK_SECS, margin_secs: 0 }
    }
}

impl Window {
    /// Returns `[since, until)` with the default slack.
    pub fn new(since: Option<i64>, until: Option<i64>) -> Self {
        Self { since, until, ..Self::default() }
    }

    /// Returns the window with a margin before it: an aggregation interval and the slack of delivery. A
    /// connection that was opened before the window shows there who opened it.
    pub fn with_margin(self) -> Self {
        let margin_secs = self.slack_secs.max(0).saturating_add(AGGREGATION_SECS);
        match self.since {
            Some(_) => Self { margin_secs, ..self },
            None => self,
        }
    }

    /// The first second of which records are read: `since`, or the beginning of the margin before it.
    pub fn read_from(&self) -> Option<i64> {
        self.since.map(|since| since.saturating_sub(self.margin_secs.max(0)))
    }

    /// How far before `since` the name of an object may be whose records count.
    pub(crate) fn reach_secs(&self) -> i64 {
        self.slack_secs.max(self.margin_secs).max(0)
    }

    /// Returns whether something that lasts from `first` up to `last` may be inside, give or take the slack.
    pub fn may_hold(&self, first: i64, last: i64) -> bool {
        let slack = self.slack_secs.max(0);
        self.since.is_none_or(|since| last.saturating_add(self.reach_secs()) >= since)
            && self.until.is_none_or(|until| first.saturating_sub(slack) < until)
    }
}

/// Why a text is no time.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The time is in none of the forms that [`parse_time`] takes.
    #[error("{text:?} is not a time")]
    Time {
        /// The text that the user wrote.
        text: String,
    },
}

impl Error {
    /// Returns what the user can do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Time { .. } => Some(
                "write 2026-03-10, 2026-03-10T12:00 (UTC), 2026-03-10T12:00:00+01:00, \
                 Unix seconds, or 2h, 30m, 7d for so long ago",
            ),
        }
    }
}

/// Returns the Unix seconds of a time that a user typed.
///
/// Takes RFC 3339, `2026-03-10`, `2026-03-10T12:00[:00]` (UTC), Unix seconds (nine digits or more),
/// `now`, and `2h`, `30m`, `7d` for so long before `now`.
///
/// # Errors
///
/// [`Error::Time`] for anything else.
pub fn parse_time(text: &str, now: i64) -> Result<i64, Error> {
    let trimmed = text.trim();
    if trimmed == "now" {
        return Ok(now);
    }
    absolute(trimmed)
        .or_else(|| ago(trimmed, now))
        .ok_or_else(|| Error::Time { text: text.to_owned() })
}

fn absolute(text: &str) -> Option<i64> {
    // Fewer digits are a year or a slip, not 1970.
    if text.len() >= 9 && text.bytes().all(|b| b.is_ascii_digit()) {
        return text.parse().ok();
    }
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Some(time.timestamp());
    }
    if let Ok(day) = NaiveDate::parse_from_str(text, "%Y-%m-%d") {
        return Some(day.and_time(chrono::NaiveTime::MIN).and_utc().timestamp());
    }
    let text = text.strip_suffix('Z').unwrap_or(text).replacen(' ', "T", 1);
    ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"]
        .iter()
        .find_map(|form| NaiveDateTime::parse_from_str(&text, form).ok())
        .map(|time| time.and_utc().timestamp())
}

fn ago(text: &str, now: i64) -> Option<i64> {
    let text = text.strip_suffix("ago").map_or(text, str::trim_end);
    // humantime reads a bare 0 without a unit; we do not.
    if text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let ago: Duration = humantime::parse_duration(text).ok()?;
    now.checked_sub(i64::try_from(ago.as_secs()).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_773_144_000; // 2026-03-10T12:00:00Z

    #[test]
    fn times_in_every_form() {
        let cases = [
            ("2026-03-10T12:00:00Z", NOW),
            ("2026-03-10T13:00:00+01:00", NOW),
            ("2026-03-10T12:00:00.5Z", NOW),
            ("2026-03-10", NOW - 12 * 3600),
            ("2026-03-10T12:00", NOW),
            ("2026-03-10T12:00Z", NOW),
            ("2026-03-10 12:00", NOW),
            ("2026-03-10T12:00:01", NOW + 1),
            ("1773144000", NOW),
            ("now", NOW),
            ("2h", NOW - 7200),
            ("30m", NOW - 1800),
            ("7d", NOW - 7 * 86_400),
            ("1h 30m", NOW - 5400),
            (" 2h ago ", NOW - 7200),
        ];
        for (text, want) in cases {
            assert_eq!(parse_time(text, NOW).unwrap(), want, "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused_with_a_hint() {
        for text in ["", "2026", "0", "12", "yesterdayish", "2026-13-01", "2026-03-10T25:00", "-2h"]
        {
            let err = parse_time(text, NOW).unwrap_err();
            assert!(matches!(err, Error::Time { .. }), "{text}: {err}");
            assert!(err.hint().is_some_and(|hint| hint.contains("2h")));
        }
        assert!(parse_time("99999999999999999999", NOW).is_err());
        assert!(parse_time("584542046090y", i64::MIN + 5).is_err());
    }

    #[test]
    fn window_is_half_open_and_has_slack() {
        let window =
            Window { since: Some(1000), until: Some(2000), slack_secs: 10, margin_secs: 0 };
        assert!(window.may_hold(500, 990));
        assert!(!window.may_hold(500, 989));
        assert!(window.may_hold(2009, 3000));
        assert!(!window.may_hold(2010, 3000));
        assert!(Window::default().may_hold(i64::MIN, i64::MAX));
    }

    #[test]
    fn margin_is_an_interval_and_the_slack_before_the_window() {
        let window =
            Window { since: Some(5000), until: Some(6000), slack_secs: 10, margin_secs: 0 };
        let wide = window.with_margin();
        assert_eq!((wide.since, wide.until), (Some(5000), Some(6000)));
        assert_eq!((window.read_from(), wide.read_from()), (Some(5000), Some(4390)));
        assert!(wide.may_hold(0, 4390) && !wide.may_hold(0, 4389) && !window.may_hold(0, 4390));
        assert!(wide.may_hold(6009, 7000) && !wide.may_hold(6010, 7000));
        assert_eq!(Window::default().with_margin(), Window::default());
    }
}
