//! What the name of an object tells about the records inside.
//!
//! Layouts: <https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-s3-path.html>

use chrono::{NaiveDate, NaiveDateTime};

use crate::time::Window;
use crate::time::window::AGGREGATION_SECS;

/// A file named `T` holds records that end in `[T, T + 300)`.
const DELIVERY_SECS: i64 = 300;

/// How a file's name writes its time.
const SERIES_TIME: &str = "%Y%m%dT%H%MZ";

/// What a path tells about the records inside. What it does not tell is NULL.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ObjectName {
    /// The account that owns the flow log.
    pub account_id: Option<String>,
    /// The region of the flow log.
    pub region: Option<String>,
    /// The flow log, `fl-…`.
    pub flow_log_id: Option<String>,
    /// When its records end, `[first, last)` in Unix seconds, told by the file name, else by the
    /// folders.
    pub ends: Option<(i64, i64)>,
}

impl ObjectName {
    /// Reads AWS's names: plain date folders, Hive partitions, and the file name itself.
    ///
    /// Only names that AWS gives are recognised: a `2026/03` outside of `vpcflowlogs/<region>/`, and a
    /// `year=` without `aws-service=vpcflowlogs`, may mean something else.
    pub fn parse(path: &str) -> Self {
        let parts: Vec<&str> = path.split(['/', '\\']).filter(|part| !part.is_empty()).collect();
        let mut name = Self::plain(&parts).or_else(|| Self::hive(&parts)).unwrap_or_default();
        if let Some(file) = parts.last().and_then(|file| Self::file(file)) {
            name = file;
        }
        name
    }

    /// Tells whether a record inside may fall into the window. True where the name tells no time.
    pub fn may_hold(&self, window: &Window) -> bool {
        self.ends.is_none_or(|(first, last)| window.may_hold(first - AGGREGATION_SECS, last))
    }

    /// Tells whether all records inside fall into the window. False where the name tells no time and the
    /// window has a bound.
    pub fn lies_within(&self, window: &Window) -> bool {
        let Some((first, last)) = self.ends else {
            return window.since.is_none() && window.until.is_none();
        };
        window.since.is_none_or(|since| first - AGGREGATION_SECS >= since)
            && window.until.is_none_or(|until| last <= until)
    }

    /// `AWSLogs/<account>/vpcflowlogs/<region>/YYYY/MM/DD[/HH]`, or its first parts.
    fn plain(parts: &[&str]) -> Option<Self> {
        let at = parts.iter().rposition(|part| *part == "vpcflowlogs")?;
        let account = at.checked_sub(1).and_then(|i| parts.get(i)).filter(|part| is_account(part));
        let dates = parts.get(at + 2..).unwrap_or_default();
        Some(Self {
            account_id: account.map(|part| (*part).to_owned()),
            region: parts.get(at + 1).filter(|part| is_region(part)).map(|part| (*part).to_owned()),
            flow_log_id: None,
            ends: span(dates.iter().copied()),
        })
    }

    /// `aws-account-id=…/aws-service=vpcflowlogs/aws-region=…/year=…/month=…/day=…[/hour=…]`.
    fn hive(parts: &[&str]) -> Option<Self> {
        let at = parts.iter().rposition(|part| *part == "aws-service=vpcflowlogs")?;
        let value = |key: &str| {
            let found =
                parts.iter().rev().find_map(|part| part.strip_prefix(key)?.strip_prefix('='));
            found.map(str::to_owned)
        };
        let dates = parts[at..].iter().filter(|part| !part.starts_with("aws-")).copied();
        let keys = ["year=", "month=", "day=", "hour="];
        let dates = dates.zip(keys).map_while(|(part, key)| part.strip_prefix(key));
        Some(Self {
            account_id: value("aws-account-id"),
            region: value("aws-region"),
            flow_log_id: None,
            ends: span(dates),
        })
    }

    /// `<account>_vpcflowlogs_<region>_<fl-id>_<YYYYMMDDTHHmmZ>_<hash>.log[.gz|.parquet]`.
    fn file(file: &str) -> Option<Self> {
        let series = ObjectSeries::of_file(file)?;
        let mut parts = series.prefix.split('_').map(str::to_owned);
        Some(Self {
            account_id: parts.next(),
            region: parts.nth(1),
            flow_log_id: parts.next(),
            ends: Some(series.ends()),
        })
    }
}

/// What the records of a log group are named by in the column `object`, before the group.
const CLOUDWATCH: &str = "cloudwatch://";

/// Returns the flow log that a record is from, by its `object`: `fl-…` of an object that AWS named, and
/// `cloudwatch://…` without the stream for a log event. NULL: the name does not tell.
pub fn flow_log(object: &str) -> Option<&str> {
    if object.starts_with(CLOUDWATCH) {
        let (stream, _) = object.rsplit_once('#')?;
        return stream.rsplit_once('/').map(|(group, _)| group);
    }
    let file = object.rsplit(['/', '\\']).next()?;
    ObjectSeries::of_file(file)?.prefix.split('_').nth(3)
}

