//! Log groups of CloudWatch Logs: `cloudwatch://log-group[?streams=prefix]`.
//!
//! A split of [`CloudWatchSource`] is a time range of the group. It is read as JSON documents, one a page, with
//! the events' streams and ids beside their messages.

mod cloudwatch_source;
mod event;
mod filter_log_events;
mod logs_insights;
mod slices;
mod url;

pub(in crate::source) use cloudwatch_source::CloudWatchSource;
