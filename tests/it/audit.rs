//! `flowq audit` on the sample logs: what it prints, in each format, and what it says when it cannot.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use serde_json::Value;

use crate::support::{LOGS, command, flowq, on_samples, without_time};

const INVENTORY: [&str; 2] = ["--inventory", "sample-logs/inventory"];

fn audit(more: &[&str]) -> crate::support::Run {
    on_samples(&["audit"], more)
}

fn results() -> Vec<Value> {
    audit(&["--format", "ndjson"]).expect(0).json_lines()
}

/// The checks that fail or are not known, each with what it is about.
fn verdicts(results: &[Value], verdict: &str) -> Vec<String> {
    let own = results.iter().filter(|one| one["verdict"] == verdict);
    let line = |one: &Value| {
        let list = |key: &str| -> Vec<String> {
            one[key].as_array().unwrap().iter().map(|id| id.as_str().unwrap().to_owned()).collect()
        };
        let place = [list("subnet_ids"), list("security_group_ids")].concat().join(" ");
        format!("{} {place}", one["check"].as_str().unwrap()).trim().to_owned()
    };
    own.map(line).collect()
}

#[test]
fn results_for_people() {
    let run = audit(&[]).expect(0);
    insta::assert_snapshot!("audit-stdout", run.out);
    insta::assert_snapshot!("audit-stderr", without_time(&run.err));
}

#[test]
fn the_stories_of_the_samples_show_in_their_configuration() {
    let results = results();
    let failed = verdicts(&results, "fail");
    for expected in [
        // s3-through-nat runs there.
        "s3-endpoint subnet-0ac1b2c3d4e5f6073",
        // dualstack-s3
        "s3-endpoint-ipv6 subnet-0ab1b2c3d4e5f6072",
        // spark-no-self-rule, and encrypted-cluster, whose group has a rule for TCP only
        "group-self sg-0a10000000000f004",
        "group-encryption sg-0a10000000000f008",
        // spark-closed-acl
        "network-acl subnet-0ad1b2c3d4e5f6074",
        "job-vpc-config",
        "endpoint-policy",
    ] {
        assert!(failed.iter().any(|line| line == expected), "{expected} in {failed:#?}");
    }
    let isolated = results.iter().find(|one| one["check"] == "network-isolation").unwrap();
    assert!(isolated["evidence"].to_string().contains("internet"), "{isolated}");
    let unknown = verdicts(&results, "not known");
    assert!(unknown.contains(&"bucket-policy".to_owned()), "{unknown:#?}");
}

