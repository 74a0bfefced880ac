//! The outbox: alerts are stored before they are sent, and deleted once the sink has them.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use futures::future::join_all;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::alert::retry_policy::RetryPolicy;
use crate::alert::sent_memory::SentMemory;
use crate::alert::sink::{PAUSE_MAX, Sink};
use crate::alert::spool::Spool;
use crate::alert::{Alert, AlertReason, Error};
use crate::detection::Finding;
use crate::storage::Storage;

/// The most alerts of one object: what a crash in the middle of it may send twice.
const OBJECT_ALERTS_MAX: usize = 50;

/// So many alerts may wait for a sink before those are left out that a later one about the same finding
/// follows. How many can wait at all is bounded by how often one finding can grow.
const WAITING_MAX: usize = 1000;

/// The alerts that were added to the outbox for one sink.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Enqueued {
    /// The sink's name.
    pub sink: String,
    /// Findings that it gets for the first time.
    pub new: u64,
    /// Findings that grew since their previous alert.
    pub grown: u64,
}

/// The result of a delivery to one sink.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Delivery {
    /// The sink's name.
    pub sink: String,
    /// Alerts that it took.
    pub sent: u64,
    /// Alerts that it will never take; they are stored below `refused/`.
    pub refused: u64,
    /// Alerts that were left out, since a later one about the same finding waited behind them.
    pub superseded: u64,
    /// Alerts that wait for the next delivery.
    pub waiting: u64,
    /// Why it took no more, or refused some. `None`: all went well, or the sink is left alone for now.
    pub failed: Option<String>,
}

/// Alerts on their way to all sinks.
#[derive(Debug)]
pub struct Outbox {
    spool: Spool,
    lanes: Vec<SinkQueue>,
    patience: RetryPolicy,
    /// What was broken when it was opened.
    notes: Vec<String>,
}

/// A sink with its queue of alerts.
#[derive(Debug)]
struct SinkQueue {
    sink: Sink,
    state: Mutex<State>,
    sending: Mutex<Sending>,
}

/// State that both enqueuing and delivery change.
#[derive(Debug, Default)]
struct State {
    memory: SentMemory,
    /// Whether `memory` has changes that are not stored yet.
    unwritten: bool,
    /// Objects with alerts, in order: number, and how many alerts.
    waiting: VecDeque<(u64, usize)>,
    next: u64,
}

/// State that one delivery leaves for the next.
#[derive(Debug, Default)]
struct Sending {
    failures: u32,
    /// Until when the sink is left alone.
    rest: Option<Instant>,
    /// Alerts of the first object that need no more sending, and are not written down as such yet.
    done: BTreeSet<String>,
}

impl State {
    fn waiting(&self) -> usize {
        self.waiting.iter().map(|(_, count)| count).sum()
    }
}

impl Outbox {
    /// Opens the outbox of a storage, and loads what waits there. Nothing is sent.
    pub async fn open(place: Storage, sinks: Vec<Sink>) -> Result<Self, Error> {
        Self::with(place, sinks, RetryPolicy::default()).await
    }

    /// As [`Outbox::open`], with another retry policy.
    pub async fn with(
        place: Storage,
        sinks: Vec<Sink>,
        patience: RetryPolicy,
    ) -> Result<Self, Error> {
        let spool = Spool::new(place);
        let mut notes = Vec::new();
        let mut lanes = Vec::with_capacity(sinks.len());
        for sink in sinks {
            let mut state = State {
                memory: spool.sent(&sink.name, &mut notes).await?,
                next: 1,
                ..State::default()
            };
            for number in spool.waiting(&sink.name).await? {
                let alerts = spool.alerts_or_aside(&sink.name, number, &mut notes).await?;
                // A crash came between writing these down and counting them.
                for alert in &alerts {
                    state.unwritten |= state.memory.mark_sent(alert);
                }
                state.waiting.push_back((number, alerts.len()));
                state.next = number + 1;
            }
            lanes.push(SinkQueue { sink, state: Mutex::new(state), sending: Mutex::default() });
        }
        Ok(Self { spool, lanes, patience, notes })
    }

