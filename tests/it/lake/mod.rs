//! The lake as a source: the same answers as from the logs it was made of, whatever is done to its files.

use std::path::Path;
use std::sync::Arc;

use flowq::aws::{Account, Options};
use flowq::engine::{Engine, Resources, ScanOptions};
use flowq::enrich::Enricher;
use flowq::flow::field::Layout;
use flowq::lake::{LakeTable, TableCommit, Writer, WriterOptions};
use flowq::source::SourceContext;
use flowq::storage::Storage;
use flowq::time::Window;
use flowq::{engine, source};
use futures::StreamExt as _;

use crate::support::{LOGS, SAMPLES, flowq};

mod other_writers;
mod readers;

/// Unix seconds of the commits.
const NOW: i64 = 1_800_000_000;

/// A day in seconds.
const DAY: i64 = 86_400;

fn place(folder: &Path) -> Storage {
    let account = Arc::new(Account::new(Options::default()));
    Storage::create(folder.to_str().unwrap(), &account).unwrap()
}

/// Makes a lake of logs, in so many commits of a few batches each.
async fn fill(folder: &Path, logs: &str) {
    let lake = place(folder);
    let access = SourceContext::default();
    let source = source::open_sources(&[logs.to_owned()], &access).unwrap();
    let context = Arc::new(Enricher::new(Arc::default(), Vec::new(), NOW));
    let resources = Resources { threads: 1, memory_bytes: 256 << 20 };
    let options = ScanOptions::new(Window::default());
    let engine = Engine::new(source, context, options, &resources).await.unwrap();
    for layout in [Layout::Vpc, Layout::TransitGateway] {
        let name = flowq::lake::folder(layout);
        let sql = format!("SELECT * FROM {name}");
        let mut rows = engine.query(&sql, engine::no_params()).await.unwrap();
        let known = layout.schema(&[]);
        let schema = rows.schema();
        let names = schema.fields().iter().map(|field| field.name().clone());
        let extra: Vec<String> = names.filter(|name| known.index_of(name).is_err()).collect();
        let (mut all, mut count) = (Vec::new(), 0);
        while let Some(batch) = rows.next().await {
            let batch = batch.unwrap();
            count += batch.num_rows();
            all.push(batch);
        }
        if count == 0 {
            continue;
        }
        let mut table = LakeTable::create(&lake, layout, &extra).await.unwrap();
        let columns = engine.summary().columns;
        for (at, some) in all.chunks(all.len().div_ceil(3).max(1)).enumerate() {
            let origin = Arc::new(|_: &str| (Some("111122223333".to_owned()), None));
            let mut writer =
                Writer::new(&lake, layout, &at.to_string(), origin, WriterOptions::default());
            writer.add_columns(columns.iter().cloned());
            for batch in some {
                writer.write(batch).await.unwrap();
            }
            let add = writer.finish().await.unwrap();
            let txn = ("test".to_owned(), at as i64);
            let change = TableCommit { txn, add, data_change: true, ..TableCommit::default() };
            assert!(table.commit(&change, NOW).await.unwrap());
        }
    }
}

