use std::collections::BTreeMap;
use std::sync::Arc;

use super::*;
use crate::aws::Account;
use crate::engine::Cause;
use crate::state::objects::CHECKPOINT;
use crate::storage::Storage;
use crate::time::Clock;

const NOW: i64 = 1_773_144_000;

fn place(folder: &tempfile::TempDir) -> Storage {
    Storage::create(folder.path().to_str().unwrap(), &Arc::new(Account::default())).unwrap()
}

fn object(id: &str, ends: Option<i64>, rows: u64) -> ObjectRecord {
    ObjectRecord {
        id: id.to_owned(),
        etag: Some("\"1\"".to_owned()),
        ends: ends.map(|ends| (ends - 300, ends)),
        counts: LineCounts { lines: rows + 1, ok: rows, blank: 1, ..LineCounts::default() },
        rows: [("flow_logs".to_owned(), rows)].into(),
        ..ObjectRecord::default()
    }
}

fn pass(number: u64, objects: Vec<ObjectRecord>) -> PassRecord {
    let mut totals = PassTotals::default();
    objects.iter().for_each(|object| totals.add(object));
    totals.rows = objects.iter().flat_map(|object| object.rows.values()).sum();
    PassRecord {
        number,
        kind: Kind::Ingest,
        runner: "a test".to_owned(),
        begun: NOW,
        ended: NOW + 1,
        sources: vec!["logs/".to_owned()],
        objects,
        tables: BTreeMap::new(),
        totals,
        findings: None,
        notes: Vec::new(),
    }
}

#[tokio::test]
async fn one_runner_at_a_time_and_what_a_dead_one_leaves_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::new(NOW);
    let first = State::open(place(&folder), "the first", clock, LEASE_SECS).await.unwrap();
    assert!(!first.was_left());
    let error = State::open(place(&folder), "the second", clock, LEASE_SECS).await.unwrap_err();
    let text = error.to_string();
    assert!(text.contains("in use by the first since 2026-03-10T12:00:00Z"), "{text}");
    // It dies: the lease is not released.
    drop(first);
    let second = State::open(place(&folder), "the second", clock, LEASE_SECS).await.unwrap();
    assert!(second.was_left());
    let id = second.reader().id.clone();
    second.close().await.unwrap();
    let third = State::open(place(&folder), "the third", clock, LEASE_SECS).await.unwrap();
    assert!(!third.was_left());
    assert_eq!(third.reader().id, id);
}

#[tokio::test]
async fn a_number_is_taken_once_and_a_lost_checkpoint_is_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let state = State::open(place(&folder), "a test", Clock::new(NOW), LEASE_SECS).await.unwrap();
    let first = pass(1, vec![object("a", Some(NOW), 3), object("b", None, 4)]);
    let mut again = object("b", None, 5);
    again.earlier = Some(Box::new(ObjectState::of(&first.objects[1], first.ended)));
    let passes = [first, pass(2, vec![again])];
    for pass in &passes {
        state.publish(pass).await.unwrap();
    }
    let taken = state.publish(&passes[1]).await.unwrap_err();
    assert!(matches!(taken, Error::Lost { .. }), "{taken}");

    let checkpoint = state.reader().current().await.unwrap();
    assert_eq!(checkpoint.pass, 2);
    // `b` was read twice and counts once, as it was read last.
    assert_eq!((checkpoint.totals.objects, checkpoint.totals.rows), (2, 8));
    assert!(checkpoint.totals.counts.adds_up());
    state.save(&checkpoint).await.unwrap();
    assert_eq!(state.reader().begin().await.unwrap(), checkpoint);

    let broken = folder.path().join(CHECKPOINT);
    std::fs::write(&broken, b"no gzip").unwrap();
    assert_eq!(state.reader().begin().await.unwrap().pass, 0);
    assert_eq!(state.reader().current().await.unwrap(), checkpoint);
}

#[tokio::test]
async fn what_cannot_be_listed_any_more_is_forgotten() {
    let mut checkpoint = Checkpoint::new("a state", 0);
    let mut waiting = object("waiting", Some(NOW - 900), 1);
    waiting.failure =
        Some(ObjectFailure { reason: "no network".to_owned(), retry: true, cause: Cause::Access });
    let objects = vec![
        object("old", Some(NOW - 900), 1),
        object("new", Some(NOW), 1),
        object("any", None, 1),
    ];
    checkpoint.add(&pass(1, objects));
    checkpoint.add(&pass(2, vec![waiting]));
    let sources = ["logs/".to_owned()];
    assert_eq!(checkpoint.low_watermark(&sources), None);
    checkpoint.advance(&sources, NOW - 600);
    let known: Vec<&str> = checkpoint.known.keys().map(String::as_str).collect();
    assert_eq!(known, ["any", "new", "waiting"]);
    assert_eq!(checkpoint.totals.objects, 4);
    checkpoint.advance(&sources, NOW - 1200);
    assert_eq!(checkpoint.low_watermark(&sources), Some(NOW - 600));
    assert_eq!(checkpoint.low_watermark(&[sources[0].clone(), "more/".to_owned()]), None);
}
