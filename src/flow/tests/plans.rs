//! Formats, layouts, projection and filters.

use std::collections::HashSet;
use std::sync::Arc;

use crate::flow::field::Layout;
use crate::flow::tests::{HEADER, RECORD, decode, plan, rows, rows_of, schema};
use crate::flow::{
    DecodeFailure, DecodeOptions, Decoder, Filter, InterfacePredicate, LogFormat, Reason,
    RecordSelection,
};

const TGW: &str = "version resource-type tgw-id srcaddr packets-lost-mtu-exceeded log-status";
const TGW_RECORD: &str = "6 TransitGateway tgw-0123456789abcdef0 10.0.0.1 3 OK";

fn refusal(plan: DecodeOptions, text: &str) -> String {
    let err = decode(plan, text.as_bytes(), 10).unwrap_err();
    assert!(err.tally.is_balanced(), "{:?}", err.tally);
    err.refusal.to_string()
}

#[test]
fn any_order_any_subset_and_unknown_fields() {
    let text = "new-in-twelve dstport srcaddr\nsurprise 443 10.0.0.1\n- - -\n";
    let (rows, tally) = rows(&["srcaddr", "dstport", "new_in_twelve", "bytes"], text);
    assert_eq!(rows, ["10.0.0.1 443 surprise NULL", "NULL NULL NULL NULL"]);
    assert_eq!(tally.formats.first().unwrap().unknown(), ["new-in-twelve"]);
}

#[test]
fn a_field_named_twice_refuses_the_object_and_keeps_what_came_before() {
    let text = format!("{HEADER}\n{RECORD}\nsrcaddr dstaddr srcaddr\n{RECORD}\n");
    let mut out = Vec::new();
    let mut decoder = Decoder::new(Arc::new(plan(&["line"])), "a");
    let err = decoder.push(text.into(), &mut out).unwrap_err();
    let cause = std::error::Error::source(&err.refusal).unwrap().to_string();
    assert_eq!(err.refusal.to_string(), "line 3 is a header that cannot be read");
    assert_eq!(cause, "the log format names field `srcaddr` twice");
    assert_eq!((out.len(), err.tally.ok, err.tally.is_balanced()), (1, 1, true));
}

#[test]
fn both_layouts_in_one_object_go_their_own_ways() {
    let text =
        format!("{HEADER}\n{RECORD}\n{TGW}\n{TGW_RECORD}\n{TGW_RECORD}\n{HEADER}\n{RECORD}\n");
    let (vpc, tally) = rows(&["srcaddr", "line"], &text);
    assert_eq!(vpc, ["172.31.16.139 2", "172.31.16.139 7"]);
    assert_eq!((tally.ok, tally.other_layout, tally.blank), (2, 2, 3));
    assert_eq!(tally.formats.len(), 2);
    let columns = schema(Layout::TransitGateway, &["tgw_id", "packets_lost_mtu_exceeded", "line"]);
    let (tgw, tally) = rows_of(DecodeOptions::new(Layout::TransitGateway, columns), &text);
    assert_eq!(tgw, ["tgw-0123456789abcdef0 3 4", "tgw-0123456789abcdef0 3 5"]);
    assert_eq!((tally.ok, tally.other_layout), (2, 2));
}

#[test]
fn without_a_header_the_default_format_holds_if_every_field_fits() {
    let text = format!("\n{RECORD}\n{}\n{RECORD}\n", RECORD.replace("ACCEPT", "eni-0b"));
    let (rows, tally) = rows(&["line"], &text);
    assert_eq!(rows, ["2", "4"]);
    assert_eq!(tally.malformed.by_reason.get(&Reason::UnknownValue), Some(&1));
    assert_eq!(tally.formats, [LogFormat::default_v2()]);
}

