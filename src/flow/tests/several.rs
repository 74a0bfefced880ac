//! Records of several formats without a header between them, and what log events are named.

use std::sync::Arc;

use arrow::array::RecordBatch;
use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_assert_eq, prop_oneof, proptest};

use crate::flow::field::Layout;
use crate::flow::tests::{RECORD, plan, render, schema};
use crate::flow::{DecodeOptions, DecodeStats, Decoder, LogFormat, ObjectMeta, Reason};

const SHORT: &str = "interface-id srcaddr dstaddr bytes start end";
const SHORT_RECORD: &str = "eni-0a 10.0.0.1 10.0.0.2 77 1418530010 1418530070";
/// As many fields as the default format.
const FOURTEEN: &str = "vpc-id subnet-id interface-id account-id srcaddr dstaddr srcport dstport protocol packets bytes start end flow-direction";
const FOURTEEN_RECORD: &str = "vpc-0a subnet-0a eni-0b 123456789012 10.0.0.3 10.0.0.4 443 50000 6 2 88 1418530010 1418530070 egress";

fn formats(texts: &[&str]) -> Vec<LogFormat> {
    let default = LogFormat::default_v2().to_string();
    let parse = |text: &&str| if text.is_empty() { &default } else { *text }.parse().unwrap();
    texts.iter().map(parse).collect()
}

fn read(plan: DecodeOptions, object: ObjectMeta, text: &str) -> (Vec<RecordBatch>, DecodeStats) {
    let mut out = Vec::new();
    let mut decoder = Decoder::new(Arc::new(plan), object);
    decoder.push(Bytes::copy_from_slice(text.as_bytes()), &mut out).unwrap();
    let tally = decoder.finish(&mut out).unwrap();
    assert!(tally.is_balanced(), "{tally:?}");
    (out, tally)
}

/// Reads lines of a log group with these formats, the empty one being the default.
fn rows(columns: &[&str], known: &[&str], text: &str) -> (Vec<String>, DecodeStats) {
    let plan = plan(columns);
    let object = ObjectMeta { formats: formats(known), ..ObjectMeta::from("a") };
    let schema = Arc::clone(&plan.schema);
    let (batches, tally) = read(plan, object, text);
    (render(&schema, &batches), tally)
}

#[test]
fn three_formats_are_told_apart_by_their_fields_and_share_a_batch() {
    let text = format!(
        "{RECORD}\n{SHORT_RECORD}\n{FOURTEEN_RECORD}\n{RECORD}\n{}\n",
        RECORD.replace("ACCEPT", "MAYBE")
    );
    let columns = ["interface_id", "dstport", "bytes", "flow_direction", "action"];
    let known = ["", SHORT, FOURTEEN, SHORT];
    let (rows_, tally) = rows(&columns, &known, &text);
    assert_eq!(
        rows_,
        [
            "eni-0123456789abcdef0 22 4249 NULL ACCEPT",
            "eni-0a NULL 77 NULL NULL",
            "eni-0b 50000 88 egress NULL",
            "eni-0123456789abcdef0 22 4249 NULL ACCEPT",
        ]
    );
    assert_eq!(tally.formats, formats(&["", SHORT, FOURTEEN]));
    assert_eq!(tally.malformed.by_reason.get(&Reason::UnknownValue), Some(&1));
    let object = ObjectMeta { formats: formats(&known), ..ObjectMeta::from("a") };
    assert_eq!(read(plan(&columns), object, &text).0.len(), 1, "one batch for all formats");
}

#[test]
fn one_known_format_holds_and_the_stated_one_comes_before_it() {
    let (known, tally) = rows(&["bytes", "line"], &[SHORT], &format!("{SHORT_RECORD}\nx\n"));
    assert_eq!(known, ["77 1"]);
    assert_eq!(tally.malformed.by_reason.get(&Reason::TooFewFields), Some(&1));
    let object = ObjectMeta { formats: formats(&["", SHORT]), ..ObjectMeta::from("a") };
    let stated =
        DecodeOptions { log_format: Some("srcaddr bytes".parse().unwrap()), ..plan(&["bytes"]) };
    let schema = Arc::clone(&stated.schema);
    assert_eq!(render(&schema, &read(stated, object, "10.0.0.1 5\n").0), ["5"]);
}

#[test]
fn a_record_that_fits_two_formats_is_set_aside_and_never_guessed() {
    let swapped = "interface-id dstaddr srcaddr bytes start end";
    let text = format!("{SHORT_RECORD}\neni-0a - - - 1418530010 1418530070\n");
    let (rows_, tally) = rows(&["srcaddr", "line"], &[SHORT, swapped], &text);
    // Where both formats fit equally, none is guessed.
    assert_eq!(rows_, ["NULL 2"]);
    assert_eq!(tally.malformed.by_reason.get(&Reason::AmbiguousFormat), Some(&1));
    assert_eq!(
        tally.malformed.first.first().unwrap().reason.to_string(),
        "fits several of the log group's formats"
    );
}

