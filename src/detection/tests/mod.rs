//! The SQL of the built-in detections on conversations written by hand, without the engine.

mod blocked;
mod egress;
mod ocsf;
mod output;
mod s3;

use std::collections::BTreeSet;
use std::str::FromStr as _;
use std::sync::Arc;

use arrow::array::{
    Array as _, ArrayRef, AsArray as _, BooleanArray, Int32Array, Int64Array, ListArray,
    StringArray, StructArray, TimestampSecondArray,
};
use arrow::buffer::OffsetBuffer;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Int32Type, Schema, TimeUnit, TimestampSecondType};
use arrow::record_batch::RecordBatch;
use datafusion::common::ParamValues;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionImplementation, Volatility, create_udf,
};
use datafusion::prelude::SessionContext;
use datafusion::scalar::ScalarValue;
use futures::TryStreamExt as _;

use crate::detection::case::inventory_of;
use crate::detection::runner::run;
use crate::detection::text_table::Table;
use crate::detection::{Detection, DetectionRun, Finding, built_in};
use crate::engine::{VIEWS, first_records, first_starts, most_within, why_functions};

/// Columns of the view `conversations`: t text, n number, b bool, s seconds.
const CONVERSATIONS: &str = "interface_id:t account_id:t region:t vpc_id:t subnet_id:t job_name:t \
    job_arn:t job_candidates:t attribution:t eni_role:t network_isolation:b eni_belongs_to:t \
    local_addr:t local_port:n remote_addr:t remote_port:n protocol:n remote_interface_id:t \
    remote_job_name:t remote_scope:t opened_by:t s3_path:t s3_evidence:t log_status:t first_seen:s \
    last_seen:s records:n accepted_out:n accepted_in:n rejected_out:n rejected_in:n \
    accepted_packets:n accepted_bytes_out:n accepted_bytes_in:n rejected_packets:n \
    rejected_bytes_out:n rejected_bytes_in:n accepted_first:s accepted_last:s rejected_first:s \
    rejected_last:s rejected_syn:n rejected_flagless:n closed_at:s traffic_path:n reject_reason:t \
    accepted_out_first:s accepted_in_first:s longest_secs:n";

const ENIS: &str = "interface_id:t vpc_id:t subnet_id:t security_group_ids:l job_name:t job_arn:t \
    job_candidates:l attribution:t valid_from:s valid_to:s created_at:s account_id:t region:t \
    addresses:l creator_role_arn:t made_by:t made_by_from:t belongs_to:t reason:t";
const JOBS: &str =
    "job_name:t job_arn:t in_vpc:b inter_container_encryption:b created_at:s ended_at:s";
const RUNS: &str = "interface_id:t account_id:t region:t vpc_id:t subnet_id:t job_name:t job_arn:t \
    job_candidates:t attribution:t state:t first_seen:s last_seen:s minutes:n records:n nodata:n skipdata:n \
    aggregation_secs:n aggregation_from:t job_first_seen:s job_last_seen:s";
const LOGS: &str = "interface_id:t job_name:t job_arn:t job_candidates:t attribution:t flow_log_id:t records:n \
    nodata:n skipdata:n accepted:n rejected:n without_action:n without_ports:n without_start:n without_end:n \
    without_bytes:n first_seen:s last_seen:s";
const FLOW_LOGS: &str = "flow_log_id:t resource_id:t traffic_type:t max_aggregation_secs:n \
    deliver_logs_status:t deliver_logs_error:t created_at:s";
const SUBNETS: &str = "subnet_id:t vpc_id:t cidrs:l";
const RULES: &str = "security_group_id:t direction:t protocol:t from_port:n to_port:n peer:t";
const ACLS: &str = "network_acl_id:t subnet_id:t direction:t rule_number:n rule_action:t protocol:t \
    cidr:t from_port:n to_port:n";
const TABLES: &str = "route_table_id:t vpc_id:t subnet_id:t main:b";
const ENDPOINTS: &str =
    "vpc_endpoint_id:t endpoint_type:t vpc_id:t service_name:t route_table_ids:l";

