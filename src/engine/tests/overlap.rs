//! Where several flow logs record an interface, each packet counts once.

use super::*;
use crate::inventory::model::FlowLog;
use crate::scan::Share;

const BASIC: &str = "version interface-id srcaddr dstaddr bytes start end action log-status";

const BETTER: &str = "version interface-id srcaddr dstaddr bytes start end action log-status tcp-flags flow-direction";

/// 2026-03-10T08:00:00Z.
const T0: i64 = 1_773_129_600;

/// The name that AWS gives to an object of a flow log.
fn object(flow_log: &str) -> String {
    format!("123456789012_vpcflowlogs_us-east-1_{flow_log}_20260310T0800Z_0a1b2c3d.log")
}

/// Records of eni-1: bytes, first and last second, action.
fn basic(records: &[(i64, i64, i64, &str)]) -> String {
    let line = |(bytes, start, end, action): &(i64, i64, i64, &str)| {
        let (start, end) = (T0 + start, T0 + end);
        match *action {
            "NODATA" | "SKIPDATA" => format!("2 eni-1 - - - {start} {end} - {action}\n"),
            action => format!("2 eni-1 10.0.0.1 10.1.0.1 {bytes} {start} {end} {action} OK\n"),
        }
    };
    format!("{BASIC}\n{}", records.iter().map(line).collect::<String>())
}

fn better(records: &[(i64, i64, i64, &str)]) -> String {
    let text = basic(records);
    let lines = text.lines().skip(1).map(|line| format!("{line} 2 egress\n"));
    format!("{BETTER}\n{}", lines.collect::<String>())
}

struct Case<'a> {
    objects: &'a [(&'a str, String)],
    flow_logs: Vec<FlowLog>,
    all: bool,
    threads: usize,
}

impl Case<'_> {
    async fn engine(&self) -> Engine {
        let objects = self.objects.iter().map(|(id, text)| {
            let name = if id.starts_with("fl-") { object(id) } else { (*id).to_owned() };
            (name, text.clone().into_bytes())
        });
        let source: MemorySource = objects.collect();
        let inventory = Inventory { flow_logs: self.flow_logs.clone(), ..Inventory::default() };
        let context = Arc::new(Enricher::new(Arc::new(inventory), Vec::new(), T0));
        let resources = Resources { threads: self.threads, memory_bytes: 256 << 20 };
        let options =
            ScanOptions { all_flow_logs: self.all, ..ScanOptions::new(Window::default()) };
        Engine::new(Arc::new(source), context, options, &resources).await.unwrap()
    }
}

/// The bytes of the records that count, in order.
async fn counted(engine: &Engine) -> String {
    let sql = "SELECT coalesce(bytes, 0) FROM flow_context ORDER BY start, bytes";
    ask(engine, sql).await.join(" ")
}

async fn of(objects: &[(&str, String)]) -> (String, Engine) {
    let engine = Case { objects, flow_logs: Vec::new(), all: false, threads: 2 }.engine().await;
    (counted(&engine).await, engine)
}

#[tokio::test]
async fn the_flow_log_with_the_better_fields_is_chosen_and_copies_are_left_out() {
    let records = [(100, 0, 50, "ACCEPT"), (7, 70, 75, "REJECT"), (200, 300, 340, "ACCEPT")];
    let objects = [("fl-1", basic(&records)), ("fl-2", better(&records))];
    let (bytes, engine) = of(&objects).await;
    assert_eq!(bytes, "100 7 200");
    let flags = "SELECT count(tcp_flags) FROM flow_context";
    assert_eq!(ask(&engine, flags).await, ["3"]);
    let shares = engine.summary().shares();
    let share_summary =
        |share: &Share| (share.flow_log_id.clone(), share.is_chosen, share.left_out);
    let shares: Vec<_> = shares.iter().map(share_summary).collect();
    assert_eq!(shares, [("fl-2".to_owned(), true, 0), ("fl-1".to_owned(), false, 3)]);
    // What was logged is still there, and all of it counts for who asks for it.
    assert_eq!(ask(&engine, "SELECT sum(bytes) FROM flow_logs").await, ["614"]);
    let all = Case { objects: &objects, flow_logs: Vec::new(), all: true, threads: 1 };
    let engine = all.engine().await;
    assert_eq!(counted(&engine).await, "100 100 7 7 200 200");
    assert!(engine.summary().shares().is_empty());
}