    /// Returns the names of the sinks.
    pub fn sinks(&self) -> impl Iterator<Item = &str> {
        self.lanes.iter().map(|lane| lane.sink.name.as_str())
    }

    /// Stores an alert for each sink and finding that needs one. When this returns, no alert can get
    /// lost; when it fails or is dropped, doing it again puts right what is missing. `now`: Unix seconds.
    pub async fn enqueue(&self, findings: &[Finding], now: i64) -> Result<Vec<Enqueued>, Error> {
        let posts = self.lanes.iter().map(|lane| self.post_to(lane, findings, now));
        futures::future::try_join_all(posts).await
    }

    async fn post_to(
        &self,
        lane: &SinkQueue,
        findings: &[Finding],
        now: i64,
    ) -> Result<Enqueued, Error> {
        let name = &lane.sink.name;
        let mut state = lane.state.lock().await;
        let mut posted = Enqueued { sink: name.clone(), ..Enqueued::default() };
        let mut alerts: Vec<Alert> = Vec::new();
        let mut seen = BTreeSet::new();
        for finding in findings.iter().filter(|finding| lane.sink.filter.fits(finding)) {
            if let Some(alert) = state.memory.next_alert(finding, now).filter(|_| {
                // One finding twice in one list would have one id twice.
                seen.insert(finding.finding_id.as_str())
            }) {
                match alert.why {
                    AlertReason::New => posted.new += 1,
                    _ => posted.grown += 1,
                }
                alerts.push(alert);
            }
        }
        for part in alerts.chunks(OBJECT_ALERTS_MAX) {
            // A number that is taken is from a crash, or from a call whose answer got lost.
            while !self.spool.put(name, state.next, part).await? {
                state.next += 1;
            }
            let number = state.next;
            state.next += 1;
            state.waiting.push_back((number, part.len()));
            for alert in part {
                state.memory.mark_sent(alert);
            }
            state.unwritten = true;
        }
        state.unwritten |= state.memory.forget(now.saturating_sub(self.patience.memory_secs));
        self.write_told(lane, &mut state).await?;
        Ok(posted)
    }

    async fn write_told(&self, lane: &SinkQueue, state: &mut State) -> Result<(), Error> {
        if state.unwritten {
            self.spool.write_sent(&lane.sink.name, &state.memory).await?;
            state.unwritten = false;
        }
        Ok(())
    }

    /// Sends what waits, to all sinks at once, for so long at most. A sink that fails keeps what is left for
    /// the next time and rests a while; the others go on. It may be dropped at any time. `now`: Unix seconds.
    pub async fn deliver(&self, now: i64, within: Duration) -> Vec<Delivery> {
        let deadline = Instant::now() + within;
        join_all(self.lanes.iter().map(|lane| self.deliver_to(lane, now, deadline))).await
    }

    /// Sends what waits for one sink, by its place among them.
    pub(super) async fn deliver_at(&self, at: usize, now: i64, deadline: Instant) -> Delivery {
        match self.lanes.get(at) {
            Some(lane) => self.deliver_to(lane, now, deadline).await,
            None => Delivery::default(),
        }
    }

    /// Tells how much waits for one sink, by its place among them.
    pub(super) async fn waiting_at(&self, at: usize) -> Option<Delivery> {
        let lane = self.lanes.get(at)?;
        let waiting = lane.state.lock().await.waiting() as u64;
        Some(Delivery { sink: lane.sink.name.clone(), waiting, ..Delivery::default() })
    }

