use std::io::Write as _;
use std::sync::Mutex;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;
use crate::source::{SourceContext, open_sources};

fn gzip(text: &str) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(text.as_bytes()).unwrap();
    gzip.finish().unwrap()
}

/// What a query gives, and what was counted.
async fn read(source: Arc<dyn Source>, sql: &str, threads: usize) -> (Vec<String>, ScanSummary) {
    let engine = with(source, ScanOptions::new(Window::default()), threads).await;
    (ask(&engine, sql).await, engine.summary())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_thread_changes_nothing_about_one_gzip_object() {
    let row = |row| match row % 9_999 {
        7 => format!("2 eni-{row} nowhere 10.1.0.1 {row} 1 2 ACCEPT OK\n"),
        _ => format!("2 eni-{row} 10.0.0.{} 10.1.0.1 {row} 1 2 ACCEPT OK\n", row % 256),
    };
    let text = format!("{VPC}\n{}", (1..=90_000).map(row).collect::<String>());
    let whole = gzip(&text);
    let cut = whole[..whole.len() - 1000].to_vec();
    let sql = "SELECT count(*), min(line), max(line), sum(line * bytes) FROM flow_logs \
               WHERE srcaddr <> '10.0.0.9'";
    for (stored, faults) in [(whole.clone(), 0), (cut, 1)] {
        let source = || Arc::new(MemorySource::from_iter([("log", stored.clone())]));
        let (rows, one) = read(source(), sql, 1).await;
        let (same, two) = read(source(), sql, 2).await;
        assert_eq!(rows, same);
        assert_eq!(format!("{one:?}"), format!("{two:?}"));
        assert!(two.adds_up() && two.lines > 80_000 && two.malformed.total() > 7, "{two:?}");
        assert_eq!((two.objects_read, two.problem_objects), (1, faults));
    }
    let source = Arc::new(MemorySource::from_iter([("log", whole)]));
    let (rows, summary) = read(source, "SELECT line FROM flow_logs LIMIT 2", 2).await;
    assert_eq!(rows.len(), 2);
    assert!(summary.stopped_early() && summary.lines < 80_000, "{summary:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn small_files_are_counted_one_by_one_and_their_rows_come_together() {
    let folder = tempfile::tempdir().unwrap();
    for at in 0..60 {
        let mut stored = gzip(&vpc(3));
        if at == 17 {
            stored.truncate(stored.len() - 9);
        }
        std::fs::write(folder.path().join(format!("{at:02}.log.gz")), stored).unwrap();
    }
    let source = || {
        open_sources(&[folder.path().to_str().unwrap().to_owned()], &SourceContext::default())
            .unwrap()
    };
    for threads in [1, 2] {
        let reports = Arc::new(Mutex::new(Vec::new()));
        let tell = Arc::clone(&reports);
        let sink = move |split: &Split, read: ObjectRead| {
            let reports = (split.id.clone(), read.summary.ok, read.failure.is_some());
            tell.lock().unwrap().push(reports);
        };
        let options = ScanOptions::new(Window::default());
        let options = ScanOptions { objects: Some(Arc::new(sink)), ..options };
        let engine = with(source(), options, threads).await;
        let sql = "SELECT object, line, bytes FROM flow_logs";
        let batches = engine.rows(sql, no_params()).await.unwrap();
        let rows = batches.iter().map(RecordBatch::num_rows).sum::<usize>();
        let summary = engine.summary();
        assert!(summary.adds_up(), "{summary:?}");
        assert_eq!((summary.objects_read, summary.problem_objects), (60, 1));
        assert_eq!(summary.ok, rows as u64);
        assert!((177..=180).contains(&rows), "{rows}");
        assert!(batches.len() < 30, "{} batches of 60 objects", batches.len());

        let mut reports = reports.lock().unwrap().clone();
        reports.sort();
        reports.dedup_by(|a, b| a.0 == b.0);
        assert_eq!(reports.len(), 60);
        let whole = |(at, (_, ok, failed)): (usize, &(String, u64, bool))| {
            *failed == (at == 17) && (*ok == 3 || *failed)
        };
        assert!(reports.iter().enumerate().all(whole), "{reports:?}");
    }
    let (rows, summary) = read(source(), "SELECT line FROM flow_logs LIMIT 2", 1).await;
    assert_eq!((rows.len(), summary.objects_begun), (2, 1));
}
