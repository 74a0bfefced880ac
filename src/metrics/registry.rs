//! The values of all metrics, and their text for Prometheus.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::atomic::AtomicU64;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use prometheus_client::encoding::{prometheus_text, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::detection::Severity;
use crate::metrics::definitions::{Kind, METRICS, Metric};
use crate::metrics::{definitions, process_stats};

/// The most series of one metric. What comes later counts for the series whose labels are all `other`.
pub const SERIES_MAX: usize = 64;

/// Upper bounds of the buckets of pass durations, in seconds.
const PASS_SECONDS: [f64; 9] = [0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0];

/// Labels with their values, in the order of the metric.
pub type Labels = Vec<(&'static str, String)>;

/// How a pass ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PassOutcome {
    /// It was published.
    Ok,
    /// It was not, and will be tried again.
    Failed,
    /// It was dropped, since the service ended.
    Stopped,
}

impl PassOutcome {
    /// Returns its name in labels and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Failed => "failed",
            Self::Stopped => "stopped",
        }
    }
}

/// What one pass did. Counts are of this pass alone; `None` is not known.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PassMetrics {
    /// Objects and time ranges that were read.
    pub objects: u64,
    /// Objects and time ranges that could not be read to their end.
    pub objects_failed: u64,
    /// Bytes read, as they are stored.
    pub bytes: u64,
    /// Records with traffic.
    pub ok: u64,
    /// Records that say there was no traffic.
    pub nodata: u64,
    /// Records that say that records were lost.
    pub skipdata: u64,
    /// Records of any other status or layout.
    pub other: u64,
    /// Lines that could not be read, by reason.
    pub malformed: BTreeMap<String, u64>,
    /// Rows written to the lake.
    pub written: u64,
    /// Objects and time ranges that are known and were left for the next pass.
    pub waiting: u64,
    /// `end` of the newest record, Unix seconds.
    pub newest_record: Option<i64>,
    /// When the newest object was delivered, Unix seconds.
    pub newest_object: Option<i64>,
    /// The time up to which the inventory knows the account, Unix seconds.
    pub inventory: Option<i64>,
    /// Bytes between jobs and S3, by `s3_path`.
    pub s3_bytes: BTreeMap<String, u64>,
    /// All findings that stand after the pass, by detection and severity.
    pub findings: Option<BTreeMap<(String, Severity), u64>>,
    /// Alerts by sink. A sink that is missing here has nothing waiting.
    pub alerts: BTreeMap<String, AlertCounts>,
    /// Data files of the lake and their bytes.
    pub lake: Option<(u64, u64)>,
}

impl PassMetrics {
    /// Returns the records of every status.
    pub fn records(&self) -> u64 {
        self.ok + self.nodata + self.skipdata + self.other
    }

    /// Returns the lines that could not be read.
    pub fn malformed_lines(&self) -> u64 {
        self.malformed.values().sum()
    }
}

/// What became of the alerts of one sink.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AlertCounts {
    /// Taken by the sink in this pass.
    pub sent: u64,
    /// Tries of this pass that failed.
    pub failed: u64,
    /// In the spool after this pass.
    pub waiting: u64,
}

/// One value of one metric.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// The metric.
    pub metric: Metric,
    /// Its labels.
    pub labels: Labels,
    /// The value; of a histogram, what was observed last.
    pub value: f64,
}

/// The values of one metric.
enum Values {
    Counters(Family<Labels, Counter>),
    Gauges(Family<Labels, Gauge<f64, AtomicU64>>),
    /// What was observed, and the last of it.
    Histogram(Histogram, Mutex<Option<f64>>),
}

/// A metric with its values, and which labels it has by now: the family cannot list them.
struct Series {
    values: Values,
    known: Mutex<BTreeSet<Labels>>,
}

/// All metrics of one process.
pub struct Metrics {
    registry: Registry,
    series: BTreeMap<&'static str, Series>,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").field("series", &self.series.len()).finish_non_exhaustive()
    }
}

