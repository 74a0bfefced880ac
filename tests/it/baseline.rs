//! `flowq baseline` on the sample logs: what is learned is read again, keeps quiet, and tells what is new.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::support::{LOGS, flowq, on_samples, root};

const INVENTORY: &str = "sample-logs/inventory";

/// Learns from all sample jobs, and returns the file and what was said.
fn learn(folder: &Path, more: &[&str]) -> (String, String) {
    let file = folder.join("baseline.toml").to_str().unwrap().to_owned();
    let args = [&["--job", "*", "--output", &file], more].concat();
    let run = on_samples(&["baseline", "learn"], &args).expect(0);
    assert_eq!(run.out, "");
    (file, run.err)
}

fn detect(file: &str, more: &[&str]) -> Vec<Value> {
    let args = [&["--baseline", file, "--format", "ndjson"], more].concat();
    on_samples(&["detect"], &args).expect(0).json_lines()
}

/// Takes the rules for a destination out of a file.
fn without(file: &str, to: &str) {
    let text = fs::read_to_string(file).unwrap();
    let (head, rules) = text.split_once("\n[[allow]]\n").unwrap();
    let kept = rules.split("\n[[allow]]\n").filter(|rule| !rule.contains(to));
    let fewer = kept.fold(head.to_owned(), |text, rule| format!("{text}\n[[allow]]\n{rule}"));
    fs::write(file, fewer).unwrap();
}

fn column(findings: &[Value], name: &str) -> BTreeSet<String> {
    findings.iter().map(|one| one[name].as_str().unwrap_or("-").to_owned()).collect()
}

#[test]
fn what_is_learned_is_accepted_and_keeps_quiet() {
    let folder = tempfile::tempdir().unwrap();
    let (file, said) = learn(folder.path(), &[]);
    let text = fs::read_to_string(&file).unwrap();
    insta::assert_snapshot!("baseline-learn", text);
    // What reached the internet is left out, and each of them is told.
    let left_out = "203.0.113.80 tcp 443: unexpected-egress flagged it as high (pip-install)";
    assert!(said.contains(left_out) && text.contains(left_out), "{said}");
    assert!(!text.contains("to = \"203.0.113."), "{text}");
    learn(folder.path(), &[]);
    assert_eq!(fs::read_to_string(&file).unwrap(), text, "the same data, the same file");

    let config = folder.path().join("flowq.toml");
    fs::write(&config, "baseline = \"baseline.toml\"\n").unwrap();
    let only = ["--only", "new-destination"];
    assert_eq!(detect(&file, &only), [] as [Value; 0]);
    let args = ["detect", LOGS, "--inventory", INVENTORY, "--config", config.to_str().unwrap()];
    let run = flowq(&[&args[..], &only].concat()).expect(0);
    assert!(run.err.contains("1 of 1 detections ran"), "{}", run.err);
    assert!(run.err.contains("jobs without a baseline (new-destination does not judge them): 1"));
    // `check` reads it too, and names what is wrong with it.
    fs::write(&file, text.replacen("bytes-out-max = ", "byte-out-max = ", 1)).unwrap();
    let run = flowq(&["check", "--config", config.to_str().unwrap()]).expect(3);
    assert!(run.err.contains("baseline.toml") && run.err.contains("did you mean bytes-out-max?"));
    // Without a baseline nothing is new, and that is said.
    let run = on_samples(&["detect"], &only).expect(0);
    assert!(run.err.contains("new-destination did not run: there is no baseline"), "{}", run.err);
    assert!(run.err.contains("0 of 1 detections ran"), "{}", run.err);
}

#[test]
fn a_rule_taken_out_is_one_finding_and_one_change() {
    let folder = tempfile::tempdir().unwrap();
    let (file, _) = learn(folder.path(), &[]);
    without(&file, "service:sts");
    let found = detect(&file, &["--only", "new-destination"]);
    assert_eq!(column(&found, "job_name"), BTreeSet::from(["uses-mirror".to_owned()]));
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0]["remote_addr"], "10.20.16.6");

    let diff = |more: &[&str]| on_samples(&["baseline", "diff", "--baseline", &file], more);
    let run = diff(&["--job", "uses-mirror", "--format", "ndjson", "--fail-on-new"]).expect(1);
    let changes = run.json_lines();
    let added: Vec<&Value> = changes.iter().filter(|one| one["change"] == "added").collect();
    assert_eq!(added.len(), 1, "{}", run.out);
    assert_eq!(added[0]["destination"], "service:sts");
    assert!(run.err.contains("1 added"), "{}", run.err);
    // Another job does nothing new.
    diff(&["--job", "clean-features", "--fail-on-new"]).expect(0);
}

