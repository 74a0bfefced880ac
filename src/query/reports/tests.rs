use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, Int32Array, Int64Array, RecordBatch, StringViewArray, TimestampSecondArray,
    UInt32Array, new_null_array,
};
use arrow::compute::{concat_batches, take_record_batch};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use arrow::util::pretty::pretty_format_batches;
use datafusion::datasource::MemTable;
use datafusion::prelude::SessionContext;
use futures::TryStreamExt as _;

use super::*;
use crate::engine::functions;
use crate::flow::field::Layout;
use crate::query::params::params_from;

/// Rows of each table; small numbers that repeat, so that every report has ties to break.
const ROWS: usize = 24;

fn texts(values: &[&str]) -> ArrayRef {
    let values = (0..ROWS).map(|row| Some(values[row % values.len()]).filter(|v| *v != "-"));
    Arc::new(values.collect::<StringViewArray>())
}

fn codes(values: &[i32]) -> ArrayRef {
    Arc::new(Int32Array::from_iter_values((0..ROWS).map(|row| values[row % values.len()])))
}

fn counts(values: &[i64]) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values((0..ROWS).map(|row| values[row % values.len()])))
}

fn times() -> ArrayRef {
    let times = (0..ROWS).map(|row| 1_773_144_000 + 1800 * (row as i64 % 5));
    Arc::new(TimestampSecondArray::from_iter_values(times).with_timezone("UTC"))
}

/// Returns rows of a schema; the columns that are not given are NULL.
fn table(schema: SchemaRef, given: &[(&str, ArrayRef)]) -> RecordBatch {
    let column = |field: &Arc<Field>| {
        let given = given.iter().find(|(name, _)| name == field.name());
        given
            .map_or_else(|| new_null_array(field.data_type(), ROWS), |(_, array)| Arc::clone(array))
    };
    let columns = schema.fields().iter().map(column).collect();
    RecordBatch::try_new(schema, columns).unwrap()
}

fn flow_logs() -> RecordBatch {
    let addrs = ["10.0.0.9", "10.0.0.10", "203.0.113.9", "2001:db8::1"];
    table(
        Layout::Vpc.schema(&[]),
        &[
            ("interface_id", texts(&["eni-1", "eni-2", "eni-nat"])),
            ("srcaddr", texts(&addrs)),
            ("dstaddr", texts(&["52.216.0.1", "10.0.0.9", "10.0.0.10"])),
            ("pkt_srcaddr", texts(&addrs)),
            ("pkt_dstaddr", texts(&["52.216.0.1", "10.0.0.9"])),
            ("instance_id", texts(&["i-1", "-", "i-2"])),
            ("subnet_id", texts(&["subnet-1", "subnet-2"])),
            ("srcport", codes(&[22, 40_000])),
            ("dstport", codes(&[443, 22, 3389])),
            ("protocol", codes(&[6, 6, 17, 50, 6])),
            ("packets", counts(&[1, 2])),
            ("bytes", counts(&[100, 200, 100])),
            ("start", times()),
            ("end", times()),
            ("action", texts(&["ACCEPT", "REJECT", "ACCEPT", "REJECT", "ACCEPT"])),
            ("log_status", texts(&["OK", "OK", "OK", "SKIPDATA"])),
            ("object", texts(&["a.log", "b.log"])),
            ("line", Arc::new(Int64Array::from_iter_values(0..ROWS as i64))),
        ],
    )
}

fn conversations() -> RecordBatch {
    let text = |name: &str| Field::new(name, DataType::Utf8View, true);
    let of = |names: &str, kind: &DataType| {
        let field = |name: &str| Field::new(name, kind.clone(), true);
        names.split(' ').map(field).collect::<Vec<_>>()
    };
    let mut fields: Vec<Field> = "interface_id account_id region vpc_id subnet_id job_name job_arn \
        job_candidates attribution eni_role eni_belongs_to local_addr remote_addr remote_interface_id \
        remote_job_name remote_scope opened_by s3_path s3_evidence log_status reject_reason"
        .split_whitespace()
        .map(text)
        .collect();
    fields.extend(of("local_port remote_port protocol traffic_path", &DataType::Int32));
    fields.extend(of("network_isolation", &DataType::Boolean));
    let counted = "records accepted_out accepted_in rejected_out rejected_in accepted_packets \
        accepted_bytes_out accepted_bytes_in rejected_packets rejected_bytes_out rejected_bytes_in \
        rejected_syn rejected_flagless";
    for name in counted.split_whitespace() {
        fields.extend(of(name, &DataType::Int64));
    }
    let time = DataType::Timestamp(TimeUnit::Second, Some("UTC".into()));
    let timed =
        "first_seen last_seen accepted_first accepted_last rejected_first rejected_last closed_at";
    fields.extend(of(timed, &time));
    table(
        Arc::new(Schema::new(fields)),
        &[
            ("interface_id", texts(&["eni-1", "eni-2", "eni-nat"])),
            ("job_name", texts(&["job-a", "job-b", "-"])),
            ("job_candidates", texts(&["-", "-", "job-c,job-d"])),
            ("attribution", texts(&["exact", "exact", "shared", "-"])),
            ("eni_belongs_to", texts(&["-", "nat_gateway"])),
            ("local_addr", texts(&["10.0.0.9", "10.0.0.10"])),
            ("remote_addr", texts(&["52.216.0.1", "10.0.0.10", "203.0.113.9", "-"])),
            ("remote_scope", texts(&["s3", "same-job", "internet"])),
            ("opened_by", texts(&["local", "remote", "-"])),
            ("s3_path", texts(&["gateway-endpoint", "-", "nat-gateway"])),
            ("s3_evidence", texts(&["strong", "-", "inferred"])),
            ("local_port", codes(&[40_000, 22])),
            ("remote_port", codes(&[443, 50_000])),
            ("protocol", codes(&[6, 17, 50])),
            ("records", counts(&[1])),
            ("accepted_out", counts(&[1, 0])),
            ("accepted_in", counts(&[1])),
            ("rejected_out", counts(&[0, 1])),
            ("rejected_in", counts(&[0])),
            ("accepted_bytes_out", counts(&[10, 20])),
            ("accepted_bytes_in", counts(&[10])),
            ("first_seen", times()),
            ("last_seen", times()),
        ],
    )
}

