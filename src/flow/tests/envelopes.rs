//! Records wrapped in something else.

use crate::flow::tests::{HEADER, RECORD, decode, plan, rows, rows_of};
use crate::flow::{DecodeOptions, Reason};

fn subscription(kind: &str, messages: &[&str]) -> String {
    let events: Vec<String> = messages
        .iter()
        .map(|m| format!("{{\"id\": \"3797\", \"timestamp\": 1418530010000, \"message\": {m:?}}}"))
        .collect();
    format!(
        "{{\"messageType\":\"{kind}\",\"owner\":\"1\",\"logGroup\":\"a}}{{\\\"b\",\"logEvents\":[{}]}}",
        events.join(",")
    )
}

fn refusal(text: &str) -> String {
    decode(plan(&["line"]), text.as_bytes(), 10).unwrap_err().refusal.to_string()
}

#[test]
fn an_export_has_a_timestamp_before_each_record() {
    for stamp in ["2024-01-18T10:00:00.000Z", "1705572000000", "2024-01-18T10:00:00+00:00"] {
        let text = format!("{stamp} {RECORD}\n\n{stamp} bogus\n{stamp} \n{stamp}  {RECORD}");
        let (rows, tally) = rows(&["interface_id", "line"], &text);
        assert_eq!(rows, ["eni-0123456789abcdef0 1", "eni-0123456789abcdef0 5"], "{stamp}");
        assert_eq!((tally.ok, tally.blank, tally.malformed.total()), (2, 2, 1));
    }
}

#[test]
fn an_export_may_have_a_header_or_a_stated_format() {
    let stamp = "1705572000000";
    let (with_header, _) =
        rows(&["bytes", "line"], &format!("{stamp} bytes start\n{stamp} 7 1705572000\n"));
    assert_eq!(with_header, ["7 2"]);
    let stated = || DecodeOptions {
        log_format: Some("start bytes".parse().unwrap()),
        ..plan(&["start", "bytes"])
    };
    let want = ["2024-01-18T10:00:00Z 7"];
    assert_eq!(rows_of(stated(), "1705572000001 1705572000 7\n").0, want);
    // Not a stamp, but the first of the two fields.
    assert_eq!(rows_of(stated(), "1705572000001 7\n").0, want);
}

#[test]
fn subscription_documents_stand_side_by_side() {
    let text = format!(
        "{}{}\n  {}",
        subscription("CONTROL_MESSAGE", &["CWL CONTROL MESSAGE: Checking health"]),
        subscription("DATA_MESSAGE", &[RECORD, "bogus", RECORD]),
        subscription("DATA_MESSAGE", &[RECORD])
    );
    let (rows, tally) = rows(&["interface_id", "line"], &text);
    let eni = "eni-0123456789abcdef0";
    assert_eq!(rows, [format!("{eni} 2"), format!("{eni} 4"), format!("{eni} 5")]);
    assert_eq!((tally.lines, tally.ok, tally.blank, tally.malformed.total()), (5, 3, 1, 1));
}

#[test]
fn message_lines_with_a_header_among_them() {
    let line = |message: &str| format!("{{\"message\": {message:?}, \"other\": [1, {{}}]}}\n");
    let text = format!(
        "\u{feff}\n{}{}{}",
        line("bytes srcaddr"),
        line("7 10.0.0.1\n8 10.0.0.2\n"),
        line("")
    );
    let (rows, tally) = rows(&["srcaddr", "bytes", "line"], &text);
    assert_eq!(rows, ["10.0.0.1 7 2", "10.0.0.2 8 3"]);
    assert_eq!((tally.ok, tally.blank), (2, 2));
}

#[test]
fn answers_of_the_command_line_several_pages_of_them() {
    let page = format!(
        "{{\n  \"events\": [\n    {{\"timestamp\": 1, \"message\": \"{RECORD}\", \"eventId\": \"9\"}}\n  ],\n  \
        \"searchedLogStreams\": []\n}}\n"
    );
    let empty = "{\"events\": [], \"nextToken\": \"x\"}";
    let (rows, tally) = rows(&["dstport", "line"], &format!("{page}{empty}{page}"));
    assert_eq!(rows, ["22 1", "22 2"]);
    assert_eq!(tally.ok, 2);
}

