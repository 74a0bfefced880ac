//! `flowq inventory`: what was understood, and its import.

use std::fs;
use std::path::Path;

use crate::support::{LOGS, SAMPLE_JOBS, flowq, names};

const INVENTORY: &str = "sample-logs/inventory";

fn import(to: &Path) {
    let run = flowq(&["inventory", "import", INVENTORY, "--to", to.to_str().unwrap()]).expect(0);
    assert!(run.err.contains(&format!("jobs: {SAMPLE_JOBS} rows")), "{}", run.err);
}

#[test]
fn show_counts_the_tables() {
    let run = flowq(&["inventory", "show", "--inventory", INVENTORY, "--format", "csv"]).expect(0);
    assert!(
        run.out.starts_with(&format!("table,rows,meaning\njobs,{SAMPLE_JOBS},")),
        "{}",
        run.out
    );
    assert_eq!(run.err, "");
}

#[test]
fn show_says_why_an_interface_got_its_job() {
    let args = ["inventory", "show", "enis", "--inventory", INVENTORY, "--format", "ndjson"];
    let enis = flowq(&args).expect(0).json_lines();
    for eni in &enis {
        let reason = eni["reason"].as_str().unwrap_or_default();
        assert!(!reason.is_empty(), "{eni}");
    }
    let shared: Vec<_> = enis.iter().filter(|eni| eni["attribution"] == "shared").collect();
    assert!(!shared.is_empty());
    for eni in shared {
        assert!(eni["job_name"].is_null(), "{eni}");
        assert_eq!(eni["job_candidates"].as_array().unwrap().len(), 2, "{eni}");
    }
}

#[test]
fn every_table_is_shown_and_is_a_table_of_sql() {
    let list =
        flowq(&["inventory", "show", "--inventory", INVENTORY, "--format", "ndjson"]).expect(0);
    for row in list.json_lines() {
        let (table, rows) = (row["table"].as_str().unwrap(), row["rows"].as_u64().unwrap());
        let args = ["inventory", "show", table, "--inventory", INVENTORY, "--format", "ndjson"];
        assert_eq!(flowq(&args).expect(0).out.lines().count() as u64, rows, "{table}");
        let query = format!("SELECT count(*) AS n FROM {table}");
        let run =
            flowq(&["sql", "--format", "csv", "-c", &query, "--inventory", INVENTORY]).expect(0);
        assert_eq!(run.out, format!("n\n{rows}\n"), "{table}");
    }
}

#[test]
fn import_twice_gives_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (folder.path().join("one"), folder.path().join("two"));
    import(&one);
    import(&two);
    // Over what is there already.
    import(&two);
    assert!(!names(&one).is_empty());
    assert_eq!(names(&one), names(&two));
    for name in names(&one) {
        assert!(fs::read(one.join(&name)).unwrap() == fs::read(two.join(&name)).unwrap(), "{name}");
    }
}

#[test]
fn an_import_is_read_again_as_what_it_was() {
    let folder = tempfile::tempdir().unwrap();
    import(folder.path());
    let imported = folder.path().to_str().unwrap();
    for table in ["enis", "jobs", "eni_addresses", "routes", "vpc_endpoints"] {
        let show = |inventory: &str| {
            flowq(&["inventory", "show", table, "--inventory", inventory, "--format", "csv"])
                .expect(0)
                .out
        };
        assert_eq!(show(imported), show(INVENTORY), "{table}");
    }
    let detect = |inventory: &str| {
        flowq(&["detect", LOGS, "--inventory", inventory, "--format", "ndjson"]).expect(0).out
    };
    assert_eq!(detect(imported), detect(INVENTORY));
}

#[test]
fn what_is_not_understood_is_named() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("odd.json"), r#"{"Weather": "fine"}"#).unwrap();
    fs::write(folder.path().join("broken.json"), r#"{"Jobs": ["#).unwrap();
    let path = folder.path().to_str().unwrap();
    let run = flowq(&["inventory", "show", "--inventory", path]).expect(5);
    assert!(run.err.contains("odd.json"), "{}", run.err);
    assert!(run.err.contains("broken.json"), "{}", run.err);
}

#[test]
fn a_table_that_is_not_there() {
    let run = flowq(&["inventory", "show", "eni", "--inventory", INVENTORY]).expect(2);
    assert!(run.err.contains("no table eni"), "{}", run.err);
    assert!(run.err.contains("did you mean enis?"), "{}", run.err);
    let run = flowq(&["inventory", "show", "--inventory", "nowhere"]).expect(4);
    assert_eq!(run.err, "flowq: inventory nowhere does not exist\n");
}
