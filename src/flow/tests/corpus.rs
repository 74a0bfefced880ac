//! Real logs, and those that other projects test with, against what is known of them.

use std::fs;
use std::path::{Path, PathBuf};

use arrow::array::{AsArray as _, RecordBatch};
use arrow::datatypes::Int64Type;
use bytes::Bytes;

use crate::flow::field::Layout;
use crate::flow::tests::{decode, render, schema};
use crate::flow::{DecodeError, DecodeOptions, DecodeStats};
use crate::source::decompress::Decompressor;

/// Returns the folder of real inputs, if it is here.
fn corpus() -> Option<PathBuf> {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/corpus"));
    let folder = folder.is_dir().then(|| folder.to_owned());
    if folder.is_none() {
        println!("skipped: no ../shared/corpus");
    }
    folder
}

fn plan(layout: Layout, columns: &[&str]) -> DecodeOptions {
    DecodeOptions { validate_all: true, ..DecodeOptions::new(layout, schema(layout, columns)) }
}

fn read(plan: DecodeOptions, path: &Path) -> Result<(Vec<RecordBatch>, DecodeStats), DecodeError> {
    let stored = fs::read(path).unwrap_or_else(|err| panic!("{}: {err}", path.display()));
    let mut decompressor = Decompressor::new(&plan.limits);
    decompressor.feed(Bytes::from(stored));
    decompressor.finish();
    let mut text = Vec::new();
    while let Some(block) = decompressor.next_block().unwrap() {
        text.extend_from_slice(&block);
    }
    decode(plan, &text, 100)
}

const OTEL: &str = "open-telemetry__opentelemetry-collector-contrib/vpc-flow-log-testdata";