impl Metrics {
    /// Makes them. `started`: when the process did, Unix seconds.
    pub fn new(started: i64) -> Self {
        let mut registry = Registry::default();
        let mut series = BTreeMap::new();
        for metric in METRICS {
            let name = metric.name.trim_end_matches("_total");
            let values = match metric.kind {
                Kind::Counter => {
                    let family = Family::default();
                    registry.register(name, metric.help, family.clone());
                    Values::Counters(family)
                }
                Kind::Histogram => {
                    let histogram = Histogram::new(PASS_SECONDS);
                    registry.register(name, metric.help, histogram.clone());
                    Values::Histogram(histogram, Mutex::default())
                }
                Kind::Gauge | Kind::Time | Kind::Info => {
                    let family = Family::default();
                    registry.register(name, metric.help, family.clone());
                    Values::Gauges(family)
                }
            };
            series.insert(metric.name, Series { values, known: Mutex::default() });
        }
        let metrics = Self { registry, series };
        // A rate needs a value before the first event.
        for outcome in ["ok", "failed", "stopped"] {
            metrics.add(&definitions::PASSES, &[outcome], 0);
        }
        for status in ["ok", "nodata", "skipdata", "other"] {
            metrics.add(&definitions::RECORDS, &[status], 0);
        }
        for outcome in ["read", "failed"] {
            metrics.add(&definitions::OBJECTS, &[outcome], 0);
        }
        for outcome in ["ok", "refused"] {
            metrics.add(&definitions::RELOADS, &[outcome], 0);
        }
        metrics.add(&definitions::BYTES, &[], 0);
        metrics.add(&definitions::WRITTEN, &[], 0);
        metrics.set(&definitions::BUILD, &[env!("CARGO_PKG_VERSION")], 1.0);
        metrics.set_time(&definitions::PROCESS_START, started);
        metrics
    }

    /// Counts a pass that succeeded and what it did. It ended at `now`, Unix seconds.
    pub fn pass(&self, pass: &PassMetrics, took: Duration, now: i64) {
        self.ended(PassOutcome::Ok, took);
        self.set_time(&definitions::PASS_SUCCESS, now);
        self.add(&definitions::OBJECTS, &["read"], pass.objects);
        self.add(&definitions::OBJECTS, &["failed"], pass.objects_failed);
        self.add(&definitions::BYTES, &[], pass.bytes);
        self.add(&definitions::WRITTEN, &[], pass.written);
        for (status, count) in [
            ("ok", pass.ok),
            ("nodata", pass.nodata),
            ("skipdata", pass.skipdata),
            ("other", pass.other),
        ] {
            self.add(&definitions::RECORDS, &[status], count);
        }
        for (reason, count) in &pass.malformed {
            self.add(&definitions::MALFORMED, &[reason], *count);
        }
        for (path, bytes) in &pass.s3_bytes {
            self.add(&definitions::S3_BYTES, &[path], *bytes);
        }
        self.set(&definitions::WAITING, &[], float(pass.waiting));
        // A record that claims to be of the future must not hide the lag for ever.
        let newest = [
            (&definitions::NEWEST_RECORD, pass.newest_record),
            (&definitions::NEWEST_OBJECT, pass.newest_object),
        ];
        for (metric, time) in newest {
            if let Some(time) = time {
                self.raise_time(metric, time.min(now));
            }
        }
        if let Some(time) = pass.inventory {
            self.set_time(&definitions::INVENTORY, time);
        }
        if let Some((files, bytes)) = pass.lake {
            self.set(&definitions::LAKE_FILES, &[], float(files));
            self.set(&definitions::LAKE_BYTES, &[], float(bytes));
        }
        if let Some(findings) = &pass.findings {
            let values = findings.iter().map(|((detection, severity), count)| {
                (vec![detection.as_str(), severity.as_str()], float(*count))
            });
            self.set_all(&definitions::FINDINGS, values);
        }
        for (sink, counts) in &pass.alerts {
            self.add(&definitions::ALERTS_SENT, &[sink], counts.sent);
            self.add(&definitions::ALERTS_FAILED, &[sink], counts.failed);
        }
        let waiting =
            pass.alerts.iter().map(|(sink, counts)| (vec![sink.as_str()], float(counts.waiting)));
        self.set_all(&definitions::ALERTS_WAITING, waiting);
    }