/// Returns the name of the log group, where [`flow_log`] gave one.
pub fn log_group_of(flow_log: &str) -> Option<&str> {
    let group = flow_log.strip_prefix(CLOUDWATCH)?;
    Some(group.split_once(":log-group:").map_or(group, |(_, name)| name))
}

/// The part of a file's name by which the files of one flow log sort by time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ObjectSeries<'a> {
    /// `<account>_vpcflowlogs_<region>_<fl-id>_`: the same for all files of the flow log.
    pub(super) prefix: &'a str,
    /// What follows it, `YYYYMMDDTHHmmZ`, in Unix seconds.
    pub(super) time: i64,
}

impl<'a> ObjectSeries<'a> {
    /// As [`ObjectSeries::parse`], of a whole name: `<prefix><time>_<hash>.log[.gz|.parquet]`.
    fn of_file(file: &'a str) -> Option<Self> {
        let series = Self::parse(file)?;
        let (hash, ending) = file.rsplit('_').next()?.split_once('.')?;
        let fits = file.len()
            == series.prefix.len() + "YYYYMMDDTHHmmZ_".len() + hash.len() + 1 + ending.len();
        (fits && matches!(ending, "log" | "log.gz" | "log.parquet")).then_some(series)
    }

    pub(super) fn parse(file: &'a str) -> Option<Self> {
        let parts: Vec<&str> = file.splitn(6, '_').collect();
        let [account, "vpcflowlogs", region, flow_log, time, _] = parts[..] else { return None };
        if !is_account(account) || !is_region(region) || !flow_log.starts_with("fl-") {
            return None;
        }
        let time = NaiveDateTime::parse_from_str(time, SERIES_TIME).ok()?.and_utc().timestamp();
        let parts = account.len() + "vpcflowlogs".len() + region.len() + flow_log.len();
        Some(Self { prefix: &file[..parts + 4], time })
    }

    /// When the records of the file end, as [`ObjectName::ends`].
    pub(super) fn ends(&self) -> (i64, i64) {
        (self.time, self.time + DELIVERY_SECS)
    }

    /// Returns the first time, as it stands in a name, whose file may hold records of the window; NULL when
    /// the window has no beginning.
    pub(super) fn first_time(window: &Window) -> Option<String> {
        let first = window.since?.saturating_sub(window.reach_secs().saturating_add(DELIVERY_SECS));
        // Names tell whole minutes.
        let first = first.saturating_add(59).div_euclid(60).saturating_mul(60);
        Some(chrono::DateTime::from_timestamp(first, 0)?.format(SERIES_TIME).to_string())
    }
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit())
}

/// Tells `us-east-1`, `us-gov-west-1`, `cn-north-1` from everything else.
fn is_region(text: &str) -> bool {
    let mut parts = text.split('-').rev();
    let number =
        parts.next().is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()));
    number && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') && parts.count() >= 2
}