/// File, records (OK, NODATA, SKIPDATA), malformed, sum of `bytes`.
type Known = (&'static str, [u64; 3], u64, i64);

#[rustfmt::skip]
const KNOWN: &[Known] = &[
    ("SEKOIA-IO__automation-library/extracted/111111111111_vpcflowlogs_eu-west-2_fl-0dcbf7c4c2483c6b6_20220221T1955Z_7fe2e5f7.log", [5, 0, 0], 0, 264),
    ("aws-solutions__centralized-logging-with-opensearch/vpcflow.log", [10, 7, 0], 0, 559),
    ("criblpacks__cribl-vpc-flow-for-security-teams/216782312663_vpcflowlogs_us-east-1_fl-01b07217476488e53_20210902T2145Z_c2ed8707.extracted.log", [99, 0, 0], 0, 8_641_867),
    ("grafana__lambda-promtail/vpcflowlog.log.gz", [3, 0, 0], 0, 34_052),
    ("msaad00__cloud-ai-security-skills/golden/aws_lateral_movement_raw_vpcflow.log", [5, 0, 0], 0, 783_520),
    ("msaad00__cloud-ai-security-skills/golden/vpc_flow_logs_raw_sample.log", [5, 1, 0], 0, 460_440),
    ("newrelic__aws-log-ingestion/entry_vpc_flow_logs.json", [0, 1, 0], 0, 0),
    ("obsrvbl-oss__flowlogs-reader/v2_records.log", [3, 1, 1], 0, 4200),
    ("obsrvbl-oss__flowlogs-reader/v3_file.log", [2, 0, 0], 0, 8090),
    ("obsrvbl-oss__flowlogs-reader/v4_file.log", [2, 0, 0], 0, 8090),
    ("obsrvbl-oss__flowlogs-reader/v5_file.log", [2, 0, 0], 1, 7910),
];

#[test]
fn every_vpc_log_gives_its_known_rows() {
    let Some(corpus) = corpus() else { return };
    let otel = [
        ("valid_vpc_flow_cw.json", [2, 0, 0], 0, 8498),
        ("valid_vpc_flow_log.log", [0, 1, 0], 0, 0),
        ("valid_vpc_flow_log_ecs.log", [1, 0, 0], 0, 3500),
        ("valid_vpc_flow_log_multi.log", [2, 0, 0], 0, 8498),
        ("vpc_flow_log_too_few_fields.log", [0, 0, 0], 1, 0),
        ("vpc_flow_log_too_many_fields.log", [0, 0, 0], 1, 0),
    ];
    let otel = otel.map(|(file, records, malformed, bytes)| {
        (format!("{OTEL}/{file}"), records, malformed, bytes)
    });
    let known = KNOWN
        .iter()
        .map(|&(file, records, malformed, bytes)| (file.to_owned(), records, malformed, bytes));
    for (file, records, malformed, bytes) in known.chain(otel) {
        let (batches, tally) = read(plan(Layout::Vpc, &["bytes"]), &corpus.join(&file)).unwrap();
        let sum: i64 = batches
            .iter()
            .flat_map(|b| b.column(0).as_primitive::<Int64Type>().iter())
            .flatten()
            .sum();
        let found = ([tally.ok, tally.nodata, tally.skipdata], tally.malformed.total(), sum);
        assert_eq!(found, (records, malformed, bytes), "{file}");
    }
}

#[test]
fn spot_values() {
    let Some(corpus) = corpus() else { return };
    let columns = ["srcaddr", "pkt_dst_aws_service", "flow_direction", "traffic_path", "tcp_flags"];
    let plan_ = plan(Layout::Vpc, &columns);
    let file = corpus.join("obsrvbl-oss__flowlogs-reader/v5_file.log");
    let (batches, tally) = read(plan_.clone(), &file).unwrap();
    assert_eq!(
        render(&plan_.schema, &batches),
        ["198.51.100.7 NULL ingress NULL 19", "192.0.2.156 S3 egress 7 7"]
    );
    assert_eq!(tally.malformed.first.first().unwrap().text, "bogus line");
}

#[test]
fn a_log_without_header_in_another_format_needs_it_stated() {
    let Some(corpus) = corpus() else { return };
    let file = corpus.join(OTEL).join("valid_vpc_flow_cw_custom.json");
    let refusal = read(plan(Layout::Vpc, &["line"]), &file).unwrap_err().refusal.to_string();
    assert!(refusal.contains("too few fields"), "{refusal}");
    let stated = Some("${version} ${interface-id} ${srcaddr} ${dstaddr}".parse().unwrap());
    let plan = DecodeOptions { log_format: stated, ..plan(Layout::Vpc, &["srcaddr", "dstaddr"]) };
    let (batches, _) = read(plan.clone(), &file).unwrap();
    assert_eq!(
        render(&plan.schema, &batches),
        ["172.31.16.139 172.31.16.21", "172.31.9.69 172.31.9.12"]
    );
}

#[test]
fn transit_gateway_logs_are_theirs_alone() {
    let Some(corpus) = corpus() else { return };
    for (file, want) in [
        ("obsrvbl-oss__flowlogs-reader/v6_file.log", "00000000 NULL 15 NULL"),
        (&format!("{OTEL}/valid_tgw_flow_log.log"), "tgw-0abc12345def67890 10.0.0.1 3 1000"),
    ] {
        let columns = ["tgw_id", "srcaddr", "packets_lost_mtu_exceeded", "bytes"];
        let plan_ = plan(Layout::TransitGateway, &columns);
        let (batches, tally) = read(plan_.clone(), &corpus.join(file)).unwrap();
        assert_eq!(render(&plan_.schema, &batches), [want]);
        assert_eq!(tally.ok, 1);
        let (batches, tally) = read(plan(Layout::Vpc, &["line"]), &corpus.join(file)).unwrap();
        assert_eq!((batches.len(), tally.other_layout), (0, 1));
    }
}

#[test]
fn what_is_no_flow_log_is_refused() {
    let Some(corpus) = corpus() else { return };
    for (file, what) in [
        ("aws__aws-cli/logs-examples/get-log-events.1.json", "does not fit the default format"),
        ("aws__aws-cli/ec2-examples/describe-network-interfaces.1.json", "`NetworkInterfaces`"),
        ("aws__aws-cli/ec2-examples/describe-flow-logs.1.json", "`FlowLogs`"),
        ("msaad00__cloud-ai-security-skills/golden/vpc_flow_logs_sample.ocsf.jsonl", "OCSF"),
        ("criblpacks__cribl-vpc-flow-for-security-teams/ZP04h5.json", "a JSON array"),
        ("seligman__aws-ip-ranges/ip-ranges.json", "the address ranges of AWS"),
        ("obsrvbl-oss__flowlogs-reader/expected.json", "JSON with the keys"),
    ] {
        let refused = read(plan(Layout::Vpc, &["line"]), &corpus.join(file)).unwrap_err();
        assert!(refused.refusal.to_string().contains(what), "{file}: {}", refused.refusal);
    }
}
