//! Every oddity that real logs were seen to have.

use std::sync::Arc;

use bytes::Bytes;

use crate::flow::tests::{HEADER, RECORD, plan, rows, rows_of};
use crate::flow::{DecodeFailure, Decoder, Reason};

#[test]
fn a_plain_object() {
    let (rows, tally) = rows(
        &["interface_id", "srcaddr", "dstport", "bytes", "start", "action", "object", "line"],
        &format!("{HEADER}\n{RECORD}\n"),
    );
    assert_eq!(
        rows,
        ["eni-0123456789abcdef0 172.31.16.139 22 4249 2014-12-14T04:06:50Z ACCEPT logs/a.log 2"]
    );
    assert_eq!((tally.lines, tally.ok, tally.blank), (2, 1, 1));
    assert_eq!(tally.formats.len(), 1);
}

#[test]
fn headers_repeat_and_the_last_newline_is_missing() {
    let (rows, tally) = rows(&["line"], &format!("{HEADER}\n{RECORD}\n{HEADER}\n{RECORD}"));
    assert_eq!(rows, ["2", "4"]);
    assert_eq!((tally.ok, tally.blank, tally.formats.len()), (2, 2, 1));
}

#[test]
fn blanks_runs_of_them_tabs_comments_and_crlf() {
    let text = format!(
        "\r\n# made by hand\r\n{HEADER} \r\n  {}\t \r\n\n   \t\r\n{}\r\n",
        RECORD.replace(' ', "   "),
        RECORD.replace(' ', "\t")
    );
    let (rows, tally) = rows(&["account_id", "log_status", "line"], &text);
    assert_eq!(rows, ["123456789012 OK 4", "123456789012 OK 7"]);
    assert_eq!((tally.ok, tally.blank, tally.malformed.total()), (2, 5, 0));
}

#[test]
fn a_byte_order_mark_is_no_part_of_the_header() {
    let (rows, tally) = rows(&["line"], &format!("\u{feff}{HEADER}\n{RECORD}\n"));
    assert_eq!((rows.len(), tally.blank), (1, 1));
}

#[test]
fn rows_out_of_order_keep_their_order_and_a_start_may_equal_its_end() {
    let (rows, _) = rows(
        &["start", "end"],
        "start end log-status\n1577836860 1577836860 OK\n1577836800 1577836830 OK\n",
    );
    assert_eq!(
        rows,
        ["2020-01-01T00:01:00Z 2020-01-01T00:01:00Z", "2020-01-01T00:00:00Z 2020-01-01T00:00:30Z"]
    );
}

#[test]
fn ipv6_and_protocols_without_ports() {
    let text = "srcaddr dstaddr srcport dstport protocol\n\
        2001:db8:1234:a100:8d6e:3477:df66:f105 2001:db8::1 34892 22 6\n\
        172.31.16.139 203.0.113.12 0 0 1\n172.31.16.139 203.0.113.12 0 0 50\n";
    let (rows, tally) = rows(&["srcaddr", "srcport", "protocol"], text);
    assert_eq!(
        rows,
        [
            "2001:db8:1234:a100:8d6e:3477:df66:f105 34892 6",
            "172.31.16.139 0 1",
            "172.31.16.139 0 50"
        ]
    );
    assert_eq!(tally.ok, 3);
}

#[test]
fn nodata_and_skipdata_are_records_filled_or_not() {
    let text = format!(
        "{HEADER}\n2 123456789012 eni-0a - - - - - - - 1431280876 1431280934 - NODATA\n\
        2 unknown eni-0b 10.0.0.1 10.0.0.2 1 2 6 0 0 1431280876 1431280934 ACCEPT NODATA\n\
        2 000000000012 eni-0c - - - - - - - 1431280876 1431280934 - SKIPDATA\n\
        2 000000000012 eni-0d - - - - - - - 1431280876 1431280934 - NEWDATA\n"
    );
    let (rows, tally) = rows(&["account_id", "srcaddr", "srcport", "action", "log_status"], &text);
    assert_eq!(
        rows,
        [
            "123456789012 NULL NULL NULL NODATA",
            "unknown 10.0.0.1 1 ACCEPT NODATA",
            "000000000012 NULL NULL NULL SKIPDATA",
            "000000000012 NULL NULL NULL NEWDATA",
        ]
    );
    assert_eq!((tally.nodata, tally.skipdata, tally.other, tally.ok), (2, 1, 1, 0));
}

#[test]
fn empty_objects() {
    for text in ["", "\n", "\u{feff}", &format!("{HEADER}\n"), "  \n# nothing\n", HEADER] {
        let (rows, tally) = rows(&["line", "srcaddr"], text);
        assert_eq!((rows.len(), tally.lines), (0, tally.blank), "{text:?}");
    }
}

#[test]
fn a_malformed_line_is_set_aside_by_reason_and_its_neighbours_stay() {
    let text = format!(
        "{HEADER}\n{RECORD}\nbogus line\n{RECORD} more\n{}\n{}\n{}\n{RECORD}\n",
        RECORD.replace("20641", "http"),
        RECORD.replace("20641", "2147483648"),
        RECORD.replace("172.31.16.21 ", "172.31.16.256 "),
    );
    let (rows, tally) = rows(&["line", "srcport", "dstaddr"], &text);
    assert_eq!(rows, ["2 20641 172.31.16.21", "8 20641 172.31.16.21"]);
    let reasons: Vec<_> = tally.malformed.by_reason.keys().copied().collect();
    use Reason::{NotANumber, NotAnAddress, OutOfRange, TooFewFields, TooManyFields};
    assert_eq!(reasons, [TooFewFields, TooManyFields, NotANumber, OutOfRange, NotAnAddress]);
    let first = tally.malformed.first.first().unwrap();
    assert_eq!((first.line, first.text.as_str()), (3, "bogus line"));
    assert_eq!(first.object, "logs/a.log");
}

