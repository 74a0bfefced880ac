//! What holds for every input.

use std::net::{Ipv4Addr, Ipv6Addr};

use proptest::collection::vec;
use proptest::prelude::{
    BoxedStrategy, Just, ProptestConfig, Strategy, any, prop_assert, prop_assert_eq, prop_oneof,
    proptest,
};

use crate::flow::field::{Field, Kind, Layout, column_name};
use crate::flow::tests::{decode, render, schema};
use crate::flow::{DecodeOptions, LogFormat};

/// A value as it stands in a log, and as a table shows it.
type Value = (String, String);

fn value(field: &Field) -> BoxedStrategy<Value> {
    let same = |text: String| (text.clone(), text);
    let value = match field.kind {
        Kind::Addr => prop_oneof![
            any::<Ipv4Addr>().prop_map(move |ip| same(ip.to_string())),
            any::<Ipv6Addr>().prop_map(move |ip| same(ip.to_string())),
        ]
        .boxed(),
        Kind::Code if field.name.ends_with("port") => {
            (0..=65_535i32).prop_map(move |n| same(n.to_string())).boxed()
        }
        Kind::Code if field.name == "protocol" => {
            (0..=255i32).prop_map(move |n| same(n.to_string())).boxed()
        }
        Kind::Code => any::<i32>().prop_map(move |n| same(n.to_string())).boxed(),
        Kind::Count => any::<i64>().prop_map(move |n| same(n.to_string())).boxed(),
        Kind::Time => (0i64..86_400)
            .prop_map(|n| {
                let clock = format!("{:02}:{:02}:{:02}", n / 3600, n / 60 % 60, n % 60);
                ((1_577_836_800 + n).to_string(), format!("2020-01-01T{clock}Z"))
            })
            .boxed(),
        Kind::Name if field.name == "log-status" => {
            prop_oneof![Just("OK"), Just("NODATA"), Just("SKIPDATA"), Just("SOON")]
                .prop_map(move |word| same(word.to_owned()))
                .boxed()
        }
        Kind::Name => "[A-Z0-9é][a-z0-9:/.é-]{0,40}".prop_map(same).boxed(),
    };
    prop_oneof![9 => value, 1 => Just(("-".to_owned(), "NULL".to_owned()))].boxed()
}

/// Fields in some order, and records of them.
fn log(layout: Layout) -> impl Strategy<Value = (Vec<&'static str>, Vec<Vec<Value>>)> {
    let fields: Vec<&'static Field> = layout.fields().iter().collect();
    let values: Vec<BoxedStrategy<Value>> = fields.iter().map(|field| value(field)).collect();
    let names: Vec<&'static str> = fields.iter().map(|field| field.name).collect();
    (Just(names), vec(values, 1..6))
}

fn text(order: &[usize], names: &[&str], records: &[Vec<Value>]) -> String {
    let header: Vec<&str> = order.iter().map(|&at| names[at]).collect();
    let mut text = header.join(" ");
    for record in records {
        let values: Vec<&str> = order.iter().map(|&at| record[at].0.as_str()).collect();
        text += &format!("\n{}", values.join(" "));
    }
    text
}

fn order() -> impl Strategy<Value = Vec<usize>> {
    Just((0..54).collect::<Vec<usize>>()).prop_shuffle()
}

fn read(
    layout: Layout,
    columns: &[&str],
    text: &[u8],
    chunk: usize,
) -> (Vec<String>, crate::flow::DecodeStats) {
    let plan =
        DecodeOptions { batch_rows: 2, ..DecodeOptions::new(layout, schema(layout, columns)) };
    let (batches, tally) = decode(plan.clone(), text, chunk).unwrap();
    (render(&plan.schema, &batches), tally)
}

proptest! {
    // A case makes up to 270 values and reads them twice: fewer cases say as much.
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_record_is_read_back_in_any_order_of_fields_and_any_cut(
        (names, records) in log(Layout::Vpc),
        order in order(),
        chunk in 1usize..300,
    ) {
        let columns: Vec<String> = names.iter().map(|name| column_name(name)).collect();
        let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
        let want: Vec<String> = records
            .iter()
            .map(|record| record.iter().map(|v| v.1.as_str()).collect::<Vec<_>>().join(" "))
            .collect();
        let text = text(&order, &names, &records);
        let (rows, tally) = read(Layout::Vpc, &columns, text.as_bytes(), chunk);
        prop_assert_eq!(&rows, &want);
        prop_assert_eq!(tally.records(), records.len() as u64);
        let whole = read(Layout::Vpc, &columns, text.as_bytes(), usize::MAX);
        prop_assert_eq!(whole, (rows, tally));
    }

    #[test]
    fn a_transit_gateway_record_is_read_back(
        (names, records) in log(Layout::TransitGateway),
        chunk in 1usize..300,
    ) {
        let columns: Vec<String> = names.iter().map(|name| column_name(name)).collect();
        let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
        let order: Vec<usize> = (0..names.len()).collect();
        let text = text(&order, &names, &records);
        let (rows, _) = read(Layout::TransitGateway, &columns, text.as_bytes(), chunk);
        let want: Vec<String> = records
            .iter()
            .map(|record| record.iter().map(|v| v.1.as_str()).collect::<Vec<_>>().join(" "))
            .collect();
        prop_assert_eq!(rows, want);
    }

}

proptest! {
    #[test]
    fn any_bytes_give_an_answer_and_the_same_for_any_cut(
        head in prop_oneof![
            Just(""), Just("srcaddr bytes\n"), Just("vpc-id bytes\n"), Just("vpc-id bytes\nvpc-0123456789abcdef0 1\n"), Just("{\"message\":\"srcaddr bytes\"}"), Just("{\"events\":["),
            Just("2024-01-18T10:00:00Z srcaddr bytes\n"), Just("\u{feff}"),
        ],
        tail in prop_oneof![vec(any::<u8>(), 0..300), "[ \\-0-9.{}\"\\\\\n\r\t#a-z]{0,300}".prop_map(String::into_bytes)],
        chunk in 1usize..50,
        stated in any::<bool>(),
    ) {
        let bytes = [head.as_bytes(), &tail].concat();
        let mut plan = DecodeOptions::new(Layout::Vpc, schema(Layout::Vpc, &["srcaddr", "bytes", "vpc_id", "object", "line"]));
        plan.log_format = stated.then(|| "srcaddr bytes".parse().unwrap());
        plan.limits.line_bytes_max = 100;
        let answer = |chunk| match decode(plan.clone(), &bytes, chunk) {
            Ok((batches, tally)) => Ok((render(&plan.schema, &batches), tally)),
            Err(err) => Err((err.refusal.to_string(), err.tally.is_balanced())),
        };
        let cut = answer(chunk);
        prop_assert!(cut.as_ref().err().is_none_or(|(_, adds_up)| *adds_up));
        prop_assert_eq!(cut, answer(usize::MAX));
    }

    #[test]
    fn any_text_is_a_format_or_an_error(text in "\\PC{0,40}|[${} a-z-]{0,40}") {
        if let Ok(format) = text.parse::<LogFormat>() {
            prop_assert_eq!(format.to_string().parse::<LogFormat>().unwrap(), format);
        }
        prop_assert!(LogFormat::from_header(&text).is_ok_and(|f| f.is_none_or(|f| !f.names().is_empty())) || text.contains(' '));
    }
}
