//! Log groups: the same answers as from files, whatever pages, formats and classes they come in.

use std::fs;
use std::io::Read as _;

use aws_sdk_cloudwatchlogs::types::{InputLogEvent, LogGroupClass};
use flate2::read::MultiGzDecoder;
use serde_json::{Value, json};

use super::proxy::{Fault, Proxy, What};
use super::server::{Server, block_on, server, unique};
use super::world;
use crate::support::{LOGS, SAMPLES, VPC_FLOW_LOG, on_samples, root};

/// 2026-03-10T08:00:00Z
const START: i64 = 1_773_129_600;

const COUNT: &str = "SELECT count(*) AS n, count(DISTINCT object) AS objects FROM flow_logs";

/// A record of the default format that starts at `start`.
fn record(eni: &str, start: i64) -> String {
    format!(
        "2 123456789012 {eni} 10.0.0.1 10.0.0.2 40000 443 6 2 88 {start} {} ACCEPT OK",
        start + 50
    )
}

/// Makes a log group and puts events into it: stream, Unix seconds, message.
fn put(server: &Server, group: &str, class: LogGroupClass, events: &[(&str, i64, String)]) {
    let logs = server.logs();
    block_on(async {
        let create = logs.create_log_group().log_group_name(group).log_group_class(class);
        create.send().await.unwrap();
        for stream in events.chunk_by(|a, b| a.0 == b.0) {
            let name = stream[0].0;
            let create = logs.create_log_stream().log_group_name(group).log_stream_name(name);
            create.send().await.unwrap();
            for part in stream.chunks(5000) {
                let event = |(_, start, message): &(&str, i64, String)| {
                    InputLogEvent::builder()
                        .timestamp(start * 1000)
                        .message(message)
                        .build()
                        .unwrap()
                };
                let put = logs.put_log_events().log_group_name(group).log_stream_name(name);
                put.set_log_events(Some(part.iter().map(event).collect())).send().await.unwrap();
            }
        }
    });
}

/// Writes what DescribeFlowLogs says of flow logs that write to a group.
fn flow_logs(folder: &tempfile::TempDir, group: &str, formats: &[&str]) -> String {
    let flow_log = |(at, format): (usize, &&str)| {
        json!({"FlowLogId": format!("fl-{at}"), "LogGroupName": group, "LogFormat": format,
               "LogDestinationType": "cloud-watch-logs", "TrafficType": "ALL"})
    };
    let all: Vec<Value> = formats.iter().enumerate().map(flow_log).collect();
    let path = folder.path().join("describe-flow-logs.json");
    fs::write(&path, json!({"FlowLogs": all}).to_string()).unwrap();
    path.to_str().unwrap().to_owned()
}

/// Runs SQL over a log group and returns the lines of its CSV without the header.
fn rows(run: crate::support::Run) -> Vec<String> {
    run.expect(0).out.lines().skip(1).map(str::to_owned).collect()
}

fn sql<'a>(query: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [["sql", "--format", "csv", "-c", query].as_slice(), more].concat()
}

/// The records of the VPC's flow log in the sample logs, under their header.
fn samples() -> String {
    let (mut header, mut lines) = (String::new(), Vec::new());
    for entry in walkdir::WalkDir::new(root().join(LOGS)).into_iter().map(Result::unwrap) {
        let name = entry.file_name().to_string_lossy();
        if !entry.file_type().is_file() || !name.contains(VPC_FLOW_LOG) {
            continue;
        }
        let mut text = String::new();
        MultiGzDecoder::new(fs::File::open(entry.path()).unwrap())
            .read_to_string(&mut text)
            .unwrap();
        let (first, rest) = text.split_once('\n').unwrap();
        assert!(header.is_empty() || header == first, "one format");
        first.clone_into(&mut header);
        lines.extend(rest.lines().map(str::to_owned));
    }
    format!("{header}\n{}\n", lines.join("\n"))
}

