//! Every file of `sample-logs/formats` reads to what `sample-logs/README.md` says, with the same records.

use crate::support::{LOGS, VPC_LOGS, VPC_RECORDS, flowq, names, root, sql};

const RECORD: &str = "account_id, interface_id, srcaddr, dstaddr, srcport, dstport, protocol, packets, bytes, \
     start, \"end\", action, log_status";

fn records(path: &str) -> Vec<String> {
    sql(&format!("SELECT {RECORD} FROM flow_logs ORDER BY {RECORD}"), &[path, "-q"])
}

fn format(name: &str) -> String {
    format!("sample-logs/formats/{name}")
}

#[test]
fn all_traffic_is_the_same_in_every_format_of_it() {
    let wanted = records(VPC_LOGS);
    assert_eq!(wanted.len(), 1 + VPC_RECORDS);
    for name in ["v2-default.log", "v11-all.log.gz", "hive"] {
        assert_eq!(records(&format(name)), wanted, "{name}");
    }
}

#[test]
fn the_first_quarter_is_the_same_in_both_formats_of_it() {
    let wanted = records(&format("custom-order.log"));
    assert_eq!(wanted.len(), 1 + VPC_RECORDS / 4);
    assert_eq!(records(&format("multi-member.log.gz")), wanted);
    let all = records(LOGS);
    assert!(wanted.iter().all(|row| all.contains(row)));
    let columns = sql(
        "SELECT count(*) FROM flow_logs WHERE traffic_path = 8",
        &[&format("custom-order.log")],
    );
    assert_ne!(columns[1], "0", "fields of version 5 in an order of their own");
}

#[test]
fn envelopes_hold_the_same_sixty_records() {
    let wanted = records(&format("cloudwatch-export.gz"));
    assert_eq!(wanted.len(), 1 + 60);
    for name in ["firehose.json.gz", "message-lines.json", "filter-log-events.json"] {
        assert_eq!(records(&format(name)), wanted, "{name}");
    }
    let oddities = records(&format("oddities.log"));
    assert_eq!(oddities.len(), 1 + 17);
    assert!(oddities.iter().all(|row| wanted.contains(row)), "17 of those 60");
}

#[test]
fn small_ones() {
    let count = |path: &str| sql("SELECT count(*) FROM flow_logs", &[path])[1].clone();
    assert_eq!(count(&format("nodata-skipdata.log")), "3");
    assert_eq!(count(&format("transit-gateway.log")), "0");
    let transit =
        sql("SELECT count(*) FROM transit_gateway_flow_logs", &[&format("transit-gateway.log")]);
    assert_eq!(transit[1], "12");
}

#[test]
fn a_cut_object_gives_what_came_before_and_is_named() {
    let path = format("truncated.log.gz");
    let run =
        flowq(&["sql", "--format", "csv", "-c", "SELECT count(*) FROM flow_logs", &path]).expect(5);
    let left: usize = run.out.lines().nth(1).unwrap().parse().unwrap();
    assert!((100..VPC_RECORDS / 4).contains(&left), "{left}");
    assert!(run.err.contains("truncated.log.gz: the gzip stream is cut"), "{}", run.err);
    let whole = records(&format("multi-member.log.gz"));
    assert!(records(&path).iter().all(|row| whole.contains(row)));
}

#[test]
fn the_neighbours_of_a_cut_object_are_counted() {
    let run = flowq(&[
        "sql",
        "--format",
        "csv",
        "-c",
        "SELECT count(*) FROM flow_logs",
        "sample-logs/formats/truncated.log.gz",
        "sample-logs/formats/nodata-skipdata.log",
    ]);
    let run = run.expect(5);
    let alone = sql("SELECT count(*) FROM flow_logs", &["sample-logs/formats/truncated.log.gz"]);
    let (alone, both): (u64, u64) =
        (alone[1].parse().unwrap(), run.out.lines().nth(1).unwrap().parse().unwrap());
    assert_eq!(both, alone + 3);
    assert!(run.err.contains("read 2 of 2 objects"), "{}", run.err);
}

#[test]
fn the_readme_lists_every_format() {
    let readme = std::fs::read_to_string(root().join("sample-logs/README.md")).unwrap();
    for name in names(&root().join("sample-logs/formats")) {
        assert!(readme.contains(&format!("| `{name}")), "{name}");
    }
}

/// In a summary line, the count before these words.
fn count(summary: &str, words: &str) -> u64 {
    let part = summary.split(", ").find(|part| part.trim_end().ends_with(words));
    let number = part.and_then(|part| part.split_whitespace().next()).unwrap_or("0");
    number.replace(',', "").parse().unwrap_or_else(|_| panic!("{summary}: {words}"))
}

#[test]
fn every_line_is_accounted_for() {
    for name in names(&root().join("sample-logs/formats")) {
        for strictly in [&[][..], &["--malformed", "/dev/null"]] {
            let path = format(&name);
            let args = [&["sql", "-c", "SELECT count(*) FROM flow_logs", &path], strictly].concat();
            let run = flowq(&args);
            let line = run.err.lines().find(|line| line.starts_with("read ")).unwrap().to_owned();
            let line = line.rsplit_once(" in ").unwrap().0.to_owned();
            let parts =
                ["records OK", "NODATA", "SKIPDATA", "of another kind", "headers and blanks"];
            let sum: u64 = parts.iter().map(|words| count(&line, words)).sum();
            assert_eq!(count(&line, "lines"), sum + count(&line, "malformed"), "{name}: {line}");
        }
    }
}
