//! A queue: receives messages, deletes and releases them.

use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{
    BatchResultErrorEntry, ChangeMessageVisibilityBatchRequestEntry,
    DeleteMessageBatchRequestEntry, MessageSystemAttributeName, QueueAttributeName,
};
use futures::StreamExt as _;

use crate::aws::sqs::address::{Address, QueueName};
use crate::aws::{Account, Error, Kind};

/// Messages of one call, as many as SQS takes.
const BATCH: usize = 10;

/// Calls that are made side by side when many messages are extended or deleted.
const CALLS: usize = 8;

/// How often an entry of a batch is tried; a failed call as a whole is the SDK's to try again.
const TRIES: u64 = 3;

/// The shortest time that a message is taken for: half of it must be long enough to request more.
const VISIBILITY_MIN_SECS: i32 = 4;

/// A message that was received.
#[derive(Debug, Clone)]
pub struct Message {
    /// Its id, the same at every receipt.
    pub id: String,
    /// What this receipt is known by.
    pub handle: String,
    /// Its text.
    pub body: String,
    /// How often it was received, this time included.
    pub receives: u64,
}

/// Where a queue moves what was received too often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redrive {
    /// The ARN of the dead-letter queue.
    pub target: String,
    /// Receives after which a message goes there.
    pub receives_max: u64,
}

/// A queue. A clone is the same queue.
#[derive(Debug, Clone)]
pub struct Queue {
    client: Client,
    url: String,
    pub(super) visibility_secs: i32,
    /// `None`: what cannot be read comes back for ever.
    pub redrive: Option<Redrive>,
}

impl Account {
    /// Finds a queue, and what is set for it.
    ///
    /// # Errors
    ///
    /// [`Kind::Missing`] when there is none, and other errors of SQS.
    pub async fn queue(&self, address: &Address) -> Result<Queue, Error> {
        if address.region.is_none() {
            self.region().await?;
        }
        let client = self.sqs(address.region.as_deref()).await;
        let url = match &address.place {
            QueueName::Url(url) => url.clone(),
            QueueName::Name { name, account_id } => {
                let ask = client.get_queue_url().queue_name(name);
                let response = ask.set_queue_owner_aws_account_id(account_id.clone()).send().await;
                let response = response.map_err(|error| Error::of(&error))?;
                response.queue_url.ok_or_else(|| Error::new(Kind::Missing, name))?
            }
        };
        let ask = client.get_queue_attributes().queue_url(&url);
        let ask = ask.attribute_names(QueueAttributeName::VisibilityTimeout);
        let response = ask.attribute_names(QueueAttributeName::RedrivePolicy).send().await;
        let response = response.map_err(|error| Error::of(&error))?.attributes.unwrap_or_default();
        let secs = response.get(&QueueAttributeName::VisibilityTimeout);
        let secs = secs.and_then(|secs| secs.parse().ok()).unwrap_or(VISIBILITY_MIN_SECS);
        let redrive =
            response.get(&QueueAttributeName::RedrivePolicy).and_then(|text| redrive(text));
        Ok(Queue { client, url, visibility_secs: secs.max(VISIBILITY_MIN_SECS), redrive })
    }
}

/// `{"deadLetterTargetArn": "…", "maxReceiveCount": 5}`; the number may be text.
fn redrive(text: &str) -> Option<Redrive> {
    let policy: serde_json::Value = serde_json::from_str(text).ok()?;
    let max = policy.get("maxReceiveCount")?;
    let receives_max = max.as_u64().or_else(|| max.as_str()?.parse().ok())?;
    let target = policy.get("deadLetterTargetArn")?.as_str()?.to_owned();
    Some(Redrive { target, receives_max })
}

/// What is done to messages, ten a call.
#[derive(Debug, Clone, Copy)]
pub(super) enum VisibilityChange {
    Delete,
    /// No other consumer receives them for that many seconds from now.
    Visibility(i32),
}

