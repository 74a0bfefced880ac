//! An invented VPC, and records written as small tables.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type};
use arrow::util::display::{ArrayFormatter, FormatOptions};

use crate::enrich::{Column, Enricher};
use crate::flow::field::Layout;
use crate::inventory::model::{
    Attribution, Eni, Inventory, IpRange, Job, PrefixListEntry, Route, RouteTableAssociation,
    Subnet, Vpc, VpcEndpoint,
};

pub(super) const NOW: i64 = 100_000;

pub(super) fn texts(list: &[&str]) -> Vec<String> {
    list.iter().map(|text| (*text).to_owned()).collect()
}

pub(super) fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

/// An interface of vpc-1 and subnet-1 that serves a job.
pub(super) fn job_eni(id: &str, job: &str, addresses: &[&str], from: i64, to: i64) -> Eni {
    Eni {
        attribution: Some(Attribution::Exact),
        job_name: some(job),
        ..eni(id, addresses, Some(from), Some(to))
    }
}

pub(super) fn eni(id: &str, addresses: &[&str], from: Option<i64>, to: Option<i64>) -> Eni {
    Eni {
        interface_id: id.to_owned(),
        valid_from: from,
        valid_to: to,
        created_at: from,
        vpc_id: some("vpc-1"),
        subnet_id: some("subnet-1"),
        addresses: texts(addresses),
        ..Eni::default()
    }
}

pub(super) fn job(name: &str, created: i64, ended: Option<i64>, subnets: &[&str]) -> Job {
    Job {
        job_name: name.to_owned(),
        job_arn: Some(format!("arn:aws:sagemaker:us-east-1:111122223333:processing-job/{name}")),
        region: some("us-east-1"),
        created_at: Some(created),
        ended_at: ended,
        in_vpc: Some(true),
        subnet_ids: texts(subnets),
        ..Job::default()
    }
}

pub(super) fn route(table: &str, destination: &str, target: &str) -> Route {
    Route {
        route_table_id: table.to_owned(),
        vpc_id: some("vpc-1"),
        destination: destination.to_owned(),
        target: target.to_owned(),
        state: some("active"),
        ..Route::default()
    }
}

pub(super) fn association(table: &str, subnet: Option<&str>) -> RouteTableAssociation {
    RouteTableAssociation {
        route_table_id: table.to_owned(),
        vpc_id: some("vpc-1"),
        subnet_id: subnet.map(str::to_owned),
        main: subnet.is_none(),
    }
}

pub(super) fn range(cidr: &str, region: &str, service: &str) -> IpRange {
    IpRange {
        cidr: cidr.to_owned(),
        region: region.to_owned(),
        service: service.to_owned(),
        ..IpRange::default()
    }
}

fn list(id: &str, name: &str, cidr: &str) -> PrefixListEntry {
    PrefixListEntry { prefix_list_id: id.to_owned(), name: some(name), cidr: some(cidr) }
}

fn endpoint(id: &str, kind: &str, service: &str, interfaces: &[&str]) -> VpcEndpoint {
    VpcEndpoint {
        vpc_endpoint_id: id.to_owned(),
        endpoint_type: some(kind),
        vpc_id: some("vpc-1"),
        service_name: some(service),
        interface_ids: texts(interfaces),
        ..VpcEndpoint::default()
    }
}

/// vpc-1 with the public side of us-east-1: S3 at 52.216.0.0/15 and 2600:1fa0::/32, another region's S3 at
/// 52.92.0.0/16, EC2 at 3.80.0.0/12. No subnet has a route yet.
pub(super) fn network() -> Inventory {
    Inventory {
        vpcs: vec![Vpc {
            vpc_id: "vpc-1".to_owned(),
            cidrs: texts(&["10.0.0.0/16", "2001:db8:1::/56"]),
            ..Vpc::default()
        }],
        subnets: vec![Subnet {
            subnet_id: "subnet-1".to_owned(),
            vpc_id: some("vpc-1"),
            availability_zone: some("us-east-1a"),
            cidrs: texts(&["10.0.1.0/24"]),
            ..Subnet::default()
        }],
        ip_ranges: vec![
            range("52.216.0.0/15", "us-east-1", "AMAZON"),
            range("52.216.0.0/15", "us-east-1", "S3"),
            range("52.216.0.0/15", "us-east-1", "EC2"),
            range("52.92.0.0/16", "us-west-2", "S3"),
            range("2600:1fa0::/32", "us-east-1", "S3"),
            range("3.80.0.0/12", "us-east-1", "AMAZON"),
            range("3.80.0.0/12", "us-east-1", "EC2"),
        ],
        prefix_lists: vec![
            list("pl-s3", "com.amazonaws.us-east-1.s3", "52.216.0.0/15"),
            list("pl-ddb", "com.amazonaws.us-east-1.dynamodb", "52.94.0.0/22"),
        ],
        vpc_endpoints: vec![
            endpoint("vpce-gw", "Gateway", "com.amazonaws.us-east-1.s3", &[]),
            endpoint("vpce-s3", "Interface", "com.amazonaws.us-east-1.s3", &["eni-s3"]),
            endpoint("vpce-logs", "Interface", "com.amazonaws.us-east-1.logs", &["eni-logs"]),
            endpoint("vpce-fw", "GatewayLoadBalancer", "firewall", &["eni-fw"]),
        ],
        enis: vec![
            eni("eni-s3", &["10.0.1.50"], None, None),
            eni("eni-logs", &["10.0.1.51"], None, None),
            eni("eni-fw", &["10.0.1.52"], None, None),
        ],
        ..Inventory::default()
    }
}

/// Makes a batch of records from a table: a header with names of columns, then a line a record, `-` for
/// NULL.
pub(super) fn records(table: &str) -> RecordBatch {
    let mut lines = table.trim().lines().map(|l| l.split_whitespace().collect::<Vec<_>>());
    let names = lines.next().unwrap();
    let rows: Vec<_> = lines.collect();
    let schema = Layout::Vpc.schema(&[]);
    let columns = names.iter().enumerate().map(|(i, name)| {
        let values = rows.iter().map(|row| Some(row[i]).filter(|value| *value != "-"));
        let array: ArrayRef = Arc::new(values.collect::<StringArray>());
        let data_type = schema.field_with_name(name).unwrap().data_type();
        if let DataType::Timestamp(..) = data_type {
            let seconds = arrow::array::AsArray::as_string::<i32>(&array);
            let seconds: arrow::array::PrimitiveArray<Int64Type> =
                seconds.iter().map(|text| text.map(|text| text.parse().unwrap())).collect();
            return (*name, cast(&seconds, data_type).unwrap());
        }
        (*name, cast(&array, data_type).unwrap())
    });
    RecordBatch::try_from_iter(columns).unwrap()
}

/// Annotates a table of records; returns a line for each, `-` for NULL.
pub(super) fn annotate(context: &Enricher, columns: &str, table: &str) -> Vec<String> {
    let selected_columns: Vec<Column> =
        columns.split_whitespace().map(|name| Column::by_name(name).unwrap()).collect();
    let arrays = context.annotate(&records(table), &selected_columns).unwrap();
    let options = FormatOptions::new().with_null("-");
    let shown: Vec<ArrayFormatter<'_>> =
        arrays.iter().map(|a| ArrayFormatter::try_new(a, &options).unwrap()).collect();
    let line = |row| shown.iter().map(|s| s.value(row).to_string()).collect::<Vec<_>>().join(" ");
    (0..arrays[0].len()).map(line).collect()
}

pub(super) fn context(inventory: Inventory) -> Enricher {
    Enricher::new(Arc::new(inventory), Vec::new(), NOW)
}
