//! A baseline of the emulator's VPC: inventory from the account, logs from a bucket.

use std::fs;

use super::inventory::now;
use super::server::{ACCOUNT, REGION, server, unique};
use super::whole::{FIELDS, gzip, make, records};
use super::world;

#[test]
fn a_baseline_of_the_account() {
    let server = server();
    let made = make(server, &unique("/vpc/baseline"));
    let at = now();
    let header = FIELDS.split_whitespace().collect::<Vec<_>>().join(" ") + "\n";
    let bucket = world::bucket(server, unique("baseline"));
    let time = chrono::DateTime::from_timestamp(at, 0).unwrap();
    let (day, minute) = (time.format("%Y/%m/%d"), time.format("%Y%m%dT%H%MZ"));
    let key = format!(
        "AWSLogs/{ACCOUNT}/vpcflowlogs/{REGION}/{day}/{ACCOUNT}_vpcflowlogs_{REGION}_fl-0a_{minute}_0f.log.gz"
    );
    let text = format!("{header}{}", records(&made, at).concat());
    world::put(server, &bucket, &key, gzip(&text));

    let logs = format!("s3://{bucket}/AWSLogs/");
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("baseline.toml");
    let file = file.to_str().unwrap();
    let whole = ["--inventory", "aws"];
    let args = [&["baseline", "learn", "--job", "download", &logs, "--output", file], &whole[..]];
    let run = server.flowq(&args.concat()).expect(0);
    let told = "left out 203.0.113.80 tcp 443: unexpected-egress flagged it as ";
    assert!(run.err.contains(told) || fs::read_to_string(file).unwrap().contains("203.0.113.80"));
    assert!(run.err.contains("a weak baseline"), "{}", run.err);
    let text = fs::read_to_string(file).unwrap();
    assert!(text.contains("to = \"service:S3\"\njob = \"download\"\nports = [443]"), "{text}");

    let only = ["--only", "new-destination", "--format", "ndjson", "--baseline", file];
    let args = [&["detect", &logs], &whole[..], &only].concat();
    assert_eq!(server.flowq(&args).expect(0).out, "");
    // Without S3 in the baseline, S3 is new.
    fs::write(file, text.replace("service:S3", "service:DYNAMODB")).unwrap();
    let found = server.flowq(&args).expect(0).json_lines();
    let places: Vec<&str> = found.iter().map(|one| one["remote_addr"].as_str().unwrap()).collect();
    assert_eq!(places, ["198.51.100.7"]);
}
