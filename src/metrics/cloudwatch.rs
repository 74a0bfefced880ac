//! Metrics for CloudWatch: embedded metrics (EMF), or calls of `PutMetricData`.
//!
//! CloudWatch adds up what it is sent, so counters are sent as what was added since they were sent last,
//! and times as their age. Names are those of Prometheus without `flowq_` and `_total`.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::aws;
use crate::aws::Account;
use crate::aws::client::ServiceClient;
use crate::aws::operations::PUT_METRIC_DATA;
use crate::metrics::{Kind, Labels, Metric, Sample};

/// The most values of one call; AWS takes 1000.
const ROWS_MAX: usize = 500;

/// How long all calls of one pass may take. The next pass sends what this one could not.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// Why the numbers of a pass were not sent.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// CloudWatch, or the way to it, refused them.
    #[error("the metrics were not sent to CloudWatch")]
    Aws(#[from] aws::Error),
    /// It took too long.
    #[error("the metrics were not sent to CloudWatch: no answer within {} s", CALL_TIMEOUT.as_secs())]
    Timeout,
}

/// One value as CloudWatch takes it.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Name of the metric.
    pub name: String,
    /// `Count`, `Bytes` or `Seconds`.
    pub unit: &'static str,
    /// Names and values of the dimensions.
    pub dimensions: Labels,
    /// The value.
    pub value: f64,
}

/// What has been sent. Rows are made from samples, and count as sent once [`CloudWatch::sent`] is called.
#[derive(Debug, Default)]
pub struct CloudWatch {
    sent: BTreeMap<(&'static str, Labels), f64>,
}

impl CloudWatch {
    /// Makes rows of samples. `now` is in Unix seconds.
    #[expect(clippy::cast_precision_loss, reason = "seconds of some million years are exact")]
    pub fn rows(&self, samples: &[Sample], now: i64) -> Vec<Row> {
        let row = |sample: &Sample| {
            let value = match sample.metric.kind {
                Kind::Info => return None,
                Kind::Counter => {
                    let before = self.sent.get(&(sample.metric.name, sample.labels.clone()));
                    sample.value - before.copied().unwrap_or_default()
                }
                Kind::Time => (now as f64 - sample.value).max(0.0),
                Kind::Gauge | Kind::Histogram => sample.value,
            };
            let (name, unit) = name_and_unit(&sample.metric);
            Some(Row { name, unit, dimensions: sample.labels.clone(), value })
        };
        samples.iter().filter_map(row).collect()
    }