#[test]
fn a_log_group_gives_the_findings_of_the_files() {
    let (server, group) = (server(), unique("/vpc/flow"));
    let text = samples();
    world::put_events(server, &group, &text);
    let folder = tempfile::tempdir().unwrap();
    let format = text.lines().next().unwrap();
    let known = flow_logs(&folder, &group, &[format]);
    let url = format!("cloudwatch://{group}");
    let mut args = vec!["detect", "--format", "ndjson", &url, "--inventory", &known];
    args.extend(&SAMPLES[1..]);
    args.extend(["--since", "2026-03-10", "--until", "2026-03-11"]);
    let run = server.flowq(&args).expect(0);
    let mut groups = run.json_lines();
    let mut files = on_samples(&["detect"], &["--format", "ndjson"]).expect(0).json_lines();
    assert!(files.len() > 5, "{} findings", files.len());
    let evidence = groups[0]["evidence"][0].clone();
    let object = evidence["object"].as_str().unwrap();
    assert!(object.starts_with(&format!("cloudwatch://{group}/eni-")), "{object}");
    assert!(object.contains("-all#"), "{object}");
    assert_eq!(evidence["line"], 1);
    for finding in groups.iter_mut().chain(&mut files) {
        finding.as_object_mut().unwrap().remove("evidence").unwrap();
    }
    assert_eq!(groups, files);
}

#[test]
fn two_formats_in_one_group_and_streams_by_prefix() {
    let (server, group) = (server(), unique("mixed"));
    let short = "interface-id srcaddr dstaddr bytes start end";
    let event = |eni: &'static str, start, message: String| (eni, start, message);
    let events = [
        event("eni-0a-all", START, record("eni-0a", START)),
        event("eni-0a-all", START + 1, format!("eni-0a 10.0.0.1 10.0.0.2 7 {START} {START}")),
        event("eni-0a-all", START + 2, "neither of them".to_owned()),
        event("eni-0b-all", START + 3, record("eni-0b", START + 3)),
    ];
    put(server, &group, LogGroupClass::Standard, &events);
    let folder = tempfile::tempdir().unwrap();
    let default = "${version} ${account-id} ${interface-id} ${srcaddr} ${dstaddr} ${srcport} ${dstport} \
                   ${protocol} ${packets} ${bytes} ${start} ${end} ${action} ${log-status}";
    let known = flow_logs(&folder, &group, &[default, short]);
    let query = "SELECT interface_id, bytes, action FROM flow_logs ORDER BY start, bytes DESC";
    let read = |url: &str| {
        server.flowq(&sql(
            query,
            &[
                url,
                "--inventory",
                &known,
                "--since",
                "2026-03-10T08:00",
                "--until",
                "2026-03-10T09:00",
            ],
        ))
    };
    let url = format!("cloudwatch://{group}");
    let run = read(&url);
    let malformed = format!("{url}/eni-0a-all#");
    assert!(run.err.contains("too few fields") && run.err.contains(&malformed), "{}", run.err);
    assert_eq!(
        run.out,
        "interface_id,bytes,action\neni-0a,88,ACCEPT\neni-0a,7,\neni-0b,88,ACCEPT\n"
    );
    assert_eq!(rows(read(&format!("{url}?streams=eni-0b"))), ["eni-0b,88,ACCEPT"]);
    let arn = format!("cloudwatch://arn:aws:logs:us-east-1:123456789012:log-group:{group}:*");
    assert_eq!(rows(read(&format!("{arn}?streams=eni-0b"))), ["eni-0b,88,ACCEPT"]);
}

#[test]
fn a_missing_group_is_named_beside_those_that_may_be_meant() {
    let (server, group) = (server(), unique("/vpc/spelled-right"));
    put(server, &group, LogGroupClass::Standard, &[]);
    let wrong = group.replace("right", "rihgt");
    let run = server.flowq(&sql(COUNT, &[&format!("cloudwatch://{wrong}")])).expect(4);
    assert!(run.err.contains(&format!("no log group {wrong} in us-east-1")), "{}", run.err);
    assert!(run.err.contains(&format!("cloudwatch://{group}")), "{}", run.err);
}

#[test]
fn retention_bounds_what_is_asked_for() {
    let (server, group) = (server(), unique("kept"));
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs() as i64;
    let old = now - 40 * 86_400;
    let events = [
        ("eni-0a-all", old, record("eni-0a", old)),
        ("eni-0a-all", now - 60, record("eni-0a", now - 60)),
    ];
    put(server, &group, LogGroupClass::Standard, &events);
    let put = server.logs().put_retention_policy().log_group_name(&group).retention_in_days(1);
    block_on(put.send()).unwrap();
    let run = server.flowq(&sql(COUNT, &[&format!("cloudwatch://{group}")]));
    assert_eq!(rows(run), ["1,1"]);
    let first = server.calls(&group).into_iter().filter(|call| call.operation == "FilterLogEvents");
    let since = |body: String| serde_json::from_str::<Value>(&body).unwrap()["startTime"].as_i64();
    let first = first.filter_map(|call| since(call.body)).min().unwrap();
    assert!(first >= (now - 86_400) * 1000, "{first}");
}

