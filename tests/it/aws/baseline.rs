//! A baseline of the emulator's VPC: inventory from the account, logs from a bucket.

use std::fs;

use super::server::Server;

/// Learns what the job `download` of the whole way's VPC does, and sees it judged by that.
pub(super) fn is_learned_and_judged(server: &Server, logs: &str) {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("baseline.toml");
    let file = file.to_str().unwrap();
    let args = ["baseline", "learn", "--job", "download", logs, "--inventory", "aws", "-o", file];
    let run = server.flowq(&args).expect(0);
    let told = "left out 203.0.113.80 tcp 443: unexpected-egress flagged it as high (download)";
    assert!(run.err.contains(told), "{}", run.err);
    assert!(run.err.contains("a weak baseline"), "{}", run.err);
    let text = fs::read_to_string(file).unwrap();
    assert!(text.contains("to = \"service:S3\"\njob = \"download\"\nports = [443]"), "{text}");

    let judge = ["--only", "new-destination", "--format", "ndjson", "--baseline", file];
    let args = [&["detect", logs, "--inventory", "aws"], &judge[..]].concat();
    assert_eq!(server.flowq(&args).expect(0).out, "");
    // Without S3 in the baseline, S3 is new.
    fs::write(file, text.replace("service:S3", "service:DYNAMODB")).unwrap();
    let found = server.flowq(&args).expect(0).json_lines();
    let places: Vec<&str> = found.iter().map(|one| one["remote_addr"].as_str().unwrap()).collect();
    assert_eq!(places, ["198.51.100.7"]);
}