fn nat_gateways() -> RecordBatch {
    let names = ["nat_gateway_id", "interface_id", "private_ip"];
    let fields: Vec<Field> =
        names.iter().map(|name| Field::new(*name, DataType::Utf8View, true)).collect();
    table(
        Arc::new(Schema::new(fields)),
        &[("interface_id", texts(&["eni-nat", "-"])), ("private_ip", texts(&["10.0.0.200", "-"]))],
    )
}

/// Returns a session over the rows in an order of its own, in several partitions.
fn session(seed: u64) -> SessionContext {
    let ctx = SessionContext::new();
    functions::register(
        &ctx,
        Arc::new(|ip| ip.to_string().starts_with("52.").then(|| "S3".into())),
    );
    let mut random = fastrand::Rng::with_seed(seed);
    let tables = [
        ("flow_context", flow_logs()),
        ("conversations", conversations()),
        ("nat_gateways", nat_gateways()),
    ];
    for (name, batch) in tables {
        let mut order: Vec<u32> = (0..ROWS as u32).collect();
        random.shuffle(&mut order);
        let shuffled = take_record_batch(&batch, &UInt32Array::from(order)).unwrap();
        let cut = random.usize(1..ROWS);
        let parts = vec![vec![shuffled.slice(0, cut)], vec![shuffled.slice(cut, ROWS - cut)]];
        let table = MemTable::try_new(batch.schema(), parts).unwrap();
        let _before = ctx.register_table(name, Arc::new(table)).unwrap();
    }
    ctx
}

async fn run(
    ctx: &SessionContext,
    report: &ReportQuery,
    params: &[(String, String)],
) -> RecordBatch {
    let params = params_from(&report.params, params).unwrap();
    let plan = ctx.sql(&report.sql).await.and_then(|plan| plan.with_param_values(params));
    let plan = plan.unwrap_or_else(|err| panic!("{}: {err}", report.id));
    let stream = plan.execute_stream().await.unwrap_or_else(|err| panic!("{}: {err}", report.id));
    let schema = stream.schema();
    let batches: Vec<RecordBatch> = stream.try_collect().await.unwrap();
    concat_batches(&schema, &batches).unwrap()
}

#[tokio::test]
async fn every_report_runs_and_gives_the_same_rows_in_any_order() {
    for report in reports().unwrap() {
        let first = run(&session(0), &report, &[]).await;
        assert!(first.num_rows() > 0, "{} finds nothing", report.id);
        // A cut in the middle of a tie shows an order that is not total.
        for limit in [2, 7].map(|limit: u32| ("limit".to_owned(), limit.to_string())) {
            let limit = if report.params.contains_key("limit") { vec![limit] } else { vec![] };
            let [one, other] =
                [run(&session(1), &report, &limit).await, run(&session(2), &report, &limit).await];
            let [one, other] =
                [one, other].map(|rows| pretty_format_batches(&[rows]).unwrap().to_string());
            assert_eq!(one, other, "{}", report.id);
            if limit.is_empty() {
                break;
            }
        }
    }
}

#[test]
fn reports_ask_for_fields_that_exist() {
    let schema = Layout::Vpc.schema(&[]);
    for report in reports().unwrap() {
        for column in &report.requires {
            assert!(schema.column_with_name(column).is_some(), "{}: {column}", report.id);
        }
    }
}

#[test]
fn every_file_is_listed_once() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/queries/reports");
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let files: BTreeSet<String> =
        files.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
    let listed: Vec<&str> = REPORTS.iter().map(|(id, _)| *id).collect();
    assert_eq!(listed.len(), files.len());
    assert!(listed.iter().all(|id| files.contains(*id)));
}