/// What a test puts into the tables, as text tables; a column left out is NULL (a count 0).
#[derive(Default)]
pub(super) struct World {
    pub(super) conversations: &'static str,
    pub(super) enis: &'static str,
    pub(super) jobs: &'static str,
    pub(super) logs: &'static str,
    pub(super) flow_logs: &'static str,
    pub(super) subnets: &'static str,
    pub(super) rules: &'static str,
    pub(super) acls: &'static str,
    pub(super) tables: &'static str,
    pub(super) endpoints: &'static str,
}

fn batch(schema: &str, text: &str) -> RecordBatch {
    let table = Table::parse(text).unwrap();
    let mut columns: Vec<(String, ArrayRef)> = Vec::new();
    for column in schema.split_whitespace() {
        let (name, kind) = column.split_once(':').unwrap();
        let at = table.columns.iter().position(|known| known == name);
        let is_count = ["records", "accepted", "rejected", "without_"]
            .iter()
            .any(|start| name.starts_with(start));
        let cell = |row: &Vec<Option<String>>| at.and_then(|at| row[at].clone());
        let texts: StringArray = table.rows.iter().map(cell).collect();
        let numbers = cast(&texts, &DataType::Int64).unwrap_or_else(|_| Arc::new(texts.clone()));
        columns.push((
            name.to_owned(),
            match kind {
                "t" => cast(&texts, &DataType::Utf8View).unwrap(),
                "b" => cast(&texts, &DataType::Boolean).unwrap(),
                "n" if is_count => {
                    let numbers = numbers.as_primitive::<arrow::datatypes::Int64Type>();
                    Arc::new(numbers.iter().map(|n| Some(n.unwrap_or(0))).collect::<Int64Array>())
                }
                "n" => cast(&numbers, &DataType::Int32).unwrap(),
                "s" => cast(&numbers, &DataType::Timestamp(TimeUnit::Second, Some("UTC".into())))
                    .unwrap(),
                _ => lists(&texts),
            },
        ));
    }
    for missing in table.columns {
        assert!(columns.iter().any(|(name, _)| *name == missing), "no column {missing}");
    }
    if schema == CONVERSATIONS {
        let none = vec![None::<Vec<Option<i64>>>; table.rows.len()];
        let starts = ListArray::from_iter_primitive::<TimestampSecondType, _, _>(none);
        columns.push(("starts".to_owned(), Arc::new(starts)));
        columns.push(("evidence_accepted".to_owned(), evidence(table.rows.len(), "accepted.log")));
        columns.push(("evidence_rejected".to_owned(), evidence(table.rows.len(), "rejected.log")));
    }
    let fields: Vec<Field> = columns
        .iter()
        .map(|(name, array)| Field::new(name, array.data_type().clone(), true))
        .collect();
    let arrays = columns.into_iter().map(|(_, array)| array).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).unwrap()
}

fn lists(texts: &StringArray) -> ArrayRef {
    let parts = |text: Option<&str>| -> Vec<String> {
        text.map(|text| text.split(',').map(str::to_owned).collect()).unwrap_or_default()
    };
    let lists: Vec<Vec<String>> = texts.iter().map(parts).collect();
    let lengths = OffsetBuffer::from_lengths(lists.iter().map(Vec::len));
    let values: StringArray = lists.into_iter().flatten().map(Some).collect();
    let item = Arc::new(Field::new_list_field(DataType::Utf8, true));
    Arc::new(ListArray::new(item, lengths, Arc::new(values), None))
}

