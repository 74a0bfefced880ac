//! Sends alerts to an EventBridge event bus.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Value, json};

use crate::alert::transports::aws_batch::{
    AwsCaller, BatchResults, MESSAGE_BYTES_MAX, entry_failure, region_of, split_batches,
};
use crate::alert::transports::{DeliveryError, DeliveryResult, ErrorKind, Transport};
use crate::alert::{Alert, message};
use crate::aws::Account;
use crate::aws::operations::PUT_EVENTS;

#[derive(Debug)]
pub(in crate::alert) struct EventBridgeTransport {
    caller: AwsCaller,
    bus: String,
}

impl EventBridgeTransport {
    pub(in crate::alert) fn new(
        account: &Arc<Account>,
        bus: &str,
        region: Option<&str>,
        timeout: Duration,
    ) -> Self {
        let caller = AwsCaller::new(account, region.or_else(|| region_of(bus)), timeout);
        Self { caller, bus: bus.to_owned() }
    }

    fn entry(&self, alert: &Alert) -> Value {
        let mut entry = json!({
            "EventBusName": self.bus,
            "Source": "flowq",
            "DetailType": if alert.test { "flowq test" } else { "flowq finding" },
            "Detail": message::json_within(alert, MESSAGE_BYTES_MAX),
            "Resources": alert.finding.job_arn.iter().collect::<Vec<_>>(),
        });
        if let Some(at) = alert.posted_at {
            entry["Time"] = at.into();
        }
        entry
    }
}

impl EventBridgeTransport {
    async fn put(&self, entries: &[Value]) -> Result<Vec<DeliveryResult>, DeliveryError> {
        let params = json!({ "Entries": entries });
        let answer = self.caller.call(&PUT_EVENTS, &params).await?;
        let Some(result_entries) = answer.document.get("Entries").and_then(Value::as_array) else {
            return Err(DeliveryError::new(ErrorKind::Passing, "the answer has no entries"));
        };
        let fate = |result_entries: &Value| match result_entries["ErrorCode"].as_str() {
            None => Ok(()),
            Some(code) => Err(entry_failure(
                code,
                result_entries["ErrorMessage"].as_str().unwrap_or(code),
                None,
            )),
        };
        Ok(result_entries.iter().map(fate).collect())
    }
}

#[async_trait]
impl Transport for EventBridgeTransport {
    fn batch_size(&self) -> usize {
        10
    }

    async fn send(&self, alerts: &[Alert], _: i64) -> Vec<DeliveryResult> {
        let entries: Vec<Value> = alerts.iter().map(|alert| self.entry(alert)).collect();
        let size = |entry: &Value| entry["Detail"].as_str().map_or(0, str::len) + 1000;
        let mut fates = BatchResults::default();
        for call in split_batches(entries.iter().map(size)) {
            let messages = call.len();
            if !fates.add(messages, self.put(&entries[call]).await) {
                break;
            }
        }
        fates.all(alerts.len())
    }
}
