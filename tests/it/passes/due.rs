//! An object is done when its rows are committed or its content is proved bad: whatever else goes wrong, the next
//! run reads it.

use std::fs;
use std::path::Path;

use super::lake::{held, logs, status};
use crate::aws::proxy::{Fault, Proxy, What};
use crate::aws::{flowq_at, server, unique, world};
use crate::support::{Run, flowq};

fn ingest(url: &str, source: &str, lake: &Path) -> Run {
    flowq_at(url, &["ingest", source, "--to", lake.to_str().unwrap()])
}

#[test]
fn whatever_s3_answers_an_object_is_read_by_the_next_run() {
    let server = server();
    let bucket = world::bucket(server, unique("due"));
    let folder = tempfile::tempdir().unwrap();
    let files = logs(folder.path(), 300, 3);
    let mut key = String::new();
    for entry in walkdir::WalkDir::new(&files).into_iter().map(Result::unwrap) {
        if entry.file_type().is_file() {
            key = format!("logs/{}", entry.file_name().to_string_lossy());
            world::put(server, &bucket, &key, fs::read(entry.path()).unwrap());
        }
    }
    let source = format!("s3://{bucket}/logs/");
    let whole = folder.path().join("whole");
    ingest(server.url(), &source, &whole).expect(0);
    let whole = held(&whole);
    let faults = [
        What::Answer(400, "ExpiredToken"),
        What::Answer(403, "RequestTimeTooSkewed"),
        What::Answer(403, "InvalidObjectState"),
        What::Answer(400, "KMS.DisabledException"),
        What::Answer(400, "SomethingNew"),
        What::Answer(404, "NoSuchKey"),
        What::Flip(700),
    ];
    for (number, what) in faults.into_iter().enumerate() {
        let lake = folder.path().join(format!("lake-{number}"));
        let fault = Fault::new(what).method("GET").path(key.as_str());
        let proxy = Proxy::start(server.url(), vec![fault]);
        ingest(proxy.url(), &source, &lake).expect(5);
        assert!(held(&lake).rows.len() < whole.rows.len(), "{what:?}");
        ingest(server.url(), &source, &lake).expect(0);
        assert_eq!(held(&lake), whole, "{what:?}");
        let name = lake.to_str().unwrap();
        flowq_at(server.url(), &["verify", name, "--source", &source]).expect(0);
    }
}

#[test]
fn what_waits_is_listed_however_old_it_gets() {
    let server = server();
    let bucket = world::bucket(server, unique("waits"));
    let key = |day: u32| {
        format!(
            "AWSLogs/123456789012/vpcflowlogs/us-east-1/2026/03/{day:02}/123456789012_vpcflowlogs_us-east-1_fl-1_202603{day:02}T0800Z_a.log"
        )
    };
    let text = |day: i64| {
        let end = 1_773_100_800 + (day - 10) * 86_400 + 8 * 3600;
        format!(
            "2 123456789012 eni-0a 10.0.0.1 10.0.0.2 40000 443 6 2 88 {} {end} ACCEPT OK\n",
            end - 60
        )
    };
    for day in [1, 28] {
        world::put(server, &bucket, &key(day), text(i64::from(day)).into_bytes());
    }
    let source = format!("s3://{bucket}/AWSLogs/");
    let folder = tempfile::tempdir().unwrap();
    let lake = folder.path().join("lake");
    let fault = Fault::new(What::Answer(403, "InvalidObjectState")).method("GET").path("20260301T");
    let proxy = Proxy::start(server.url(), vec![fault]);
    ingest(proxy.url(), &source, &lake).expect(5);
    // It ended 27 days before the newest object, and is looked for all the same.
    ingest(proxy.url(), &source, &lake).expect(5);
    assert_eq!(status(&lake)["not_read_to_their_end"][0]["retry"], true);
    ingest(server.url(), &source, &lake).expect(0);
    assert_eq!(held(&lake).rows.len(), 2);
}

#[test]
fn what_is_cut_in_s3_is_read_twice_before_it_counts_as_read() {
    let server = server();
    let bucket = world::bucket(server, unique("cut"));
    let folder = tempfile::tempdir().unwrap();
    let files = logs(folder.path(), 300, 1);
    let files = walkdir::WalkDir::new(&files).into_iter().map(Result::unwrap);
    let file = files.map(walkdir::DirEntry::into_path).find(|path| path.is_file()).unwrap();
    let mut bytes = fs::read(file).unwrap();
    bytes.truncate(bytes.len() - 40);
    world::put(server, &bucket, "logs/a.log.gz", bytes.clone());
    let source = format!("s3://{bucket}/logs/");
    let lake = folder.path().join("lake");
    let first = ingest(server.url(), &source, &lake).expect(5);
    assert!(first.err.contains("it is tried again"), "{}", first.err);
    let second = ingest(server.url(), &source, &lake).expect(5);
    assert!(second.err.contains("it counts as read"), "{}", second.err);
    ingest(server.url(), &source, &lake).expect(0);
    assert_eq!(status(&lake)["not_read_to_their_end"][0]["retry"], false);

    // A file is read where it lies: nothing can be damaged on the way.
    let local = folder.path().join("local");
    fs::create_dir(&local).unwrap();
    fs::write(local.join("a.log.gz"), bytes).unwrap();
    let (logs, lake) = (local.to_str().unwrap(), folder.path().join("lake-2"));
    let args = ["ingest", logs, "--to", lake.to_str().unwrap()];
    flowq(&args).expect(5);
    flowq(&args).expect(0);
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the emulator's clock is this machine's")]
fn events_that_could_not_be_read_are_read_by_the_next_run() {
    let server = server();
    let group = unique("/passes/due");
    let header = "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes \
                  start end action log-status";
    let record = |start: i64| {
        let end = start + 50;
        format!("2 123456789012 eni-0a 10.0.0.1 10.0.0.2 40000 443 6 2 88 {start} {end} ACCEPT OK")
    };
    let first = chrono::Utc::now().timestamp() - 60 * 3600;
    let records: Vec<String> = (0..50).map(|n| record(first + 3600 * n)).collect();
    world::put_events(server, &group, &format!("{header}\n{}\n", records.join("\n")));
    let source = format!("cloudwatch://{group}");
    let folder = tempfile::tempdir().unwrap();
    let lake = folder.path().join("lake");
    for code in ["ExpiredTokenException", "InvalidParameterException"] {
        let fault = Fault::new(What::Answer(400, code)).operation("FilterLogEvents");
        let proxy = Proxy::start(server.url(), vec![fault]);
        ingest(proxy.url(), &source, &lake).expect(5);
    }
    ingest(server.url(), &source, &lake).expect(0);
    assert_eq!(held(&lake).rows.len(), 50);
    assert_eq!(status(&lake)["not_read_to_their_end"].as_array().unwrap().len(), 0);
}
