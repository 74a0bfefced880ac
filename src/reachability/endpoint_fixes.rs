//! Fixes about gateway endpoints: a new one, another route table, IPv6.

use crate::inventory::model::VpcEndpoint;
use crate::reachability::config_change::ConfigChange;
use crate::reachability::escape::{hcl, shell};
use crate::reachability::fix::Fix;
use crate::reachability::snippets::block;
use crate::vpc::endpoints::{is_available, is_gateway};
use crate::vpc::network::VpcNetwork;
use crate::vpc::service_name;

/// The service part of S3's name.
pub(super) const S3: &str = "s3";

pub(super) fn in_region(region: Option<&str>) -> String {
    region.map(|region| format!(" --region {}", shell(region))).unwrap_or_default()
}

/// Leads a route table to a VPC's gateway endpoint of a service (`s3`, `dynamodb`) in a region: to an
/// existing one, else to a new one.
pub(super) fn lead_to_endpoint(
    network: &VpcNetwork,
    vpc: &str,
    (service, region): (&str, &str),
    table: &str,
) -> Fix {
    match gateway(network, vpc, (service, Some(region))) {
        Some(endpoint) => add_table(&endpoint.vpc_endpoint_id, table, &in_region(Some(region))),
        None => make_endpoint(vpc, (service, region), table),
    }
}

/// The gateway endpoint of a service in a VPC; one that is available before others.
pub(super) fn gateway<'a>(
    network: &'a VpcNetwork,
    vpc: &str,
    (service, region): (&str, Option<&str>),
) -> Option<&'a VpcEndpoint> {
    let fits = |endpoint: &&VpcEndpoint| {
        let of = endpoint.service_name.as_deref().and_then(service_name::parse);
        let serves = |(of, name): (&str, &str)| name == service && region.is_none_or(|r| r == of);
        is_gateway(endpoint) && of.is_some_and(serves)
    };
    let is_gone = |endpoint: &&VpcEndpoint| !is_available(endpoint);
    let endpoints = network.inventory().vpc_endpoints.iter();
    let of_vpc = endpoints.filter(|endpoint| endpoint.vpc_id.as_deref() == Some(vpc)).filter(fits);
    of_vpc.min_by_key(|endpoint| (is_gone(endpoint), &endpoint.vpc_endpoint_id))
}

pub(super) fn add_table(endpoint: &str, table: &str, region: &str) -> Fix {
    let id = format!("{endpoint}-{table}");
    Fix {
        title: format!("associate the endpoint {endpoint} with the route table {table}"),
        cli: format!(
            "aws ec2 modify-vpc-endpoint --vpc-endpoint-id {} --add-route-table-ids {}{region}",
            shell(endpoint),
            shell(table)
        ),
        terraform: block(
            "aws_vpc_endpoint_route_table_association",
            &id,
            &[("vpc_endpoint_id", hcl(endpoint)), ("route_table_id", hcl(table))],
        ),
        id,
        change: ConfigChange::EndpointTable {
            endpoint: endpoint.to_owned(),
            table: table.to_owned(),
        },
    }
}

pub(super) fn make_endpoint(vpc: &str, (name, region): (&str, &str), table: &str) -> Fix {
    let service = format!("com.amazonaws.{region}.{name}");
    let id = format!("{vpc}-{name}-endpoint");
    let words = if name == S3 { "an S3" } else { "a DynamoDB" };
    Fix {
        title: format!("make {words} gateway endpoint in {vpc} for the route table {table}"),
        cli: format!(
            "aws ec2 create-vpc-endpoint --vpc-endpoint-type Gateway --vpc-id {} --service-name {} \
             --route-table-ids {}{}",
            shell(vpc),
            shell(&service),
            shell(table),
            in_region(Some(region).filter(|region| !region.starts_with('<')))
        ),
        terraform: block(
            "aws_vpc_endpoint",
            &id,
            &[
                ("vpc_id", hcl(vpc)),
                ("service_name", hcl(&service)),
                ("vpc_endpoint_type", hcl("Gateway")),
                ("route_table_ids", format!("[{}]", hcl(table))),
            ],
        ),
        id,
        change: ConfigChange::Endpoint(VpcEndpoint {
            vpc_endpoint_id: "vpce-new".to_owned(),
            endpoint_type: Some("Gateway".to_owned()),
            vpc_id: Some(vpc.to_owned()),
            service_name: Some(service),
            state: Some("available".to_owned()),
            route_table_ids: vec![table.to_owned()],
            ..VpcEndpoint::default()
        }),
    }
}

pub(super) fn dualstack(endpoint: &str, region: &str) -> Fix {
    Fix {
        id: format!("{endpoint}-dualstack"),
        title: format!("let the endpoint {endpoint} carry IPv6 too"),
        cli: format!(
            "aws ec2 modify-vpc-endpoint --vpc-endpoint-id {} --ip-address-type dualstack{region}",
            shell(endpoint)
        ),
        terraform: format!(
            "# in the aws_vpc_endpoint of {}:\nip_address_type = \"dualstack\"",
            endpoint.replace(char::is_control, "")
        ),
        change: ConfigChange::Dualstack { endpoint: endpoint.to_owned() },
    }
}
