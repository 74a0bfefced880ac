//! Nothing is lost, nothing is sent twice except with the same id: sinks that fail, crashes at every step.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::path::Path;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use async_trait::async_trait;

use crate::alert::config::SinkFilter;
use crate::alert::tests::finding;
use crate::alert::transports::{DeliveryError, DeliveryResult, ErrorKind, Transport};
use crate::alert::{Alert, Deliveries, Delivery, Outbox, RetryPolicy, Sink};
use crate::aws::Account;
use crate::detection::{Finding, Severity};
use crate::storage::Storage;

const NOW: i64 = 1_773_130_000;

/// What a sink got, and what it says to the next.
#[derive(Debug, Default)]
struct Ear {
    heard: Vec<String>,
    /// What it says instead of taking an alert.
    trouble: Option<ErrorKind>,
    /// Findings that it never takes.
    hates: Option<&'static str>,
}

type Shared = Arc<Mutex<Ear>>;

#[derive(Debug)]
struct Listener(Shared);

#[async_trait]
impl Transport for Listener {
    fn batch_size(&self) -> usize {
        3
    }

    async fn send(&self, alerts: &[Alert], _: i64) -> Vec<DeliveryResult> {
        let mut fates = Vec::new();
        for alert in alerts {
            // So that a crash can come between two of them.
            tokio::task::yield_now().await;
            let mut ear = self.0.lock().unwrap();
            if let Some(trouble) = ear.trouble {
                fates.push(Err(DeliveryError::new(trouble, "deaf")));
            } else if ear.hates == Some(alert.finding.finding_id.as_str()) {
                fates.push(Err(DeliveryError::new(ErrorKind::Refused, "not this one")));
            } else {
                ear.heard.push(format!("{}/{}", alert.finding.finding_id, alert.sequence));
                fates.push(Ok(()));
            }
        }
        fates
    }
}

fn sink(name: &str, ear: &Shared) -> Sink {
    let way = Box::new(Listener(Arc::clone(ear)));
    Sink {
        name: name.to_owned(),
        filter: SinkFilter::default(),
        retries: 1,
        timeout: Duration::from_secs(1),
        way,
    }
}

/// Sinks are tried again at once.
const EAGER: RetryPolicy = RetryPolicy {
    backoff: Duration::ZERO,
    cooldown: Duration::ZERO,
    rest_max: Duration::ZERO,
    memory_secs: 1_000_000,
};

async fn outbox(folder: &Path, sinks: Vec<Sink>) -> Outbox {
    let account = Arc::new(Account::default());
    let place = Storage::create(folder.to_str().unwrap(), &account).unwrap();
    Outbox::with(place, sinks, EAGER).await.unwrap()
}

async fn deliver(outbox: &Outbox) -> Vec<Delivery> {
    outbox.deliver(NOW, Duration::from_secs(30)).await
}

fn findings(ids: &[&str], bytes: i64) -> Vec<Finding> {
    ids.iter().map(|id| finding(id, Severity::Low, bytes)).collect()
}

fn heard(ear: &Shared) -> Vec<String> {
    std::mem::take(&mut ear.lock().unwrap().heard)
}

fn files(folder: &Path) -> Vec<String> {
    let below = walkdir::WalkDir::new(folder).sort_by_file_name().into_iter().map(Result::unwrap);
    let files = below.filter(|entry| entry.file_type().is_file());
    files.map(|f| f.path().strip_prefix(folder).unwrap().display().to_string()).collect()
}

/// A sink that takes its time.
#[derive(Debug)]
struct Slow(Shared);

#[async_trait]
impl Transport for Slow {
    async fn send(&self, alerts: &[Alert], now: i64) -> Vec<DeliveryResult> {
        tokio::time::sleep(Duration::from_millis(300)).await;
        Listener(Arc::clone(&self.0)).send(alerts, now).await
    }
}

#[tokio::test]
async fn a_slow_sink_is_sent_each_alert_once_and_holds_up_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let (slow, fast) = (Shared::default(), Shared::default());
    let sinks = vec![
        Sink { way: Box::new(Slow(Arc::clone(&slow))), ..sink("slow", &slow) },
        sink("fast", &fast),
    ];
    let box_ = Arc::new(outbox(folder.path(), sinks).await);
    box_.enqueue(&findings(&["a", "b", "c"], 10), NOW).await.unwrap();
    let mut deliveries = Deliveries::new(Arc::clone(&box_));
    // Many passes in the time of one alert: none waits, and none begins it anew.
    let began = std::time::Instant::now();
    for _ in 0..5 {
        deliveries.go_on(NOW).await;
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(began.elapsed() < Duration::from_millis(290));
    assert_eq!(heard(&fast), ["a/1", "b/1", "c/1"]);
    let outcomes = deliveries.finish(NOW, Duration::from_secs(30)).await;
    assert_eq!((outcomes[0].sent, outcomes[0].waiting, outcomes[0].failed.clone()), (3, 0, None));
    assert_eq!(heard(&slow), ["a/1", "b/1", "c/1"]);
}

