//! `flowq explain` on the sample logs: the job whose group lacks a rule for itself.

use serde_json::Value;

use crate::support::{LOGS, flowq, on_samples};

const INVENTORY: [&str; 2] = ["--inventory", "sample-logs/inventory"];

/// The finding of a job, as `flowq detect` gives it, and all of them as it prints them.
fn finding(job: &str) -> (Value, String) {
    let run = on_samples(&["detect", "--format", "ndjson"], &[]).expect(0);
    let findings = run.json_lines();
    let of_job = findings.into_iter().find(|finding| finding["job_name"] == job).unwrap();
    (of_job, run.out)
}

#[test]
fn a_finding_is_explained_from_the_logs_and_from_what_detect_printed() {
    let (finding, printed) = finding("spark-no-self-rule");
    let id = &finding["finding_id"].as_str().unwrap()[..8];
    let run = on_samples(&["explain", "finding", id, "--format", "json", "--apply", "all"], &[]);
    let told: Value = serde_json::from_str(&run.expect(0).out).unwrap();
    assert_eq!(told["verdict"], "refused");
    assert!(
        told["summary"].as_str().unwrap().contains("allows no ingress from itself on tcp/7077")
    );
    assert_eq!(told["inconsistent"], Value::Null, "{told}");
    let remediation = finding["remediation"].as_str().unwrap();
    assert!(remediation.starts_with(told["fixes"][0]["cli"].as_str().unwrap()), "{remediation}");
    let through = told["replay"]["let_through"].as_array().unwrap();
    assert!(!through.is_empty());
    for flow in through {
        assert_eq!(
            (&flow["service"], &flow["job_name"]),
            (&"tcp/7077".into(), &finding["job_name"])
        );
    }

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("findings.ndjson");
    std::fs::write(&file, printed).unwrap();
    let file = file.to_str().unwrap();
    let args = ["explain", "finding", id, "--finding", file, "--format", "json"];
    let run = flowq(&[&args[..], &INVENTORY].concat()).expect(0);
    let again: Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!(again["steps"], told["steps"]);
}

#[test]
fn a_flow_is_explained_with_what_the_logs_show_of_it() {
    let (finding, _) = finding("spark-no-self-rule");
    let of = |name: &str| finding[name].as_str().unwrap().to_owned();
    let (from, to, at) = (of("interface_id"), of("remote_addr"), of("first_seen"));
    let args = ["explain", "flow", &from, &to, "7077", "tcp", LOGS, "--at", &at];
    let run = flowq(&[&args[..], &INVENTORY].concat()).expect(0);
    for text in ["DENIES", "receiver's security group", "logged    request", "REJECT on", "fix "] {
        assert!(run.out.contains(text), "{text}: {}", run.out);
    }
    // Another port of the group is not open either, and markdown says the same.
    let args = ["explain", "flow", &from, &to, "7078", "tcp", "--at", &at, "--format", "markdown"];
    let run = flowq(&[&args[..], &INVENTORY].concat()).expect(0);
    assert!(run.out.contains("on tcp/7078") && run.out.contains("```terraform"), "{}", run.out);
}

#[test]
fn mistakes_are_told_with_what_to_do() {
    let flow = |more: &[&str]| {
        let run = flowq(&[&["explain", "flow"], more].concat());
        (run.code, run.err)
    };
    let (code, err) = flow(&["10.20.16.161", "10.20.16.160", "7077", "tcp"]);
    assert!(code == 2 && err.contains("no --inventory") && err.contains("hint:"), "{err}");
    let with = |more: &[&str]| flow(&[more, &INVENTORY].concat());
    let (code, err) = with(&["eni-none", "10.20.16.160", "7077", "tcp"]);
    assert!(code == 2 && err.contains("eni-none is neither an address nor an interface"), "{err}");
    let (code, err) = with(&["10.20.16.161", "10.20.16.160", "http", "tcp"]);
    assert!(code == 2 && err.contains("http is no port"), "{err}");
    let (code, err) = with(&["10.20.16.161", "10.20.16.160", "80", "tpc"]);
    assert!(code == 2 && err.contains("no protocol is called tpc"), "{err}");
    let (code, err) = with(&["10.20.16.161", "2001:db8::1", "80", "tcp"]);
    assert!(code == 2 && err.contains("different families"), "{err}");
    let (code, err) = with(&["10.20.16.161", "10.20.16.160", "80", "tcp", "--apply", "all"]);
    assert!(code == 2 && err.contains("name a SOURCE"), "{err}");
    let run = on_samples(&["explain", "finding", "zzzz"], &[]);
    assert!(run.code == 2 && run.err.contains("no finding has the id zzzz"), "{}", run.err);
}
