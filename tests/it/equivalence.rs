//! The same traffic gives the same findings: in whatever format, order, number of files and threads.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::support::flowq;

/// Everything of a finding that must not depend on how the records were written or read. Where a record
/// stands, and how sure a format lets one be, is left out where formats differ.
fn findings(args: &[&str]) -> Vec<serde_json::Value> {
    let mut all = vec!["detect", "--format", "ndjson", "--quiet"];
    all.extend(args);
    let run = flowq(&all);
    assert_eq!(run.code, 0, "{args:?}: {}", run.err);
    run.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn generate(to: &Path, format: &str, more: &[&str]) -> (String, String) {
    let to = to.to_str().unwrap();
    let mut args = vec!["generate", "--to", to, "--records", "30000", "--files", "7"];
    args.extend(["--log-format", format]);
    args.extend(more);
    let run = flowq(&args);
    assert_eq!(run.code, 0, "{}", run.err);
    (format!("{to}/logs"), format!("{to}/inventory"))
}

/// Which path a finding took counts on top of its key; `confidence` and texts follow the format.
fn keys(findings: &[serde_json::Value]) -> BTreeMap<String, [serde_json::Value; 6]> {
    let key = |finding: &serde_json::Value| {
        let part = |name: &str| finding[name].clone();
        let parts = ["detection", "first_seen", "last_seen", "flows", "bytes_out", "bytes_in"];
        (finding["finding_id"].as_str().unwrap().to_owned(), parts.map(part))
    };
    findings.iter().map(key).collect()
}

#[test]
fn one_thread_or_two_small_memory_and_any_order_of_files() {
    let folder = tempfile::tempdir().unwrap();
    let (logs, inventory) = generate(folder.path(), "v5", &[]);
    let one = findings(&[&logs, "--inventory", &inventory, "--threads", "1"]);
    assert!(one.len() > 20, "{} findings", one.len());
    let two = findings(&[&logs, "--inventory", &inventory, "--threads", "2"]);
    assert!(one == two, "the number of threads changes findings");

    let mut files = Vec::new();
    collect(Path::new(&logs), &mut files);
    files.sort();
    files.reverse();
    files.rotate_left(3);
    let mut args: Vec<&str> = files.iter().map(String::as_str).collect();
    args.extend(["--inventory", &inventory]);
    assert!(one == findings(&args), "the order of files changes findings");

    // Groups that do not fit into this go to disk.
    let small = findings(&[&logs, "--inventory", &inventory, "--memory", "48MB"]);
    assert!(one == small, "the memory allowed changes findings");
}

#[test]
fn text_and_parquet() {
    let folder = tempfile::tempdir().unwrap();
    let (text, inventory) = generate(&folder.path().join("text"), "v5", &[]);
    let (parquet, _) = generate(&folder.path().join("parquet"), "v5", &["--parquet"]);
    let text = findings(&[&text, "--inventory", &inventory]);
    let parquet = findings(&[&parquet, "--inventory", &inventory]);
    assert_eq!(keys(&text), keys(&parquet));
}

#[test]
fn every_format_that_allows_the_verdict() {
    let folder = tempfile::tempdir().unwrap();
    let read = |format: &str| {
        let (logs, inventory) = generate(&folder.path().join(format), format, &[]);
        findings(&[&logs, "--inventory", &inventory])
    };
    let (v2, v5, v11) = (read("v2"), read("v5"), read("v11"));
    assert_eq!(keys(&v5), keys(&v11));
    // Without flags, late packets of a closed connection cannot be told from a blocked one: v2 may say
    // more, and says so weakly. It never says less.
    let (v2_keys, v5_keys) = (keys(&v2), keys(&v5));
    for (id, finding) in &v5_keys {
        assert_eq!(v2_keys.get(id), Some(finding), "v2 misses or changes {id}");
    }
    for finding in &v2 {
        let id = finding["finding_id"].as_str().unwrap();
        if !v5_keys.contains_key(id) {
            assert_eq!(finding["confidence"], "weak", "{finding}");
            assert_eq!(finding["detection"], "blocked-inter-container", "{finding}");
        }
    }
}

fn collect(folder: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => collect(&path, found),
            false => found.push(path.to_str().unwrap().to_owned()),
        }
    }
}