#[test]
fn without_a_header_a_first_record_that_does_not_fit_refuses_the_object() {
    let head = "no header, and line 2 does not fit the default format: ";
    for (line, reason) in [
        ("hello", "too few fields"),
        (&format!("{RECORD} vpc-0a"), "too many fields"),
        (&RECORD.replace(" 20641 ", " OK "), "not a number in field `srcport`"),
        (&RECORD.replace(" OK", " ok"), "not an action or status of AWS in field `log-status`"),
    ] {
        assert_eq!(
            refusal(plan(&[]), &format!("# x\n{line}\n{RECORD}\n")),
            format!("{head}{reason}")
        );
    }
    let err = decode(plan(&[]), b"hello\n", 99).unwrap_err();
    assert!(matches!(err.refusal, DecodeFailure::NoFormat { line: 1, .. }));
    assert!(err.refusal.hint().unwrap().contains("--log-format"));
}

#[test]
fn a_stated_format_holds_until_a_header_comes() {
    let stated = Some("${srcaddr} ${bytes}".parse().unwrap());
    let text = "bogus\n10.0.0.1 7\nbytes srcaddr\n8 10.0.0.2\n";
    let (rows, tally) =
        rows_of(DecodeOptions { log_format: stated, ..plan(&["srcaddr", "bytes"]) }, text);
    assert_eq!(rows, ["10.0.0.1 7", "10.0.0.2 8"]);
    assert_eq!((tally.ok, tally.malformed.total(), tally.formats.len()), (2, 1, 2));
}

#[test]
fn no_columns_give_row_counts_and_batches_keep_their_size() {
    let text = format!("{HEADER}\n{}", format!("{RECORD}\n").repeat(5));
    let (batches, _) =
        decode(DecodeOptions { batch_rows: 2, ..plan(&[]) }, text.as_bytes(), 50).unwrap();
    assert_eq!(batches.iter().map(|b| b.num_rows()).collect::<Vec<_>>(), [2, 2, 1]);
}

#[test]
fn a_filter_drops_rows_and_still_counts_them() {
    let text = "interface-id dstport start instance-tag\neni-0a 22 1577836900 a%20b\neni-0b 22 1577836900 x\n\
        eni-0a 0443 1577837000 x\neni-0a - 1577837100 x\n- 22 1577836900 x\n";
    let run = |filter: Filter| {
        let (rows, tally) = rows_of(DecodeOptions { filter, ..plan(&["line"]) }, text);
        assert_eq!(tally.ok, 5);
        rows.join(" ")
    };
    let equals = |column: &str, values: &[&str]| Filter {
        equals: vec![(
            column.into(),
            values.iter().map(|v| (*v).to_owned()).collect::<HashSet<_>>(),
        )],
        ..Filter::default()
    };
    let range =
        |low, high| Filter { ranges: vec![("start".into(), low, high)], ..Filter::default() };
    assert_eq!(run(equals("interface_id", &["eni-0a", "eni-0c"])), "2 4 5");
    assert_eq!(run(equals("dstport", &["443", "x"])), "4");
    assert_eq!(run(equals("instance_tag", &["a b"])), "2");
    assert_eq!(run(equals("region", &["us-east-1"])), "");
    assert_eq!(run(equals("object", &["logs/a.log"])), "2 3 4 5 6");
    assert_eq!(run(equals("object", &["logs/b.log"])), "");
    assert_eq!(run(equals("line", &["3"])), "3");
    assert_eq!(run(range(Some(1577837000), None)), "4 5");
    assert_eq!(run(range(Some(1577836900), Some(1577836900))), "2 3 6");
    let selected =
        |eni: &str| if eni == "eni-0b" { RecordSelection::All } else { RecordSelection::None };
    let interface: Option<InterfacePredicate> = Some(Arc::new(selected));
    // Line 6 names no interface: it may belong to anything.
    assert_eq!(run(Filter { interface, ..Filter::default() }), "3 6");
}

