//! Messages of an SQS queue: received, held while they are worked on, let go of. It knows nothing of what is
//! in them.

mod sender;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{
    BatchResultErrorEntry, ChangeMessageVisibilityBatchRequestEntry,
    DeleteMessageBatchRequestEntry, MessageSystemAttributeName, QueueAttributeName,
};
use futures::StreamExt as _;
pub use sender::{Outgoing, RejectedMessage, Sender};
use tokio::task::JoinHandle;

use crate::aws::{Account, Error, Kind};

/// Messages of one call, as many as SQS takes.
const BATCH: usize = 10;

/// Calls that are made side by side when many messages are held or deleted.
const CALLS: usize = 8;

/// How often an entry of a batch is tried; a failed call as a whole is the SDK's to try again.
const TRIES: u64 = 3;

/// The shortest time that a message is taken for: half of it must be long enough to ask for more.
const VISIBILITY_MIN_SECS: i32 = 4;

/// Where a queue is, as a user names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// The region that the name tells; NULL: the account's own.
    pub region: Option<String>,
    place: QueueName,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum QueueName {
    Url(String),
    Name { name: String, account_id: Option<String> },
}

impl Address {
    /// Reads the URL of a queue, with or without its `https://`, its ARN, or its bare name.
    ///
    /// # Errors
    ///
    /// [`Kind::Other`] when it is none of these.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let wrong = |what: &str| Error::new(Kind::Other, what);
        if text.starts_with("arn:") {
            let parts: Vec<&str> = text.splitn(6, ':').collect();
            let ["arn", _, "sqs", region, account, name] = parts[..] else {
                return Err(wrong("the ARN is not that of a queue"));
            };
            if region.is_empty() || account.is_empty() || !is_name(name) {
                return Err(wrong("the ARN lacks a region, an account or a queue's name"));
            }
            let place =
                QueueName::Name { name: name.to_owned(), account_id: Some(account.to_owned()) };
            return Ok(Self { region: Some(region.to_owned()), place });
        }
        let (scheme, rest) = text.split_once("://").unwrap_or(("https", text));
        let Some((host, path)) = rest.split_once('/') else {
            let place = QueueName::Name { name: rest.to_owned(), account_id: None };
            let fits = is_name(rest) && !text.contains("://");
            return fits
                .then_some(Self { region: None, place })
                .ok_or_else(|| wrong("it names no queue"));
        };
        if !matches!(scheme, "https" | "http") || !path.rsplit('/').next().is_some_and(is_name) {
            return Err(wrong("the URL is not that of a queue"));
        }
        let place = QueueName::Url(format!("{scheme}://{rest}"));
        Ok(Self { region: region_of(host), place })
    }
}

fn is_name(text: &str) -> bool {
    let name = text.strip_suffix(".fifo").unwrap_or(text);
    let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    (1..=80).contains(&text.len()) && !name.is_empty() && name.bytes().all(fits)
}

/// `sqs.<region>.amazonaws.com`, an interface endpoint's `vpce-….sqs.<region>.vpce.amazonaws.com`, and the
/// old `<region>.queue.amazonaws.com`.
fn region_of(host: &str) -> Option<String> {
    let parts: Vec<&str> = host.split('.').collect();
    let at = parts.iter().position(|part| matches!(*part, "sqs" | "sqs-fips" | "queue"))?;
    let known = parts.contains(&"amazonaws") || parts.contains(&"api");
    let region = match (parts[at], at) {
        ("queue", 1) => parts.first()?,
        ("queue", _) => return None,
        _ => parts.get(at + 1)?,
    };
    known.then(|| (*region).to_owned())
}

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
    visibility_secs: i32,
    /// NULL: what cannot be read comes back for ever.
    pub redrive: Option<Redrive>,
}

