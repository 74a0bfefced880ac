//! One Parquet file of the lake, as Delta's log reports it.

use std::collections::HashMap;

use chrono::{DateTime, NaiveDate};
use deltalake_core::kernel::{Add, LogicalFileView, Remove};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::flow::columns::hash;

/// Bytes of a folder's name that a value takes, at most.
const FOLDER_MAX: usize = 100;

/// What represents NULL in the name of a Hive folder.
const NULL_FOLDER: &str = "__HIVE_DEFAULT_PARTITION__";

/// The columns with statistics, as Delta's table property `delta.dataSkippingStatsColumns` names them.
pub(super) const STATS_COLUMNS: &str = "interface_id,start";

/// Where a row belongs. `None`: not known.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Partition {
    /// The account of the flow log.
    pub log_account: Option<String>,
    /// The region of the flow log.
    pub log_region: Option<String>,
    /// Hours since 1970 (UTC) of `start`.
    pub hour: Option<i64>,
}

impl Partition {
    /// `YYYY-MM-DD` and the hour of the day, 0 to 23.
    fn date_hour(&self) -> (Option<String>, Option<String>) {
        let time = self.hour.and_then(|hour| time_of(hour.checked_mul(3600)?));
        let date = time.map(|time| time.format("%Y-%m-%d").to_string());
        (date, time.and(self.hour).map(|hour| hour.rem_euclid(24).to_string()))
    }

    /// Values by column, as Delta writes them.
    fn values(&self) -> [(&'static str, Option<String>); 4] {
        let (date, hour) = self.date_hour();
        let [account, region, date_column, hour_column] = crate::lake::PARTITION_COLUMNS;
        [
            // Delta's log does not distinguish an empty text from NULL.
            (account, self.log_account.clone().filter(|text| !text.is_empty())),
            (region, self.log_region.clone().filter(|text| !text.is_empty())),
            (date_column, date),
            (hour_column, hour),
        ]
    }

    /// The folders of the partition, relative to the table.
    pub fn folder(&self) -> String {
        let part = |(name, value): (&str, Option<String>)| {
            let safe =
                |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' };
            let value =
                value.map(|value| short(&value.chars().map(safe).collect::<String>(), &value));
            format!("{name}={}", value.as_deref().unwrap_or(NULL_FOLDER))
        };
        self.values().map(part).join("/")
    }

    /// The partition as Delta's log states it: what the log cannot contain is NULL.
    pub(super) fn storable(mut self) -> Self {
        self.log_account = self.log_account.filter(|text| !text.is_empty());
        self.log_region = self.log_region.filter(|text| !text.is_empty());
        self.hour = self.hour.filter(|hour| hour.checked_mul(3600).and_then(time_of).is_some());
        self
    }

    fn of_values(values: &HashMap<String, Option<String>>) -> Self {
        let value = |name: &str| values.get(name).cloned().flatten();
        let [account, region, date, hour] = crate::lake::PARTITION_COLUMNS;
        let day = value(date).and_then(|date| date.parse::<NaiveDate>().ok());
        let day = day.and_then(|date| date.and_hms_opt(0, 0, 0));
        let hours = |hour: i64| day.map(|day| day.and_utc().timestamp() / 3600 + hour);
        Self {
            log_account: value(account),
            log_region: value(region),
            hour: value(hour).and_then(|hour| hour.parse().ok()).and_then(hours),
        }
    }
}

/// Returns the time, where a date of Delta and of readers in other languages can represent it: year 1 to 9999.
fn time_of(secs: i64) -> Option<DateTime<chrono::Utc>> {
    let time = DateTime::from_timestamp(secs, 0)?;
    (1..=9999).contains(&chrono::Datelike::year(&time)).then_some(time)
}

/// Cuts the name of a folder to what every file system takes; what is cut off is hashed, so that two long values
/// do not share one.
fn short(name: &str, value: &str) -> String {
    match name.get(..FOLDER_MAX) {
        Some(start) if name.len() > FOLDER_MAX => {
            let hash = hash(value);
            format!("{start}-{hash:016x}")
        }
        _ => name.to_owned(),
    }
}

/// A Parquet file of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataFile {
    /// Its path, relative to the table.
    pub path: String,
    /// Where its rows belong.
    pub partition: Partition,
    /// Its size.
    pub size_bytes: u64,
    /// How many rows it has.
    pub rows: u64,
    /// The first and the last `start` in it, Unix seconds. `None`: no row has one.
    pub start: Option<(i64, i64)>,
    /// The last `end` in it, Unix seconds. `None`: some row has none.
    pub end: Option<i64>,
    /// How many rows have no `start`. `None`: not known.
    #[serde(default)]
    pub start_nulls: Option<u64>,
    /// The least and the greatest `interface_id` in it. `None`: no row has one, or it is not known.
    pub interfaces: Option<(String, String)>,
    /// How many rows have no `interface_id`. `None`: not known.
    #[serde(default)]
    pub interface_nulls: Option<u64>,
    /// The least and the greatest `object` in it.
    pub objects: Option<(String, String)>,
}

