//! What the query string of a page says: time range, jobs, and the parameters of the page.

use std::collections::BTreeMap;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::serve::Error;
use crate::time::parse_time;

/// Characters that a query string has as they are.
const PLAIN: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b':').remove(b'*');

/// Parameters that are the same on every page, and go along from page to page.
const SHARED: &[&str] = &["since", "until", "job"];

/// The parameters of a query string. Empty ones are left out, as a form sends them; of several the last one counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct QueryArgs(BTreeMap<String, String>);

impl QueryArgs {
    /// Reads the pairs of a query string.
    pub fn new(pairs: impl IntoIterator<Item = (String, String)>) -> Self {
        Self(pairs.into_iter().filter(|(_, value)| !value.trim().is_empty()).collect())
    }

    /// Returns a parameter.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Returns a parameter that must be one of some values; the first is the default.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`] when it is another one.
    pub fn choice<'a>(&self, name: &str, values: &[&'a str]) -> Result<&'a str, Error> {
        let Some(given) = self.get(name) else {
            return Ok(values.first().copied().unwrap_or_default());
        };
        values.iter().copied().find(|value| *value == given).ok_or_else(|| {
            Error::Parameter(format!("{name} is one of {}, not {given:?}", values.join(", ")))
        })
    }

    /// Returns a parameter that is a number, within bounds.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`] when it is none.
    pub fn number(&self, name: &str, default: usize, most: usize) -> Result<usize, Error> {
        let Some(given) = self.get(name) else { return Ok(default.min(most)) };
        let number: usize = given
            .parse()
            .map_err(|_| Error::Parameter(format!("{name} is a number, not {given:?}")))?;
        Ok(number.min(most))
    }

    /// Returns the link to a path with these parameters.
    pub fn link(&self, path: &str) -> String {
        let pair = |(name, value): (&String, &String)| {
            format!("{}={}", utf8_percent_encode(name, PLAIN), utf8_percent_encode(value, PLAIN))
        };
        let pairs: Vec<String> = self.0.iter().map(pair).collect();
        match pairs.as_slice() {
            [] => path.to_owned(),
            pairs => format!("{path}?{}", pairs.join("&")),
        }
    }

    /// Returns these parameters with one set; `None` takes it out.
    #[must_use]
    pub fn with(&self, name: &str, value: Option<&str>) -> Self {
        let mut changed = self.0.clone();
        match value {
            Some(value) => changed.insert(name.to_owned(), value.to_owned()),
            None => changed.remove(name),
        };
        Self(changed)
    }

    /// Returns only the parameters that every page has: time range and jobs.
    #[must_use]
    pub fn shared(&self) -> Self {
        let pairs = self.0.iter().filter(|(name, _)| SHARED.contains(&name.as_str()));
        Self(pairs.map(|(name, value)| (name.clone(), value.clone())).collect())
    }

    /// Returns the parameters that only the page at hand has.
    pub fn own(&self) -> impl Iterator<Item = (&str, &str)> {
        let own = self.0.iter().filter(|(name, _)| !SHARED.contains(&name.as_str()));
        own.map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// Percent-encodes a part of a path.
pub(super) fn path_segment(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// The time range and the jobs of a page.
#[derive(Debug, Clone, Default)]
pub struct PageFilter {
    /// Unix seconds, UTC, inclusive. `None`: from the first record on.
    pub since: Option<i64>,
    /// Unix seconds, UTC, exclusive. `None`: to the last record.
    pub until: Option<i64>,
    /// Names of jobs. `None`: all.
    job: Option<glob::Pattern>,
}

impl PageFilter {
    /// Reads `since`, `until` and `job`. `now`: Unix seconds.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`] names the one that is wrong.
    pub fn new(args: &QueryArgs, now: i64) -> Result<Self, Error> {
        let time = |name: &str| {
            let time = args.get(name).map(|text| parse_time(text, now)).transpose();
            time.map_err(|error| Error::Parameter(format!("{name}: {error}")))
        };
        let (since, until) = (time("since")?, time("until")?);
        if let (Some(since), Some(until)) = (since, until)
            && since >= until
        {
            let problem = "since is not before until: there is no time between them";
            return Err(Error::Parameter(problem.to_owned()));
        }
        let job = args.get("job").map(glob::Pattern::new).transpose();
        let job = job.map_err(|error| Error::Parameter(format!("job is no pattern: {error}")))?;
        Ok(Self { since, until, job })
    }

    /// Returns this filter for one job, whatever jobs it names.
    #[must_use]
    pub fn of_job(&self, job: &str) -> Self {
        let pattern = glob::Pattern::new(&glob::Pattern::escape(job)).ok();
        Self { job: pattern, ..self.clone() }
    }

    /// Returns this filter with bounds in place of those that it lacks, in Unix seconds, UTC.
    #[must_use]
    pub fn within(&self, since: i64, until: i64) -> Self {
        let (since, until) = (self.since.or(Some(since)), self.until.or(Some(until)));
        Self { since, until, job: self.job.clone() }
    }

    /// Returns whether neither time range nor jobs are restricted.
    pub fn is_open(&self) -> bool {
        self.since.is_none() && self.until.is_none() && self.job.is_none()
    }

    /// Returns whether a time is in the range.
    pub fn has_time(&self, at: i64) -> bool {
        self.since.is_none_or(|since| at >= since) && self.until.is_none_or(|until| at < until)
    }

    /// Returns whether a span of time overlaps the range. `None`: not known, which overlaps.
    pub fn overlaps(&self, first: Option<i64>, last: Option<i64>) -> bool {
        let ends = self.since.zip(last.or(first)).is_none_or(|(since, last)| last >= since);
        let begins = self.until.zip(first.or(last)).is_none_or(|(until, first)| first < until);
        ends && begins
    }

    /// Returns whether a job fits, by its name or by candidates joined by commas. `None`: no job, which fits only where
    /// jobs are not restricted.
    pub fn has_job(&self, job: Option<&str>) -> bool {
        let Some(pattern) = &self.job else { return true };
        job.is_some_and(|job| job.split(',').any(|name| pattern.matches(name.trim())))
    }

    /// As [`PageFilter::has_job`], for a list.
    pub fn has_any_job(&self, jobs: &[String]) -> bool {
        self.job.is_none() || jobs.iter().any(|job| self.has_job(Some(job)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(pairs: &[(&str, &str)]) -> QueryArgs {
        QueryArgs::new(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
    }

    #[test]
    fn a_link_has_every_parameter_and_nothing_of_a_value_leaves_it() {
        let args = args(&[("job", "a&b=<c>\"'#"), ("since", ""), ("sort", "time")]);
        assert_eq!(args.link("/findings"), "/findings?job=a%26b%3D%3Cc%3E%22%27%23&sort=time");
        assert_eq!(args.shared().with("job", None).link("/jobs"), "/jobs");
        assert_eq!(args.own().collect::<Vec<_>>(), [("sort", "time")]);
    }

    #[test]
    fn a_time_range_and_a_pattern() {
        let now = 1_773_133_200;
        let filter = PageFilter::new(&args(&[("since", "2h"), ("job", "nightly-*")]), now).unwrap();
        assert_eq!(filter.since, Some(now - 7200));
        assert!(filter.overlaps(Some(0), None).eq(&false));
        assert!(filter.overlaps(Some(0), Some(now - 7200)) && filter.overlaps(None, None));
        assert!(filter.has_job(Some("other, nightly-1")) && !filter.has_job(Some("other")));
        assert!(!filter.has_job(None) && PageFilter::default().has_job(None));
        for (pairs, says) in [
            (vec![("since", "soon")], "since: "),
            (vec![("since", "2026-03-10"), ("until", "2026-03-09")], "since is not before until"),
            (vec![("job", "[")], "job is no pattern"),
        ] {
            let error = PageFilter::new(&args(&pairs), now).unwrap_err().to_string();
            assert!(error.starts_with(says), "{error}");
        }
    }

    #[test]
    fn choices_and_numbers_have_bounds() {
        let args = args(&[("sort", "size"), ("limit", "99999"), ("page", "x")]);
        assert_eq!(args.choice("by", &["bytes", "records"]).unwrap(), "bytes");
        assert!(args.choice("sort", &["time"]).unwrap_err().to_string().contains("one of time"));
        assert_eq!(args.number("limit", 10, 500).unwrap(), 500);
        args.number("page", 0, 9).unwrap_err();
    }
}