impl Queue {
    /// Returns up to ten messages, after up to `wait_secs` (20 at most) without any. Nobody else gets them
    /// for the time that is set for the queue.
    pub async fn receive(&self, wait_secs: i32) -> Result<Vec<Message>, Error> {
        let count = MessageSystemAttributeName::ApproximateReceiveCount;
        let ask = self.client.receive_message().queue_url(&self.url).wait_time_seconds(wait_secs);
        let ask = ask.visibility_timeout(self.visibility_secs).max_number_of_messages(10);
        let response = ask.message_system_attribute_names(count.clone()).send().await;
        let messages = response.map_err(|error| Error::of(&error))?.messages.unwrap_or_default();
        let message = |message: aws_sdk_sqs::types::Message| {
            let receives = message.attributes.and_then(|all| all.get(&count)?.parse().ok());
            Some(Message {
                id: message.message_id?,
                handle: message.receipt_handle?,
                body: message.body.unwrap_or_default(),
                receives: receives.unwrap_or(1),
            })
        };
        Ok(messages.into_iter().filter_map(message).collect())
    }

    /// Deletes messages by their handles. Returns those that are still there, each with the reason.
    pub async fn delete(&self, handles: Vec<String>) -> Vec<(String, Error)> {
        self.change(VisibilityChange::Delete, handles).await
    }

    /// Gives messages back: anybody can receive them at once. Returns those that come back only when their
    /// time is over.
    pub async fn release(&self, handles: Vec<String>) -> Vec<(String, Error)> {
        self.change(VisibilityChange::Visibility(0), handles).await
    }

    pub(super) async fn change(
        &self,
        change: VisibilityChange,
        handles: Vec<String>,
    ) -> Vec<(String, Error)> {
        let batches: Vec<Vec<String>> = handles.chunks(BATCH).map(<[String]>::to_vec).collect();
        let calls = batches.into_iter().map(|batch| self.change_batch(change, batch));
        futures::stream::iter(calls).buffer_unordered(CALLS).concat().await
    }

    /// One call, and more for the entries that the queue could not do.
    async fn change_batch(
        &self,
        change: VisibilityChange,
        mut handles: Vec<String>,
    ) -> Vec<(String, Error)> {
        let mut failed = Vec::new();
        for again in 1..=TRIES {
            let entries = match self.call(change, &handles).await {
                Ok(entries) => entries,
                Err(error) => {
                    failed.extend(handles.into_iter().map(|handle| (handle, error.clone())));
                    return failed;
                }
            };
            let mut left = Vec::new();
            for entry in entries {
                let at = entry.id.parse::<usize>().ok();
                let Some(handle) = at.and_then(|at| handles.get(at)) else { continue };
                if entry.sender_fault || again == TRIES {
                    let error = Error::from_service(Some(&entry.code), entry.message.as_deref());
                    failed.push((handle.clone(), error));
                } else {
                    left.push(handle.clone());
                }
            }
            if left.is_empty() {
                break;
            }
            handles = left;
            tokio::time::sleep(Duration::from_millis(200 * again)).await;
        }
        failed
    }

    async fn call(
        &self,
        change: VisibilityChange,
        handles: &[String],
    ) -> Result<Vec<BatchResultErrorEntry>, Error> {
        let wrong = |error: aws_smithy_types::error::operation::BuildError| {
            Error::new(Kind::Other, error.to_string())
        };
        let numbered = handles.iter().enumerate().map(|(at, handle)| (at.to_string(), handle));
        match change {
            VisibilityChange::Delete => {
                let entry = |(id, handle): (String, &String)| {
                    DeleteMessageBatchRequestEntry::builder().id(id).receipt_handle(handle).build()
                };
                let entries = numbered.map(entry).collect::<Result<_, _>>().map_err(wrong)?;
                let call = self.client.delete_message_batch().queue_url(&self.url);
                let response = call.set_entries(Some(entries)).send().await;
                response.map(|response| response.failed).map_err(|error| Error::of(&error))
            }
            VisibilityChange::Visibility(secs) => {
                let entry = |(id, handle): (String, &String)| {
                    let entry = ChangeMessageVisibilityBatchRequestEntry::builder().id(id);
                    entry.receipt_handle(handle).visibility_timeout(secs).build()
                };
                let entries = numbered.map(entry).collect::<Result<_, _>>().map_err(wrong)?;
                let call = self.client.change_message_visibility_batch().queue_url(&self.url);
                let response = call.set_entries(Some(entries)).send().await;
                response.map(|response| response.failed).map_err(|error| Error::of(&error))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redrive_policy_has_its_number_as_number_or_text() {
        let want = Some(Redrive { target: "arn:dlq".into(), receives_max: 5 });
        for max in ["5", "\"5\""] {
            let text = format!(r#"{{"deadLetterTargetArn":"arn:dlq","maxReceiveCount":{max}}}"#);
            assert_eq!(redrive(&text), want);
        }
        assert_eq!(redrive("{}"), None);
    }
}