#[test]
fn a_feed_goes_by_the_baseline_that_its_config_names() {
    let folder = tempfile::tempdir().unwrap();
    let (file, _) = learn(folder.path(), &[]);
    without(&file, "service:sts");
    let config = folder.path().join("flowq.toml");
    let lake = folder.path().join("lake");
    let text = format!(
        "sources = [{:?}]\ninventory = [{:?}]\nbaseline = \"baseline.toml\"\n\
         [feed]\nlake = {lake:?}\ninterval = \"0s\"\nlateness = \"100000d\"\n",
        root().join(LOGS),
        root().join(INVENTORY),
    );
    fs::write(&config, text).unwrap();
    flowq(&["feed", "--once", "--config", config.to_str().unwrap()]).expect(0);
    let kept = fs::read(lake.join("_flowq/findings.json")).unwrap();
    let kept: Value = serde_json::from_slice(&kept).unwrap();
    let all = kept["findings"].as_array().unwrap().iter();
    let new = all.filter(|one| one["detection"] == "new-destination").map(|one| &one["finding_id"]);
    let new: Vec<&Value> = new.collect();
    let detected = detect(&file, &["--only", "new-destination"]);
    assert_eq!(new, detected.iter().map(|one| &one["finding_id"]).collect::<Vec<_>>());
    assert_eq!(new.len(), 1);
}

#[test]
fn what_was_flagged_is_learned_on_request() {
    let folder = tempfile::tempdir().unwrap();
    let (file, said) = learn(folder.path(), &["--include-flagged", "unexpected-egress"]);
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains("to = \"203.0.113.80/32\""), "{text}");
    assert!(text.contains("flagged by unexpected-egress, learned on request"), "{text}");
    assert!(!said.contains("unexpected-egress flagged"), "{said}");
    let found = detect(&file, &["--only", "unexpected-egress"]);
    // Those that are left may be either of two jobs: no rule with a job fits them.
    assert!(found.iter().all(|one| one["job_name"].is_null()), "{found:?}");
}

#[test]
fn two_times_and_two_runs_are_compared() {
    let times = [
        "--before",
        "2026-03-10T08:00..2026-03-10T08:20",
        "--after",
        "2026-03-10T08:20..2026-03-10T09:30",
    ];
    let run = on_samples(&["baseline", "diff", "--format", "csv"], &times).expect(0);
    insta::assert_snapshot!("baseline-diff-times", run.out);
    let runs = ["--run", "clean-features", "--run", "uses-mirror", "--format", "markdown"];
    let run = on_samples(&["baseline", "diff"], &runs).expect(0);
    insta::assert_snapshot!("baseline-diff-runs", run.out);
    assert!(run.err.contains("uses-mirror against clean-features"), "{}", run.err);
    let last = on_samples(&["baseline", "diff", "--job", "s*"], &["--fail-on-new"]);
    assert!(last.err.contains(" before it: "), "{}", last.err);
}

#[test]
fn mistakes_are_told() {
    let learn = ["baseline", "learn", LOGS, "--inventory", INVENTORY];
    let diff = ["baseline", "diff", LOGS, "--inventory", INVENTORY];
    let cases: &[(&[&str], &[&str], i32, &str)] = &[
        (&learn, &["--job", "nobody-*"], 4, "no job that fits \"nobody-*\" opened anything"),
        (&["baseline", "learn", LOGS, "--job", "*"], &[], 4, "warning: no --inventory: "),
        (&learn, &["--job", "***"], 2, "--job \"***\" is no glob"),
        (&learn, &["--job", "*", "--headroom", "0.5"], 2, "--headroom 0.5 is below 1"),
        (&learn, &["--job", "*", "--include-flagged", "egress"], 2, "there are attempted-egress,"),
        (&["baseline", "learn", "--job", "*"], &["--config", "/dev/null"], 2, "no flow logs named"),
        (&diff, &[], 2, "what is to be compared?"),
        (&diff, &["--job", "clean-features"], 4, "there is no run before clean-features"),
        (&diff, &["--run", "clean-features", "--run", "nobody"], 4, "there are "),
        (&diff, &["--before", "yesterday", "--after", "2h.."], 2, "is no time from..to"),
        (&diff, &["--baseline", "nowhere.toml"], 3, "flowq baseline learn --job GLOB"),
        (&diff, &["--job", "*", "--factor", "1"], 2, "--factor 1 is not above 1"),
    ];
    for (command, more, code, text) in cases {
        let run = flowq(&[command, *more].concat()).expect(*code);
        assert!(run.err.contains(text), "{more:?}: {}", run.err);
    }
}
