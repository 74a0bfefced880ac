//! Flow logs of a log group.

use serde_json::Value;

use crate::aws;
use crate::aws::client::ServiceClient;
use crate::aws::{Account, operations};
use crate::inventory::collect::pass::filter;
use crate::inventory::documents::Reader;
use crate::inventory::merge;
use crate::inventory::model::FlowLog;

/// Returns the flow logs that write to a log group, for the formats of its records.
pub async fn flow_logs(
    account: &Account,
    log_group: &str,
    region: Option<&str>,
) -> Result<Vec<FlowLog>, aws::Error> {
    let api = ServiceClient::new(account, region).await?;
    let params = filter("log-group-name", &[log_group.to_owned()]);
    let answer = api.all(&operations::DESCRIBE_FLOW_LOGS, &params).await?;
    let mut reader = Reader::default();
    reader.read_document(Value::Object(answer.document));
    Ok(merge::inventory(&reader.facts).flow_logs)
}