    /// Counts a pass by its outcome and how long it took, and nothing of what it did.
    pub fn ended(&self, outcome: PassOutcome, took: Duration) {
        self.add(&definitions::PASSES, &[outcome.as_str()], 1);
        let series = self.series.get(definitions::PASS_SECONDS.name);
        if let Some(Series { values: Values::Histogram(histogram, last), .. }) = series {
            histogram.observe(took.as_secs_f64());
            *last.lock().unwrap_or_else(PoisonError::into_inner) = Some(took.as_secs_f64());
        }
    }

    /// Counts a reading of the configuration; `false`: it was refused.
    pub fn reloaded(&self, taken: bool) {
        self.add(&definitions::RELOADS, &[if taken { "ok" } else { "refused" }], 1);
    }

    /// Returns the text for Prometheus: OpenMetrics 1.0, or the older format that everything reads.
    pub fn encode(&self, open_metrics: bool) -> String {
        self.sample_process();
        let mut buffer = String::new();
        // Writing to a String cannot fail.
        let _ = match open_metrics {
            true => text::encode(&mut buffer, &self.registry),
            false => prometheus_text::encode(&mut buffer, &self.registry),
        };
        buffer
    }

    /// Returns every value that is known, in the order of [`METRICS`], then of the labels.
    pub fn samples(&self) -> Vec<Sample> {
        self.sample_process();
        let mut samples = Vec::new();
        for metric in METRICS {
            let Some(series) = self.series.get(metric.name) else { continue };
            let mut take = |labels: &Labels, value: Option<f64>| {
                let labels = labels.clone();
                samples.extend(value.map(|value| Sample { metric: *metric, labels, value }));
            };
            let known = series.known.lock().unwrap_or_else(PoisonError::into_inner);
            match &series.values {
                Values::Counters(family) => known.iter().for_each(|labels| {
                    take(labels, family.get(labels).map(|counter| float(counter.get())));
                }),
                Values::Gauges(family) => known.iter().for_each(|labels| {
                    take(labels, family.get(labels).map(|gauge| gauge.get()));
                }),
                Values::Histogram(_, last) => {
                    let last = *last.lock().unwrap_or_else(PoisonError::into_inner);
                    take(&Labels::new(), last);
                }
            }
        }
        samples
    }

    fn sample_process(&self) {
        let values = [
            (&definitions::PROCESS_MEMORY, process_stats::resident_bytes()),
            (&definitions::PROCESS_FILES, process_stats::open_files()),
        ];
        for (metric, value) in values {
            if let Some(value) = value {
                self.set(metric, &[], float(value));
            }
        }
    }

    fn add(&self, metric: &Metric, values: &[&str], count: u64) {
        self.with(metric, values, |series, labels| {
            if let Values::Counters(family) = series {
                family.get_or_create(labels).inc_by(count);
            }
        });
    }

    fn set(&self, metric: &Metric, values: &[&str], value: f64) {
        self.with(metric, values, |series, labels| {
            if let Values::Gauges(family) = series {
                family.get_or_create(labels).set(value);
            }
        });
    }

    #[expect(clippy::cast_precision_loss, reason = "seconds of some million years are exact")]
    fn set_time(&self, metric: &Metric, time: i64) {
        self.set(metric, &[], time as f64);
    }

    /// Sets a time unless a later one is known.
    #[expect(clippy::cast_precision_loss, reason = "seconds of some million years are exact")]
    fn raise_time(&self, metric: &Metric, time: i64) {
        self.with(metric, &[], |series, labels| {
            if let Values::Gauges(family) = series {
                let gauge = family.get_or_create(labels);
                // A gauge that is new has 0.
                gauge.set(gauge.get().max(time as f64));
            }
        });
    }

