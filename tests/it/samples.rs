//! `flowq detect` on the sample logs finds what `sample-logs/README.md` promises, and nothing else.

use std::sync::LazyLock;

use serde_json::Value;

use crate::support::{flowq, on_samples, root};

/// Detection, severity, job (or candidates), interface's address, remote, protocol, confidence, and cause or
/// path: story by story, in the order of the README.
const PROMISED: &[&str] = &[
    "unexpected-egress high pip-install 10.20.16.110 203.0.113.80:443 6 strong -",
    "unexpected-egress high pip-install 10.20.16.111 203.0.113.80:443 6 strong -",
    "blocked-service medium cannot-reach-logs 10.20.16.193 10.20.16.5:443 6 strong sender's security group egress",
    "blocked-inter-container medium spark-no-self-rule 10.20.16.161 10.20.16.160:7077 6 strong receiver's security group",
    "blocked-inter-container medium spark-no-self-rule 10.20.16.162 10.20.16.160:7077 6 strong receiver's security group",
    "blocked-inter-container medium spark-closed-acl 10.20.16.165 10.20.48.101:7337 6 strong network ACL",
    "s3-endpoint-bypass medium s3-through-nat 10.20.32.100 198.51.100.20:443 6 strong nat-gateway",
    "s3-endpoint-bypass low other-region-bucket 10.20.16.120 198.51.100.150:443 6 strong cross-region",
    "isolated-job-traffic critical isolated-scoring 10.20.16.125 203.0.113.66:443 6 strong -",
    "log-gap medium isolated-scoring - -:- - strong no records for a time",
    "unexpected-egress high tune-a|tune-b 10.20.16.131 203.0.113.90:443 6 inferred -",
    "attempted-egress low refused-egress 10.20.16.135 203.0.113.99:443 6 strong security group egress or outbound network ACL",
    "log-gap low lost-records - -:- - strong records that AWS lost",
    "blocked-inter-container medium encrypted-cluster 10.20.16.176 10.20.16.175:500 17 strong receiver's security group",
    "blocked-inter-container medium encrypted-cluster 10.20.16.177 10.20.16.175:0 50 strong receiver's security group",
    "s3-endpoint-bypass medium dualstack-s3 2001:db8:1234:1a01::96 2001:db8:53::10:443 6 strong ipv6-around-endpoint",
    "unexpected-egress high calls-home 10.20.16.180 203.0.113.77:443 6 strong -",
    "beaconing medium calls-home 10.20.16.180 203.0.113.77:443 6 strong -",
    "unexpected-egress medium slow-upload 10.20.16.181 10.50.0.40:443 6 strong -",
    "slow-exfiltration medium slow-upload 10.20.16.181 10.50.0.40:- - strong -",
    "port-scan medium probes-network 10.20.16.182 10.20.16.20:- 6 strong -",
    "port-scan medium probes-network 10.20.16.182 -:5432 6 strong -",
    "unexpected-egress high own-resolver 10.20.16.183 203.0.113.53:53 17 strong -",
    "dns-outside medium own-resolver 10.20.16.183 203.0.113.53:53 17 strong -",
    "unexpected-egress medium ssh-tunnel 10.20.16.184 10.50.0.22:22 6 strong -",
    "remote-admin medium ssh-tunnel 10.20.16.184 10.50.0.22:22 6 strong -",
    "remote-admin low ssh-tunnel 10.20.16.184 10.20.32.20:- 6 strong -",
    "cross-job-traffic medium reads-cache 10.20.16.186 10.20.16.185:6379 6 strong -",
    "unencrypted-inter-container high plain-cluster 10.20.16.187 10.20.16.189:- - strong -",
];

/// Jobs whose traffic is a trap: they must not show up in any finding.
const QUIET: &[&str] = &[
    "clean-features",
    "after-reuse",
    "answers-inbound",
    "late-packets",
    "no-vpc-config",
    "no-records",
    "uses-mirror",
    "polls-mirror",
    "serves-cache",
    "mpi-cluster",
];

/// All findings, of one run for all tests here.
fn findings() -> &'static [Value] {
    static FINDINGS: LazyLock<Vec<Value>> =
        LazyLock::new(|| on_samples(&["detect", "--format", "ndjson"], &[]).expect(0).json_lines());
    &FINDINGS
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "-".to_owned(),
        other => other.to_string(),
    }
}

fn line(finding: &Value) -> String {
    let of = |name: &str| text(&finding[name]);
    let candidates: Vec<String> =
        finding["job_candidates"].as_array().unwrap().iter().map(text).collect();
    let job = if finding["job_name"].is_null() { candidates.join("|") } else { of("job_name") };
    let verdict = if finding["path"].is_null() { of("cause") } else { of("path") };
    // Which rule it is stands behind the place.
    let verdict = verdict.split(": ").next().unwrap_or_default();
    let (remote, port) = (of("remote_addr"), of("remote_port"));
    let [detection, severity] = [of("detection"), of("severity")];
    let [local, protocol, confidence] = [of("local_addr"), of("protocol"), of("confidence")];
    format!(
        "{detection} {severity} {job} {local} {remote}:{port} {protocol} {confidence} {verdict}"
    )
}

