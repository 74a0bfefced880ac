//! New objects of S3, as a queue reports them: `sqs://queue`.
//!
//! [`SqsSource`] receives messages and reads their objects as from `s3://`. A message is deleted once the results
//! of all its objects are durable, and not before.

mod acknowledge;
mod notification;
mod splits;
mod sqs_source;

pub use splits::is_event;
pub(in crate::source) use sqs_source::SqsSource;