#[test]
fn infrequent_access_is_read_by_queries_that_no_answer_cuts() {
    let (server, group) = (server(), unique("rare"));
    let mut events: Vec<(&str, i64, String)> = Vec::new();
    for n in 0..12_000 {
        let start = START + n / 200;
        events.push(("eni-0a-all", start, record("eni-0a", start)));
    }
    events.push(("eni-0b-all", START, record("eni-0b", START)));
    put(server, &group, LogGroupClass::InfrequentAccess, &events);
    let range = ["--since", "2026-03-10T08:00", "--until", "2026-03-10T08:05"];
    let read =
        |url: String| server.flowq(&sql(COUNT, &[&[url.as_str()], range.as_slice()].concat()));
    let url = format!("cloudwatch://{group}");
    assert_eq!(rows(read(url.clone())), ["12001,12001"]);
    assert_eq!(rows(read(format!("{url}?streams=eni-0b"))), ["1,1"]);
    assert_eq!(server.count("FilterLogEvents", &group), 0);
    assert!(server.count("StartQuery", &group) >= 4);
}

#[test]
fn a_second_with_more_than_a_query_gives_is_an_error_that_names_it() {
    let (server, group) = (server(), unique("burst"));
    let event = ("eni-0a-all", START, record("eni-0a", START));
    put(server, &group, LogGroupClass::InfrequentAccess, &vec![event; 10_000]);
    let range = ["--since", "2026-03-10T08:00", "--until", "2026-03-10T08:05"];
    let url = format!("cloudwatch://{group}");
    let run = server.flowq(&sql(COUNT, &[&[url.as_str()], range.as_slice()].concat()));
    assert_ne!(run.code, 0);
    assert!(run.err.contains("second 2026-03-10T08:00:00Z"), "{}", run.err);
}

#[test]
fn throttling_is_waited_out_and_a_group_that_vanishes_is_an_error() {
    let (server, group) = (server(), unique("busy"));
    put(server, &group, LogGroupClass::Standard, &[("eni-0a-all", START, record("eni-0a", START))]);
    let url = format!("cloudwatch://{group}");
    let args = sql(COUNT, &[&url, "--since", "2026-03-10T08:00", "--until", "2026-03-10T08:05"]);
    let throttled = What::Answer(400, "ThrottlingException");
    let fault = || Fault::new(throttled).operation("FilterLogEvents");
    let proxy = Proxy::start(server.url(), vec![fault().nth(&[1, 3])]);
    assert_eq!(rows(proxy.flowq(&args)), ["1,1"]);
    assert_eq!(proxy.done(), [2]);
    let gone = Fault::new(What::Answer(400, "ResourceNotFoundException"));
    let proxy = Proxy::start(server.url(), vec![gone.operation("FilterLogEvents").nth(&[2])]);
    let run = proxy.flowq(&args);
    assert_ne!(run.code, 0);
    assert!(run.err.contains(&url) && run.err.contains("does not exist"), "{}", run.err);
}

#[test]
fn an_event_on_two_pages_counts_once_and_pages_without_end_are_an_error() {
    let server = server();
    let range = ["--since", "2026-03-10T08:00", "--until", "2026-03-10T08:05"];
    let read = |group: &str| {
        let event = ("eni-0a-all", START, record("eni-0a", START));
        put(server, group, LogGroupClass::Standard, &vec![event; 5]);
        let url = format!("cloudwatch://{group}");
        server.flowq(&sql(COUNT, &[&[url.as_str()], range.as_slice()].concat()))
    };
    assert_eq!(rows(read(&unique("overlapping"))), ["5,5"]);
    let run = read(&unique("circling"));
    assert_ne!(run.code, 0);
    assert!(run.err.contains("the same token for the next page twice"), "{}", run.err);
}