    /// Sets all series of a gauge. Those that have no value any more become 0, so that no scrape finds
    /// them missing between two passes.
    fn set_all<'a>(&self, metric: &Metric, values: impl Iterator<Item = (Vec<&'a str>, f64)>) {
        let mut sums: BTreeMap<Labels, f64> = BTreeMap::new();
        let Some(series) = self.series.get(metric.name) else { return };
        let Values::Gauges(family) = &series.values else { return };
        let mut known = series.known.lock().unwrap_or_else(PoisonError::into_inner);
        for (values, value) in values {
            *sums.entry(bounded(&mut known, metric, &values)).or_default() += value;
        }
        for labels in known.iter() {
            family.get_or_create(labels).set(sums.get(labels).copied().unwrap_or_default());
        }
    }

    fn with(&self, metric: &Metric, values: &[&str], change: impl FnOnce(&Values, &Labels)) {
        let Some(series) = self.series.get(metric.name) else { return };
        let mut known = series.known.lock().unwrap_or_else(PoisonError::into_inner);
        let labels = bounded(&mut known, metric, values);
        change(&series.values, &labels);
    }
}

/// Gives values their labels, or `other` when there are too many series.
fn bounded(known: &mut BTreeSet<Labels>, metric: &Metric, values: &[&str]) -> Labels {
    let labels = |value: &dyn Fn(usize) -> String| -> Labels {
        metric.labels.iter().enumerate().map(|(at, name)| (*name, value(at))).collect()
    };
    let given = labels(&|at| values.get(at).copied().unwrap_or_default().to_owned());
    if known.contains(&given) {
        return given;
    }
    let fits = known.len() + 1 < SERIES_MAX;
    let label_set = if fits { given } else { labels(&|_| "other".to_owned()) };
    known.insert(label_set.clone());
    label_set
}

