//! Sources and lakes on the other side of a network that fails.

use std::path::Path;

use super::lake::{held, logs};
use crate::aws::proxy::{Fault, Proxy, What};
use crate::aws::{flowq_at, server, unique, world};
use crate::support::Run;

fn ingest(url: &str, source: &str, lake: &Path) -> Run {
    flowq_at(url, &["ingest", source, "--to", lake.to_str().unwrap(), "--lateness", "100000d"])
}

#[test]
fn an_object_that_is_denied_is_taken_in_by_the_next_run() {
    let server = server();
    let bucket = world::bucket(server, unique("denied"));
    let keys = world::upload(server, &bucket, "AWSLogs/", crate::support::LOGS);
    let source = format!("s3://{bucket}/AWSLogs/");
    let folder = tempfile::tempdir().unwrap();
    let (quiet, rough) = (folder.path().join("quiet"), folder.path().join("rough"));
    ingest(server.url(), &source, &quiet);

    let key = keys.iter().find(|key| key.ends_with(".log.gz")).unwrap();
    let fault = Fault::new(What::Answer(403, "AccessDenied")).method("GET").path(key.as_str());
    let proxy = Proxy::start(server.url(), vec![fault]);
    let denied = ingest(proxy.url(), &source, &rough).expect(5);
    assert!(denied.err.contains("it is tried again"), "{}", denied.err);
    assert!(held(&rough).rows.len() < held(&quiet).rows.len());
    ingest(server.url(), &source, &rough);
    let (got, want) = (held(&rough), held(&quiet));
    assert!(got.rows == want.rows, "{} rows, want {}", got.rows.len(), want.rows.len());
    assert_eq!(got.totals, want.totals);
}

#[test]
fn a_lake_that_cannot_be_reached_gets_nothing_and_the_next_run_all() {
    let server = server();
    let bucket = world::bucket(server, unique("unreached"));
    let folder = tempfile::tempdir().unwrap();
    let logs = logs(folder.path(), 300, 2);
    let to = format!("s3://{bucket}/lake");
    let fault = Fault::new(What::Answer(403, "AccessDenied")).method("PUT").path(".parquet");
    let proxy = Proxy::start(server.url(), vec![fault]);
    let failed = flowq_at(proxy.url(), &["ingest", &logs, "--to", &to]).expect(6);
    assert!(failed.err.contains("could not write"), "{}", failed.err);
    let status = flowq_at(server.url(), &["status", &to, "--format", "json"]).expect(0);
    assert!(status.out.contains("\"passes\": 0"), "{}", status.out);
    flowq_at(server.url(), &["ingest", &logs, "--to", &to]).expect(0);
    flowq_at(server.url(), &["verify", &to, "--source", &logs]).expect(0);
}

#[test]
fn events_of_a_log_group_that_the_lake_has_are_left_out() {
    let server = server();
    let group = unique("/passes/group");
    let header = "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes \
                  start end action log-status";
    let record = |start: i64| {
        let end = start + 50;
        format!("2 123456789012 eni-0a 10.0.0.1 10.0.0.2 40000 443 6 2 88 {start} {end} ACCEPT OK")
    };
    let records: Vec<String> = (0..50).map(|n| record(1_773_129_600 + 60 * n)).collect();
    world::put_events(server, &group, &format!("{header}\n{}\n", records.join("\n")));
    let source = format!("cloudwatch://{group}");
    let folder = tempfile::tempdir().unwrap();
    let lake = folder.path().join("lake");
    ingest(server.url(), &source, &lake).expect(0);
    let before = held(&lake);
    assert_eq!(before.rows.len(), 50);
    let name = lake.to_str().unwrap();
    let again = flowq_at(server.url(), &["replay", name, "--source", &source]).expect(0);
    assert!(again.err.contains("50 known before"), "{}", again.err);
    assert_eq!(held(&lake).rows, before.rows);
    flowq_at(server.url(), &["verify", name]).expect(0);
}