    /// Notes that the rows of these samples were sent.
    pub fn sent(&mut self, samples: &[Sample]) {
        let counters = samples.iter().filter(|sample| sample.metric.kind == Kind::Counter);
        for Sample { metric, labels, value } in counters {
            self.sent.insert((metric.name, labels.clone()), *value);
        }
    }
}

/// Returns the name that a metric has in CloudWatch, and its unit.
pub fn name_and_unit(metric: &Metric) -> (String, &'static str) {
    let name = metric.name.strip_prefix("flowq_").unwrap_or(metric.name);
    let name = name.strip_suffix("_total").unwrap_or(name);
    match metric.kind {
        Kind::Time => {
            let name = name.strip_suffix("_seconds").unwrap_or(name);
            let name = name.strip_suffix("_timestamp").or(name.strip_suffix("_time"));
            (format!("{}_age_seconds", name.unwrap_or(metric.name)), "Seconds")
        }
        _ if name.ends_with("_seconds") => (name.to_owned(), "Seconds"),
        _ if name.ends_with("_bytes") => (name.to_owned(), "Bytes"),
        _ => (name.to_owned(), "Count"),
    }
}

/// Returns embedded metrics, one JSON object a line: CloudWatch Logs makes metrics out of lines like these.
/// `now` is in Unix seconds.
pub fn emf(namespace: &str, rows: &[Row], now: i64) -> String {
    // A line has one value for each dimension.
    let mut lines: BTreeMap<&[(&'static str, String)], Vec<&Row>> = BTreeMap::new();
    for row in rows {
        lines.entry(&row.dimensions).or_default().push(row);
    }
    let line = |(dimensions, rows): (&[(&'static str, String)], Vec<&Row>)| {
        let names: Vec<&str> = dimensions.iter().map(|(name, _)| *name).collect();
        let metrics = rows.iter().map(|row| json!({ "Name": row.name, "Unit": row.unit }));
        let metrics: Vec<Value> = metrics.collect();
        let directive =
            json!({ "Namespace": namespace, "Dimensions": [names], "Metrics": metrics });
        let mut line = Map::new();
        line.insert(
            "_aws".to_owned(),
            json!({ "Timestamp": now.saturating_mul(1000), "CloudWatchMetrics": [directive] }),
        );
        for (name, value) in dimensions {
            line.insert((*name).to_owned(), json!(value));
        }
        for row in rows {
            line.insert(row.name.clone(), json!(row.value));
        }
        format!("{}\n", Value::Object(line))
    };
    lines.into_iter().map(line).collect()
}

/// Returns the parameters of the calls that send the rows. `now` is in Unix seconds.
fn calls(namespace: &str, rows: &[Row], now: i64) -> Vec<Value> {
    let at = crate::detection::finding::time_text(now).unwrap_or_default();
    let datum = |row: &Row| {
        let dimension = |(name, value): &(&str, String)| json!({ "Name": name, "Value": value });
        let mut datum = json!({
            "MetricName": row.name, "Unit": row.unit, "Value": row.value, "Timestamp": at,
        });
        // CloudWatch refuses a dimension without a value, and an empty list would be no parameter at all.
        let named = row.dimensions.iter().filter(|(_, value)| !value.is_empty());
        let named: Vec<Value> = named.map(dimension).collect();
        if !named.is_empty() {
            datum["Dimensions"] = json!({ "member": named });
        }
        datum
    };
    let call = |rows: &[Row]| {
        let data: Vec<Value> = rows.iter().map(datum).collect();
        json!({ "Namespace": namespace, "MetricData": { "member": data } })
    };
    rows.chunks(ROWS_MAX).map(call).collect()
}

/// Sends rows by `PutMetricData`. `now` is in Unix seconds.
pub async fn put(account: &Account, namespace: &str, rows: &[Row], now: i64) -> Result<(), Error> {
    let send = async {
        let api = ServiceClient::new(account, None).await?;
        for params in calls(namespace, rows, now) {
            api.call(&PUT_METRIC_DATA, &params).await?;
        }
        Ok(())
    };
    tokio::time::timeout(CALL_TIMEOUT, send).await.unwrap_or(Err(Error::Timeout))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::metrics::{METRICS, Metrics, PassMetrics};

    const NOW: i64 = 1_773_133_200;

    fn metrics() -> Metrics {
        let metrics = Metrics::new(NOW - 500);
        let pass = PassMetrics { ok: 40, newest_record: Some(NOW - 90), ..PassMetrics::default() };
        metrics.pass(&pass, Duration::from_secs(2), NOW);
        metrics
    }

    fn value(rows: &[Row], name: &str) -> Option<f64> {
        let status = [("status", "ok".to_owned())];
        let fits = |row: &&Row| row.dimensions.is_empty() || row.dimensions == status;
        rows.iter().filter(fits).find(|row| row.name == name).map(|row| row.value)
    }

    #[test]
    fn counters_are_sent_as_what_was_added_and_times_as_ages() {
        let metrics = metrics();
        let mut cloudwatch = CloudWatch::default();
        let rows = cloudwatch.rows(&metrics.samples(), NOW + 10);
        assert_eq!(value(&rows, "records"), Some(40.0));
        assert_eq!(value(&rows, "newest_record_age_seconds"), Some(100.0));
        assert_eq!(value(&rows, "process_start_age_seconds"), Some(510.0));
        assert_eq!(value(&rows, "pass_duration_seconds"), Some(2.0));
        assert_eq!(value(&rows, "build_info"), None);
        // Not sent: nothing is lost.
        assert_eq!(value(&cloudwatch.rows(&metrics.samples(), NOW), "records"), Some(40.0));
        cloudwatch.sent(&metrics.samples());
        assert_eq!(value(&cloudwatch.rows(&metrics.samples(), NOW), "records"), Some(0.0));
        metrics.pass(&PassMetrics { ok: 2, ..PassMetrics::default() }, Duration::ZERO, NOW);
        assert_eq!(value(&cloudwatch.rows(&metrics.samples(), NOW), "records"), Some(2.0));
    }

    #[test]
    fn embedded_metrics_have_a_line_for_each_dimension() {
        let rows = CloudWatch::default().rows(&metrics().samples(), NOW);
        let text = emf("flowq", &rows, NOW);
        let lines: Vec<Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let mut dimensions = BTreeSet::new();
        for line in &lines {
            let directive = &line["_aws"]["CloudWatchMetrics"][0];
            assert_eq!(line["_aws"]["Timestamp"], NOW * 1000);
            assert_eq!(directive["Namespace"], "flowq");
            let metrics = directive["Metrics"].as_array().unwrap();
            // The bound of the format.
            assert!(!metrics.is_empty() && metrics.len() <= 100);
            for metric in metrics {
                let name = metric["Name"].as_str().unwrap();
                assert!(line[name].is_number(), "{name}: {line}");
            }
            let names = directive["Dimensions"][0].as_array().unwrap();
            let values: Vec<&Value> = names.iter().map(|n| &line[n.as_str().unwrap()]).collect();
            assert!(values.iter().all(|value| value.is_string()), "{line}");
            assert!(dimensions.insert(format!("{names:?}{values:?}")), "{line}");
        }
        let records = lines.iter().find(|line| line["status"] == "ok").unwrap();
        assert_eq!(records["records"], 40.0);
    }

    #[test]
    fn calls_are_cut_to_what_aws_takes() {
        let row = |at: usize| Row {
            name: format!("m{at}"),
            unit: "Count",
            dimensions: vec![("sink", if at == 0 { String::new() } else { "ops".to_owned() })],
            value: 1.5,
        };
        let rows: Vec<Row> = (0..ROWS_MAX + 1).map(row).collect();
        let calls = calls("flowq", &rows, NOW);
        let sizes: Vec<usize> = calls
            .iter()
            .map(|call| call["MetricData"]["member"].as_array().unwrap().len())
            .collect();
        assert_eq!(sizes, [ROWS_MAX, 1]);
        let data = &calls[0]["MetricData"]["member"];
        assert_eq!(data[0].get("Dimensions"), None);
        let last = json!({
            "MetricName": "m1", "Unit": "Count", "Value": 1.5, "Timestamp": "2026-03-10T09:00:00Z",
            "Dimensions": { "member": [{ "Name": "sink", "Value": "ops" }] },
        });
        assert_eq!(data[1], last);
    }

    #[test]
    fn names_are_those_of_prometheus_without_what_cloudwatch_says_itself() {
        let mut names = BTreeSet::new();
        for metric in METRICS {
            let (name, unit) = name_and_unit(metric);
            assert!(!name.starts_with("flowq_") && !name.ends_with("_total"), "{name}");
            assert_eq!(unit == "Bytes", name.ends_with("_bytes"), "{name}");
            assert!(names.insert(name));
        }
        assert!(names.contains("pass_last_success_age_seconds"));
    }
}