/// One record for each row: its line is the number of the row.
fn evidence(rows: usize, object: &str) -> ArrayRef {
    let lines = Int64Array::from_iter_values(1..=i64::try_from(rows).unwrap());
    let start: TimestampSecondArray =
        (0..rows).map(|row| Some(i64::try_from(row).unwrap())).collect();
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("start", Arc::new(start.with_timezone("UTC"))),
        ("object", Arc::new(StringArray::from(vec![object; rows]))),
        ("line", Arc::new(lines)),
    ];
    let fields: Vec<Field> = columns
        .iter()
        .map(|(name, array)| Field::new(*name, array.data_type().clone(), true))
        .collect();
    let arrays = columns.into_iter().map(|(_, array)| array).collect();
    let records = StructArray::new(fields.into(), arrays, None);
    let item = Arc::new(Field::new("item", records.data_type().clone(), true));
    Arc::new(ListArray::new(
        item,
        OffsetBuffer::from_lengths(vec![1; rows]),
        Arc::new(records),
        None,
    ))
}

pub(super) fn session(world: &World) -> SessionContext {
    let context = SessionContext::new();
    let tables = [
        ("conversations", CONVERSATIONS, world.conversations),
        ("enis", ENIS, world.enis),
        ("interface_runs", RUNS, ""),
        ("interface_logs", LOGS, world.logs),
        ("aws_flow_logs", FLOW_LOGS, world.flow_logs),
        ("jobs", JOBS, world.jobs),
        ("subnets", SUBNETS, world.subnets),
        ("security_group_rules", RULES, world.rules),
        ("network_acl_entries", ACLS, world.acls),
        ("route_table_associations", TABLES, world.tables),
        ("vpc_endpoints", ENDPOINTS, world.endpoints),
        ("vpcs", "vpc_id:t cidrs:l dhcp_options_id:t", "vpc_id cidrs\nvpc-1 10.0.0.0/16"),
        ("dhcp_options", "dhcp_options_id:t domain_name_servers:l", ""),
        ("ip_ranges", "cidr:t service:t", "cidr service\n52.216.0.0/15 S3"),
        ("prefix_lists", "prefix_list_id:t cidr:t", ""),
        ("routes", "vpc_id:t destination:t target:t", ""),
        (
            "baseline",
            "rule:n bytes_out_max:n learned:b reason:t",
            "rule bytes_out_max learned\n1 1000 true",
        ),
    ];
    for (name, schema, text) in tables {
        context.register_batch(name, batch(schema, text)).unwrap();
    }
    register_functions(&context);
    let texts = [
        ("enis", world.enis),
        ("subnets", world.subnets),
        ("security_group_rules", world.rules),
        ("network_acl_entries", world.acls),
        ("route_table_associations", world.tables),
        ("vpc_endpoints", world.endpoints),
    ];
    let texts = texts.map(|(name, text)| (name.to_owned(), toml::Value::String(text.to_owned())));
    let inventory = inventory_of(&texts.into_iter().collect()).unwrap();
    for function in why_functions(&Arc::new(inventory)) {
        context.register_udf(function);
    }
    context
}

