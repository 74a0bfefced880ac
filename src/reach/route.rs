//! Which way a route table sends an address.

use std::net::IpAddr;

use crate::flow::addr;
use crate::inventory::model::Route;
use crate::inventory::model::VpcEndpoint;
use crate::reach::network::Network;
use crate::reach::s3;

/// Where a route leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hop {
    /// Within the VPC.
    Local,
    /// A gateway endpoint.
    GatewayEndpoint,
    /// A NAT gateway.
    Nat,
    /// An internet gateway.
    Internet,
    /// An egress-only internet gateway.
    EgressOnly,
    /// A VPC peering connection.
    Peering,
    /// A transit gateway.
    Transit,
    /// A virtual private gateway.
    Vpn,
    /// An interface, a firewall's endpoint, a local gateway …
    Other,
    /// A target that is gone.
    Blackhole,
    /// No route fits.
    Nothing,
    /// The inventory does not tell.
    Unknown,
}

/// What a route table does with an address.
#[derive(Debug, Clone)]
pub(super) struct Routed {
    pub(super) hop: Hop,
    /// The route table, where it is known.
    pub(super) table: Option<String>,
    /// The route that decides, where one does.
    pub(super) route: Option<Route>,
    /// What the inventory does not tell, when it does not.
    pub(super) unknown: Option<String>,
}

impl Routed {
    fn unknown(table: Option<&str>, text: String) -> Self {
        let table = table.map(str::to_owned);
        Self { hop: Hop::Unknown, table, route: None, unknown: Some(text) }
    }

    /// Returns table and route, as the id of what decides.
    pub(super) fn by(&self) -> Option<String> {
        let table = self.table.clone()?;
        Some(match &self.route {
            Some(route) => format!("{table} {}", route.destination),
            None => table,
        })
    }

    /// Says in words what the table does.
    pub(super) fn words(&self, to: IpAddr) -> String {
        if let Some(text) = &self.unknown {
            return text.clone();
        }
        let table = self.table.as_deref().unwrap_or("the route table");
        match (&self.route, self.hop) {
            (Some(route), Hop::Blackhole) => format!(
                "{table} sends {to} by {} to {}, which is gone (blackhole)",
                route.destination, route.target
            ),
            (Some(route), _) => {
                format!("{table} sends {to} by {} to {}", route.destination, route.target)
            }
            (None, Hop::Local) => format!("{table} keeps {to} in the VPC"),
            (None, _) => format!("{table} has no route to {to}"),
        }
    }
}

/// How well a route fits: the longest prefix first; of equal ones a CIDR of its own, then an entry of a prefix
/// list, then what a gateway propagated.
type Rank = (u8, u8);

/// Says where the route table of a subnet sends an address. Routes to a gateway endpoint that only the
/// endpoint tells of count as well.
pub(super) fn route(network: &Network, subnet: Option<&str>, to: IpAddr) -> Routed {
    let Some(subnet) = subnet else {
        return Routed::unknown(
            None,
            "the subnet is not known, and so neither is its route table".into(),
        );
    };
    let Some(table) = network.table_of(subnet) else {
        let text = format!("the route table of {subnet} is not in the inventory");
        return Routed::unknown(None, text);
    };
    let vpc = network.subnet(subnet).and_then(|subnet| subnet.vpc_id.as_deref());
    in_table(network, vpc, table.id, to)
}

/// As [`route`], for a route table.
pub(super) fn in_table(network: &Network, vpc: Option<&str>, table: &str, to: IpAddr) -> Routed {
    let mut routes: Vec<Route> = network.routes(table).cloned().collect();
    let vpc = vpc.or_else(|| routes.iter().find_map(|route| route.vpc_id.as_deref()));
    let vpc = vpc.map(str::to_owned);
    add_endpoints(network, vpc.as_deref(), table, &mut routes);
    if routes.is_empty() {
        return Routed::unknown(
            Some(table),
            format!("the routes of {table} are not in the inventory"),
        );
    }
    let mut best: Option<(Rank, &Route)> = None;
    let mut unsure: Option<&Route> = None;
    for route in &routes {
        let rank = match fits(network, route, to) {
            Ok(Some(len)) => (len, kind_rank(route)),
            Ok(None) => continue,
            Err(()) => {
                unsure = Some(route);
                continue;
            }
        };
        if best.is_none_or(|(held, _)| rank > held) {
            best = Some((rank, route));
        }
    }
    let whole = if to.is_ipv4() { 32 } else { 128 };
    if let Some(route) = unsure
        && best.is_none_or(|((len, _), _)| len < whole)
    {
        let text = format!(
            "{table} has a route by {} to {}, and the entries of that list are not in the inventory",
            route.destination, route.target
        );
        return Routed::unknown(Some(table), text);
    }
    // Every route table keeps what is in the VPC, whether the answer shows that route or not.
    let local = vpc.and_then(|vpc| block_len(network, &vpc, to));
    let (hop, route) = match best {
        None if local.is_some() => (Hop::Local, None),
        None => (Hop::Nothing, None),
        Some(((len, _), _)) if local.is_some_and(|local| local > len) => (Hop::Local, None),
        Some((_, route)) => (hop(network, route), Some(route.clone())),
    };
    Routed { hop, table: Some(table.to_owned()), route, unknown: None }
}

