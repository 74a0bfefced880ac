//! Events of a log group, and the client that reads them.

use aws_sdk_cloudwatchlogs::Client;
use serde::Serialize;

use crate::source::cloudwatch::url::Group;

/// The client and the log group that it reads.
#[derive(Debug)]
pub(super) struct GroupReader {
    pub(super) client: Client,
    pub(super) group: Group,
}

/// A log event, as the JSON documents have it.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Event {
    pub(super) log_stream_name: Option<String>,
    pub(super) event_id: Option<String>,
    pub(super) message: String,
}

/// A JSON document: the events of one page.
#[derive(Serialize)]
pub(super) struct Page {
    pub(super) events: Vec<Event>,
}