/// Stand-ins for the engine's functions: `in_cidr` is real, addresses are their own keys, 192.0.2.1 is allowed, TCP
/// has a name, all that a job does is in its baseline.
fn register_functions(context: &SessionContext) {
    let text = DataType::Utf8;
    let rows = |args: &[ColumnarValue]| ColumnarValue::values_to_arrays(args);
    let in_cidr = move |args: &[ColumnarValue]| {
        let args = rows(args)?;
        let (ips, nets) = (args[0].as_string::<i32>(), args[1].as_string::<i32>());
        let fits = ips.iter().zip(nets).map(|(ip, net)| {
            let ip = std::net::IpAddr::from_str(ip?).unwrap();
            Some(ipnet::IpNet::from_str(net?).unwrap().contains(&ip))
        });
        Ok(ColumnarValue::Array(Arc::new(fits.collect::<BooleanArray>())))
    };
    let protocol_name = move |args: &[ColumnarValue]| {
        let args = rows(args)?;
        let name = |number: Option<i32>| number.filter(|number| *number == 6).map(|_| "TCP");
        let names = args[0].as_primitive::<Int32Type>().iter().map(name);
        Ok(ColumnarValue::Array(Arc::new(names.collect::<StringArray>())))
    };
    let allowed_by = move |args: &[ColumnarValue]| {
        let args = rows(args)?;
        let name = |ip: Option<&str>| ip.filter(|ip| *ip == "192.0.2.1").map(|_| "rule 1");
        let names = args[1].as_string::<i32>().iter().map(name);
        Ok(ColumnarValue::Array(Arc::new(names.collect::<StringArray>())))
    };
    let rule = move |args: &[ColumnarValue]| {
        let count = rows(args)?[0].len();
        Ok(ColumnarValue::Array(Arc::new(Int32Array::from_value(1, count))))
    };
    let destination = move |args: &[ColumnarValue]| Ok(args[0].clone());
    let ip_key = move |args: &[ColumnarValue]| Ok(args[0].clone());
    let fixed = Volatility::Immutable;
    let two = vec![text.clone(), text.clone()];
    let five = vec![text.clone(), text.clone(), text.clone(), DataType::Int32, DataType::Int32];
    let number = vec![DataType::Int32];
    for (name, takes, gives, function) in [
        (
            "baseline_rule",
            five.clone(),
            DataType::Int32,
            Arc::new(rule) as ScalarFunctionImplementation,
        ),
        ("destination_of", two.clone(), text.clone(), Arc::new(destination)),
    ] {
        context.register_udf(create_udf(name, takes, gives, fixed, function));
    }
    let one = vec![text.clone()];
    context.register_udf(create_udf("ip_key", one, text.clone(), fixed, Arc::new(ip_key)));
    context.register_udf(create_udf("in_cidr", two, DataType::Boolean, fixed, Arc::new(in_cidr)));
    context.register_udf(create_udf(
        "protocol_name",
        number,
        text.clone(),
        fixed,
        Arc::new(protocol_name),
    ));
    context.register_udf(create_udf("allowed_by", five, text, fixed, Arc::new(allowed_by)));
    context.register_udaf(first_records());
    context.register_udaf(first_starts());
    context.register_udf(most_within());
}

/// The engine's views that are made of conversations alone.
const OVER_CONVERSATIONS: &[&str] = &["peers", "refused_conversations"];

pub(super) async fn query(
    context: &SessionContext,
    sql: &str,
    params: &[(String, ScalarValue)],
) -> Result<Vec<RecordBatch>, DataFusionError> {
    for (name, view) in VIEWS.iter().filter(|(name, _)| OVER_CONVERSATIONS.contains(name)) {
        context.sql(&format!("CREATE OR REPLACE VIEW {name} AS {view}")).await?;
    }
    let mut frame = context.sql(sql).await?;
    if !params.is_empty() {
        frame = frame.with_param_values(ParamValues::from(params.to_vec()))?;
    }
    frame.execute_stream().await?.try_collect().await
}

pub(super) fn detection(id: &str) -> Detection {
    built_in().unwrap().into_iter().find(|known| known.id == id).unwrap()
}

/// Runs one detection on a world.
pub(super) async fn findings(id: &str, world: &World) -> Vec<Finding> {
    outcome(&[detection(id)], world).await.findings
}

pub(super) async fn outcome(detections: &[Detection], world: &World) -> DetectionRun {
    let context = session(world);
    let names = "interface_id srcaddr dstaddr srcport dstport action start end bytes";
    let columns: BTreeSet<String> = names.split(' ').map(str::to_owned).collect();
    let ask =
        async |sql: &str, params: &[(String, ScalarValue)]| query(&context, sql, params).await;
    run(detections, &columns, &[], 0, ask).await.unwrap_or_else(|err| {
        panic!("{err}: {:?}", std::error::Error::source(&err).map(ToString::to_string))
    })
}

/// Returns `fields` of each finding, one text a finding, in order.
pub(super) fn shown(findings: &[Finding], fields: &str) -> Vec<String> {
    let row = |finding: &Finding| {
        let value = serde_json::to_value(finding).unwrap();
        let cell = |name: &str| match &value[name] {
            serde_json::Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        fields.split_whitespace().map(cell).collect::<Vec<_>>().join(" | ")
    };
    findings.iter().map(row).collect()
}
