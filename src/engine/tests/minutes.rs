//! The minutes of interfaces: counted while reading as their SQL counts them, and made into runs.

use super::*;
use crate::inventory::model::{Attribution, Eni, FlowLog, Job};

const FIELDS: &str = "version interface-id srcaddr dstaddr action start end log-status";

/// 2026-03-10T08:00:00Z.
const T0: i64 = 1_773_129_600;

fn eni(id: &str, from: Option<i64>, to: Option<i64>) -> Eni {
    Eni {
        interface_id: id.to_owned(),
        valid_from: from.map(|minute| T0 + minute * 60),
        valid_to: to.map(|minute| T0 + minute * 60),
        vpc_id: Some("vpc-1".to_owned()),
        addresses: vec!["10.0.0.1".to_owned(), "2001:db8::1".to_owned()],
        job_name: Some("nightly".to_owned()),
        attribution: Some(Attribution::Exact),
        ..Eni::default()
    }
}

/// A job from minute 0 to minute `ended`, whose flow log sums up over `aggregation_secs`.
fn inventory(enis: Vec<Eni>, ended: i64, aggregation_secs: Option<i32>) -> Inventory {
    let flow_log = FlowLog {
        flow_log_id: "fl-1".to_owned(),
        resource_id: Some("vpc-1".to_owned()),
        max_aggregation_secs: aggregation_secs,
        ..FlowLog::default()
    };
    let job = Job {
        job_name: "nightly".to_owned(),
        created_at: Some(T0),
        ended_at: Some(T0 + ended * 60),
        ..Job::default()
    };
    Inventory { jobs: vec![job], enis, flow_logs: vec![flow_log], ..Inventory::default() }
}

/// Records of (interface, first second, last second, status).
fn log(records: &[(&str, i64, i64, &str)]) -> String {
    let line = |(id, start, end, status): &(&str, i64, i64, &str)| {
        let (start, end) = (T0 + start, T0 + end);
        match *status {
            "OK" => format!("2 {id} 10.0.0.1 10.0.0.2 ACCEPT {start} {end} OK\n"),
            "v6" => format!("2 {id} 2001:db8::1 2001:db8::2 ACCEPT {start} {end} OK\n"),
            status => format!("2 {id} - - - {start} {end} {status}\n"),
        }
    };
    format!("{FIELDS}\n{}", records.iter().map(line).collect::<String>())
}

async fn with(inventory: Inventory, text: &str, threads: usize) -> Engine {
    let context = Arc::new(Enricher::new(Arc::new(inventory), Vec::new(), T0 + 86_400));
    let resources = Resources { threads, memory_bytes: 256 << 20 };
    let options = ScanOptions::new(Window::default());
    Engine::new(memory(&[("log", text)]), context, options, &resources).await.unwrap()
}

const MINUTES: &str = "SELECT * FROM interface_minutes ORDER BY interface_id, job_name, minute";

const LOGS: &str = "SELECT * FROM interface_logs ORDER BY interface_id, job_name, flow_log_id";

/// Runs as `interface state first-last`, in minutes after T0, from the views and from the materialized rows.
async fn runs(inventory: Inventory, records: &[(&str, i64, i64, &str)]) -> Vec<String> {
    let sql = format!(
        "SELECT interface_id, state, \
         concat((CAST(first_seen AS BIGINT) - {T0}) / 60, '-', (CAST(last_seen AS BIGINT) - {T0}) / 60) \
         FROM interface_runs ORDER BY interface_id, first_seen"
    );
    let mut engine = with(inventory, &log(records), 1).await;
    let (viewed, minutes) = (ask(&engine, &sql).await, ask(&engine, MINUTES).await);
    let logs = ask(&engine, LOGS).await;
    engine.materialize_conversations().await.unwrap();
    assert_eq!(ask(&engine, LOGS).await, logs);
    assert_eq!(ask(&engine, MINUTES).await, minutes);
    let rows = ask(&engine, &sql).await;
    assert_eq!(rows, viewed);
    rows
}

#[tokio::test]
async fn a_gap_is_longer_than_two_intervals_and_a_minute() {
    let lives = vec![eni("eni-a", Some(0), Some(20))];
    // Nothing for three minutes may be a record at the begin of one interval and at the end of the next.
    let records =
        [("eni-a", 0, 60, "OK"), ("eni-a", 240, 300, "v6"), ("eni-a", 540, 1200, "NODATA")];
    let quiet = runs(inventory(lives.clone(), 20, Some(60)), &records[..2]).await;
    assert_eq!(quiet, ["eni-a records 0-1", "eni-a quiet 1-4", "eni-a records 4-5"]);
    // A record of eleven minutes shows that the intervals are longer than the flow log says.
    let long = runs(inventory(lives.clone(), 20, Some(60)), &records).await;
    assert_eq!(long[3..], ["eni-a quiet 5-9", "eni-a nodata 9-20"]);
    let gap = [("eni-a", 0, 60, "OK"), ("eni-a", 300, 360, "SKIPDATA"), ("eni-a", 360, 420, "OK")];
    let found = runs(inventory(lives.clone(), 20, Some(60)), &gap).await;
    let expected =
        ["eni-a records 0-1", "eni-a gap 1-5", "eni-a skipdata 5-6", "eni-a records 6-7"];
    assert_eq!(found, expected);
    // In a log of ten minutes the same is none.
    let found = runs(inventory(lives, 20, Some(600)), &gap).await;
    assert_eq!(found[1], "eni-a quiet 1-5");
}