/// Returns the year, month, day or hour that the parts name, as `[first, last)`. Stops at the first part
/// that is no number of the right width.
fn span<'a>(parts: impl Iterator<Item = &'a str>) -> Option<(i64, i64)> {
    let widths = [4, 2, 2, 2];
    let numbers: Vec<u32> = parts
        .zip(widths)
        .map_while(|(part, width)| {
            let fits = part.len() == width && part.bytes().all(|b| b.is_ascii_digit());
            if fits { part.parse().ok() } else { None }
        })
        .collect();
    let start = |day: NaiveDate| day.and_time(chrono::NaiveTime::MIN).and_utc().timestamp();
    let date = |y: u32, m, d| NaiveDate::from_ymd_opt(i32::try_from(y).ok()?, m, d);
    match numbers[..] {
        [y] => Some((start(date(y, 1, 1)?), start(date(y + 1, 1, 1)?))),
        [y, m] => {
            let first = date(y, m, 1)?;
            Some((start(first), start(first.checked_add_months(chrono::Months::new(1))?)))
        }
        [y, m, d] => {
            let first = date(y, m, d)?;
            Some((start(first), start(first.succ_opt()?)))
        }
        [y, m, d, h] if h < 24 => {
            let first = start(date(y, m, d)?) + i64::from(h) * 3600;
            Some((first, first + 3600))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 1_773_100_800; // 2026-03-10T00:00:00Z

    fn ends(path: &str) -> Option<(i64, i64)> {
        ObjectName::parse(path).ends
    }

    #[test]
    fn file_name_tells_everything() {
        let file = "logs/123456789012_vpcflowlogs_us-east-1_fl-1234abcd_20260310T1620Z_fe12.log.gz";
        let name = ObjectName::parse(file);
        assert_eq!(name.account_id.as_deref(), Some("123456789012"));
        assert_eq!(name.region.as_deref(), Some("us-east-1"));
        assert_eq!(name.flow_log_id.as_deref(), Some("fl-1234abcd"));
        let time = DAY + 16 * 3600 + 20 * 60;
        assert_eq!(name.ends, Some((time, time + 300)));
        // The file name is finer than its folder.
        let nested =
            format!("AWSLogs/123456789012/vpcflowlogs/us-east-1/2026/03/10/{}", &file[5..]);
        assert_eq!(ObjectName::parse(&nested), name);
    }

    #[test]
    fn an_object_tells_the_flow_log_of_its_records() {
        let file = "123456789012_vpcflowlogs_us-east-1_fl-1234abcd_20260310T1620Z_fe12.log.gz";
        for folder in ["", "logs/", "s3://bucket/AWSLogs/", "C:\\logs\\"] {
            assert_eq!(flow_log(&format!("{folder}{file}")), Some("fl-1234abcd"));
        }
        let event = |group: &str| format!("{group}/eni-0a1b-all#375921");
        let group = "cloudwatch:///aws/vpc/flow#1";
        assert_eq!(flow_log(&event(group)), Some(group));
        assert_eq!(log_group_of(group), Some("/aws/vpc/flow#1"));
        let arn = "cloudwatch://arn:aws:logs:us-east-1:123456789012:log-group:flow";
        assert_eq!(flow_log(&event(arn)), Some(arn));
        assert_eq!(log_group_of(arn), Some("flow"));
        for other in ["", "-", "a.log.gz", "merged.parquet", "cloudwatch://group"] {
            assert_eq!(flow_log(other), None, "{other}");
        }
        assert_eq!(log_group_of("fl-1234abcd"), None);
    }

    #[test]
    fn folders_tell_a_year_a_month_a_day_or_an_hour() {
        let plain = "b/AWSLogs/123456789012/vpcflowlogs/us-gov-west-1/2026/03/10";
        assert_eq!(ends(plain), Some((DAY, DAY + 86_400)));
        assert_eq!(ends(&format!("{plain}/05/x.log.gz")), Some((DAY + 18_000, DAY + 21_600)));
        assert_eq!(ends(&plain[..plain.len() - 3]), Some((DAY - 9 * 86_400, DAY + 22 * 86_400)));
        assert_eq!(ObjectName::parse(plain).account_id.as_deref(), Some("123456789012"));
        assert_eq!(ObjectName::parse(plain).region.as_deref(), Some("us-gov-west-1"));

        let hive =
            "aws-account-id=123456789012/aws-service=vpcflowlogs/aws-region=eu-west-3/year=2026";
        let hour = format!("{hive}/month=03/day=10/hour=05");
        assert_eq!(ends(&hour), Some((DAY + 18_000, DAY + 21_600)));
        assert_eq!(ObjectName::parse(&hour).region.as_deref(), Some("eu-west-3"));
        assert_eq!(ObjectName::parse(&hour).account_id.as_deref(), Some("123456789012"));
        assert!(ends(hive).is_some_and(|(first, last)| last - first == 365 * 86_400));
    }

    #[test]
    fn unrecognised_names_tell_nothing() {
        for path in [
            "2026/03/10/x.log.gz",
            "year=2026/month=03/day=10/x.parquet",
            "aws-service=vpcflowlogs/month=03/x",
            "vpcflowlogs/us-east-1/2026x/03",
            "vpcflowlogs/us-east-1/2026/13/10",
            "AWSLogs/123456789012/CloudTrail/us-east-1/2026/03/10/x.json.gz",
            "123456789012_vpcflowlogs_us-east-1_fl-1_20260310T1620Z_fe12.log.bak",
            "12_vpcflowlogs_us-east-1_fl-1_20260310T1620Z_fe12.log.gz",
            "merged_123456789012_vpcflowlogs_us-east-1_fl-1_20260310T1620Z_fe12.log.gz",
            "-",
            "",
        ] {
            assert_eq!(ends(path), None, "{path}");
        }
    }

    #[test]
    fn an_hour_keeps_every_file_whose_records_may_reach_into_it() {
        let window = Window::new(Some(DAY + 36_000), Some(DAY + 39_600)); // 10:00 to 11:00
        let at = |time: &str| {
            let file = format!("123456789012_vpcflowlogs_us-east-1_fl-1_20260310T{time}Z_f.log.gz");
            ObjectName::parse(&file).may_hold(&window)
        };
        assert!(!at("0850") && at("0855") && at("1000") && at("1205") && !at("1210"));
        let day = |day: &str| {
            ObjectName::parse(&format!("vpcflowlogs/us-east-1/2026/03/{day}")).may_hold(&window)
        };
        assert!(!day("09") && day("10") && !day("11"));
        assert!(ObjectName::parse("anything.log").may_hold(&window));
        let within = |time: &str| {
            let file = format!("123456789012_vpcflowlogs_us-east-1_fl-1_20260310T{time}Z_f.log.gz");
            ObjectName::parse(&file).lies_within(&window)
        };
        assert!(!within("1005") && within("1010") && within("1055") && !within("1056"));
        assert!(!ObjectName::parse("anything.log").lies_within(&window));
        assert!(ObjectName::parse("anything.log").lies_within(&Window::default()));
    }
}
