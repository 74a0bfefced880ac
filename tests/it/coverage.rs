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
    // Both flow logs delivered all the time.
    let logs = parts["flow_logs"].as_array().unwrap();
    assert_eq!(logs.len(), 2, "{logs:?}");
    for (log, objects) in logs.iter().zip([17, 15]) {
        assert_eq!((&log["state"], &log["objects"]), (&"delivered".into(), &objects.into()));
    }
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
    let without = flowq(&["coverage", LOGS]).expect(5);
    assert!(without.err.contains("no --inventory"), "{}", without.err);
    assert!(without.err.contains("NOTHING WAS JUDGED"), "{}", without.err);
    // Standard input has no name that tells a flow log, and a log without times tells of no minute.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.log");
    fs::write(&path, "interface-id srcaddr dstaddr action\neni-1 10.0.0.1 10.0.0.2 ACCEPT\n")
        .unwrap();
    let run = flowq(&["coverage", path.to_str().unwrap(), "--inventory", "sample-logs/inventory"]);
    let run = run.expect(5);
    assert!(run.err.contains("names of 1 objects do not identify"), "{}", run.err);
    assert!(run.err.contains("log-gap did not run: the logs lack start"), "{}", run.err);
}

/// One job with one interface, and flow logs of which each has an id, a traffic type, and records.
struct Case {
    folder: tempfile::TempDir,
}

const HEADER: &str = "version interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action \
    log-status flow-direction";

/// From 2026-03-10T08:00:00Z on.
const T0: i64 = 1_773_129_600;

impl Case {
    fn new(types: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        fs::create_dir_all(root.join("logs")).unwrap();
        fs::create_dir_all(root.join("inventory")).unwrap();
        let logs = types.iter().map(|(id, traffic)| {
            serde_json::json!({"FlowLogId": id, "ResourceId": "vpc-1", "TrafficType": traffic,
                "DeliverLogsStatus": "SUCCESS", "MaxAggregationInterval": 60, "FlowLogStatus": "ACTIVE"})
        });
        let logs = serde_json::json!({"FlowLogs": logs.collect::<Vec<_>>()});
        fs::write(root.join("inventory/flow-logs.json"), logs.to_string()).unwrap();
        let vpcs = serde_json::json!({"Vpcs": [{"VpcId": "vpc-1", "CidrBlock": "10.0.0.0/16",
            "CidrBlockAssociationSet": [{"CidrBlock": "10.0.0.0/16",
                "CidrBlockState": {"State": "associated"}}]}]});
        fs::write(root.join("inventory/vpcs.json"), vpcs.to_string()).unwrap();
        let mapping =
            "interface,job,from,to\neni-1,nightly,2026-03-10T08:00:00Z,2026-03-10T08:05:00Z\n";
        fs::write(root.join("inventory/mapping.csv"), mapping).unwrap();
        Self { folder }
    }

    /// Writes five records, one a minute: `action` of each, or none where the flow log has no such field.
    fn log(self, id: &str, interface: &str, action: Option<&str>) -> Self {
        let header = match action {
            Some(_) => HEADER.to_owned(),
            None => HEADER.replace(" action", ""),
        };
        let mut text = format!("{header}\n");
        for minute in 0..5 {
            let (start, end) = (T0 + minute * 60, T0 + minute * 60 + 60);
            let action = action.map(|action| format!(" {action}")).unwrap_or_default();
            let port = 50_000 + minute;
            text += &format!(
                "2 {interface} 10.0.1.5 203.0.113.9 {port} 443 6 5 400 {start} {end}{action} OK egress\n"
            );
        }
        let name = format!("123456789012_vpcflowlogs_us-east-1_{id}_20260310T0800Z_0a1b2c3d.log");
        fs::write(self.folder.path().join("logs").join(name), text).unwrap();
        self
    }

    fn run(&self, command: &str, more: &[&str]) -> crate::support::Run {
        let path = |name: &str| self.folder.path().join(name).to_str().unwrap().to_owned();
        let (logs, inventory) = (path("logs"), path("inventory"));
        flowq(&[&[command, &logs, "--inventory", &inventory], more].concat())
    }

