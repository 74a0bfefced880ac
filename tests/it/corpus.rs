//! Real flow logs of other projects read to the rows that are known to be in them; all else is refused.
//!
//! The files lie beside the project and are not part of it.

use std::path::{Path, PathBuf};

use crate::support::{Run, corpus, flowq, sql};

/// Path below the corpus, the part of the query after FROM, and what it answers. Counts and sums were made by
/// hand from the files.
const VPC: &[(&str, i64, i64, i64)] = &[
    (
        "SEKOIA-IO__automation-library/111111111111_vpcflowlogs_eu-west-3_fl-032a163fae170ae52_20220831T1255Z_2ad4bef5.parquet",
        7,
        14_516,
        64,
    ),
    (
        "SEKOIA-IO__automation-library/extracted/111111111111_vpcflowlogs_eu-west-2_fl-0dcbf7c4c2483c6b6_20220221T1955Z_7fe2e5f7.log",
        5,
        264,
        5,
    ),
    ("aws-solutions__centralized-logging-with-opensearch/vpcflow.log", 17, 559, 10),
    (
        "criblpacks__cribl-vpc-flow-for-security-teams/216782312663_vpcflowlogs_us-east-1_fl-01b07217476488e53_20210902T2145Z_c2ed8707.extracted.log",
        99,
        8_641_867,
        40_072,
    ),
    ("grafana__lambda-promtail/vpcflowlog.log.gz", 3, 34_052, 97),
    (
        "msaad00__cloud-ai-security-skills/golden/aws_lateral_movement_raw_vpcflow.log",
        5,
        783_520,
        755,
    ),
    ("msaad00__cloud-ai-security-skills/golden/vpc_flow_logs_raw_sample.log", 6, 460_440, 369),
    ("newrelic__aws-log-ingestion/entry_vpc_flow_logs.json", 1, 0, 0),
    ("obsrvbl-oss__flowlogs-reader/v2_records.log", 5, 4_200, 50),
    ("obsrvbl-oss__flowlogs-reader/v3_file.log", 2, 8_090, 20),
    ("obsrvbl-oss__flowlogs-reader/v4_file.log", 2, 8_090, 20),
    ("obsrvbl-oss__flowlogs-reader/v5_file.log", 2, 7_910, 31),
    (
        "open-telemetry__opentelemetry-collector-contrib/vpc-flow-log-testdata/valid_vpc_flow_cw.json",
        2,
        8_498,
        40,
    ),
    (
        "open-telemetry__opentelemetry-collector-contrib/vpc-flow-log-testdata/valid_vpc_flow_log.log",
        1,
        0,
        0,
    ),
    (
        "open-telemetry__opentelemetry-collector-contrib/vpc-flow-log-testdata/valid_vpc_flow_log_ecs.log",
        1,
        3_500,
        15,
    ),
    (
        "open-telemetry__opentelemetry-collector-contrib/vpc-flow-log-testdata/valid_vpc_flow_log_multi.log",
        2,
        8_498,
        40,
    ),
    // One record each, with a field too few or too many: set aside.
    (
        "open-telemetry__opentelemetry-collector-contrib/vpc-flow-log-testdata/vpc_flow_log_too_few_fields.log",
        0,
        0,
        0,
    ),
    (
        "open-telemetry__opentelemetry-collector-contrib/vpc-flow-log-testdata/vpc_flow_log_too_many_fields.log",
        0,
        0,
        0,
    ),
];

/// Transit gateway logs, and records that only a stated format can read.
const OTHER: &[&str] = &[
    "obsrvbl-oss__flowlogs-reader/v6_file.log",
    "open-telemetry__opentelemetry-collector-contrib/vpc-flow-log-testdata/valid_tgw_flow_log.log",
    "open-telemetry__opentelemetry-collector-contrib/vpc-flow-log-testdata/valid_vpc_flow_cw_custom.json",
];

const PANTHER: &str = "panther-labs__panther-analysis/rules";

fn one_row(query: &str, path: &Path) -> String {
    let rows = sql(query, &["-q", path.to_str().unwrap()]);
    assert_eq!(rows.len(), 2, "{query}: {rows:?}");
    rows[1].clone()
}

fn count_of(path: &Path) -> Run {
    flowq(&["sql", "-c", "SELECT count(*) FROM flow_logs", path.to_str().unwrap()])
}

fn files_below(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files_below(&path, found);
        } else {
            found.push(path);
        }
    }
}

#[test]
fn every_vpc_flow_log_reads_to_its_known_rows() {
    let Some(corpus) = corpus() else { return };
    for (path, rows, bytes, packets) in VPC {
        let query =
            "SELECT count(*), coalesce(sum(bytes), 0), coalesce(sum(packets), 0) FROM flow_logs";
        let found = one_row(query, &corpus.join(path));
        assert_eq!(found, format!("{rows},{bytes},{packets}"), "{path}");
    }
}