#[tokio::test]
async fn a_try_that_has_begun_has_its_time_whatever_is_left_for_the_delivery() {
    let folder = tempfile::tempdir().unwrap();
    let ear = Shared::default();
    let sinks = vec![Sink { way: Box::new(Slow(Arc::clone(&ear))), ..sink("slow", &ear) }];
    let box_ = outbox(folder.path(), sinks).await;
    box_.enqueue(&findings(&["a", "b"], 10), NOW).await.unwrap();
    for _ in 0..2 {
        box_.deliver(NOW, Duration::from_millis(20)).await;
    }
    assert_eq!(heard(&ear), ["a/1", "b/1"]);
}

#[tokio::test]
async fn what_was_refused_can_be_sent_again() {
    let folder = tempfile::tempdir().unwrap();
    let ear = Shared::default();
    ear.lock().unwrap().hates = Some("b");
    let box_ = outbox(folder.path(), vec![sink("one", &ear)]).await;
    box_.enqueue(&findings(&["a", "b"], 10), NOW).await.unwrap();
    assert_eq!(deliver(&box_).await[0].refused, 1);
    let place = Storage::create(folder.path().to_str().unwrap(), &Arc::default()).unwrap();
    let listed = crate::alert::pending(&place, &[]).await.unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!(
        (listed[0].sink.as_str(), listed[0].refused.as_deref()),
        ("one", Some("not this one"))
    );
    let counts = crate::alert::requeue(&place, &[]).await.unwrap();
    assert_eq!(counts, [("one".to_owned(), 1)]);
    assert_eq!(crate::alert::pending(&place, &[]).await.unwrap()[0].refused, None);
    ear.lock().unwrap().hates = None;
    let box_ = outbox(folder.path(), vec![sink("one", &ear)]).await;
    assert_eq!(deliver(&box_).await[0].sent, 1);
    assert_eq!(heard(&ear), ["a/1", "b/1"]);
    assert!(crate::alert::pending(&place, &[]).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_sink_that_is_down_gets_all_of_it_later_and_holds_up_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let (up, down) = (Shared::default(), Shared::default());
    down.lock().unwrap().trouble = Some(ErrorKind::Passing);
    let sinks = || vec![sink("up", &up), sink("down", &down)];
    let mut box_ = outbox(folder.path(), sinks()).await;
    for (round, ids) in [["a", "b"], ["b", "c"], ["d", "a"]].iter().enumerate() {
        let posted = box_.enqueue(&findings(ids, 10), NOW).await.unwrap();
        assert_eq!(posted[0].new, posted[1].new);
        let outcomes = deliver(&box_).await;
        assert_eq!((outcomes[0].waiting, outcomes[0].failed.clone()), (0, None));
        assert_eq!((outcomes[1].sent, outcomes[1].failed.as_deref()), (0, Some("deaf")));
        if round == 1 {
            // What waits outlives the process.
            box_ = outbox(folder.path(), sinks()).await;
        }
    }
    assert_eq!(heard(&up), ["a/1", "b/1", "c/1", "d/1"]);
    let posted = box_.enqueue(&findings(&["b"], 100), NOW).await.unwrap();
    assert_eq!((posted[1].new, posted[1].grown), (0, 1));
    down.lock().unwrap().trouble = None;
    let outcomes = deliver(&box_).await;
    assert_eq!((outcomes[1].sent, outcomes[1].waiting), (5, 0));
    assert_eq!(heard(&down), ["a/1", "b/1", "c/1", "d/1", "b/2"]);
    assert_eq!(files(folder.path()), ["sent/down.json", "sent/up.json"]);
    // And never again.
    assert_eq!(box_.enqueue(&findings(&["a", "b", "c", "d"], 100), NOW).await.unwrap()[1].new, 0);
}

#[tokio::test]
async fn what_a_sink_refuses_is_kept_and_the_rest_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let ear = Shared::default();
    ear.lock().unwrap().hates = Some("b");
    let outbox = outbox(folder.path(), vec![sink("s", &ear)]).await;
    outbox.enqueue(&findings(&["a", "b", "c"], 10), NOW).await.unwrap();
    let outcomes = deliver(&outbox).await.remove(0);
    assert_eq!((outcomes.sent, outcomes.refused, outcomes.waiting), (2, 1, 0));
    assert_eq!(outcomes.failed.as_deref(), Some("not this one"));
    assert_eq!(heard(&ear), ["a/1", "c/1"]);
    let files = files(folder.path());
    let refused = files.iter().find(|file| file.starts_with("refused/s/")).unwrap();
    let stored = std::fs::read_to_string(folder.path().join(refused)).unwrap();
    let stored: serde_json::Value = serde_json::from_str(&stored).unwrap();
    assert_eq!(stored["reason"], "not this one");
    assert_eq!(stored["alert"]["finding"]["finding_id"], "b");
}

