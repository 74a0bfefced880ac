//! Which way a subnet's route table sends an address.

use std::net::IpAddr;

use foldhash::HashMap;

use crate::context::endpoints::Endpoints;
use crate::context::endpoints::Kind;
use crate::context::places::Places;
use crate::context::prefix::PrefixTree;
use crate::flow::addr;
use crate::inventory::model::Inventory;

/// Where a route leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Hop {
    /// A gateway endpoint.
    GatewayEndpoint,
    /// A NAT gateway.
    Nat,
    /// An internet gateway, egress-only ones included.
    InternetGateway,
    /// A virtual private gateway.
    VirtualPrivateGateway,
    /// A VPC peering connection.
    Peering,
    /// A transit gateway.
    TransitGateway,
    /// An interface, a firewall's endpoint, a local gateway …
    Other,
    /// Nowhere that a packet could have come back from: `local`, a blackhole, no route, no table, or a
    /// prefix list whose entries would decide and are not known.
    #[default]
    Unknown,
}

/// The route tables of an inventory.
#[derive(Debug, Default)]
pub(super) struct Routes {
    tables: HashMap<String, Table>,
    by_subnet: HashMap<String, String>,
    main_of_vpc: HashMap<String, String>,
}

#[derive(Debug, Default)]
struct Table {
    cidrs: PrefixTree<Hop>,
    lists: Vec<ListRoute>,
}

#[derive(Debug)]
struct ListRoute {
    list: String,
    hop: Hop,
    /// Whether it leads to a gateway endpoint of S3; NULL when the endpoint is not known.
    s3_gateway: Option<bool>,
    target: String,
}

impl Routes {
    pub(super) fn new(inventory: &Inventory, endpoints: &Endpoints) -> Self {
        let mut routes = Self::default();
        for row in &inventory.routes {
            let table = routes.tables.entry(row.route_table_id.clone()).or_default();
            let blackhole =
                row.state.as_deref().is_some_and(|s| s.eq_ignore_ascii_case("blackhole"));
            let to_list = row.destination.starts_with("pl-");
            let hop = match blackhole {
                true => Hop::Unknown,
                false => hop(&row.target, to_list, endpoints),
            };
            if to_list {
                table.lists.push(ListRoute {
                    list: row.destination.clone(),
                    hop,
                    s3_gateway: endpoints.is_s3_gateway(&row.target),
                    target: row.target.clone(),
                });
            } else if let Some(net) = addr::parse_net(&row.destination) {
                *table.cidrs.entry(net) = hop;
            }
        }
        for row in &inventory.route_table_associations {
            if let Some(subnet) = &row.subnet_id {
                routes.by_subnet.insert(subnet.clone(), row.route_table_id.clone());
            } else if let Some(vpc) = row.vpc_id.as_ref().filter(|_| row.main) {
                routes.main_of_vpc.insert(vpc.clone(), row.route_table_id.clone());
            }
        }
        routes.add_endpoints(inventory, endpoints);
        routes
    }

    /// Adds the routes that an endpoint names by its route tables and that no table shows.
    fn add_endpoints(&mut self, inventory: &Inventory, endpoints: &Endpoints) {
        for row in &inventory.vpc_endpoints {
            let id = &row.vpc_endpoint_id;
            if endpoints.is_s3_gateway(id) != Some(true) {
                continue;
            }
            for table in &row.route_table_ids {
                let table = self.tables.entry(table.clone()).or_default();
                if table.lists.iter().all(|route| route.target != *id) {
                    table.lists.push(ListRoute {
                        list: String::new(),
                        hop: Hop::GatewayEndpoint,
                        s3_gateway: Some(true),
                        target: id.clone(),
                    });
                }
            }
        }
    }

    /// Returns where a subnet sends an S3 address: by its own route table, else the VPC's main one. The
    /// longest prefix wins; a CIDR wins over a prefix list's entry of the same length.
    ///
    /// `in_region` says whether the address is one of its own region, as far as known: it decides for a
    /// route to a gateway endpoint by a prefix list whose entries are not known.
    pub(super) fn s3_hop(
        &self,
        places: &Places,
        (vpc, subnet): (Option<&str>, Option<&str>),
        ip: IpAddr,
        in_region: Option<bool>,
    ) -> Hop {
        let explicit = subnet.and_then(|subnet| self.by_subnet.get(subnet));
        // Without its subnet the table of an interface is not known: it may have one of its own.
        let main = || vpc.filter(|_| subnet.is_some()).and_then(|vpc| self.main_of_vpc.get(vpc));
        let Some(table) = explicit.or_else(main).and_then(|id| self.tables.get(id)) else {
            return Hop::Unknown;
        };
        let mut best = table.cidrs.longest(ip).map(|(len, hop)| (len, *hop));
        for ListRoute { list, hop, s3_gateway, .. } in &table.lists {
            if let Some(entries) = places.list(list) {
                let len = entries.longest(ip).map(|(len, ())| len);
                if let Some(len) = len
                    && best.is_none_or(|(best_len, _)| len > best_len)
                {
                    best = Some((len, *hop));
                }
                continue;
            }
            match (s3_gateway, in_region) {
                // The list holds every S3 address of the region, and no other.
                (Some(true), Some(true)) => return *hop,
                (Some(true), Some(false)) | (Some(false), _) => {}
                (Some(true) | None, _) => return Hop::Unknown,
            }
        }
        best.map_or(Hop::Unknown, |(_, hop)| hop)
    }
}

fn hop(target: &str, to_list: bool, endpoints: &Endpoints) -> Hop {
    match target.split_once('-').map_or(target, |(kind, _)| kind) {
        "vpce" => match endpoints.kind(target) {
            Some(Kind::Gateway) => Hop::GatewayEndpoint,
            None if to_list => Hop::GatewayEndpoint,
            _ => Hop::Other,
        },
        "nat" => Hop::Nat,
        "igw" | "eigw" => Hop::InternetGateway,
        "vgw" => Hop::VirtualPrivateGateway,
        "pcx" => Hop::Peering,
        "tgw" => Hop::TransitGateway,
        "local" => Hop::Unknown,
        _ => Hop::Other,
    }
}