impl DataFile {
    /// Delta's statistics, as JSON.
    ///
    /// Readers skip a file by the columns of [`STATS_COLUMNS`]; some take a bound that is missing for a value that no
    /// row has. So these columns have all of least, greatest and number of NULLs, or the file has its number of
    /// rows alone. `end` and `object` are for flowq.
    fn stats(&self) -> String {
        let (mut least, mut greatest) = (serde_json::Map::new(), serde_json::Map::new());
        let time = |secs: i64| {
            let time = time_of(secs)?;
            Some(json!(time.format("%Y-%m-%dT%H:%M:%S.000Z").to_string()))
        };
        // A time that cannot be written is no bound: a reader would skip rows by a wrong one.
        if let Some((first, last)) = self.start.and_then(|(a, b)| time(a).zip(time(b))) {
            least.insert("start".into(), first);
            greatest.insert("start".into(), last);
        }
        if let Some(last) = self.end.and_then(time) {
            greatest.insert("end".into(), last);
        }
        for (column, range) in [("interface_id", &self.interfaces), ("object", &self.objects)] {
            if let Some((first, last)) = range {
                least.insert(column.into(), json!(first));
                greatest.insert(column.into(), json!(last));
            }
        }
        let mut nulls = serde_json::Map::new();
        for (column, count) in [("interface_id", self.interface_nulls), ("start", self.start_nulls)]
        {
            nulls.extend(count.map(|count| (column.to_owned(), json!(count))));
        }
        let is_whole = STATS_COLUMNS.split(',').all(|column| {
            [&least, &greatest, &nulls].iter().all(|values| values.contains_key(column))
        });
        if !is_whole {
            return json!({ "numRecords": self.rows }).to_string();
        }
        json!({
            "numRecords": self.rows,
            "minValues": least,
            "maxValues": greatest,
            "nullCount": nulls,
        })
        .to_string()
    }

    /// Delta's action that adds the file. `now` is in Unix seconds; `data_change` is `false` where its rows
    /// were in the table before.
    pub(super) fn add(&self, now: i64, data_change: bool) -> Add {
        Add {
            path: self.path.clone(),
            partition_values: self.partition_values(),
            size: i64::try_from(self.size_bytes).unwrap_or(i64::MAX),
            modification_time: now.saturating_mul(1000),
            data_change,
            stats: Some(self.stats()),
            ..Add::default()
        }
    }

    /// Delta's action that takes the file away.
    pub(super) fn remove(&self, now: i64, data_change: bool) -> Remove {
        Remove {
            path: self.path.clone(),
            data_change,
            deletion_timestamp: Some(now.saturating_mul(1000)),
            extended_file_metadata: Some(true),
            partition_values: Some(self.partition_values()),
            size: Some(i64::try_from(self.size_bytes).unwrap_or(i64::MAX)),
            ..Remove::default()
        }
    }

    fn partition_values(&self) -> HashMap<String, Option<String>> {
        self.partition.values().map(|(name, value)| (name.to_owned(), value)).into()
    }

    /// Reads what [`Self::add`] wrote.
    pub(super) fn of_log(view: &LogicalFileView) -> Self {
        let stats = view.stats();
        let stats: Value =
            stats.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
        let text = |bound: &str, column: &str| stats[bound][column].as_str().map(str::to_owned);
        let time = |bound: &str, column: &str| {
            let time = DateTime::parse_from_rfc3339(stats[bound][column].as_str()?).ok()?;
            Some(time.timestamp())
        };
        let range = |column: &str| text("minValues", column).zip(text("maxValues", column));
        Self {
            partition: Partition::of_values(&view.partition_values_map()),
            size_bytes: u64::try_from(view.size()).unwrap_or(0),
            rows: stats["numRecords"].as_u64().unwrap_or(0),
            start: time("minValues", "start").zip(time("maxValues", "start")),
            end: time("maxValues", "end"),
            start_nulls: stats["nullCount"]["start"].as_u64(),
            interfaces: range("interface_id"),
            interface_nulls: stats["nullCount"]["interface_id"].as_u64(),
            objects: range("object"),
            path: view.path().into_owned(),
        }
    }
}
