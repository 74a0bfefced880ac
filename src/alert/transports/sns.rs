//! Publishes alerts to an SNS topic.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Value, json};

use crate::alert::transports::aws_batch::{
    AwsCaller, BatchResults, MESSAGE_BYTES_MAX, attributes, entry_failure, region_of, split_batches,
};
use crate::alert::transports::{DeliveryError, DeliveryResult, Transport};
use crate::alert::{Alert, message};
use crate::aws::Account;
use crate::aws::operations::PUBLISH_BATCH;

/// The most characters of a subject, which is ASCII.
const SUBJECT_CHARS_MAX: usize = 100;

/// The most characters of the text for people.
const TEXT_CHARS_MAX: usize = 8000;

#[derive(Debug)]
pub(in crate::alert) struct SnsTransport {
    caller: AwsCaller,
    arn: String,
}

impl SnsTransport {
    pub(in crate::alert) fn new(account: &Arc<Account>, arn: &str, timeout: Duration) -> Self {
        Self { caller: AwsCaller::new(account, region_of(arn), timeout), arn: arn.to_owned() }
    }

    /// Returns the entry of an alert. People get a text by mail and SMS, programs the JSON.
    fn entry(&self, at: usize, alert: &Alert) -> Value {
        let headline = message::headline(alert);
        let mail = format!("{headline}\n\n{}", message::details(alert));
        let mail = message::cut(&mail, TEXT_CHARS_MAX);
        // The JSON is inside JSON, where each of its quotation marks takes two bytes, and it stands there with
        // a text of 4 bytes a character at most.
        let json = message::json_within(alert, (MESSAGE_BYTES_MAX - 4 * TEXT_CHARS_MAX) / 2);
        let messages =
            json!({ "default": json, "email": mail, "sms": message::cut(&headline, 140) });
        let attribute = |(name, value)| json!({ "Name": name, "Value": { "DataType": "String", "StringValue": value } });
        let mut entry = json!({
            "Id": at.to_string(),
            "Subject": subject(&headline),
            "Message": messages.to_string(),
            "MessageStructure": "json",
            "MessageAttributes": {
                "entry": attributes(alert).into_iter().map(attribute).collect::<Vec<_>>(),
            },
        });
        if self.arn.ends_with(".fifo") {
            entry["MessageGroupId"] = "flowq".into();
            entry["MessageDeduplicationId"] = alert.alert_id.as_str().into();
        }
        entry
    }
}

impl SnsTransport {
    async fn publish(&self, entries: &[Value]) -> Result<Vec<DeliveryResult>, DeliveryError> {
        let params = json!({
            "TopicArn": self.arn,
            "PublishBatchRequestEntries": { "member": entries },
        });
        let answer = self.caller.call(&PUBLISH_BATCH, &params).await?;
        let result = answer.document.get("PublishBatchResult").cloned().unwrap_or_default();
        let failed = result["Failed"].as_array().cloned().unwrap_or_default();
        let fate = |entry: &Value| {
            let failed = failed.iter().find(|failed| failed["Id"] == entry["Id"]);
            failed.map_or(Ok(()), |failed| {
                let word = |key: &str| failed[key].as_str().unwrap_or_default();
                let fault = failed["SenderFault"].as_str().and_then(|fault| fault.parse().ok());
                Err(entry_failure(word("Code"), word("Message"), fault))
            })
        };
        Ok(entries.iter().map(fate).collect())
    }
}

/// A subject is ASCII without line ends.
fn subject(headline: &str) -> String {
    let plain = headline.chars().map(|c| if c.is_ascii() && !c.is_control() { c } else { '?' });
    plain.take(SUBJECT_CHARS_MAX).collect()
}

#[async_trait]
impl Transport for SnsTransport {
    fn batch_size(&self) -> usize {
        10
    }

    async fn send(&self, alerts: &[Alert], _: i64) -> Vec<DeliveryResult> {
        let entries: Vec<Value> =
            alerts.iter().enumerate().map(|(at, alert)| self.entry(at, alert)).collect();
        let size = |entry: &Value| entry["Message"].as_str().map_or(0, str::len) + 1000;
        let mut fates = BatchResults::default();
        for call in split_batches(entries.iter().map(size)) {
            let messages = call.len();
            if !fates.add(messages, self.publish(&entries[call]).await) {
                break;
            }
        }
        fates.all(alerts.len())
    }
}