    /// Returns what was broken in the outbox and set aside, a sentence each.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    async fn deliver_to(&self, lane: &SinkQueue, now: i64, deadline: Instant) -> Delivery {
        let mut delivery = Delivery { sink: lane.sink.name.clone(), ..Delivery::default() };
        // Who delivers already, goes on.
        if let Ok(mut sending) = lane.sending.try_lock()
            && sending.rest.is_none_or(|rest| rest <= Instant::now())
        {
            let result = self.drain(lane, &mut sending, &mut delivery, now, deadline).await;
            match result {
                Ok(()) => {
                    *sending =
                        Sending { done: std::mem::take(&mut sending.done), ..Sending::default() }
                }
                Err(stop) => {
                    let doubled =
                        self.patience.cooldown.saturating_mul(1 << sending.failures.min(16));
                    let rest = doubled.min(self.patience.rest_max);
                    let rest = rest.max(stop.pause.unwrap_or_default().min(PAUSE_MAX));
                    sending.failures += 1;
                    sending.rest = Some(Instant::now() + rest);
                    delivery.failed = Some(stop.reason);
                }
            }
        }
        delivery.waiting = lane.state.lock().await.waiting() as u64;
        delivery
    }

    /// Sends object by object until none is left, or something stands in the way.
    async fn drain(
        &self,
        lane: &SinkQueue,
        sending: &mut Sending,
        delivery: &mut Delivery,
        now: i64,
        deadline: Instant,
    ) -> Result<(), DeliveryStop> {
        loop {
            let (number, crowded) = {
                let mut state = lane.state.lock().await;
                // An alert that is not stored as sent must not leave the outbox: it would be sent again.
                self.write_told(lane, &mut state).await?;
                let Some((number, _)) = state.waiting.front() else { return Ok(()) };
                (*number, state.waiting() > WAITING_MAX)
            };
            let alerts = self.spool.alerts(&lane.sink.name, number).await?;
            if crowded {
                let state = lane.state.lock().await;
                for alert in &alerts {
                    let later = state.memory.step(&alert.finding.finding_id) > alert.sequence;
                    if later && sending.done.insert(alert.alert_id.clone()) {
                        delivery.superseded += 1;
                    }
                }
            }
            let sent = self.send(lane, sending, delivery, &alerts, now, deadline).await;
            let left: Vec<&Alert> =
                alerts.iter().filter(|alert| !sending.done.contains(&alert.alert_id)).collect();
            if left.len() < alerts.len() {
                self.spool.keep(&lane.sink.name, number, &left).await?;
                sending.done.clear();
            }
            let mut state = lane.state.lock().await;
            match left.len() {
                0 => drop(state.waiting.pop_front()),
                count => {
                    if let Some(front) = state.waiting.front_mut() {
                        front.1 = count;
                    }
                }
            }
            sent?;
        }
    }

    /// Sends the alerts of one object, as many together as the sink takes.
    async fn send(
        &self,
        lane: &SinkQueue,
        sending: &mut Sending,
        delivery: &mut Delivery,
        alerts: &[Alert],
        now: i64,
        deadline: Instant,
    ) -> Result<(), DeliveryStop> {
        let left: Vec<Alert> = alerts
            .iter()
            .filter(|alert| !sending.done.contains(&alert.alert_id))
            .cloned()
            .collect();
        for part in left.chunks(lane.sink.way.batch_size().max(1)) {
            if Instant::now() >= deadline {
                return Err(DeliveryStop::new("the time for this delivery was over"));
            }
            let fates = lane.sink.send(part, now, self.patience.backoff, deadline).await;
            let mut stop = None;
            for (alert, fate) in part.iter().zip(fates) {
                match fate {
                    Ok(()) => delivery.sent += 1,
                    Err(failure) if failure.waits() => {
                        let stopped = DeliveryStop { reason: failure.reason, pause: failure.pause };
                        stop = stop.or(Some(stopped));
                        continue;
                    }
                    Err(failure) => {
                        self.spool.refuse(&lane.sink.name, alert, &failure.reason).await?;
                        delivery.refused += 1;
                        delivery.failed = Some(failure.reason);
                    }
                }
                sending.done.insert(alert.alert_id.clone());
            }
            if let Some(stop) = stop {
                return Err(stop);
            }
        }
        Ok(())
    }
}

/// Why a delivery went no further.
struct DeliveryStop {
    reason: String,
    pause: Option<Duration>,
}

impl DeliveryStop {
    fn new(reason: &str) -> Self {
        Self { reason: reason.to_owned(), pause: None }
    }
}

impl From<Error> for DeliveryStop {
    fn from(error: Error) -> Self {
        Self::new(&format!("{:#}", anyhow::Error::new(error)))
    }
}
