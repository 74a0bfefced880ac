//! Why traffic to S3 did not take the gateway endpoint, and what leads it there.

use std::net::IpAddr;

use crate::flow::address;
use crate::inventory::model::{Inventory, VpcEndpoint};
use crate::reachability::config_change::ConfigChange;
use crate::reachability::escape::{hcl, shell};
use crate::reachability::fix::{Fix, drop_route};
use crate::reachability::path::Analyzer;
use crate::reachability::route;
use crate::reachability::snippets::block;
use crate::vpc::endpoints::{is_available, is_gateway, is_ipv4_only};
use crate::vpc::network::VpcNetwork;
use crate::vpc::{NextHop, service_name};

/// What is known of traffic that went around the endpoint.
#[derive(Debug, Clone, Copy)]
pub struct BypassObservation<'a> {
    /// VPC of the interface.
    pub vpc: Option<&'a str>,
    /// Its subnet.
    pub subnet: Option<&'a str>,
    /// Its region.
    pub region: Option<&'a str>,
    /// The S3 address.
    pub remote: IpAddr,
    /// `s3_path`: the way that it took.
    pub path: &'a str,
}

/// Why it went around the endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BypassExplanation {
    /// The cause, in one sentence.
    pub cause: String,
    /// What leads it to the endpoint.
    pub fixes: Vec<Fix>,
    /// What to do where no change of the VPC helps, or beside it.
    pub advice: Option<&'static str>,
}

impl BypassExplanation {
    /// Returns what to do: commands and Terraform, and what else there is to say.
    pub fn remediation(&self) -> Option<String> {
        match (Fix::paste(&self.fixes), self.advice) {
            (Some(fixes), Some(advice)) => Some(format!("{fixes}\n\n{advice}")),
            (Some(fixes), None) => Some(fixes),
            (None, advice) => advice.map(str::to_owned),
        }
    }
}

/// The service part of S3's name.
const S3: &str = "s3";
/// The service part of DynamoDB's name.
const DYNAMODB: &str = "dynamodb";

const OTHER_REGION: &str = "keep the data in the region of the job, or copy it there: a gateway endpoint serves its own region only";
const NOT_DUALSTACK: &str = "or do not use the dualstack host names of S3";
const LATER: &str = "compare the routes as they were then, in CloudTrail or AWS Config: those of the inventory lead to the \
     endpoint";
const TABLE_UNKNOWN: &str = "name the route table of the subnet: the inventory does not tell it";

impl Analyzer {
    /// Says why traffic to S3 went around the VPC's gateway endpoint.
    pub fn bypass(&self, seen: &BypassObservation<'_>) -> BypassExplanation {
        let network = self.network();
        let of = region_of(network.inventory(), seen.remote);
        if seen.path == "cross-region" {
            let of = of.map_or_else(|| "another region".to_owned(), |of| format!("region {of}"));
            let cause = format!("bucket of another region: {} is S3 of {of}", seen.remote);
            return BypassExplanation { cause, fixes: Vec::new(), advice: Some(OTHER_REGION) };
        }
        let table = seen.subnet.and_then(|subnet| network.table_of(subnet));
        let gateway = seen.vpc.and_then(|vpc| gateway(network, vpc, (S3, seen.region)));
        let (vpc, region) = (seen.vpc.unwrap_or("<VPC>"), seen.region.unwrap_or("<region>"));
        let unknown = format!("<route table of {}>", seen.subnet.unwrap_or("the subnet"));
        let id = table.map_or(unknown.as_str(), |table| table.id);
        let advice = table.is_none().then_some(TABLE_UNKNOWN);
        let Some(endpoint) = gateway else {
            let cause = format!("no S3 gateway endpoint in {vpc}");
            return BypassExplanation {
                cause,
                fixes: vec![make_endpoint(vpc, (S3, region), id)],
                advice,
            };
        };
        let name = &endpoint.vpc_endpoint_id;
        if seen.remote.is_ipv6() && is_ipv4_only(endpoint) {
            let cause = format!("IPv6 address, and the endpoint {name} carries IPv4 only");
            let fixes = vec![dualstack(name, &in_region(seen.region))];
            return BypassExplanation { cause, fixes, advice: Some(NOT_DUALSTACK) };
        }
        let Some(table) = table else {
            let subnet = seen.subnet.unwrap_or("the subnet");
            let cause = format!("which route table {subnet} uses is not in the inventory");
            return BypassExplanation {
                cause,
                fixes: vec![add_table(name, id, &in_region(seen.region))],
                advice,
            };
        };
        let whose = if table.is_main { "the main table, used by" } else { "the table of" };
        let whose = format!("{} ({whose} {})", table.id, seen.subnet.unwrap_or_default());
        let routed = route::in_table(network, table.id, seen.remote);
        let listed = endpoint.route_table_ids.iter().any(|id| id == table.id);
        let leads = listed || network.routes(table.id).any(|route| route.target == *name);
        let cause = match (routed.hop, &routed.route) {
            _ if !leads => format!("{whose} has no route to the endpoint {name}"),
            (NextHop::GatewayEndpoint, _) => {
                let cause = format!(
                    "the inventory does not show why: {whose} leads to the endpoint {name}"
                );
                return BypassExplanation { cause, fixes: Vec::new(), advice: Some(LATER) };
            }
            (_, Some(route)) if route.destination != "0.0.0.0/0" && route.destination != "::/0" => {
                let cause = format!(
                    "the route of {} to {} in {whose} beats the one to the endpoint {name}",
                    route.destination, route.target
                );
                let fixes = vec![drop_route(route, &in_region(seen.region))];
                return BypassExplanation { cause, fixes, advice: None };
            }
            _ => {
                let cause = format!(
                    "{whose} has a route to the endpoint {name}, and {} is not in its prefix list",
                    seen.remote
                );
                return BypassExplanation { cause, fixes: Vec::new(), advice: Some(LATER) };
            }
        };
        BypassExplanation {
            cause,
            fixes: vec![add_table(name, table.id, &in_region(seen.region))],
            advice: None,
        }
    }
}