#[test]
fn detect_finds_what_the_readme_promises() {
    let mut found: Vec<String> = findings().iter().map(line).collect();
    found.sort();
    let mut promised: Vec<&str> = PROMISED.to_vec();
    promised.sort_unstable();
    assert_eq!(found, promised);
}

#[test]
fn the_readme_of_the_samples_tells_the_same_stories() {
    let readme = std::fs::read_to_string(root().join("sample-logs/README.md")).unwrap();
    for line in PROMISED {
        let mut words = line.split(' ');
        let (detection, job) = (words.next().unwrap(), words.nth(1).unwrap());
        for job in job.split('|') {
            let row = readme
                .lines()
                .find(|row| row.contains(&format!("`{job}`")) && row.starts_with("| "));
            let row = row.unwrap_or_else(|| panic!("no story of {job}"));
            assert!(row.contains(&format!("`{detection}`")), "{job}: {row}");
        }
    }
    for job in QUIET {
        let told = |row: &&str| row.contains(&format!("| `{job}` |"));
        let row = readme.lines().find(told).unwrap_or_else(|| panic!("no story of {job}"));
        assert!(row.contains("quiet") || row.contains("coverage"), "{job}: {row}");
    }
}

#[test]
fn traps_stay_quiet() {
    let findings = findings();
    for finding in findings {
        let jobs = format!("{} {}", finding["job_name"], finding["job_candidates"]);
        for job in QUIET {
            assert!(!jobs.contains(job), "{job}: {}", line(finding));
        }
    }
    let isolated = findings.iter().filter(|finding| finding["job_name"] == "isolated-scoring");
    let traffic = isolated.filter(|finding| finding["detection"] != "log-gap");
    assert_eq!(traffic.count(), 1, "the traffic of isolated-scoring is in one detection only");
    // 10.20.16.110 and .111 were used again by a job and an instance that did no wrong.
    for finding in findings.iter().filter(|finding| finding["remote_addr"] == "203.0.113.80") {
        assert_eq!(finding["job_name"], "pip-install");
        assert!(text(&finding["last_seen"]).as_str() < "2026-03-10T08:12:00Z");
    }
}

#[test]
fn coverage_says_what_could_not_be_seen() {
    let run = on_samples(&["detect"], &[]).expect(0);
    for line in [
        "intervals with SKIPDATA (AWS lost records of a job's interface): 1",
        "job lost-records",
        "interfaces of jobs without any record: 1",
        "job no-records",
        "jobs without VpcConfig (their traffic does not appear in VPC flow logs): 1",
        "job no-vpc-config",
        "with records or NODATA, 1 SKIPDATA, 180 without a record that was due",
        "flowq coverage shows which",
    ] {
        assert!(run.err.contains(line), "{line}: {}", run.err);
    }
    let all = flowq::detection::built_in().unwrap().len();
    // Without a baseline nothing is new.
    let ran = all - 1;
    assert!(run.err.contains(&format!("{ran} of {all} detections ran")), "{}", run.err);
}

#[test]
fn every_finding_can_be_looked_up_in_the_records_behind_it() {
    // What was not logged has no record.
    for finding in findings().iter().filter(|finding| finding["detection"] != "log-gap") {
        let evidence = finding["evidence"].as_array().unwrap();
        assert!(!evidence.is_empty(), "{finding}");
        let (object, at) = (text(&evidence[0]["object"]), text(&evidence[0]["line"]));
        let query = format!("SELECT srcaddr, dstaddr FROM flow_logs WHERE line = {at}");
        let found = flowq(&["sql", "--format", "csv", "-q", "-c", &query, &object]).expect(0);
        let local = text(&finding["local_addr"]);
        let row = found.out.lines().nth(1).unwrap();
        assert!(
            row.contains(&local) || row.contains(&text(&finding["remote_addr"])),
            "{row}: {finding}"
        );
    }
}

#[test]
fn without_the_config_the_mirror_is_a_finding_too() {
    let args = [
        "detect",
        "sample-logs/AWSLogs",
        "--inventory",
        "sample-logs/inventory",
        "--format",
        "ndjson",
    ];
    let run = flowq(&args).expect(0);
    let mirror: Vec<Value> = run
        .json_lines()
        .into_iter()
        .filter(|finding| finding["job_name"] == "uses-mirror")
        .collect();
    assert_eq!(mirror.len(), 1, "{}", run.out);
    assert_eq!(mirror[0]["remote_addr"], "10.50.0.10");
}