#[test]
fn a_configuration_is_one_result_whatever_jobs_share_it() {
    let results = results();
    let ids: BTreeSet<&str> =
        results.iter().map(|one| one["finding_id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), results.len());
    let of_vpc = results.iter().filter(|one| one["check"] == "dns-support").count();
    assert_eq!(of_vpc, 1);
}

#[test]
fn without_logs_it_says_that_only_logs_tell() {
    let run = flowq(&[&["audit", "--format", "ndjson"][..], &INVENTORY].concat()).expect(0);
    let unknown = verdicts(&run.json_lines(), "not known");
    assert!(unknown.contains(&"service-endpoints".to_owned()), "{unknown:#?}");
    assert!(run.err.contains("no flow logs read"), "{}", run.err);
}

#[test]
fn every_format_tells_the_same() {
    let results = results();
    let failed = results.iter().filter(|one| one["verdict"] == "fail").count();
    let json: Vec<Value> =
        serde_json::from_str(&audit(&["--format", "json"]).expect(0).out).unwrap();
    assert_eq!(json, results);
    let csv = audit(&["--format", "csv"]).expect(0).out;
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    assert_eq!(reader.records().count(), results.len());
    let markdown = audit(&["--format", "markdown"]).expect(0).out;
    assert_eq!(markdown.lines().count(), results.len() + 2);
    let sarif: Value = serde_json::from_str(&audit(&["--format", "sarif"]).expect(0).out).unwrap();
    let told = sarif["runs"][0]["results"].as_array().unwrap();
    assert_eq!(told.len(), results.len());
    assert_eq!(told.iter().filter(|one| one["kind"] == "fail").count(), failed);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.parquet");
    let run = audit(&["--format", "parquet", "--output", path.to_str().unwrap()]).expect(0);
    assert!(run.out.is_empty() && fs::metadata(&path).unwrap().len() > 0);
}

#[test]
fn what_fails_are_findings() {
    let results = results();
    let failed: BTreeSet<&str> = results
        .iter()
        .filter(|one| one["verdict"] == "fail")
        .map(|one| one["finding_id"].as_str().unwrap())
        .collect();
    let findings = audit(&["--findings", "--format", "ndjson"]).expect(0).json_lines();
    let ids: BTreeSet<&str> =
        findings.iter().map(|one| one["finding_id"].as_str().unwrap()).collect();
    assert_eq!(ids, failed);
    for finding in &findings {
        assert!(finding["detection"].as_str().unwrap().starts_with("audit-"), "{finding}");
        assert!(!finding["vpc_id"].is_null() || finding["detection"] == "audit-job-vpc-config");
    }
    let ocsf = audit(&["--format", "ocsf"]).expect(0).json_lines();
    assert_eq!(ocsf.len(), findings.len());
    assert_eq!(ocsf[0]["class_uid"], 2004);
}

#[test]
fn exit_codes_suppressions_and_alerts() {
    audit(&["--fail-on", "high"]).expect(1);
    audit(&["--fail-on", "critical"]).expect(0);
    audit(&["--only", "flow-log", "--fail-on", "low"]).expect(0);
    let folder = tempfile::tempdir().unwrap();
    let told = folder.path().join("told.ndjson");
    let config = folder.path().join("flowq.toml");
    let text = format!(
        "[[suppress]]\ndetection = \"audit-s3-endpoint\"\nreason = \"known\"\n\
         [[alert]]\ntype = \"ndjson\"\npath = {told:?}\ndetections = [\"audit-*\"]\n"
    );
    fs::write(&config, text).unwrap();
    let config = config.to_str().unwrap();
    let args = ["audit", LOGS, "--config", config, "--alert", "--format", "ndjson"];
    let run = flowq(&[&args[..], &INVENTORY].concat()).expect(0);
    assert!(run.err.contains("by \"known\""), "{}", run.err);
    let failed = verdicts(&run.json_lines(), "fail");
    assert!(!failed.iter().any(|line| line.starts_with("s3-endpoint ")), "{failed:#?}");
    assert_eq!(fs::read_to_string(&told).unwrap().lines().count(), failed.len());
}

#[test]
fn jobs_and_checks_are_chosen() {
    let run = audit(&["--job", "spark-*", "--format", "ndjson"]).expect(0);
    for one in run.json_lines() {
        for job in one["jobs"].as_array().unwrap() {
            assert!(job.as_str().unwrap().starts_with("spark-"), "{one}");
        }
    }
    let run =
        audit(&["--only", "dns-support", "--only", "flow-log", "--format", "ndjson"]).expect(0);
    let checks: BTreeSet<String> =
        run.json_lines().iter().map(|one| one["check"].to_string()).collect();
    assert_eq!(checks.len(), 2);
    let run = flowq(&[&["audit", "--vpc", "vpc-0d1e5a2b3c4f60718"][..], &INVENTORY].concat());
    assert!(run.expect(0).out.contains("s3-endpoint"));
}

#[test]
fn mistakes_are_told() {
    let run = flowq(&["audit"]).expect(2);
    assert!(run.err.contains("no inventory named") && run.err.contains("hint: "), "{}", run.err);
    let run = audit(&["--only", "s3-endpont"]).expect(2);
    assert!(run.err.contains("did you mean s3-endpoint?"), "{}", run.err);
    let run = audit(&["--job", "nobody-*"]).expect(4);
    assert!(run.err.contains("no processing job of the inventory fits nobody-*"), "{}", run.err);
    let run = audit(&["--vpc", "vpc-none"]).expect(4);
    assert!(run.err.contains("knows nothing of vpc-none"), "{}", run.err);
    let run = audit(&["--findings", "--format", "sarif"]).expect(2);
    assert!(run.err.contains("--findings has no such format"), "{}", run.err);
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().to_str().unwrap();
    let run = flowq(&["audit", "--inventory", empty]).expect(4);
    assert!(run.err.contains("hint: "), "{}", run.err);
}

#[test]
fn a_closed_pipe_ends_it_quietly() {
    let args = [&["audit", "--format", "json"][..], &INVENTORY].concat();
    let mut child = command().args(args).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let output = child.wait_with_output().unwrap();
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(!err.contains("error") && !err.contains("panicked"), "{err}");
}