fn in_region(region: Option<&str>) -> String {
    region.map(|region| format!(" --region {}", shell(region))).unwrap_or_default()
}

/// Leads a route table to a VPC's gateway endpoint of a service (`s3`, `dynamodb`) in a region: to the one that
/// there is, else to a new one.
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
fn gateway<'a>(
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

fn add_table(endpoint: &str, table: &str, region: &str) -> Fix {
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

fn make_endpoint(vpc: &str, (name, region): (&str, &str), table: &str) -> Fix {
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

fn dualstack(endpoint: &str, region: &str) -> Fix {
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

/// Returns the region of S3 that an address belongs to: by AWS's ranges, else by the prefix lists. NULL when
/// neither knows it.
pub(super) fn region_of(inventory: &Inventory, ip: IpAddr) -> Option<&str> {
    let ranges = inventory.ip_ranges.iter().filter(|row| row.service == "S3");
    let of_range = ranges
        .filter(|row| row.valid_to.is_none() && row.region != "GLOBAL")
        .find(|row| address::parse_net(&row.cidr).is_some_and(|net| net.contains(&ip)));
    if let Some(range) = of_range {
        return Some(&range.region);
    }
    inventory.prefix_lists.iter().find_map(|row| {
        let region = service_name::s3_region(row.name.as_deref()?)?;
        let net = address::parse_net(row.cidr.as_deref()?)?;
        net.contains(&ip).then_some(region)
    })
}

/// Returns the service that gateway endpoints serve at an address, and its region.
pub(super) fn gateway_service(inventory: &Inventory, ip: IpAddr) -> Option<(&str, &str)> {
    if let Some(region) = region_of(inventory, ip) {
        return Some((S3, region));
    }
    let holds = |cidr: &str| address::parse_net(cidr).is_some_and(|net| net.contains(&ip));
    let of_lists = inventory.prefix_lists.iter().find_map(|row| {
        let (region, service) = service_name::parse(row.name.as_deref()?)?;
        (service == DYNAMODB && holds(row.cidr.as_deref()?)).then_some((DYNAMODB, region))
    });
    let ranges = inventory.ip_ranges.iter().filter(|row| row.valid_to.is_none());
    let mut of_ranges = ranges.filter(|row| row.service == "DYNAMODB" && holds(&row.cidr));
    of_lists.or_else(|| of_ranges.next().map(|row| (DYNAMODB, row.region.as_str())))
}

/// Tells whether an address is an AWS service's in a region, and not a machine's that anybody rents.
pub(super) fn is_aws_of(inventory: &Inventory, ip: IpAddr, region: &str) -> bool {
    let ranges = inventory.ip_ranges.iter().filter(|row| row.valid_to.is_none());
    let holds = |cidr: &str| address::parse_net(cidr).is_some_and(|net| net.contains(&ip));
    let mut held = ranges.filter(|row| row.region == region && holds(&row.cidr)).peekable();
    held.peek().is_some() && held.all(|row| row.service != "EC2")
}
