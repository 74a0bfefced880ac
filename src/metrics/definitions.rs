//! The one list of metrics: the registry, the table of `docs/feed.md`, the dashboard and the rules follow it.

/// What a metric's value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only grows, from the start of the process on.
    Counter,
    /// A value of now.
    Gauge,
    /// A time, Unix seconds, UTC. Not there until it is known.
    Time,
    /// How often something took how long, in seconds.
    Histogram,
    /// Always 1: its labels carry the information.
    Info,
}

impl Kind {
    /// Returns the name of the type that Prometheus knows.
    pub fn prometheus(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Histogram => "histogram",
            Self::Gauge | Self::Time | Self::Info => "gauge",
        }
    }
}

/// A metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metric {
    /// Its name in Prometheus.
    pub name: &'static str,
    /// What its value is.
    pub kind: Kind,
    /// The names of its labels.
    pub labels: &'static [&'static str],
    /// Its help text, without a full stop.
    pub help: &'static str,
}

macro_rules! metrics {
    ($($id:ident = $kind:ident $name:literal [$($label:literal),*] $help:literal;)*) => {
        $(
            #[doc = concat!("`", $name, "`: ", $help, ".")]
            pub(super) const $id: Metric =
                Metric { name: $name, kind: Kind::$kind, labels: &[$($label),*], help: $help };
        )*

        /// Every metric, in the order of `docs/feed.md`.
        pub const METRICS: &[Metric] = &[$($id),*];
    };
}

metrics! {
    PASSES = Counter "flowq_passes_total" ["outcome"]
        "passes by outcome: ok, failed, stopped (dropped at the end of the service)";
    PASS_SECONDS = Histogram "flowq_pass_duration_seconds" []
        "how long the passes took, whatever their outcome";
    PASS_SUCCESS = Time "flowq_pass_last_success_timestamp_seconds" []
        "when the last pass that succeeded ended";
    OBJECTS = Counter "flowq_objects_total" ["outcome"]
        "objects and time ranges of log groups by outcome: read, failed (not to their end)";
    BYTES = Counter "flowq_read_bytes_total" []
        "bytes read, as they are stored";
    RECORDS = Counter "flowq_records_total" ["status"]
        "records read by log-status: ok, nodata, skipdata, other";
    MALFORMED = Counter "flowq_malformed_lines_total" ["reason"]
        "lines that could not be read";
    WRITTEN = Counter "flowq_rows_written_total" []
        "rows written to the lake";
    WAITING = Gauge "flowq_splits_waiting" []
        "objects and time ranges that are known and not read yet";
    NEWEST_RECORD = Time "flowq_newest_record_timestamp_seconds" []
        "end of the newest record read: the lag of events is what lies between it and now";
    NEWEST_OBJECT = Time "flowq_newest_object_timestamp_seconds" []
        "when the newest object read was delivered: the lag of delivery is what lies between it and now";
    INVENTORY = Time "flowq_inventory_timestamp_seconds" []
        "the time up to which the inventory knows jobs and interfaces";
    S3_BYTES = Counter "flowq_s3_bytes_total" ["path"]
        "bytes between jobs and S3, by s3_path: gateway-endpoint, nat-gateway and so on";
    FINDINGS = Gauge "flowq_findings" ["detection", "severity"]
        "findings that stand";
    ALERTS_SENT = Counter "flowq_alerts_sent_total" ["sink"]
        "alerts that a sink took";
    ALERTS_FAILED = Counter "flowq_alerts_failed_total" ["sink"]
        "tries to hand an alert to a sink that failed";
    ALERTS_WAITING = Gauge "flowq_alerts_waiting" ["sink"]
        "alerts in the spool, to be tried again";
    LAKE_FILES = Gauge "flowq_lake_files" []
        "data files of the lake";
    LAKE_BYTES = Gauge "flowq_lake_bytes" []
        "bytes of the data files of the lake";
    RELOADS = Counter "flowq_config_reloads_total" ["outcome"]
        "times the configuration was read again: ok, refused";
    BUILD = Info "flowq_build_info" ["version"]
        "the version that runs";
    PROCESS_START = Time "process_start_time_seconds" []
        "when the process started";
    PROCESS_MEMORY = Gauge "process_resident_memory_bytes" []
        "resident memory of the process; only on Linux";
    PROCESS_FILES = Gauge "process_open_fds" []
        "open files and sockets of the process; only on Linux";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_keep_to_the_conventions_of_prometheus() {
        let mut seen = BTreeSet::new();
        for metric in METRICS {
            let Metric { name, kind, labels, help } = metric;
            assert!(seen.insert(*name), "{name} is there twice");
            assert!(name.starts_with("flowq_") || name.starts_with("process_"), "{name}");
            assert_eq!(*kind == Kind::Counter, name.ends_with("_total"), "{name}");
            assert_eq!(*kind == Kind::Info, name.ends_with("_info"), "{name}");
            let is_time = name.ends_with("_timestamp_seconds") || name.ends_with("_time_seconds");
            assert_eq!(*kind == Kind::Time, is_time, "{name}");
            let plain = |c: char| c.is_ascii_lowercase() || c == '_' || c.is_ascii_digit();
            assert!(name.chars().chain(labels.concat().chars()).all(plain), "{name}");
            assert!(!help.is_empty() && !help.ends_with('.'), "{name}: the encoder adds the stop");
        }
    }
}