#[test]
fn of_some_interfaces_only_records_of_some_addresses_are_wanted() {
    let text = "interface-id srcaddr dstport dstaddr pkt-srcaddr\n\
        eni-a 10.0.0.1 1 10.0.0.2 -\neni-a 10.0.0.3 1 10.0.0.4 -\neni-a 10.0.0.3 1 10.0.0.4 10.0.0.2\n\
        eni-a ::ffff:10.0.0.2 1 10.0.0.4 -\neni-b 10.0.0.3 1 10.0.0.4 -\neni-c 10.0.0.2 1 10.0.0.2 -\n\
        - 10.0.0.3 1 10.0.0.4 -\neni-a 10.0.0.22 1 110.0.0.2 -\n";
    let interface: Option<InterfacePredicate> = Some(Arc::new(|eni| match eni {
        "eni-a" => RecordSelection::ByAddress,
        "eni-b" => RecordSelection::All,
        _ => RecordSelection::None,
    }));
    let addresses = HashSet::from(["10.0.0.2".parse().unwrap(), "2001:db8::1".parse().unwrap()]);
    let filter = Filter { interface, addresses, ..Filter::default() };
    let (rows, tally) = rows_of(DecodeOptions { filter: filter.clone(), ..plan(&["line"]) }, text);
    assert_eq!((rows.join(" ").as_str(), tally.ok), ("2 4 5 6 8", 8));
    // Where every field is checked, what is not looked up is given.
    let (rows, _) = rows_of(DecodeOptions { filter, validate_all: true, ..plan(&["line"]) }, text);
    assert_eq!(rows.join(" "), "2 3 4 5 6 8 9");
}

#[test]
fn all_malformed_lines_can_be_had() {
    let plan = Arc::new(DecodeOptions { keep_all_malformed: true, ..plan(&["line"]) });
    let mut decoder = Decoder::new(plan, "a");
    let mut out = Vec::new();
    decoder.push(format!("{HEADER}\n{}", "bogus\n".repeat(30)).into(), &mut out).unwrap();
    assert_eq!(decoder.take_malformed().len(), 30);
    assert!(decoder.take_malformed().is_empty());
    let tally = decoder.finish(&mut out).unwrap();
    assert_eq!((tally.malformed.total(), tally.malformed.first.len()), (30, 10));
}

#[test]
fn an_object_larger_than_the_limit_is_refused() {
    let mut plan = plan(&["line"]);
    plan.limits.object_bytes_max = 300;
    let text = format!("{HEADER}\n{RECORD}\n{RECORD}\n");
    assert_eq!(refusal(plan, &text), "more than 300 bytes when decompressed");
}

#[test]
fn tallies_add_up_in_any_order() {
    let tally = |object: &str| {
        let mut decoder = Decoder::new(Arc::new(plan(&["line"])), object);
        let text = format!("{HEADER}\n{RECORD}\n{}", "bogus\n".repeat(7));
        decoder.push(text.into(), &mut Vec::new()).unwrap();
        decoder.finish(&mut Vec::new()).unwrap()
    };
    let (mut left, mut right) = (tally("a"), tally("b"));
    left.merge(tally("b"));
    right.merge(tally("a"));
    assert_eq!(left, right);
    assert_eq!((left.lines, left.ok, left.malformed.first.len()), (18, 2, 10));
    assert!(left.is_balanced());
}

#[test]
fn a_batch_is_cut_short_before_it_holds_on_to_much_text() {
    let records = (20 << 20) / RECORD.len();
    let text = format!("{HEADER}\n{}", format!("{RECORD}\n").repeat(records));
    let plan = DecodeOptions { batch_rows: usize::MAX, ..plan(&["interface_id"]) };
    let (batches, tally) = decode(plan, text.as_bytes(), usize::MAX).unwrap();
    assert_eq!(batches.len(), 2);
    assert_eq!(tally.ok, u64::try_from(records).unwrap());
    let sizes: Vec<usize> = batches.iter().map(|b| b.get_array_memory_size()).collect();
    assert!(sizes.iter().all(|&bytes| bytes < 32 << 20), "{sizes:?}");
}

#[test]
fn columns_come_and_go_with_the_headers() {
    let text = "srcaddr\n10.0.0.1\nsrcaddr region\n10.0.0.2 eu-west-1\nregion\neu-west-2\n";
    let (rows, _) = rows(&["region", "srcaddr"], text);
    assert_eq!(rows, ["NULL 10.0.0.1", "eu-west-1 10.0.0.2", "eu-west-2 NULL"]);
}
