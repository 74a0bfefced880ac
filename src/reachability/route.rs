//! Route lookups, with their descriptions.

use std::net::IpAddr;

use crate::flow::address;
use crate::inventory::model::Route;
use crate::vpc::network::VpcNetwork;
use crate::vpc::service_address::s3_region_of;
use crate::vpc::{NextHop, RouteMatch, S3Region, Undetermined};

/// What a route table does with an address.
#[derive(Debug, Clone)]
pub(super) struct RouteLookup {
    pub(super) hop: NextHop,
    /// The route table, where it is known.
    pub(super) table: Option<String>,
    /// The route that decides, where one does.
    pub(super) route: Option<Route>,
    /// What the inventory lacks, if the lookup is undetermined.
    pub(super) unknown: Option<String>,
}

impl RouteLookup {
    fn new(lookup: &RouteMatch<'_>, subnet: Option<&str>) -> Self {
        let table = lookup.table.unwrap_or("the route table");
        let unknown = lookup.undetermined.map(|lacks| match lacks {
            Undetermined::Table => format!(
                "the route table of {} is not in the inventory",
                subnet.unwrap_or("the subnet")
            ),
            Undetermined::Routes => format!("the routes of {table} are not in the inventory"),
            Undetermined::PrefixList(route) => format!(
                "{table} has a route by {} to {}, and the entries of that list are not in the inventory",
                route.destination, route.target
            ),
        });
        Self {
            hop: lookup.hop,
            table: lookup.table.map(str::to_owned),
            route: lookup.route.cloned(),
            unknown,
        }
    }

    /// Returns table and route, as the id of what decides.
    pub(super) fn by(&self) -> Option<String> {
        let table = self.table.clone()?;
        Some(match &self.route {
            Some(route) => format!("{table} {}", route.destination),
            None => table,
        })
    }

    /// Describes what the table does.
    pub(super) fn words(&self, to: IpAddr) -> String {
        if let Some(text) = &self.unknown {
            return text.clone();
        }
        let table = self.table.as_deref().unwrap_or("the route table");
        match (&self.route, self.hop) {
            (Some(route), NextHop::Blackhole) => format!(
                "{table} sends {to} by {} to {}, which is gone (blackhole)",
                route.destination, route.target
            ),
            (Some(route), _) => {
                format!("{table} sends {to} by {} to {}", route.destination, route.target)
            }
            (None, NextHop::Local) => format!("{table} keeps {to} in the VPC"),
            (None, _) => format!("{table} has no route to {to}"),
        }
    }
}

/// Looks up an address in the route table of a subnet. `vpc`: the VPC of the subnet, if it is known from another
/// source than the inventory.
pub(super) fn route(
    network: &VpcNetwork,
    (subnet, vpc): (Option<&str>, Option<&str>),
    to: IpAddr,
) -> RouteLookup {
    let Some(subnet) = subnet else {
        return RouteLookup {
            hop: NextHop::Unknown,
            table: None,
            route: None,
            unknown: Some("the subnet is not known, and so neither is its route table".to_owned()),
        };
    };
    let lookup = network.route_tables().from_subnet(subnet, vpc, to, &|| s3_region(network, to));
    RouteLookup::new(&lookup, Some(subnet))
}

/// As [`route`], for a route table.
pub(super) fn in_table(network: &VpcNetwork, table: &str, to: IpAddr) -> RouteLookup {
    let lookup = network.route_tables().from_table(table, to, &|| s3_region(network, to));
    let mut routed = RouteLookup::new(&lookup, None);
    routed.table.get_or_insert_with(|| table.to_owned());
    routed
}

fn s3_region(network: &VpcNetwork, ip: IpAddr) -> S3Region<'_> {
    match s3_region_of(network.inventory(), ip) {
        Some(region) => S3Region::Of(region),
        None if address::is_private(ip) => S3Region::NotS3,
        None => S3Region::Unknown,
    }
}