#[tokio::test]
async fn of_equal_flow_logs_the_smallest_id_is_chosen_whatever_the_order() {
    let records = [(100, 0, 50, "ACCEPT"), (7, 70, 75, "REJECT")];
    for (one, two) in [("fl-a", "fl-b"), ("fl-b", "fl-a")] {
        let (bytes, engine) = of(&[(one, basic(&records)), (two, basic(&records))]).await;
        assert_eq!(bytes, "100 7");
        let shares = engine.summary().shares();
        assert_eq!((shares[0].flow_log_id.as_str(), shares[0].counted), ("fl-a", 2));
    }
}

#[tokio::test]
async fn others_fill_the_gaps_of_the_chosen_one() {
    // fl-2 has nothing from 300 to 600, and lost records from 900 on.
    let chosen = better(&[
        (1, 0, 290, "ACCEPT"),
        (0, 600, 659, "NODATA"),
        (2, 660, 890, "REJECT"),
        (0, 900, 959, "SKIPDATA"),
    ]);
    let other = basic(&[
        (1, 5, 280, "ACCEPT"),
        (40, 310, 350, "ACCEPT"),
        (50, 500, 560, "REJECT"),
        (0, 601, 650, "NODATA"),
        (2, 660, 889, "REJECT"),
        (60, 910, 940, "ACCEPT"),
    ]);
    let (bytes, _) = of(&[("fl-1", other), ("fl-2", chosen)]).await;
    assert_eq!(bytes, "1 40 50 0 2 0 60");
}

#[tokio::test]
async fn a_longer_interval_that_begins_elsewhere_is_a_copy_too() {
    let minute = |at: i64| (10, at * 60 + 20, at * 60 + 70, "ACCEPT");
    let chosen: Vec<(i64, i64, i64, &str)> = (0..20).map(minute).collect();
    let other = basic(&[(100, 25, 600, "ACCEPT"), (100, 640, 1200, "ACCEPT")]);
    let (bytes, _) = of(&[("fl-1", other), ("fl-2", better(&chosen))]).await;
    assert_eq!(bytes, vec!["10"; 20].join(" "));
}

#[tokio::test]
async fn a_flow_log_of_refusals_does_not_hide_what_was_accepted() {
    let refused = better(&[(7, 0, 50, "REJECT")]);
    let all = basic(&[(7, 0, 50, "REJECT"), (900, 10, 55, "ACCEPT")]);
    let (bytes, _) = of(&[("fl-1", all.clone()), ("fl-2", refused.clone())]).await;
    assert_eq!(bytes, "7 900");
    // The inventory says so as well where nothing was refused.
    let accepted = basic(&[(900, 10, 55, "ACCEPT")]);
    let log = |traffic_type: &str| FlowLog {
        flow_log_id: "fl-2".to_owned(),
        traffic_type: Some(traffic_type.to_owned()),
        log_format: Some(BETTER.to_owned()),
        ..FlowLog::default()
    };
    let objects = [("fl-1", accepted), ("fl-2", better(&[(0, 0, 55, "NODATA")]))];
    for (traffic_type, bytes) in [("REJECT", "0 900"), ("ALL", "0")] {
        let flow_logs = vec![log(traffic_type)];
        let case = Case { objects: &objects, flow_logs, all: false, threads: 1 };
        assert_eq!(counted(&case.engine().await).await, bytes, "{traffic_type}");
    }
}

#[tokio::test]
async fn objects_that_do_not_tell_their_flow_log_always_count() {
    let records = [(100, 0, 50, "ACCEPT")];
    let objects = [("fl-1", basic(&records)), ("a.log", better(&records))];
    let (bytes, engine) = of(&objects).await;
    assert_eq!(bytes, "100 100");
    assert!(engine.summary().shares().is_empty());
}

#[tokio::test]
async fn objects_with_the_same_content_are_named() {
    let text = basic(&[(100, 0, 50, "ACCEPT")]);
    let objects =
        [("a.log", text.clone()), ("b.log", text.clone()), ("c.log", format!("{text}\n"))];
    let (_, engine) = of(&objects).await;
    let copies: Vec<Vec<String>> =
        engine.summary().copies.into_values().map(|names| names.into_iter().collect()).collect();
    assert_eq!(copies, [["a.log", "b.log"]]);
    // Two flow logs may well deliver the same.
    let (_, engine) = of(&[("fl-1", text.clone()), ("fl-2", text)]).await;
    assert!(engine.summary().copies.is_empty());
}
