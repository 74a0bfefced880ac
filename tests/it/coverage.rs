//! `flowq coverage`: what the sample logs can tell, and what not.

use std::fs;

use serde_json::Value;

use crate::support::{LOGS, flowq, on_samples};

fn parts(more: &[&str]) -> Value {
    let run = on_samples(&["coverage", "--format", "json"], more).expect(0);
    serde_json::from_str(&run.out).unwrap()
}

fn of<'a>(rows: &'a Value, job: &str) -> Vec<String> {
    let rows = rows.as_array().unwrap().iter().filter(|row: &&'a Value| row["job"] == job);
    let line = |row: &Value| {
        let text = |key: &str| row[key].as_str().unwrap_or("-").to_owned();
        format!("{} {}-{}", text("state"), &text("from")[11..16], &text("to")[11..16])
    };
    rows.map(line).collect()
}

#[test]
fn runs_of_minutes_tell_records_from_gaps() {
    let parts = parts(&[]);
    let lost = of(&parts["interfaces"], "lost-records");
    let expected = [
        "nodata 09:03-09:04",
        "records 09:04-09:08",
        "skipdata 09:08-09:09",
        "records 09:09-09:12",
        "nodata 09:12-09:13",
    ];
    assert_eq!(lost, expected);
    assert_eq!(of(&parts["interfaces"], "no-records"), ["gap 09:01-09:10"]);
    assert_eq!(of(&parts["interfaces"], "isolated-scoring")[2], "gap 08:47-09:22");
    // One flow log delivered all the time, and no other did.
    let logs = parts["flow_logs"].as_array().unwrap();
    assert_eq!(logs.len(), 1, "{logs:?}");
    assert_eq!((&logs[0]["state"], &logs[0]["objects"]), (&"delivered".into(), &17.into()));
}

#[test]
fn questions_are_answered_as_surely_as_the_fields_allow() {
    let tier = |parts: &Value, question: &str| {
        let questions = parts["questions"].as_array().unwrap();
        let row = questions.iter().find(|row| row["question"] == question).unwrap();
        (row["answered_at_best"].as_str().unwrap().to_owned(), row["raised_by_fields"].to_string())
    };
    let full = parts(&["--only", "questions"]);
    assert!(full.get("interfaces").is_none());
    let (s3, raised) = tier(&full, "s3-endpoint-bypass");
    assert_eq!(s3, "strong");
    assert!(raised.contains("next_hop_interface_type"), "{raised}");
    assert_eq!(tier(&full, "unexpected-egress").0, "strong");

    let default = flowq(&[
        "coverage",
        "sample-logs/formats/v2-default.log",
        "--inventory",
        "sample-logs/inventory",
        "--format",
        "json",
    ]);
    let default: Value = serde_json::from_str(&default.expect(0).out).unwrap();
    assert_eq!(tier(&default, "s3-endpoint-bypass").0, "inferred");
}

#[test]
fn one_row_for_each_minute_as_csv() {
    let run = on_samples(&["coverage", "--by-minute", "--format", "csv"], &[]).expect(0);
    let mut lines = run.out.lines();
    assert_eq!(
        lines.next(),
        Some("job,interface_id,attribution,state,minute,records,nodata,skipdata")
    );
    let rows: Vec<&str> = lines.filter(|line| line.starts_with("lost-records,")).collect();
    assert_eq!(rows.len(), 10, "{rows:?}");
    assert!(rows[5].ends_with(",skipdata,2026-03-10T09:08:00Z,2,0,1"), "{}", rows[5]);
}

#[test]
fn what_is_printed_for_people() {
    let run = on_samples(&["coverage"], &["--only", "flow-logs"]).expect(0);
    insta::assert_snapshot!("coverage-flow-logs", run.out);
    let markdown = on_samples(&["coverage", "--format", "markdown"], &["--only", "questions"]);
    insta::assert_snapshot!("coverage-questions", markdown.expect(0).out);
}

#[test]
fn mistakes_are_told() {
    let run = flowq(&["coverage"]).expect(2);
    assert!(run.err.contains("no flow logs named") && run.err.contains("hint:"), "{}", run.err);
    let without = flowq(&["coverage", LOGS]).expect(0);
    assert!(without.err.contains("no --inventory"), "{}", without.err);
    assert!(without.err.contains("NOTHING WAS JUDGED"), "{}", without.err);
    // Standard input has no name that tells a flow log, and a log without times tells of no minute.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.log");
    fs::write(&path, "interface-id srcaddr dstaddr action\neni-1 10.0.0.1 10.0.0.2 ACCEPT\n")
        .unwrap();
    let run = flowq(&["coverage", path.to_str().unwrap(), "--inventory", "sample-logs/inventory"]);
    let run = run.expect(0);
    assert!(run.err.contains("names of 1 objects do not identify"), "{}", run.err);
    assert!(run.err.contains("log-gap did not run: the logs lack start"), "{}", run.err);
}
