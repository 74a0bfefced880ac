//! Deliveries in the background: each sink has its own, and waits for no other.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::{Id, JoinSet};
use tokio::time::Instant;

use crate::alert::outbox::{Delivery, Outbox};

/// How long one delivery goes on before it reports what it did. What is left goes on with the next.
const DELIVERY_MAX: Duration = Duration::from_secs(60);

/// Deliveries that are under way, one for a sink at most.
#[derive(Debug)]
pub struct Deliveries {
    outbox: Arc<Outbox>,
    tasks: JoinSet<Delivery>,
    /// The sink of each task.
    sinks: HashMap<Id, usize>,
}

impl Deliveries {
    /// Makes deliveries of an outbox; none is under way.
    pub fn new(outbox: Arc<Outbox>) -> Self {
        Self { outbox, tasks: JoinSet::new(), sinks: HashMap::new() }
    }

    /// Begins a delivery to each sink that has none under way. Returns what came of those that ended since the
    /// last call, and what waits for sinks whose delivery goes on. It waits for no sink. `now`: Unix seconds.
    pub async fn go_on(&mut self, now: i64) -> Vec<Delivery> {
        let mut delivered = BTreeMap::new();
        while let Some(ended) = self.tasks.try_join_next_with_id() {
            self.ended(ended, &mut delivered);
        }
        for at in 0..self.outbox.sinks().count() {
            if self.sinks.values().any(|busy| *busy == at) {
                continue;
            }
            let outbox = Arc::clone(&self.outbox);
            let deadline = Instant::now() + DELIVERY_MAX;
            let task = async move { outbox.deliver_at(at, now, deadline).await };
            self.sinks.insert(self.tasks.spawn(task).id(), at);
        }
        let mut deliveries = Vec::new();
        for at in 0..self.outbox.sinks().count() {
            match delivered.remove(&at) {
                Some(delivery) => deliveries.push(delivery),
                None => deliveries.extend(self.outbox.waiting_at(at).await),
            }
        }
        deliveries
    }

    /// Sends all that waits, for so long at most, and returns what came of it. A sink that fails is not tried
    /// again.
    pub async fn finish(&mut self, now: i64, within: Duration) -> Vec<Delivery> {
        let deadline = Instant::now() + within;
        let mut delivered = BTreeMap::new();
        while let Ok(Some(ended)) =
            tokio::time::timeout_at(deadline, self.tasks.join_next_with_id()).await
        {
            self.ended(ended, &mut delivered);
        }
        self.tasks.abort_all();
        self.sinks.clear();
        let rest = deadline.saturating_duration_since(Instant::now());
        let mut deliveries = self.outbox.deliver(now, rest).await;
        for (at, delivery) in deliveries.iter_mut().enumerate() {
            let Some(before) = delivered.remove(&at) else { continue };
            delivery.sent += before.sent;
            delivery.refused += before.refused;
            delivery.superseded += before.superseded;
            delivery.failed = delivery.failed.take().or(before.failed);
        }
        deliveries
    }

    /// Waits for the deliveries that are under way, for so long at most.
    pub async fn wait(&mut self, within: Duration) {
        let all = async { while self.tasks.join_next().await.is_some() {} };
        tokio::time::timeout(within, all).await.ok();
    }

    /// Takes in a delivery that ended. One that broke off left everything in the outbox.
    fn ended(
        &mut self,
        ended: Result<(Id, Delivery), tokio::task::JoinError>,
        delivered: &mut BTreeMap<usize, Delivery>,
    ) {
        let id = ended.as_ref().map_or_else(tokio::task::JoinError::id, |(id, _)| *id);
        if let (Some(at), Ok((_, delivery))) = (self.sinks.remove(&id), ended) {
            delivered.insert(at, delivery);
        }
    }
}