#[test]
fn only_fields_that_are_read_are_checked_unless_all_are_asked_for() {
    let text = format!("{HEADER}\n{}\n", RECORD.replace("20641", "http"));
    assert_eq!(rows(&["line"], &text).1.ok, 1);
    let strict = crate::flow::DecodeOptions { validate_all: true, ..plan(&["line"]) };
    assert_eq!(rows_of(strict, &text).1.malformed.total(), 1);
}

#[test]
fn bytes_that_are_no_text_spoil_one_line() {
    let mut text = format!("{HEADER}\n{RECORD}\n").into_bytes();
    text.extend(b"2 \xff\xfe\n");
    text.extend(RECORD.as_bytes());
    let (batches, tally) = crate::flow::tests::decode(plan(&["line"]), &text, 5).unwrap();
    assert_eq!(batches.iter().map(|b| b.num_rows()).sum::<usize>(), 2);
    assert_eq!(tally.malformed.by_reason.get(&Reason::NotUtf8), Some(&1));
}

#[test]
fn a_line_that_is_too_long_is_skipped_however_it_is_cut() {
    let mut plan = plan(&["line"]);
    plan.limits.line_bytes_max = 200;
    let at_limit = format!("{RECORD}{}", " ".repeat(200 - RECORD.len()));
    let text = format!("{HEADER}\n{at_limit}\n{at_limit} \n{}\n{RECORD}", "x".repeat(1000));
    let (rows, tally) = rows_of(plan, &text);
    assert_eq!(rows, ["2", "5"]);
    assert_eq!(tally.malformed.by_reason.get(&Reason::LineTooLong), Some(&2));
    assert!(tally.malformed.first.iter().all(|line| line.text.len() <= 200));
}

#[test]
fn a_first_line_without_end_is_not_waited_for() {
    let mut plan = plan(&["line"]);
    plan.limits.line_bytes_max = 200;
    let mut decoder = Decoder::new(Arc::new(plan), "a");
    let zeros = Bytes::from(vec![0; 150]);
    decoder.push(zeros.clone(), &mut Vec::new()).unwrap();
    let error = decoder.push(zeros, &mut Vec::new()).unwrap_err();
    assert!(matches!(error.refusal, DecodeFailure::NoFormat { reason: Reason::LineTooLong, .. }));
    assert!(error.tally.is_balanced());
}

#[test]
fn times_in_milliseconds_and_a_none_for_null() {
    let text = "start srcport srcaddr region\n1700000000123 None None None\n";
    let (rows, _) = rows(&["start", "srcport", "srcaddr", "region"], text);
    assert_eq!(rows, ["2023-11-14T22:13:20Z NULL NULL None"]);
}

#[test]
fn tag_values_are_decoded_and_other_text_is_not() {
    let text = "instance-tag interface-tag-2 asg-tag region\na%20b %C3%A9 - a%20b\n%2D x - y\n";
    let (rows, _) = rows(&["instance_tag", "interface_tag_2", "asg_tag", "region"], text);
    // `-` alone stands for nothing; a value that says so is one.
    assert_eq!(rows, ["a b é NULL a%20b", "- x NULL y"]);
}

#[test]
fn a_comment_at_the_end_of_a_record_is_left_out() {
    let columns = ["srcaddr", "log_status", "line"];
    let text =
        format!("{HEADER}\n{RECORD} #Traffic from the source\n{RECORD}\t# two words\n{RECORD}\n");
    let (rows, tally) = rows(&columns, &text);
    assert_eq!(rows, ["172.31.16.139 OK 2", "172.31.16.139 OK 3", "172.31.16.139 OK 4"]);
    assert_eq!(tally.ok, 3);
    // Without a header as well; and a value that begins with # stays one.
    assert_eq!(crate::flow::tests::rows(&["line"], &format!("{RECORD} # x\n")).0, ["1"]);
    let (rows, _) =
        crate::flow::tests::rows(&["region"], "srcaddr region\n10.0.0.1 #1\n10.0.0.2 #1 #2\n");
    assert_eq!(rows, ["#1"]);
}

#[test]
fn ports_protocols_and_times_keep_to_their_range() {
    let with = |from: &str, to: &str| {
        let text = format!("{HEADER}\n{}\n{RECORD}\n", RECORD.replacen(from, to, 1));
        rows(&["srcport", "dstport", "protocol", "start", "end"], &text).1
    };
    for (from, to) in [
        (" 20641 ", " 65536 "),
        (" 22 ", " 70000 "),
        (" 22 ", " -1 "),
        (" 6 20 ", " 256 20 "),
        // Times are of the years 2010 to 2099, in seconds or milliseconds.
        (" 1418530010 ", " 1262303999 "),
        (" 1418530070 ", " 4102444800 "),
        (" 1418530010 ", " 0 "),
        (" 1418530070 ", " 4102444800000 "),
    ] {
        let tally = with(from, to);
        assert_eq!(tally.malformed.by_reason.get(&Reason::OutOfRange), Some(&1), "{to}");
        assert_eq!(tally.ok, 1);
    }
    assert_eq!(with(" 20641 ", " 65535 ").ok + with(" 6 20 ", " 255 20 ").ok, 4);
}

#[test]
fn a_record_of_a_transit_gateway_is_none_of_a_vpc_whatever_its_header() {
    let text =
        format!("{HEADER}\n{RECORD}\n{}\n", RECORD.replace("123456789012", "TransitGateway"));
    let (rows, tally) = rows(&["line"], &text);
    assert_eq!(rows, ["2"]);
    assert_eq!(tally.malformed.by_reason.get(&Reason::TransitGateway), Some(&1));
}
