//! Why traffic to S3 did not use the gateway endpoint, and fixes that make it.

use std::net::IpAddr;

use crate::reachability::analyzer::Analyzer;
use crate::reachability::endpoint_fixes::{
    S3, add_table, dualstack, gateway, in_region, make_endpoint,
};
use crate::reachability::fix::{Fix, drop_route};
use crate::reachability::route;
use crate::vpc::NextHop;
use crate::vpc::endpoints::is_ipv4_only;
use crate::vpc::service_address::s3_region_of;

/// Observed traffic that bypassed the endpoint.
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
    /// `s3_path`: the path that it took.
    pub path: &'a str,
}

/// Why it bypassed the endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BypassExplanation {
    /// The cause, in one sentence.
    pub cause: String,
    /// The changes that make it use the endpoint.
    pub fixes: Vec<Fix>,
    /// What else to do, or what to do if no change of the VPC helps.
    pub advice: Option<&'static str>,
}

impl BypassExplanation {
    /// Returns what to do: commands, Terraform and advice.
    pub fn remediation(&self) -> Option<String> {
        match (Fix::paste(&self.fixes), self.advice) {
            (Some(fixes), Some(advice)) => Some(format!("{fixes}\n\n{advice}")),
            (Some(fixes), None) => Some(fixes),
            (None, advice) => advice.map(str::to_owned),
        }
    }
}

const OTHER_REGION: &str = "keep the data in the region of the job, or copy it there: a gateway endpoint serves its own region only";
const NOT_DUALSTACK: &str = "or do not use the dualstack host names of S3";
const LATER: &str = "compare the routes as they were then, in CloudTrail or AWS Config: those of the inventory lead to the \
     endpoint";
const TABLE_UNKNOWN: &str = "add the route table of the subnet: the inventory does not have it";

impl Analyzer {
    /// Returns why traffic to S3 bypassed the VPC's gateway endpoint.
    pub fn bypass(&self, seen: &BypassObservation<'_>) -> BypassExplanation {
        let network = self.network();
        let of = s3_region_of(network.inventory(), seen.remote);
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