#[test]
fn damage_after_good_documents_is_malformed() {
    let good = format!("{{\"message\": \"{RECORD}\"}}");
    let text = format!("{good}\noops\n{{\"a\": 1}}\n{good}\n{{\"message\": \"cut");
    let (rows, tally) = rows(&["line"], &text);
    assert_eq!(rows, ["1", "4"]);
    assert_eq!(tally.malformed.by_reason.get(&Reason::NotARecord), Some(&3));
}

#[test]
fn other_json_is_refused_by_what_it_looks_like() {
    for (json, what) in [
        ("{\"class_uid\": 4001}", "an OCSF event"),
        (
            "{\"awslogs\": {\"data\": \"H4sI\"}}",
            "a Lambda event whose `awslogs.data` is still encoded",
        ),
        ("{\"NetworkInterfaces\": []}", "an answer of an AWS API (`NetworkInterfaces`)"),
        ("{\"Records\": []}", "CloudTrail records or an event notification"),
        ("{\"syncToken\": \"1\", \"prefixes\": []}", "the address ranges of AWS"),
        ("{\"b\": 1, \"a\": {}}", "JSON with the keys `a`, `b`"),
        ("{\"events\": 5}", "JSON with the keys `events`"),
        ("{\"a\": ", "broken JSON"),
        (" [1]", "a JSON array"),
    ] {
        assert_eq!(refusal(json), format!("no flow log, but {what}"));
    }
    assert!(
        refusal("{\"message\": \"Example Event 1\"}").contains("line 1 does not fit the default")
    );
}

#[test]
fn a_document_larger_than_the_limit_is_refused() {
    let mut plan = plan(&["line"]);
    plan.limits.json_bytes_max = 100;
    let text = format!("{{\"message\": \"{}\"}}", "x".repeat(200));
    let err = decode(plan, text.as_bytes(), 7).unwrap_err();
    assert_eq!(err.refusal.to_string(), "a JSON document is larger than 100 bytes");
}

#[test]
fn a_header_with_json_around_it_is_still_text() {
    let (rows, tally) = rows(&["line"], &format!("{HEADER}\n{{\"message\": 1}}\n{RECORD}\n"));
    assert_eq!((rows.join(" ").as_str(), tally.malformed.total()), ("3", 1));
}

#[test]
fn the_console_s_csv_and_what_logs_tail_prints_are_read() {
    let csv = format!("timestamp,message\n1706197322000,{RECORD}\n1706197322000,\"{RECORD}\"\n");
    let insights = format!("@timestamp,@message\n2024-01-25 15:22:02.000,{RECORD}\n");
    let tail = format!("2024-01-25T15:22:02.000000+00:00 eni-0123456789abcdef0-all {RECORD}\n");
    let short = format!("2024-01-25T15:22:02 {RECORD}\n2024-01-25T15:22:03 {RECORD}\n");
    for (text, count) in [(csv, 2), (insights, 1), (tail, 1), (short, 2)] {
        let (rows, tally) = rows(&["version", "srcaddr", "log_status"], &text);
        assert_eq!(rows, vec!["2 172.31.16.139 OK"; count], "{text}");
        assert_eq!(tally.malformed.total(), 0, "{text}");
    }
}

#[test]
fn other_csv_gets_a_hint() {
    let text = "\"srcaddr\",\"dstaddr\"\n\"10.0.0.1\",\"10.0.0.2\"\n";
    let error = crate::flow::tests::decode(crate::flow::tests::plan(&["line"]), text.as_bytes(), 7)
        .unwrap_err();
    assert!(error.refusal.hint().unwrap().contains("CSV"), "{:?}", error.refusal);
}