#[test]
fn numbers_that_bound_each_other_tell_permutations_apart() {
    let columns = ["packets", "bytes", "start", "end"];
    let text = "2 88 1418530010 1418530070\n";
    for other in ["bytes packets start end", "packets bytes end start", "start bytes packets end"] {
        for known in [["packets bytes start end", other], [other, "packets bytes start end"]] {
            let (rows_, tally) = rows(&columns, &known, text);
            assert_eq!(rows_, ["2 88 2014-12-14T04:06:50Z 2014-12-14T04:07:50Z"], "{known:?}");
            assert_eq!(tally.formats, formats(&["packets bytes start end"]));
        }
    }
}

#[test]
fn what_fits_no_format_is_told_by_the_closest_one() {
    let bad_address = SHORT_RECORD.replace("10.0.0.2", "10.0.0.256");
    let text = format!("{bad_address}\nx\n{RECORD} more\n");
    let (rows_, tally) = rows(&["line"], &["", SHORT], &text);
    assert!(rows_.is_empty());
    let reasons: Vec<Reason> = tally.malformed.by_reason.keys().copied().collect();
    assert_eq!(reasons, [Reason::TooFewFields, Reason::TooManyFields, Reason::NotAnAddress]);
}

#[test]
fn both_layouts_in_one_log_group_go_their_own_ways() {
    let known = ["version resource-type tgw-id srcaddr bytes log-status", SHORT];
    let text = format!("6 TransitGateway tgw-0a 10.0.0.1 3 OK\n{SHORT_RECORD}\n");
    let (vpc, tally) = rows(&["bytes", "line"], &known, &text);
    assert_eq!((vpc.as_slice(), tally.other_layout), (["77 2".to_owned()].as_slice(), 1));
    let columns = schema(Layout::TransitGateway, &["tgw_id", "bytes"]);
    let object = ObjectMeta { formats: formats(&known), ..ObjectMeta::from("a") };
    let (batches, tally) = read(DecodeOptions::new(Layout::TransitGateway, columns), object, &text);
    assert_eq!(render(&batches[0].schema(), &batches), ["tgw-0a 3"]);
    assert_eq!(tally.other_layout, 1);
}

#[test]
fn a_log_event_is_named_by_its_stream_and_its_id() {
    let event = |id: u8, message: &str| {
        format!("{{\"logStreamName\":\"eni-0a-all\",\"eventId\":\"{id}\",\"message\":{message:?}}}")
    };
    let text = format!(
        "{{\"events\":[{},{},{{\"message\":\"{RECORD}\"}}]}}",
        event(7, &format!("{RECORD}\n{RECORD}\n")),
        event(8, "bogus")
    );
    let plan = DecodeOptions { keep_all_malformed: true, ..plan(&["object", "line"]) };
    let object =
        ObjectMeta { log_group: Some("cloudwatch://g".to_owned()), ..ObjectMeta::from("slice") };
    let schema = Arc::clone(&plan.schema);
    let (batches, tally) = read(plan.clone(), object, &text);
    let named = ["cloudwatch://g/eni-0a-all#7 1", "cloudwatch://g/eni-0a-all#7 2", "slice 4"];
    assert_eq!(render(&schema, &batches), named);
    let line = tally.malformed.first.first().unwrap();
    assert_eq!((line.object.as_str(), line.line), ("cloudwatch://g/eni-0a-all#8", 1));
    // The same answer in a file is a place in that file.
    let (batches, _) = read(plan, ObjectMeta::from("page.json"), &text);
    assert_eq!(render(&schema, &batches), ["page.json 1", "page.json 2", "page.json 4"]);
}

fn record() -> impl Strategy<Value = (bool, String)> {
    let long = (0u16..2000, 1i64..1000).prop_map(|(port, bytes)| {
        let bytes = bytes + 20;
        (true, format!("2 123456789012 eni-0a 10.0.0.1 10.0.0.2 {port} 22 6 20 {bytes} 1418530010 1418530070 REJECT OK"))
    });
    let other = (0u16..2000, any::<bool>()).prop_map(|(port, out)| {
        let way = if out { "egress" } else { "ingress" };
        (false, format!("vpc-0a subnet-0a eni-0b - 10.0.0.3 10.0.0.4 {port} 80 6 2 88 1418530010 1418530070 {way}"))
    });
    prop_oneof![long, other, Just((false, FOURTEEN_RECORD.to_owned()))]
}

proptest! {
    #[test]
    fn a_mixed_log_reads_as_the_two_logs_in_it(records in vec(record(), 0..40)) {
        let columns = ["interface_id", "srcport", "bytes", "flow_direction", "action"];
        let text = |long: Option<bool>| {
            let lines = records.iter().filter(|(is_long, _)| long.is_none_or(|long| *is_long == long));
            lines.map(|(_, line)| format!("{line}\n")).collect::<String>()
        };
        let (mut mixed, tally) = rows(&columns, &["", FOURTEEN], &text(None));
        let mut apart = rows(&columns, &[""], &text(Some(true))).0;
        apart.extend(rows(&columns, &[FOURTEEN], &text(Some(false))).0);
        mixed.sort();
        apart.sort();
        prop_assert_eq!(mixed, apart);
        prop_assert_eq!(tally.malformed.total(), 0);
    }
}
