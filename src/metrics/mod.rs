//! How flowq fares as a service: numbers of every pass, for Prometheus and for CloudWatch.
//!
//! [`METRICS`] is the one list of metrics. [`Metrics`] holds their values; it is made once and handed on,
//! there is none that all share. A pass tells what it did in a [`Pass`]; [`http`] answers scrapers and
//! probes, [`cloudwatch`] makes the same numbers into embedded metrics or calls.
//!
//! No metric has a label of which the data decides how many values there are: no job, no address, no
//! object. What users name (sinks, detections of their own) is cut off after [`SERIES_MAX`] series.

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