#[tokio::test]
async fn without_a_flow_log_the_records_tell_the_interval() {
    let lives = vec![eni("eni-a", Some(0), Some(60)), eni("eni-b", Some(0), Some(60))];
    let short = [("eni-a", 0, 60, "OK"), ("eni-a", 1200, 1260, "OK"), ("eni-b", 1200, 1260, "OK")];
    let found = runs(inventory(lives.clone(), 60, None), &short).await;
    assert_eq!(found[1], "eni-a gap 1-20");
    // One interface of the job with a record of ten minutes speaks for all.
    let long =
        [("eni-a", 0, 60, "OK"), ("eni-a", 1200, 1260, "OK"), ("eni-b", 660, 1260, "NODATA")];
    let found = runs(inventory(lives, 60, None), &long).await;
    assert_eq!(found[1], "eni-a quiet 1-20");
    assert_eq!(found[3..], ["eni-b quiet 0-11", "eni-b nodata 11-21"]);
}

#[tokio::test]
async fn a_life_lies_within_its_job_and_within_what_was_read() {
    // An interface of which nothing was read, one that outlives its job, one whose begin is not known.
    let lives = vec![
        eni("eni-a", Some(0), Some(30)),
        eni("eni-b", Some(0), Some(90)),
        eni("eni-c", None, Some(30)),
    ];
    let records = [
        ("eni-b", 0, 60, "OK"),
        ("eni-b", 1800, 1860, "NODATA"),
        ("eni-c", 600, 660, "OK"),
        // Another job's time: it is of no job that is known.
        ("eni-x", 3600, 3660, "OK"),
    ];
    let found = runs(inventory(lives, 30, Some(60)), &records).await;
    let expected = [
        "eni-a gap 0-30",
        "eni-b records 0-1",
        "eni-b gap 1-30",
        "eni-b nodata 30-31",
        "eni-c records 10-11",
        "eni-c gap 11-30",
    ];
    assert_eq!(found, expected);
}

#[tokio::test]
async fn a_log_without_times_tells_of_no_minute() {
    let inventory = inventory(vec![eni("eni-a", Some(0), Some(20))], 20, Some(60));
    let text = "version interface-id srcaddr dstaddr action log-status\n\
                2 eni-a 10.0.0.1 10.0.0.2 ACCEPT OK\n";
    let mut engine = with(inventory, text, 1).await;
    let minutes = ask(&engine, MINUTES).await;
    assert_eq!(minutes, ["eni-a nightly   exact   1 0 0 0"]);
    engine.materialize_conversations().await.unwrap();
    let runs = ask(&engine, "SELECT interface_id, state, minutes FROM interface_runs").await;
    assert_eq!(runs, ["eni-a unknown 20"]);
    // An interface without any record has no row.
    let none = with(
        crate::engine::tests::minutes::inventory(vec![eni("eni-b", Some(0), Some(20))], 20, None),
        text,
        1,
    )
    .await;
    assert!(ask(&none, "SELECT * FROM interface_runs").await.is_empty());
}

#[tokio::test]
async fn what_a_flow_log_holds_is_counted_by_the_name_of_the_object() {
    let inventory = inventory(vec![eni("eni-a", Some(0), Some(20))], 20, Some(60));
    let whole = "version interface-id srcaddr dstaddr srcport dstport bytes action start end log-status\n\
        2 eni-a 10.0.0.1 10.0.0.2 50000 443 40 ACCEPT 1773129600 1773129660 OK\n\
        2 eni-a 10.0.0.1 10.0.0.2 50001 443 40 REJECT 1773129660 1773129720 OK\n\
        2 eni-a - - - - - - 1773129720 1773129780 NODATA\n";
    let bare = "version interface-id srcaddr dstaddr start log-status\n\
        2 eni-a 10.0.0.1 10.0.0.2 1773129600 OK\n";
    let name = |id| format!("1_vpcflowlogs_eu-west-1_{id}_20260310T0800Z_1.log");
    let (one, two) = (name("fl-1"), name("fl-2"));
    let objects = memory(&[(one.as_str(), whole), (two.as_str(), bare), ("other.log", bare)]);
    let context = Arc::new(Enricher::new(Arc::new(inventory), Vec::new(), T0 + 86_400));
    let resources = Resources { threads: 1, memory_bytes: 256 << 20 };
    let options = ScanOptions::new(Window::default());
    let mut engine = Engine::new(objects, context, options, &resources).await.unwrap();
    let numbers = "SELECT flow_log_id, records, nodata, accepted, rejected, without_action, without_ports, \
        without_start, without_end, without_bytes FROM interface_logs ORDER BY flow_log_id NULLS LAST";
    let viewed = (ask(&engine, numbers).await, ask(&engine, LOGS).await);
    assert_eq!(
        viewed.0,
        ["fl-1 2 1 1 1 0 0 0 0 0", "fl-2 1 0 0 0 1 1 0 1 1", " 1 0 0 0 1 1 0 1 1"]
    );
    engine.materialize_conversations().await.unwrap();
    assert_eq!((ask(&engine, numbers).await, ask(&engine, LOGS).await), viewed);
}