#[expect(clippy::cast_precision_loss, reason = "Prometheus and CloudWatch know no other numbers")]
fn float(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_773_133_200;

    fn pass() -> PassMetrics {
        PassMetrics {
            objects: 3,
            bytes: 1000,
            ok: 40,
            nodata: 2,
            malformed: [("not a number".to_owned(), 2)].into(),
            newest_record: Some(NOW - 60),
            findings: Some([(("port-scan".to_owned(), Severity::High), 2)].into()),
            alerts: [("ops".to_owned(), AlertCounts { sent: 1, failed: 2, waiting: 3 })].into(),
            ..PassMetrics::default()
        }
    }

    fn has(metrics: &Metrics, line: &str) -> bool {
        metrics.encode(false).lines().any(|found| found == line)
    }

    #[track_caller]
    fn expect(metrics: &Metrics, lines: &[&str]) {
        let text = metrics.encode(false);
        for line in lines {
            assert!(text.lines().any(|found| found == *line), "{line} is not in\n{text}");
        }
    }

    #[test]
    fn a_pass_is_counted() {
        let metrics = Metrics::new(NOW - 500);
        metrics.pass(&pass(), Duration::from_secs(2), NOW);
        metrics.pass(&pass(), Duration::from_millis(50), NOW + 60);
        metrics.ended(PassOutcome::Failed, Duration::from_secs(1));
        expect(
            &metrics,
            &[
                "# TYPE flowq_records_total counter",
                "flowq_records_total{status=\"ok\"} 80",
                "flowq_records_total{status=\"skipdata\"} 0",
                "flowq_malformed_lines_total{reason=\"not a number\"} 4",
                "flowq_read_bytes_total 2000",
                "flowq_passes_total{outcome=\"failed\"} 1",
                "flowq_passes_total{outcome=\"ok\"} 2",
                "flowq_pass_duration_seconds_bucket{le=\"0.1\"} 1",
                "flowq_pass_duration_seconds_count 3",
                "flowq_findings{detection=\"port-scan\",severity=\"high\"} 2.0",
                "flowq_alerts_failed_total{sink=\"ops\"} 4",
                "flowq_alerts_waiting{sink=\"ops\"} 3.0",
            ],
        );
    }

    #[test]
    fn what_is_not_known_is_not_told() {
        let metrics = Metrics::new(NOW);
        let text = metrics.encode(false);
        for metric in METRICS.iter().filter(|metric| metric.kind == Kind::Time) {
            let is_listed = text.lines().any(|line| line.starts_with(metric.name));
            assert_eq!(is_listed, metric.name == "process_start_time_seconds", "{text}");
        }
    }

    #[test]
    fn a_record_of_the_future_does_not_hide_the_lag() {
        let metrics = Metrics::new(NOW);
        let with = |newest| PassMetrics { newest_record: Some(newest), ..PassMetrics::default() };
        metrics.pass(&with(NOW + 9_999_999), Duration::ZERO, NOW);
        let value = |metrics: &Metrics| {
            let samples = metrics.samples();
            let found = samples.iter().find(|sample| sample.metric == definitions::NEWEST_RECORD);
            found.map(|sample| sample.value)
        };
        assert_eq!(value(&metrics), Some(1_773_133_200.0));
        metrics.pass(&with(NOW - 50), Duration::ZERO, NOW + 60);
        assert_eq!(value(&metrics), Some(1_773_133_200.0));
    }

    #[test]
    fn what_no_longer_stands_is_zero_not_missing() {
        let metrics = Metrics::new(NOW);
        metrics.pass(&pass(), Duration::ZERO, NOW);
        let findings = Some([(("exfiltration".to_owned(), Severity::Low), 1)].into());
        metrics.pass(&PassMetrics { findings, ..PassMetrics::default() }, Duration::ZERO, NOW);
        assert!(has(&metrics, "flowq_findings{detection=\"port-scan\",severity=\"high\"} 0.0"));
        assert!(has(&metrics, "flowq_findings{detection=\"exfiltration\",severity=\"low\"} 1.0"));
        assert!(has(&metrics, "flowq_alerts_waiting{sink=\"ops\"} 0.0"));
        // Not evaluated is not zero.
        metrics.pass(&PassMetrics::default(), Duration::ZERO, NOW);
        assert!(has(&metrics, "flowq_findings{detection=\"exfiltration\",severity=\"low\"} 1.0"));
    }

    #[test]
    fn the_number_of_series_is_bounded() {
        let metrics = Metrics::new(NOW);
        let mut size = 0;
        for round in 0..500 {
            let detection = format!("detection-{round}");
            let pass = PassMetrics {
                malformed: [(format!("reason {round}"), 1)].into(),
                findings: Some([((detection, Severity::Low), 1)].into()),
                ..PassMetrics::default()
            };
            metrics.pass(&pass, Duration::ZERO, NOW);
            let lines = metrics.encode(true).lines().count();
            assert!(round < 100 || lines == size, "{round}: {lines} lines, {size} before");
            size = lines;
        }
        assert!(has(&metrics, "flowq_malformed_lines_total{reason=\"other\"} 437"));
        assert!(has(&metrics, "flowq_findings{detection=\"other\",severity=\"other\"} 1.0"));
    }

    #[test]
    fn labels_of_users_are_escaped() {
        let metrics = Metrics::new(NOW);
        let alerts = [("a\"b\\c\nd".to_owned(), AlertCounts::default())].into();
        metrics.pass(&PassMetrics { alerts, ..PassMetrics::default() }, Duration::ZERO, NOW);
        assert!(has(&metrics, r#"flowq_alerts_sent_total{sink="a\"b\\c\nd"} 0"#));
    }

    #[test]
    fn both_formats_name_every_metric_that_has_a_value() {
        let metrics = Metrics::new(NOW);
        let full = PassMetrics {
            newest_object: Some(NOW),
            inventory: Some(NOW),
            s3_bytes: [("nat-gateway".to_owned(), 5)].into(),
            lake: Some((2, 3)),
            ..pass()
        };
        metrics.pass(&full, Duration::ZERO, NOW);
        let (plain, open) = (metrics.encode(false), metrics.encode(true));
        assert!(open.ends_with("# EOF\n") && !plain.contains("# EOF"));
        for metric in METRICS {
            let (name, kind) = (metric.name, metric.kind.prometheus());
            assert!(plain.contains(&format!("# TYPE {name} {kind}\n")), "{name}: {plain}");
            let family = name.trim_end_matches("_total");
            assert!(open.contains(&format!("# TYPE {family} {kind}\n")), "{name}: {open}");
        }
    }
}
