//! Alerts: findings on their way to sinks.
//!
//! [`Outbox::enqueue`] decides for each [`Sink`] which findings need an [`Alert`], and stores the alerts before anything
//! is sent; [`Outbox::deliver`] sends what is stored, and [`Deliveries`] does so beside the passes of a service. A sink
//! gets a finding once, and again only if its severity or its bytes grew. An alert that a sink cannot take now waits,
//! in the order of the sink, and blocks no other sink. After a crash a sink may get an alert twice, with the same
//! `alert_id`.

pub mod config;
mod delivery;
mod error;
mod message;
mod model;
mod outbox;
pub(crate) mod pending;
mod retry_policy;
mod secret;
mod sent_memory;
mod sink;
mod spool;
#[cfg(test)]
mod tests;
mod transports;

pub use config::Config;
pub use delivery::Deliveries;
pub use error::Error;
pub use model::{Alert, AlertReason, PreviousAlert};
pub use outbox::{Delivery, Enqueued, Outbox};
pub use pending::{Pending, pending, requeue};
pub use retry_policy::RetryPolicy;
pub use secret::Secret;
pub use sink::{Sink, SinkContext};
pub use transports::ndjson::Stdout;
