//! Messages to a queue.

use std::time::Duration;

use aws_sdk_sqs::config::retry::RetryConfig;
use aws_sdk_sqs::types::{MessageAttributeValue, SendMessageBatchRequestEntry};
use tokio::sync::OnceCell;

use crate::aws::sqs::address::{Address, QueueName};
use crate::aws::{Account, Error, Kind};

/// A message in transit to a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// Its text.
    pub body: String,
    /// Names and texts beside it.
    pub attributes: Vec<(&'static str, String)>,
    /// What a queue with an order (FIFO) takes only once in five minutes; others pay no heed to it.
    pub once: String,
}

/// Sends messages to one queue, once each: the caller retries.
#[derive(Debug)]
pub struct Sender {
    client: aws_sdk_sqs::Client,
    place: QueueName,
    url: OnceCell<String>,
}

impl Account {
    /// Returns a sender to a queue. No call is made yet.
    pub async fn queue_sender(&self, address: &Address) -> Sender {
        let mut own = aws_sdk_sqs::config::Builder::from(self.config().await)
            .retry_config(RetryConfig::disabled());
        if let Some(region) = &address.region {
            own.set_region(Some(aws_sdk_sqs::config::Region::new(region.clone())));
        }
        let client = aws_sdk_sqs::Client::from_conf(own.build());
        Sender { client, place: address.place.clone(), url: OnceCell::new() }
    }
}

impl Sender {
    /// Sends up to ten messages, in their order. Returns for each why the queue did not take it; `None`: it did.
    pub async fn send(
        &self,
        messages: &[Outgoing],
        timeout: Duration,
    ) -> Result<Vec<Option<RejectedMessage>>, Error> {
        let sent = tokio::time::timeout(timeout, self.send_all(messages)).await;
        sent.unwrap_or_else(|_| {
            let seconds = timeout.as_secs_f32();
            Err(Error::new(Kind::Network, format!("no answer within {seconds} seconds")))
        })
    }

    async fn send_all(&self, messages: &[Outgoing]) -> Result<Vec<Option<RejectedMessage>>, Error> {
        let url = self.url.get_or_try_init(|| self.find()).await?;
        let is_fifo = url.ends_with(".fifo");
        let entry = |(at, message): (usize, &Outgoing)| entry(at, message, is_fifo);
        let entries = messages.iter().enumerate().map(entry).collect::<Result<_, _>>()?;
        let call = self.client.send_message_batch().queue_url(url);
        let response = call.set_entries(Some(entries)).send().await;
        let response = response.map_err(|error| Error::of(&error))?;
        let mut refused = vec![None; messages.len()];
        for entry in response.failed {
            let at = entry.id.parse::<usize>().ok();
            if let Some(place) = at.and_then(|at| refused.get_mut(at)) {
                let error = Error::from_service(Some(&entry.code), entry.message.as_deref());
                *place = Some(RejectedMessage { error, sender_fault: entry.sender_fault });
            }
        }
        Ok(refused)
    }

    async fn find(&self) -> Result<String, Error> {
        match &self.place {
            QueueName::Url(url) => Ok(url.clone()),
            QueueName::Name { name, account_id } => {
                let ask = self.client.get_queue_url().queue_name(name);
                let response = ask.set_queue_owner_aws_account_id(account_id.clone()).send().await;
                let response = response.map_err(|error| Error::of(&error))?;
                response.queue_url.ok_or_else(|| Error::new(Kind::Missing, name))
            }
        }
    }
}

/// Why a queue did not take a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectedMessage {
    /// The error of SQS.
    pub error: Error,
    /// Whether the message itself is at fault: another try will fail as well.
    pub sender_fault: bool,
}

fn entry(
    at: usize,
    message: &Outgoing,
    is_fifo: bool,
) -> Result<SendMessageBatchRequestEntry, Error> {
    let wrong = |error: aws_smithy_types::error::operation::BuildError| {
        Error::new(Kind::Other, error.to_string())
    };
    let mut entry =
        SendMessageBatchRequestEntry::builder().id(at.to_string()).message_body(&message.body);
    for (name, value) in &message.attributes {
        let value = MessageAttributeValue::builder().data_type("String").string_value(value);
        entry = entry.message_attributes(*name, value.build().map_err(wrong)?);
    }
    if is_fifo {
        entry = entry.message_group_id("flowq").message_deduplication_id(&message.once);
    }
    entry.build().map_err(wrong)
}