/// Adds the routes that a gateway endpoint names by its route tables and that the table does not show.
fn add_endpoints(network: &Network, vpc: Option<&str>, table: &str, routes: &mut Vec<Route>) {
    let Some(vpc) = vpc else { return };
    for endpoint in network.endpoints(vpc).filter(|endpoint| is_gateway(endpoint)) {
        let id = &endpoint.vpc_endpoint_id;
        let named = endpoint.route_table_ids.iter().any(|id| id == table);
        if !named || routes.iter().any(|route| route.target == *id) {
            continue;
        }
        let service = endpoint.service_name.as_deref().unwrap_or_default();
        let list = network.list_named(service).unwrap_or("pl-").to_owned();
        routes.push(Route {
            route_table_id: table.to_owned(),
            vpc_id: Some(vpc.to_owned()),
            destination: list,
            target: id.clone(),
            state: None,
            origin: None,
        });
    }
}

/// Returns the prefix length by which a route fits an address; an error when that is not known.
fn fits(network: &Network, route: &Route, to: IpAddr) -> Result<Option<u8>, ()> {
    if !route.destination.starts_with("pl-") {
        let net = addr::parse_net(&route.destination).filter(|net| net.contains(&to));
        return Ok(net.map(|net| net.prefix_len()));
    }
    if let Some(nets) = network.prefix_list(&route.destination) {
        let lens = nets.iter().filter(|net| net.contains(&to)).map(ipnet::IpNet::prefix_len);
        return Ok(lens.max());
    }
    // The list of an S3 endpoint holds every S3 address of its region and no other.
    let endpoint = network.endpoint(&route.target);
    let region =
        endpoint.and_then(|endpoint| s3::region_of_service(endpoint.service_name.as_deref()?));
    let Some(region) = region else { return Err(()) };
    match s3::region_of(network.inventory(), to) {
        Some(of) if of == region => Ok(Some(if to.is_ipv4() { 32 } else { 128 })),
        Some(_) => Ok(None),
        None if addr::is_private(to) => Ok(None),
        None => Err(()),
    }
}

fn kind_rank(route: &Route) -> u8 {
    match route.origin.as_deref() {
        Some("EnableVgwRoutePropagation") => 0,
        _ if route.destination.starts_with("pl-") => 1,
        _ => 2,
    }
}

fn hop(network: &Network, route: &Route) -> Hop {
    if route.state.as_deref().is_some_and(|state| state.eq_ignore_ascii_case("blackhole")) {
        return Hop::Blackhole;
    }
    let target = route.target.as_str();
    match target.split_once('-').map_or(target, |(kind, _)| kind) {
        "local" => Hop::Local,
        "vpce" => match network.endpoint(target) {
            Some(endpoint) if is_gateway(endpoint) => Hop::GatewayEndpoint,
            None if route.destination.starts_with("pl-") => Hop::GatewayEndpoint,
            _ => Hop::Other,
        },
        "nat" => Hop::Nat,
        "igw" => Hop::Internet,
        "eigw" => Hop::EgressOnly,
        "pcx" => Hop::Peering,
        "tgw" => Hop::Transit,
        "vgw" => Hop::Vpn,
        _ => Hop::Other,
    }
}

/// Tells whether an endpoint is one that routes lead to.
pub(super) fn is_gateway(endpoint: &VpcEndpoint) -> bool {
    match endpoint.endpoint_type.as_deref() {
        Some(kind) => kind.eq_ignore_ascii_case("gateway"),
        None => endpoint.interface_ids.is_empty() && !endpoint.route_table_ids.is_empty(),
    }
}

/// Tells whether an address is in a VPC's own blocks.
pub(super) fn is_inside(network: &Network, vpc: &str, ip: IpAddr) -> bool {
    block_len(network, vpc, ip).is_some()
}

/// Returns the prefix length of the longest of a VPC's own blocks that holds an address.
fn block_len(network: &Network, vpc: &str, ip: IpAddr) -> Option<u8> {
    let vpcs = network.inventory().vpcs.iter().filter(|row| row.vpc_id == vpc);
    let nets = vpcs.flat_map(|vpc| &vpc.cidrs).filter_map(|cidr| addr::parse_net(cidr));
    nets.filter(|net| net.contains(&ip)).map(|net| net.prefix_len()).max()
}
