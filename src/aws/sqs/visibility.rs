//! Messages in flight: their visibility timeout is extended while they are processed.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::task::JoinHandle;

use crate::aws::sqs::queue::{Message, Queue, VisibilityChange};

impl Queue {
    /// Extends the visibility timeout of messages until the extender is dropped.
    pub fn hold(&self) -> VisibilityExtender {
        let in_flight: Arc<InFlightMessages> = Arc::default();
        let (queue, shared) = (self.clone(), Arc::clone(&in_flight));
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
        VisibilityExtender { in_flight, task }
    }
}

/// Extends the visibility timeout of messages until it is dropped: no other consumer receives them.
#[derive(Debug)]
pub struct VisibilityExtender {
    in_flight: Arc<InFlightMessages>,
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
    /// Adds a message, by the handle of its last receipt.
    pub fn add(&self, message: &Message) {
        self.in_flight.handles().insert(message.id.clone(), message.handle.clone());
    }

    /// Stops extending one message.
    pub fn remove(&self, message_id: &str) {
        self.in_flight.handles().remove(message_id);
    }

    /// Stops extending: each message can be received again when its timeout is over.
    pub fn stop(&self) {
        self.task.abort();
    }

    /// Returns how many messages could not be extended: another consumer may have received them.
    pub fn lost(&self) -> u64 {
        self.in_flight.lost.load(Ordering::Relaxed)
    }
}

impl Drop for VisibilityExtender {
    fn drop(&mut self) {
        self.task.abort();
    }
}
