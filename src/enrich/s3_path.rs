//! Which way traffic to S3 took, and how sure that is.

use std::net::IpAddr;

use crate::vpc::NextHop;

/// What a record and the inventory contain of one flow between an interface and S3.
#[derive(Debug, Clone, Copy)]
pub(super) struct S3Observation<'a> {
    /// The S3 address.
    pub(super) remote: IpAddr,
    /// Whether the address is the interface of an S3 interface endpoint.
    pub(super) to_endpoint: bool,
    /// `traffic_path`; egress only.
    pub(super) traffic_path: Option<i32>,
    /// `next_hop_interface_type`.
    pub(super) next_hop_type: Option<&'a str>,
    /// Whether `next_hop_interface_id` is the interface of an S3 interface endpoint.
    pub(super) next_hop_is_s3_endpoint: bool,
    /// Whether the address is of another region than the interface. `None` if not known.
    pub(super) is_foreign: Option<bool>,
    /// Whether the VPC's S3 gateway endpoints carry no IPv6.
    pub(super) gateway_is_ipv4_only: bool,
}

/// `s3_path` and `s3_evidence` of a record.
pub(super) type Verdict = (&'static str, &'static str);

const GATEWAY_ENDPOINT: &str = "gateway-endpoint";
const UNKNOWN: &str = "unknown";

/// Judges a flow by the best evidence there is. `hop` looks up the route of the subnet.
///
/// Tiers: `proven` by the next hop, `strong` by the traffic path, `inferred` by the routes and the
/// region, `unknown`. A gateway endpoint takes its own region only, so that a path that is not the
/// endpoint and leads to another region is `cross-region`, whatever it goes through.
pub(super) fn classify_s3_path(flow: &S3Observation<'_>, hop: impl FnOnce() -> NextHop) -> Verdict {
    if flow.to_endpoint {
        return ("interface-endpoint", endpoint_evidence(flow));
    }
    let (path, evidence) = match (flow.next_hop_type, flow.traffic_path) {
        (Some(next_hop), _) => (by_next_hop(next_hop, flow), "proven"),
        (None, Some(7)) => (GATEWAY_ENDPOINT, "strong"),
        (None, Some(8)) => (by_internet_gateway(flow), "strong"),
        (None, Some(3)) => ("virtual-private-gateway", "strong"),
        (None, Some(4 | 5)) => ("peering", "strong"),
        (None, Some(6)) => ("other", "strong"),
        // Another resource of the VPC, not the gateway endpoint; the route only names it.
        (None, Some(1)) => match hop() {
            NextHop::NatGateway => ("nat-gateway", "strong"),
            NextHop::TransitGateway => ("transit-gateway", "strong"),
            _ => ("other", "strong"),
        },
        (None, path) => by_route(flow, hop(), path == Some(2)),
    };
    let around = path != GATEWAY_ENDPOINT && path != "interface-endpoint";
    if around && flow.is_foreign == Some(true) {
        return ("cross-region", if evidence == UNKNOWN { "inferred" } else { evidence });
    }
    (path, evidence)
}

fn endpoint_evidence(flow: &S3Observation<'_>) -> &'static str {
    match (flow.next_hop_type, flow.traffic_path) {
        (Some("vpc_endpoint"), _) => "proven",
        (_, Some(1)) => "strong",
        _ => "inferred",
    }
}

fn by_next_hop(next_hop: &str, flow: &S3Observation<'_>) -> &'static str {
    match next_hop {
        "nat_gateway" | "regional_nat_gateway" => "nat-gateway",
        "transit_gateway" => "transit-gateway",
        // It may be the endpoint of a firewall.
        "vpc_endpoint" if flow.next_hop_is_s3_endpoint => "interface-endpoint",
        _ => "other",
    }
}

fn by_internet_gateway(flow: &S3Observation<'_>) -> &'static str {
    match flow.remote {
        IpAddr::V6(_) if flow.gateway_is_ipv4_only => "ipv6-around-endpoint",
        _ => "internet-gateway",
    }
}

/// Classifies by the route. `gateway` means that the path was the endpoint or the internet gateway.
fn by_route(flow: &S3Observation<'_>, hop: NextHop, gateway: bool) -> Verdict {
    let path = match hop {
        // An address of another region is not in the list that leads to the endpoint.
        NextHop::GatewayEndpoint if flow.is_foreign == Some(true) => UNKNOWN,
        NextHop::GatewayEndpoint => GATEWAY_ENDPOINT,
        NextHop::InternetGateway | NextHop::EgressOnlyGateway => by_internet_gateway(flow),
        // Nothing comes back by these, and the record may be of another time than the routes.
        NextHop::Local | NextHop::Blackhole | NextHop::NoRoute | NextHop::Unknown => {
            match by_internet_gateway(flow) {
                "ipv6-around-endpoint" => "ipv6-around-endpoint",
                _ => UNKNOWN,
            }
        }
        // These contradict the record: the routes are of another time.
        _ if gateway => UNKNOWN,
        NextHop::NatGateway => "nat-gateway",
        NextHop::VirtualPrivateGateway => "virtual-private-gateway",
        NextHop::Peering => "peering",
        NextHop::TransitGateway => "transit-gateway",
        NextHop::Other => "other",
    };
    (path, if path == UNKNOWN { UNKNOWN } else { "inferred" })
}