#[tokio::test]
async fn a_sink_that_failed_rests_and_is_then_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    let ear = Shared::default();
    ear.lock().unwrap().trouble = Some(ErrorKind::Closed);
    let place = Storage::create(folder.path().to_str().unwrap(), &Arc::default()).unwrap();
    let patience =
        RetryPolicy { cooldown: Duration::from_secs(3600), rest_max: Duration::MAX, ..EAGER };
    let outbox = Outbox::with(place, vec![sink("s", &ear)], patience).await.unwrap();
    outbox.enqueue(&findings(&["a"], 10), NOW).await.unwrap();
    assert_eq!(deliver(&outbox).await[0].failed.as_deref(), Some("deaf"));
    ear.lock().unwrap().trouble = None;
    let resting = deliver(&outbox).await.remove(0);
    assert_eq!((resting.sent, resting.waiting, resting.failed), (0, 1, None));
    assert_eq!(heard(&ear), [""; 0]);
}

#[tokio::test]
async fn of_too_many_that_wait_only_the_last_of_each_finding_goes() {
    let folder = tempfile::tempdir().unwrap();
    let ear = Shared::default();
    let outbox = outbox(folder.path(), vec![sink("s", &ear)]).await;
    let ids: Vec<String> = (0..400).map(|at| format!("f{at:03}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    for bytes in [1, 10, 100] {
        outbox.enqueue(&findings(&ids, bytes), NOW).await.unwrap();
    }
    let outcomes = deliver(&outbox).await.remove(0);
    assert_eq!((outcomes.sent + outcomes.superseded, outcomes.waiting), (1200, 0));
    assert!(outcomes.superseded >= 200, "{outcomes:?}");
    let heard = heard(&ear);
    let last: BTreeSet<&String> = heard[heard.len() - 400..].iter().collect();
    assert_eq!(last.len(), 400);
    assert!(last.iter().all(|alert| alert.ends_with("/3")));
}

/// Runs a future, but drops it before it is polled once more than `polls` times. Returns whether it ended.
async fn crash_after<F: Future>(polls: usize, future: F) -> bool {
    let mut future = pin!(future);
    let mut left = polls;
    std::future::poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(false);
        }
        left -= 1;
        future.as_mut().poll(context).map(|_| true)
    })
    .await
}

/// Posts and delivers as the feed does, in a process of its own that may end at any step.
fn run(folder: &Path, ear: &Shared, polls: usize) -> bool {
    // The end of the runtime waits for what was begun on disk, as an operating system finishes a call.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(crash_after(polls, async {
        let outbox = outbox(folder, vec![sink("s", ear)]).await;
        outbox.enqueue(&findings(&["a", "b", "c", "d"], 10), NOW).await.unwrap();
        deliver(&outbox).await;
        outbox.enqueue(&findings(&["b", "e"], 100), NOW).await.unwrap();
        deliver(&outbox).await;
    }))
}

#[test]
fn a_crash_at_any_step_loses_nothing_and_repeats_only_ids() {
    let all = ["a/1", "b/1", "b/2", "c/1", "d/1", "e/1"];
    let mut repeated = 0;
    for polls in 0.. {
        let folder = tempfile::tempdir().unwrap();
        let ear = Shared::default();
        let ended = run(folder.path(), &ear, polls);
        assert!(run(folder.path(), &ear, usize::MAX));
        let mut count = BTreeMap::<String, usize>::new();
        heard(&ear).into_iter().for_each(|alert| *count.entry(alert).or_default() += 1);
        assert_eq!(count.keys().map(String::as_str).collect::<Vec<_>>(), all, "after {polls}");
        assert!(count.values().all(|times| *times <= 2), "after {polls}: {count:?}");
        repeated += count.values().filter(|times| **times == 2).count();
        if ended {
            assert!(count.values().all(|times| *times == 1), "{count:?}");
            assert!(polls > 6, "only {polls} steps were tried");
            break;
        }
    }
    assert!(repeated > 0, "no crash came between a delivery and its note");
}