#[test]
fn spot_values() {
    let Some(corpus) = corpus() else { return };
    for (query, path, wanted) in [
        (
            "SELECT srcaddr, dstaddr, srcport, dstport, action, start, \"end\" FROM flow_logs ORDER BY line LIMIT 1",
            VPC[0].0,
            "64.62.197.99,172.31.17.39,58938,20547,REJECT,2022-08-31T12:58:55Z,2022-08-31T12:59:06Z",
        ),
        (
            "SELECT count(*) FILTER (WHERE action = 'REJECT'), count(*) FILTER (WHERE protocol = 1), \
             count(DISTINCT interface_id), count(DISTINCT account_id) FROM flow_logs",
            VPC[3].0,
            "67,2,4,1",
        ),
        (
            "SELECT count(*) FILTER (WHERE log_status = 'NODATA'), count(srcaddr), count(bytes) FROM flow_logs",
            VPC[2].0,
            "7,10,10",
        ),
        ("SELECT log_status, interface_id, start, bytes FROM flow_logs", VPC[7].0, "NODATA,eni-"),
        (
            "SELECT pkt_dst_aws_service, pkt_dstaddr, traffic_path, flow_direction, tcp_flags FROM flow_logs \
             WHERE traffic_path IS NOT NULL",
            VPC[11].0,
            "S3,198.51.100.7,7,egress,7",
        ),
        (
            "SELECT ecs_cluster_name, ecs_cluster_arn, srcaddr, dstport FROM flow_logs",
            VPC[14].0,
            "my-cluster,arn:aws:ecs:us-east-1:123456789012:cluster/my-cluster,10.0.1.100,22",
        ),
    ] {
        let found = one_row(query, &corpus.join(path));
        assert!(found.starts_with(wanted), "{path}: {found}, not {wanted}");
    }
}

#[test]
fn the_vendors_own_answer_is_the_same() {
    let Some(corpus) = corpus() else { return };
    let expected = corpus.join("SEKOIA-IO__automation-library/test_parquet_result.json");
    let expected: Vec<String> = serde_json::from_slice(&std::fs::read(expected).unwrap()).unwrap();
    let columns = "version, account_id, interface_id, srcaddr, dstaddr, srcport, dstport, protocol, packets, bytes, \
         to_unixtime(start) AS start, to_unixtime(\"end\") AS \"end\", action, log_status";
    let query = format!("SELECT {columns} FROM flow_logs ORDER BY line");
    let path = corpus.join(VPC[0].0);
    let found = flowq(&["sql", "--format", "ndjson", "-q", "-c", &query, path.to_str().unwrap()]);
    let expected: Vec<serde_json::Value> =
        expected.iter().map(|row| serde_json::from_str(row).unwrap()).collect();
    assert_eq!(found.expect(0).json_lines(), expected);
}

#[test]
fn transit_gateway_logs_have_their_own_table() {
    let Some(corpus) = corpus() else { return };
    for path in &OTHER[..2] {
        let path = corpus.join(path);
        assert_eq!(one_row("SELECT count(*) FROM transit_gateway_flow_logs", &path), "1");
        assert_eq!(one_row("SELECT count(*) FROM flow_logs", &path), "0");
    }
    let query = "SELECT tgw_id, srcaddr, bytes, packets FROM transit_gateway_flow_logs";
    let row = one_row(query, &corpus.join(OTHER[1]));
    assert!(row.starts_with("tgw-0abc12345def67890,") && row.ends_with(",1000,10"), "{row}");
}

#[test]
fn a_stated_format_reads_what_has_no_header() {
    let Some(corpus) = corpus() else { return };
    let path = corpus.join(OTHER[2]);
    let path = path.to_str().unwrap();
    let format = "${version} ${interface-id} ${srcaddr} ${dstaddr}";
    let query = "SELECT interface_id, srcaddr, dstaddr FROM flow_logs ORDER BY line LIMIT 1";
    let rows = sql(query, &[path, "-q", "--log-format", format]);
    assert_eq!(rows[1], "eni-1235b8ca123456789,172.31.16.139,172.31.16.21");
    assert_eq!(sql("SELECT count(*) FROM flow_logs", &[path, "--log-format", format])[1], "2");
}

#[test]
fn everything_else_is_refused_by_name() {
    let Some(corpus) = corpus() else { return };
    let mut files = Vec::new();
    files_below(&corpus, &mut files);
    let known: Vec<PathBuf> = VPC
        .iter()
        .map(|(path, ..)| *path)
        .chain(OTHER[..2].iter().copied())
        .map(|path| corpus.join(path))
        .collect();
    files.retain(|path| !known.contains(path));
    assert!(files.len() >= 30, "{}", files.len());
    for path in files {
        let run = count_of(&path).expect(4);
        let name = path.file_name().unwrap().to_str().unwrap();
        assert!(run.err.contains(name), "{name} is not named: {}", run.err);
        assert!(run.err.contains("could be read"), "{name}: {}", run.err);
        assert_eq!(run.out, "", "{name}: an answer to what could not be read");
    }
}

#[test]
fn what_is_refused_is_called_what_it_is() {
    let Some(corpus) = corpus() else { return };
    for (path, says) in [
        ("seligman__aws-ip-ranges/ip-ranges.json", "the address ranges of AWS"),
        (
            "msaad00__cloud-ai-security-skills/golden/vpc_flow_logs_sample.ocsf.jsonl",
            "an OCSF event",
        ),
        ("criblpacks__cribl-vpc-flow-for-security-teams/ZP04h5.json", "a JSON array"),
        ("aws__aws-cli/ec2-examples/describe-network-interfaces.1.json", "NetworkInterfaces"),
        (&format!("{PANTHER}/aws_vpc_port_scanning.yml"), "no header"),
    ] {
        let run = count_of(&corpus.join(path)).expect(4);
        assert!(run.err.contains(says), "{path}: {}", run.err);
    }
}

#[test]
fn neighbours_of_what_is_refused_are_read() {
    let Some(corpus) = corpus() else { return };
    let folder = corpus.join("grafana__lambda-promtail");
    let other = corpus.join("seligman__aws-ip-ranges/history/2015-11-20-09-22-15.json");
    let args = [folder.to_str().unwrap(), other.to_str().unwrap()];
    let run = flowq(
        &[&["sql", "--format", "csv", "-c", "SELECT count(*) FROM flow_logs"], &args[..]].concat(),
    );
    let run = run.expect(5);
    assert_eq!(run.out.lines().nth(1), Some("3"));
    assert!(run.err.contains("2015-11-20-09-22-15.json"), "{}", run.err);
}