impl Account {
    /// Finds a queue, and what is set for it.
    ///
    /// # Errors
    ///
    /// [`Kind::Missing`] when there is none, and what else SQS says.
    pub async fn queue(&self, address: &Address) -> Result<Queue, Error> {
        if address.region.is_none() {
            self.region().await?;
        }
        let client = self.sqs(address.region.as_deref()).await;
        let url = match &address.place {
            QueueName::Url(url) => url.clone(),
            QueueName::Name { name, account_id } => {
                let ask = client.get_queue_url().queue_name(name);
                let told = ask.set_queue_owner_aws_account_id(account_id.clone()).send().await;
                let told = told.map_err(|error| Error::of(&error))?;
                told.queue_url.ok_or_else(|| Error::new(Kind::Missing, name))?
            }
        };
        let ask = client.get_queue_attributes().queue_url(&url);
        let ask = ask.attribute_names(QueueAttributeName::VisibilityTimeout);
        let told = ask.attribute_names(QueueAttributeName::RedrivePolicy).send().await;
        let told = told.map_err(|error| Error::of(&error))?.attributes.unwrap_or_default();
        let secs = told.get(&QueueAttributeName::VisibilityTimeout);
        let secs = secs.and_then(|secs| secs.parse().ok()).unwrap_or(VISIBILITY_MIN_SECS);
        let redrive = told.get(&QueueAttributeName::RedrivePolicy).and_then(|text| redrive(text));
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
enum VisibilityChange {
    Delete,
    /// Nobody else gets them for so many seconds from now.
    Visibility(i32),
}

impl Queue {
    /// Returns up to ten messages, after up to `wait_secs` (20 at most) without any. Nobody else gets them
    /// for the time that is set for the queue.
    ///
    /// # Errors
    ///
    /// What SQS says.
    pub async fn receive(&self, wait_secs: i32) -> Result<Vec<Message>, Error> {
        let count = MessageSystemAttributeName::ApproximateReceiveCount;
        let ask = self.client.receive_message().queue_url(&self.url).wait_time_seconds(wait_secs);
        let ask = ask.visibility_timeout(self.visibility_secs).max_number_of_messages(10);
        let told = ask.message_system_attribute_names(count.clone()).send().await;
        let messages = told.map_err(|error| Error::of(&error))?.messages.unwrap_or_default();
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

    /// Begins to keep messages from everybody else, until the hold is dropped.
    pub fn hold(&self) -> VisibilityExtender {
        let held: Arc<InFlightMessages> = Arc::default();
        let (queue, shared) = (self.clone(), Arc::clone(&held));
        let half = Duration::from_secs(u64::from(self.visibility_secs.unsigned_abs())) / 2;
        let task = tokio::spawn(async move {
            let mut ticks = tokio::time::interval(half);
            ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            ticks.tick().await;
            loop {
                ticks.tick().await;
                shared.extend(&queue).await;
            }
        });
        VisibilityExtender { held, task }
    }

    async fn change(&self, change: VisibilityChange, handles: Vec<String>) -> Vec<(String, Error)> {
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
                let told = call.set_entries(Some(entries)).send().await;
                told.map(|told| told.failed).map_err(|error| Error::of(&error))
            }
            VisibilityChange::Visibility(secs) => {
                let entry = |(id, handle): (String, &String)| {
                    let entry = ChangeMessageVisibilityBatchRequestEntry::builder().id(id);
                    entry.receipt_handle(handle).visibility_timeout(secs).build()
                };
                let entries = numbered.map(entry).collect::<Result<_, _>>().map_err(wrong)?;
                let call = self.client.change_message_visibility_batch().queue_url(&self.url);
                let told = call.set_entries(Some(entries)).send().await;
                told.map(|told| told.failed).map_err(|error| Error::of(&error))
            }
        }
    }
}

/// Messages that nobody else gets while this lives: their time is extended again and again.
#[derive(Debug)]
pub struct VisibilityExtender {
    held: Arc<InFlightMessages>,
    task: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct InFlightMessages {
    /// Handles by the ids of the messages.
    handles: Mutex<BTreeMap<String, String>>,
    lost: AtomicU64,
}

impl InFlightMessages {
    fn handles(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        self.handles.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn extend(&self, queue: &Queue) {
        let handles: Vec<String> = self.handles().values().cloned().collect();
        let failed =
            queue.change(VisibilityChange::Visibility(queue.visibility_secs), handles).await;
        // What may work at the next turn is tried again then.
        for (lost, _) in failed.iter().filter(|(_, error)| !error.is_retryable()) {
            self.handles().retain(|_, handle| handle != lost);
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl VisibilityExtender {
    /// Holds one more message, by the handle of its last receipt.
    pub fn add(&self, message: &Message) {
        self.held.handles().insert(message.id.clone(), message.handle.clone());
    }

    /// Ends the hold of one message.
    pub fn remove(&self, message_id: &str) {
        self.held.handles().remove(message_id);
    }

    /// Ends the hold: each message is anybody's when its time is over.
    pub fn stop(&self) {
        self.task.abort();
    }

    /// Returns how many messages could not be held: somebody else may have got them, too.
    pub fn lost(&self) -> u64 {
        self.held.lost.load(Ordering::Relaxed)
    }
}

impl Drop for VisibilityExtender {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_is_named_by_url_arn_or_name() {
        let url = "https://sqs.eu-west-1.amazonaws.com/123456789012/logs";
        for text in [url, &url[8..]] {
            let address = Address::parse(text).unwrap();
            assert_eq!(address.region.as_deref(), Some("eu-west-1"));
            assert_eq!(address.place, QueueName::Url(url.into()));
        }
        let arn = Address::parse("arn:aws-cn:sqs:cn-north-1:123456789012:logs.fifo").unwrap();
        assert_eq!(arn.region.as_deref(), Some("cn-north-1"));
        let account_id = Some("123456789012".to_owned());
        assert_eq!(arn.place, QueueName::Name { name: "logs.fifo".into(), account_id });
        let name = Address::parse("flow_logs-1").unwrap();
        let place = QueueName::Name { name: "flow_logs-1".into(), account_id: None };
        assert_eq!(name, Address { region: None, place });
    }

    #[test]
    fn the_host_tells_the_region() {
        for (host, region) in [
            ("sqs.us-gov-west-1.amazonaws.com", Some("us-gov-west-1")),
            ("sqs-fips.us-east-1.amazonaws.com", Some("us-east-1")),
            ("sqs.cn-north-1.amazonaws.com.cn", Some("cn-north-1")),
            ("vpce-1.sqs.us-east-2.vpce.amazonaws.com", Some("us-east-2")),
            ("sqs.eu-central-1.api.aws", Some("eu-central-1")),
            ("us-west-2.queue.amazonaws.com", Some("us-west-2")),
            ("queue.amazonaws.com", None),
            ("127.0.0.1:5000", None),
            ("sqs.example.com", None),
        ] {
            assert_eq!(region_of(host).as_deref(), region, "{host}");
        }
    }

    #[test]
    fn what_is_no_queue_is_refused() {
        for text in [
            "",
            "two words",
            "a/",
            "https://",
            "https://queue",
            "ftp://host/1/queue",
            "arn:aws:sns:us-east-1:123456789012:topic",
            "arn:aws:sqs:us-east-1::queue",
            "arn:aws:sqs:us-east-1:123456789012:a:b",
            ".fifo",
        ] {
            assert!(Address::parse(text).is_err(), "{text}");
        }
    }

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
