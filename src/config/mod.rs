//! The configuration file `flowq.toml`.
//!
//! [`Config`] is the whole file: sources, inventory, allowed traffic, detections, suppressions, alerts, metrics, the
//! service and [`Prices`].

mod file;
mod prices;

pub use file::{Config, DetectionConfig, Error, Feed};
pub use prices::Prices;
