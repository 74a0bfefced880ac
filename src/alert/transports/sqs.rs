//! Sends alerts to an SQS queue.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::OnceCell;

use crate::alert::transports::aws_batch::{
    BatchResults, MESSAGE_BYTES_MAX, attributes, entry_failure, split_batches,
};
use crate::alert::transports::{DeliveryError, DeliveryResult, Transport};
use crate::alert::{Alert, message};
use crate::aws::Account;
use crate::aws::sqs::{Address, Outgoing, RejectedMessage, Sender};

#[derive(Debug)]
pub(in crate::alert) struct SqsTransport {
    account: Arc<Account>,
    address: Address,
    timeout: Duration,
    sender: OnceCell<Sender>,
}

impl SqsTransport {
    pub(in crate::alert) fn new(
        account: &Arc<Account>,
        queue: &str,
        timeout: Duration,
    ) -> Result<Self, String> {
        let address = Address::parse(queue).map_err(|err| format!("queue = {queue:?}: {err}"))?;
        Ok(Self { account: Arc::clone(account), address, timeout, sender: OnceCell::new() })
    }
}

#[async_trait]
impl Transport for SqsTransport {
    fn batch_size(&self) -> usize {
        10
    }

    async fn send(&self, alerts: &[Alert], _: i64) -> Vec<DeliveryResult> {
        let sender = self.sender.get_or_init(|| self.account.queue_sender(&self.address)).await;
        let outgoing = |alert: &Alert| Outgoing {
            body: message::json_within(alert, MESSAGE_BYTES_MAX),
            attributes: attributes(alert),
            once: alert.alert_id.clone(),
        };
        let messages: Vec<Outgoing> = alerts.iter().map(outgoing).collect();
        let size = |message: &Outgoing| message.body.len() + 1000;
        let mut fates = BatchResults::default();
        for call in split_batches(messages.iter().map(size)) {
            let count = call.len();
            let response = sender.send(&messages[call], self.timeout).await;
            if !fates
                .add(count, response.map(fates_of).map_err(|error| DeliveryError::of_call(&error)))
            {
                break;
            }
        }
        fates.all(alerts.len())
    }
}

fn fates_of(refused: Vec<Option<RejectedMessage>>) -> Vec<DeliveryResult> {
    let fate = |refused: Option<RejectedMessage>| match refused {
        None => Ok(()),
        Some(RejectedMessage { error, sender_fault }) => {
            let code = error.code.as_deref().unwrap_or_default();
            Err(entry_failure(code, &error.message, Some(sender_fault)))
        }
    };
    refused.into_iter().map(fate).collect()
}
