//! `flowq explain job`: pages about jobs of the sample logs.

use serde_json::Value;

use crate::support::{LOGS, flowq, on_samples};

fn page(job: &str, more: &[&str]) -> Value {
    let run = on_samples(&["explain", "job", job, "--format", "json"], more).expect(0);
    serde_json::from_str(&run.out).unwrap()
}

fn column<'a>(page: &'a Value, part: &str, name: &str) -> Vec<&'a str> {
    let rows = page[part]["rows"].as_array().unwrap();
    rows.iter().map(|row| row[name].as_str().unwrap_or("-")).collect()
}

#[test]
fn a_cluster_whose_instances_may_not_talk() {
    let page = page("spark-no-self-rule", &[]);
    assert_eq!(column(&page, "interfaces", "attribution"), ["exact"; 3]);
    assert_eq!(column(&page, "between_instances", "state"), ["rejected", "rejected", "silent"]);
    assert_eq!(column(&page, "between_instances", "known_as")[0], "Spark master");
    assert_eq!(column(&page, "between_instances", "refused_at")[0], "entering the other");
    assert_eq!(column(&page, "findings", "detection"), ["blocked-inter-container"; 2]);
    assert!(!column(&page, "coverage", "state").is_empty());
}

#[test]
fn s3_has_a_price_only_where_one_is_set() {
    let free = page("s3-through-nat", &[]);
    assert_eq!(column(&free, "s3", "path"), ["nat-gateway"]);
    assert!(free["s3"]["rows"][0]["nat_cost"].is_null());
    let note = free["s3"]["notes"][0].as_str().unwrap();
    assert!(note.starts_with("no price set for us-east-1"), "{note}");

    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("flowq.toml");
    std::fs::write(&config, "[prices]\nnat-gateway = { \"us-east-1\" = 0.045 }\n").unwrap();
    let args = [
        "explain",
        "job",
        "s3-through-nat",
        LOGS,
        "--inventory",
        "sample-logs/inventory",
        "--config",
        config.to_str().unwrap(),
        "--format",
        "json",
    ];
    let priced: Value = serde_json::from_str(&flowq(&args).expect(0).out).unwrap();
    let row = &priced["s3"]["rows"][0];
    let bytes = row["bytes_out"].as_f64().unwrap() + row["bytes_in"].as_f64().unwrap();
    let cost = row["nat_cost"].as_f64().unwrap();
    assert!((cost - bytes / 1e9 * 0.045).abs() < 1e-6, "{row}");
}

#[test]
fn what_may_be_another_jobs_is_said_to_be() {
    let page = page("tune-a", &[]);
    assert_eq!(column(&page, "interfaces", "attribution"), ["shared"; 2]);
    let notes = page["findings"]["notes"].to_string();
    assert!(notes.contains("several jobs fit"), "{notes}");
    let unseen = self::page("no-vpc-config", &[]);
    let notes = unseen["interfaces"]["notes"].to_string();
    assert!(notes.contains("no VpcConfig"), "{notes}");
}

#[test]
fn pages_for_people() {
    let text = on_samples(&["explain", "job", "clean-features"], &[]).expect(0).out;
    insta::assert_snapshot!("explain-job-table", text);
    let markdown = on_samples(&["explain", "job", "isolated-*", "--format", "markdown"], &[]);
    insta::assert_snapshot!("explain-job-markdown", markdown.expect(0).out);
    let html =
        on_samples(&["explain", "job", "lost-records", "--format", "html"], &[]).expect(0).out;
    assert!(html.starts_with("<!doctype html>") && html.ends_with("</html>\n"));
    assert!(html.contains("aria-label=\"Interfaces over time, and what the logs have of each\""));
    assert!(html.contains("class=\"tone-medium\"><title>eni-"), "the lost records are marked");
    for outside in ["<script", "http://", "https://", "src=", "@import"] {
        assert!(!html.contains(outside), "{outside}");
    }
}

#[test]
fn one_job_has_to_be_meant() {
    let told = |job: &str| on_samples(&["explain", "job", job], &[]).expect(2).err;
    let near = told("clean-feature");
    assert!(near.contains("hint: did you mean clean-features?"), "{near}");
    let several = told("spark-*");
    assert!(several.contains("fits 2 jobs: spark-closed-acl, spark-no-self-rule"), "{several}");
    let without = flowq(&["explain", "job", "x", LOGS]).expect(2).err;
    assert!(without.contains("no --inventory"), "{without}");
}