fn lines(args: &[&str]) -> Vec<String> {
    let run = flowq(args);
    // Some of the sample logs are cut on purpose.
    assert!(matches!(run.code, 0 | 5), "{args:?}: {}", run.err);
    let mut lines: Vec<String> = run.out.lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

fn sql<'a>(query: &'a str, source: &'a str) -> Vec<&'a str> {
    vec!["sql", "--quiet", "--format", "ndjson", "-c", query, source]
}

/// Every row of both tables, sorted.
fn rows(source: &str) -> Vec<String> {
    let mut all = lines(&sql("SELECT * FROM flow_logs", source));
    all.extend(lines(&sql("SELECT * FROM transit_gateway_flow_logs", source)));
    all
}

/// What `detect` says over the sample logs' inventory: findings, and which detections did not run.
fn detect(logs: &str) -> (Vec<serde_json::Value>, Vec<String>) {
    let mut args = vec!["detect", "--format", "ndjson"];
    args.extend(SAMPLES.iter().map(|arg| if *arg == LOGS { logs } else { arg }));
    let run = flowq(&args).expect(0);
    let not_run = run.err.lines().filter(|line| line.contains("not run")).map(str::to_owned);
    (run.json_lines(), not_run.collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lake_answers_as_the_logs_do() {
    let folder = tempfile::tempdir().unwrap();
    let lake = folder.path().to_str().unwrap();
    for logs in [LOGS, "sample-logs/formats"] {
        let lake = format!("{lake}/{logs}");
        fill(Path::new(&lake), logs).await;
        let originals = rows(logs);
        assert!(originals.len() > 20, "{logs}");
        assert!(originals == rows(&lake), "{logs}: other rows");
    }
    let lake = format!("{lake}/{LOGS}");
    let (findings, not_run) = detect(LOGS);
    assert!(findings.len() > 10);
    assert_eq!((findings, not_run), detect(&lake));
    let reports = flowq(&["report", "--format", "ndjson"]).expect(0).json_lines();
    assert!(reports.len() > 3);
    for report in reports {
        let name = report["report"].as_str().unwrap();
        let run = |logs: &str| {
            let mut args = vec!["report", name, "--quiet", "--format", "ndjson"];
            args.extend(SAMPLES.iter().map(|arg| if *arg == LOGS { logs } else { arg }));
            let run = flowq(&args);
            (run.code, run.out)
        };
        assert_eq!(run(LOGS), run(&lake), "{name}");
    }
    // A window leaves files out, and no row of it.
    let count = "SELECT count(*) AS n, min(start) AS first FROM flow_logs";
    let first = flowq(&sql("SELECT min(start) AS t FROM flow_logs", LOGS)).expect(0).json_lines();
    let first = first[0]["t"].as_str().unwrap().to_owned();
    for window in ["--since", "--until"] {
        let hour = format!("{}:59:00Z", first.get(..13).unwrap());
        let windowed = |logs: &str| {
            let mut args = sql(count, logs);
            args.extend([window, &hour]);
            flowq(&args).expect(0).out
        };
        assert_eq!(windowed(LOGS), windowed(&lake), "{window}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn compaction_keeps_every_row_once_at_any_moment() {
    let folder = tempfile::tempdir().unwrap();
    let lake = folder.path().to_str().unwrap().to_owned();
    fill(folder.path(), LOGS).await;
    let before = rows(&lake);
    let table = LakeTable::open(&place(folder.path()), Layout::Vpc).await.unwrap().unwrap();
    let count = |files: Vec<flowq::lake::DataFile>| files.iter().map(|file| file.rows).sum::<u64>();
    let (files, total) = (table.files().await.unwrap().len(), count(table.files().await.unwrap()));
    let root = folder.path().to_owned();
    let compacting = tokio::spawn(async move {
        let options = flowq::lake::CompactOptions {
            grace_secs: 60,
            ..flowq::lake::CompactOptions::default()
        };
        flowq::lake::compact(&place(&root), &options, NOW).await.unwrap()
    });
    while !compacting.is_finished() {
        let seen = LakeTable::open(&place(folder.path()), Layout::Vpc).await.unwrap().unwrap();
        assert_eq!(count(seen.files().await.unwrap()), total);
    }
    let done = compacting.await.unwrap();
    assert!(done.merged > done.made && done.made > 0, "{done:?}");
    assert_eq!((done.deleted, done.left, done.expired), (0, 0, 0));
    assert!(before == rows(&lake), "compaction changed rows");
    let table = LakeTable::open(&place(folder.path()), Layout::Vpc).await.unwrap().unwrap();
    assert!(table.files().await.unwrap().len() < files);

    // Nothing is left to do, but what was replaced goes once its time has come.
    let options =
        flowq::lake::CompactOptions { grace_secs: 60, ..flowq::lake::CompactOptions::default() };
    let again = flowq::lake::compact(&place(folder.path()), &options, NOW + 61).await.unwrap();
    assert_eq!((again.merged, again.deleted), (0, done.merged), "{again:?}");
    assert!(before == rows(&lake), "deleting what was replaced changed rows");

    let version =
        |folder: &Path| std::fs::read_dir(folder.join("flow_logs/_delta_log")).unwrap().count();
    let commits = version(folder.path());
    let idle = flowq::lake::compact(&place(folder.path()), &options, NOW + 61).await.unwrap();
    assert_eq!(idle, flowq::lake::Compacted::default());
    assert_eq!(version(folder.path()), commits, "nothing was done, and yet committed");

    // Retention goes by the date of the rows.
    let keep = flowq::lake::CompactOptions { keep_secs: Some(DAY), ..options };
    let gone = flowq::lake::compact(&place(folder.path()), &keep, NOW + 62).await.unwrap();
    assert!(gone.expired > 0 && gone.expired_rows >= total, "{gone:?}");
    let run = flowq(&sql("SELECT count(*) FROM flow_logs", &lake)).expect(4);
    assert!(run.err.contains("is empty"), "{}", run.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rows_of_an_object_are_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let lake = folder.path().to_str().unwrap().to_owned();
    fill(folder.path(), LOGS).await;
    let objects = lines(&sql("SELECT DISTINCT object FROM flow_logs", &lake));
    let object: serde_json::Value = serde_json::from_str(&objects[0]).unwrap();
    let object = object["object"].as_str().unwrap().to_owned();
    let before = rows(&lake);
    let mut table = LakeTable::open(&place(folder.path()), Layout::Vpc).await.unwrap().unwrap();

    let options = WriterOptions::default();
    let change = table.replace(std::slice::from_ref(&object), "9", &options).await.unwrap();
    assert!(before == rows(&lake), "what is not committed must not count");
    let change = TableCommit { txn: ("test".to_owned(), 9), ..change };
    assert!(table.commit(&change, NOW).await.unwrap());
    let of_object = |row: &String| row.contains(&object);
    let after: Vec<String> = before.iter().filter(|row| !of_object(row)).cloned().collect();
    assert!(after == rows(&lake), "other rows than the object's went");
    // Files that are gone cannot go again.
    let again = TableCommit { txn: ("test".to_owned(), 10), add: Vec::new(), ..change };
    let refused = table.commit(&again, NOW).await.unwrap_err();
    assert!(refused.is_conflict(), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_lake_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let lake = folder.path().join("lake");
    LakeTable::create(&place(&lake), Layout::Vpc, &[]).await.unwrap();
    let count = "SELECT count(*) FROM flow_logs";
    let run = flowq(&sql(count, lake.to_str().unwrap())).expect(4);
    assert!(run.err.contains("is empty") && run.err.contains("flowq ingest"), "{}", run.err);

    fill(&lake, LOGS).await;
    let table = LakeTable::open(&place(&lake), Layout::Vpc).await.unwrap().unwrap();
    let file = table.files().await.unwrap().remove(0);
    std::fs::remove_file(lake.join("flow_logs").join(&file.path)).unwrap();
    let run = flowq(&sql(count, lake.to_str().unwrap())).expect(5);
    assert!(run.err.contains("the table's log names it"), "{}", run.err);

    let foreign = folder.path().join("foreign/_delta_log");
    std::fs::create_dir_all(&foreign).unwrap();
    let log = r#"{"protocol":{"minReaderVersion":1,"minWriterVersion":2}}
{"metaData":{"id":"a","format":{"provider":"parquet","options":{}},"schemaString":"{\"type\":\"struct\",\"fields\":[{\"name\":\"n\",\"type\":\"long\",\"nullable\":true,\"metadata\":{}}]}","partitionColumns":[],"configuration":{}}}
"#;
    std::fs::write(foreign.join("00000000000000000000.json"), log).unwrap();
    let run = flowq(&sql(count, folder.path().join("foreign").to_str().unwrap())).expect(4);
    assert!(run.err.contains("is a Delta table, but not one of a lake"), "{}", run.err);
    let run = flowq(&["compact", folder.path().to_str().unwrap()]).expect(4);
    assert!(run.err.contains("is not a lake"), "{}", run.err);
}