    /// What is said beside the findings, up to what was read.
    fn coverage(&self) -> String {
        let run = self.run("detect", &["--output", "/dev/null"]);
        let of = |line: &&str| !line.starts_with("read ") && !line.contains("detections ran");
        format!("exit {}\n{}", run.code, run.err.lines().filter(of).collect::<Vec<_>>().join("\n"))
    }
}

#[test]
fn a_flow_log_of_one_action_answers_only_the_questions_about_it() {
    let reject = Case::new(&[("fl-1", "REJECT")]).log("fl-1", "eni-1", Some("REJECT"));
    insta::assert_snapshot!("coverage-reject-only", reject.coverage());
    let accept = Case::new(&[("fl-1", "ACCEPT")]).log("fl-1", "eni-1", Some("ACCEPT"));
    insta::assert_snapshot!("coverage-accept-only", accept.coverage());
    for case in [&reject, &accept] {
        let rows = case.run("detect", &["--format", "ndjson", "--quiet"]).expect(8);
        assert!(rows.err.contains("not answered for 1 interfaces"), "{}", rows.err);
        let named = |row: &Value| row["detection"] == "unanswered-question";
        let rows: Vec<Value> = rows.json_lines().into_iter().filter(named).collect();
        assert_eq!(rows.len(), 1, "{rows:?}");
        assert_eq!(
            (&rows[0]["job_name"], &rows[0]["interface_id"]),
            (&"nightly".into(), &"eni-1".into())
        );
        case.run("detect", &["--fail-on-unknown", "never"]).expect(0);
        // It is no finding.
        case.run("detect", &["--fail-on", "informational", "--only", "log-gap"]).expect(0);
    }
    let questions = reject.run("coverage", &["--only", "questions", "--format", "json"]).expect(0);
    let questions: Value = serde_json::from_str(&questions.out).unwrap();
    let row = |id: &str| {
        let rows = questions["questions"].as_array().unwrap();
        rows.iter().find(|row| row["question"] == id).unwrap().clone()
    };
    assert_eq!(row("unexpected-egress")["answered_at_best"], "not");
    assert_eq!(row("attempted-egress")["answered_at_best"], "strong");
}

#[test]
fn a_field_is_asked_of_each_flow_log_and_not_of_all_together() {
    let all = [("fl-1", "ALL"), ("fl-2", "ALL")];
    let mixed = Case::new(&all).log("fl-1", "eni-9", Some("ACCEPT")).log("fl-2", "eni-1", None);
    insta::assert_snapshot!("coverage-mixed-fields", mixed.coverage());
    // Another flow log that has the field speaks for the same interface at the same time.
    let both = Case::new(&all).log("fl-1", "eni-1", Some("ACCEPT")).log("fl-2", "eni-1", None);
    let run = both.run("detect", &[]).expect(0);
    assert!(!run.err.contains("not answered"), "{}", run.err);
}

#[test]
fn text_in_utf_16_is_read_and_what_is_not_understood_is_exit_5() {
    let case = Case::new(&[("fl-1", "ALL")]).log("fl-1", "eni-1", Some("ACCEPT"));
    let plain = case.run("detect", &["--format", "ndjson"]).expect(0);
    for folder in ["logs", "inventory"] {
        for entry in fs::read_dir(case.folder.path().join(folder)).unwrap() {
            let path = entry.unwrap().path();
            let text = format!("\u{feff}{}", fs::read_to_string(&path).unwrap());
            let bytes: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
            fs::write(path, bytes).unwrap();
        }
    }
    let utf16 = case.run("detect", &["--format", "ndjson"]).expect(0);
    assert!(!plain.out.is_empty());
    assert_eq!(utf16.out, plain.out);
    fs::write(case.folder.path().join("inventory/notes.txt"), "see the wiki").unwrap();
    let run = case.run("detect", &[]).expect(5);
    assert!(run.err.contains("notes.txt: not recognised"), "{}", run.err);
    assert!(run.err.contains("1 findings"), "{}", run.err);
}
