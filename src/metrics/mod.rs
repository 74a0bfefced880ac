//! Metrics of the service, for Prometheus and for CloudWatch.
//!
//! [`METRICS`] is the list of all metrics, [`Metrics`] holds their values, and each pass reports its [`PassMetrics`].
//! [`server`] answers scrapes and probes of [`Health`]; [`cloudwatch`] writes the same values as embedded metrics or
//! sends them with `PutMetricData`.
//!
//! No label takes its values from the records: no job, no address, no object. Names that users choose (sinks, their
//! own detections) are limited to [`SERIES_MAX`] series.

pub mod cloudwatch;
mod config;
mod definitions;
mod health;
mod process_stats;
mod registry;
pub mod server;

pub use config::Config;
pub(crate) use config::duration;
pub use definitions::{Kind, METRICS, Metric};
pub use health::Health;
pub use registry::{AlertCounts, Labels, Metrics, PassMetrics, PassOutcome, SERIES_MAX, Sample};
