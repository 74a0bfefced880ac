//! Where a route table sends an address: the only longest-prefix lookup, in AWS's order of priority.
//!
//! 1. What lies in the VPC's own blocks is never sent by a propagated route, however narrow.
//! 2. The longest prefix wins.
//! 3. Of equal ones a static route with a CIDR, then one with a prefix list, then a propagated one.
//!
//! Routes to a gateway endpoint that only the endpoint names, by its route tables, count as well.

use std::net::IpAddr;

use foldhash::HashMap;

use crate::flow::address;
use crate::inventory::model::{Inventory, PrefixListEntry, Route, VpcEndpoint};
use crate::vpc::{CidrMap, endpoints};

/// Where a route leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextHop {
    /// Within the VPC.
    Local,
    /// A gateway endpoint.
    GatewayEndpoint,
    /// A NAT gateway.
    NatGateway,
    /// An internet gateway.
    InternetGateway,
    /// An egress-only internet gateway.
    EgressOnlyGateway,
    /// A VPC peering connection.
    Peering,
    /// A transit gateway.
    TransitGateway,
    /// A virtual private gateway.
    VirtualPrivateGateway,
    /// An interface, a firewall's endpoint, a local gateway …
    Other,
    /// A target that is gone.
    Blackhole,
    /// No route fits.
    NoRoute,
    /// The inventory lacks the data.
    Unknown,
}

/// What is known of an address and S3: it decides for routes by prefix lists whose entries are not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum S3Region<'a> {
    /// A private address: no AWS service's.
    NotS3,
    /// S3 of this region.
    Of(&'a str),
    /// S3 of some region other than this one.
    NotOf(&'a str),
    /// S3 of a region that is not known.
    SomeRegion,
    /// Whether it is S3 is not known.
    Unknown,
}

/// Looks up what is known of the address and S3. It is called only for lists whose entries are not known.
pub type S3RegionOf<'a> = &'a dyn Fn() -> S3Region<'a>;

/// The route table that a subnet uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EffectiveRouteTable<'a> {
    /// `RouteTableId`.
    pub id: &'a str,
    /// Whether it is only the VPC's main table, for want of one of the subnet's own.
    pub is_main: bool,
}

/// What the inventory lacks, if the next hop of an address is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Undetermined<'a> {
    /// The route table of the subnet.
    Table,
    /// The routes of the table.
    Routes,
    /// The entries of the prefix list of this route.
    PrefixList(&'a Route),
}

/// What a route table does with an address.
#[derive(Debug, Clone, Copy)]
pub struct RouteMatch<'a> {
    /// Where it is sent.
    pub hop: NextHop,
    /// The route table. `None` if it is not known.
    pub table: Option<&'a str>,
    /// The route that decides. `None` if none does, or if the VPC's own block does without one.
    pub route: Option<&'a Route>,
    /// What the inventory lacks, if `hop` is [`NextHop::Unknown`].
    pub undetermined: Option<Undetermined<'a>>,
}

impl<'a> RouteMatch<'a> {
    fn unknown(table: Option<&'a str>, lacks: Undetermined<'a>) -> Self {
        Self { hop: NextHop::Unknown, table, route: None, undetermined: Some(lacks) }
    }
}

/// The route tables of an inventory.
#[derive(Debug, Default)]
pub struct RouteTables {
    tables: HashMap<String, Table>,
    by_subnet: HashMap<String, String>,
    main_of_vpc: HashMap<String, String>,
    vpc_of_subnet: HashMap<String, String>,
    blocks: HashMap<String, CidrMap<()>>,
    lists: HashMap<String, CidrMap<()>>,
}

#[derive(Debug, Default)]
struct Table {
    vpc: Option<String>,
    routes: Vec<Entry>,
    /// Routes by CIDR.
    by_cidr: CidrMap<Vec<usize>>,
    /// Routes by prefix list.
    by_list: Vec<usize>,
    /// Whether the inventory has the routes, and not only an endpoint that names the table.
    has_routes: bool,
}

#[derive(Debug)]
struct Entry {
    route: Route,
    hop: NextHop,
    gateway: Gateway,
}

/// Which service the endpoint of a route serves.
#[derive(Debug)]
enum Gateway {
    /// S3 of this region.
    S3(String),
    /// Another one.
    NotS3,
    /// It is not known, or the target is no gateway endpoint.
    Unknown,
}

/// How well a route fits: the longest prefix, then the kind of the route.
type Rank = (u8, u8);

const PROPAGATED: u8 = 0;
const BY_LIST: u8 = 1;
const STATIC: u8 = 2;

impl RouteTables {
    /// Indexes the routes of an inventory.
    pub fn new(inventory: &Inventory) -> Self {
        let mut tables = Self::default();
        for row in &inventory.subnets {
            if let Some(vpc) = &row.vpc_id {
                tables.vpc_of_subnet.insert(row.subnet_id.clone(), vpc.clone());
            }
        }
        for row in &inventory.vpcs {
            let blocks = tables.blocks.entry(row.vpc_id.clone()).or_default();
            for net in row.cidrs.iter().filter_map(|cidr| address::parse_net(cidr)) {
                *blocks.entry(net) = ();
            }
        }
        for row in &inventory.prefix_lists {
            if let Some(net) = row.cidr.as_deref().and_then(address::parse_net) {
                *tables.lists.entry(row.prefix_list_id.clone()).or_default().entry(net) = ();
            }
        }
        for row in &inventory.route_table_associations {
            if let Some(subnet) = &row.subnet_id {
                tables.by_subnet.insert(subnet.clone(), row.route_table_id.clone());
            } else if let Some(vpc) = row.vpc_id.as_ref().filter(|_| row.main) {
                tables.main_of_vpc.insert(vpc.clone(), row.route_table_id.clone());
            }
            let table = tables.tables.entry(row.route_table_id.clone()).or_default();
            table.vpc = table.vpc.take().or_else(|| row.vpc_id.clone());
        }
        let by_id: HashMap<&str, &VpcEndpoint> =
            inventory.vpc_endpoints.iter().map(|row| (row.vpc_endpoint_id.as_str(), row)).collect();
        for row in &inventory.routes {
            let table = tables.tables.entry(row.route_table_id.clone()).or_default();
            table.vpc = table.vpc.take().or_else(|| row.vpc_id.clone());
            table.has_routes = true;
            table.add(row.clone(), by_id.get(row.target.as_str()).copied());
        }
        tables.add_endpoints(inventory);
        tables
    }

    /// Adds the routes that a gateway endpoint names by its route tables and that no table shows.
    fn add_endpoints(&mut self, inventory: &Inventory) {
        let gateways = inventory.vpc_endpoints.iter().filter(|row| endpoints::is_gateway(row));
        for endpoint in gateways {
            let id = &endpoint.vpc_endpoint_id;
            let named =
                |row: &&PrefixListEntry| row.name.is_some() && row.name == endpoint.service_name;
            let list = inventory.prefix_lists.iter().find(named);
            let list = list.map_or_else(|| "pl-".to_owned(), |row| row.prefix_list_id.clone());
            for table_id in &endpoint.route_table_ids {
                let table = self.tables.entry(table_id.clone()).or_default();
                if table.routes.iter().any(|entry| entry.route.target == *id) {
                    continue;
                }
                table.vpc = table.vpc.take().or_else(|| endpoint.vpc_id.clone());
                let route = Route {
                    route_table_id: table_id.clone(),
                    vpc_id: endpoint.vpc_id.clone(),
                    destination: list.clone(),
                    target: id.clone(),
                    state: None,
                    origin: None,
                };
                table.add(route, Some(endpoint));
            }
        }
    }

    /// Returns the route table that a subnet uses: its own, else the main one of its VPC. `vpc` is the VPC of
    /// a subnet that is not in the inventory. `None` when neither table is known.
    pub fn table_of(&self, subnet: &str, vpc: Option<&str>) -> Option<EffectiveRouteTable<'_>> {
        if let Some(id) = self.by_subnet.get(subnet) {
            return Some(EffectiveRouteTable { id, is_main: false });
        }
        let vpc = self.vpc_of_subnet.get(subnet).map(String::as_str).or(vpc)?;
        self.main_of_vpc.get(vpc).map(|id| EffectiveRouteTable { id, is_main: true })
    }

    /// Returns where the route table of a subnet sends an address.
    pub fn from_subnet(
        &self,
        subnet: &str,
        vpc: Option<&str>,
        to: IpAddr,
        s3: S3RegionOf<'_>,
    ) -> RouteMatch<'_> {
        match self.table_of(subnet, vpc) {
            Some(table) => self.from_table(table.id, to, s3),
            None => RouteMatch::unknown(None, Undetermined::Table),
        }
    }

    /// Returns where a route table sends an address.
    pub fn from_table(&self, id: &str, to: IpAddr, s3: S3RegionOf<'_>) -> RouteMatch<'_> {
        let Some((id, table)) = self.tables.get_key_value(id) else {
            return RouteMatch::unknown(None, Undetermined::Routes);
        };
        let id = Some(id.as_str());
        let block = table.vpc.as_ref().and_then(|vpc| self.blocks.get(vpc));
        let local = block.and_then(|block| block.longest(to)).map(|(len, ())| len);
        let (best, unsure) = self.best(table, to, s3, local.is_some());
        let whole = if to.is_ipv4() { 32 } else { 128 };
        if let Some(entry) = unsure
            && best.is_none_or(|((len, _), _)| len < whole)
        {
            return RouteMatch::unknown(id, Undetermined::PrefixList(&entry.route));
        }
        // Every route table keeps what is in the VPC, whether the inventory shows that route or not.
        let found = |hop, route| RouteMatch { hop, table: id, route, undetermined: None };
        match best {
            Some(((len, _), entry)) if local.is_none_or(|local| local <= len) => {
                found(entry.hop, Some(&entry.route))
            }
            _ if !table.has_routes => RouteMatch::unknown(id, Undetermined::Routes),
            _ if local.is_some() => found(NextHop::Local, None),
            _ => found(NextHop::NoRoute, None),
        }
    }

    /// Returns the route that fits best, and one of which it is not known whether it fits.
    fn best<'a>(
        &'a self,
        table: &'a Table,
        to: IpAddr,
        s3: S3RegionOf<'_>,
        is_local: bool,
    ) -> (Option<(Rank, &'a Entry)>, Option<&'a Entry>) {
        let mut best: Option<(Rank, &Entry)> = None;
        let mut offer = |rank: Rank, entry: &'a Entry| {
            if best.is_none_or(|(best_rank, _)| rank > best_rank) {
                best = Some((rank, entry));
            }
        };
        table.by_cidr.each_covering(to, |len, rows| {
            for entry in rows.iter().filter_map(|row| table.routes.get(*row)) {
                let kind = if is_propagated(&entry.route) { PROPAGATED } else { STATIC };
                if kind == STATIC || !is_local {
                    offer((len, kind), entry);
                }
            }
        });
        let mut unsure = None;
        for entry in table.by_list.iter().filter_map(|row| table.routes.get(*row)) {
            match self.list_len(entry, to, s3) {
                Ok(Some(len)) => offer((len, BY_LIST), entry),
                Ok(None) => {}
                Err(()) => unsure = Some(entry),
            }
        }
        (best, unsure)
    }

    /// Returns the prefix length by which the list of a route holds an address; an error when that is not
    /// known.
    fn list_len(&self, entry: &Entry, to: IpAddr, s3: S3RegionOf<'_>) -> Result<Option<u8>, ()> {
        if let Some(list) = self.lists.get(&entry.route.destination) {
            return Ok(list.longest(to).map(|(len, ())| len));
        }
        let is_in = match (&entry.gateway, s3()) {
            (Gateway::S3(_) | Gateway::NotS3, S3Region::NotS3) => Some(false),
            // The list of an S3 endpoint contains every S3 address of its region and no other.
            (Gateway::S3(own), S3Region::Of(region)) => Some(own == region),
            (Gateway::S3(own), S3Region::NotOf(region)) => (own == region).then_some(false),
            (Gateway::NotS3, S3Region::Of(_) | S3Region::NotOf(_) | S3Region::SomeRegion) => {
                Some(false)
            }
            _ => None,
        };
        let whole = if to.is_ipv4() { 32 } else { 128 };
        is_in.map(|is_in| is_in.then_some(whole)).ok_or(())
    }

    /// Returns whether an address is in a VPC's own blocks.
    pub fn is_inside(&self, vpc: &str, ip: IpAddr) -> bool {
        self.blocks.get(vpc).is_some_and(|blocks| blocks.longest(ip).is_some())
    }
}

impl Table {
    fn add(&mut self, route: Route, endpoint: Option<&VpcEndpoint>) {
        let at = self.routes.len();
        if route.destination.starts_with("pl-") {
            self.by_list.push(at);
        } else if let Some(net) = address::parse_net(&route.destination) {
            self.by_cidr.entry(net).push(at);
        }
        let gateway = match endpoint.filter(|endpoint| endpoints::is_gateway(endpoint)) {
            Some(endpoint) => match endpoints::s3_region(endpoint) {
                Some(region) => Gateway::S3(region.to_owned()),
                None if endpoint.service_name.is_some() => Gateway::NotS3,
                None => Gateway::Unknown,
            },
            None => Gateway::Unknown,
        };
        self.routes.push(Entry { hop: hop(&route, endpoint), route, gateway });
    }
}

fn is_propagated(route: &Route) -> bool {
    route.origin.as_deref() == Some("EnableVgwRoutePropagation")
}

fn hop(route: &Route, endpoint: Option<&VpcEndpoint>) -> NextHop {
    if route.state.as_deref().is_some_and(|state| state.eq_ignore_ascii_case("blackhole")) {
        return NextHop::Blackhole;
    }
    let target = route.target.as_str();
    match target.split_once('-').map_or(target, |(kind, _)| kind) {
        "local" => NextHop::Local,
        "vpce" => match endpoint {
            Some(endpoint) if endpoints::is_gateway(endpoint) => NextHop::GatewayEndpoint,
            None if route.destination.starts_with("pl-") => NextHop::GatewayEndpoint,
            _ => NextHop::Other,
        },
        "nat" => NextHop::NatGateway,
        "igw" => NextHop::InternetGateway,
        "eigw" => NextHop::EgressOnlyGateway,
        "pcx" => NextHop::Peering,
        "tgw" => NextHop::TransitGateway,
        "vgw" => NextHop::VirtualPrivateGateway,
        _ => NextHop::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::model::{RouteTableAssociation, Vpc};

    fn route(destination: &str, target: &str, origin: &str) -> Route {
        Route {
            route_table_id: "rtb-a".to_owned(),
            vpc_id: Some("vpc-a".to_owned()),
            destination: destination.to_owned(),
            target: target.to_owned(),
            state: Some("active".to_owned()),
            origin: Some(origin.to_owned()),
        }
    }

    fn tables(routes: Vec<Route>) -> RouteTables {
        RouteTables::new(&Inventory {
            vpcs: vec![Vpc {
                vpc_id: "vpc-a".to_owned(),
                cidrs: vec!["10.1.0.0/16".to_owned()],
                ..Vpc::default()
            }],
            routes,
            route_table_associations: vec![RouteTableAssociation {
                route_table_id: "rtb-a".to_owned(),
                vpc_id: Some("vpc-a".to_owned()),
                subnet_id: None,
                main: true,
            }],
            ..Inventory::default()
        })
    }

    fn sent(tables: &RouteTables, to: &str) -> NextHop {
        tables.from_table("rtb-a", to.parse().unwrap(), &|| S3Region::Unknown).hop
    }

    const PROPAGATION: &str = "EnableVgwRoutePropagation";

    #[test]
    fn a_static_route_wins_over_a_propagated_one_in_either_order() {
        let both = || {
            [route("0.0.0.0/0", "nat-a", "CreateRoute"), route("0.0.0.0/0", "vgw-a", PROPAGATION)]
        };
        let mut turned = both().to_vec();
        turned.reverse();
        for routes in [both().to_vec(), turned] {
            assert_eq!(sent(&tables(routes), "8.8.8.8"), NextHop::NatGateway);
        }
    }

    #[test]
    fn local_wins_over_a_narrower_propagated_route_and_not_over_a_static_one() {
        let local = route("10.1.0.0/16", "local", "CreateRouteTable");
        let narrow = route("10.1.2.0/24", "vgw-a", PROPAGATION);
        let wide = route("10.0.0.0/8", "vgw-a", PROPAGATION);
        let propagated = tables(vec![local.clone(), narrow, wide]);
        assert_eq!(sent(&propagated, "10.1.2.3"), NextHop::Local);
        assert_eq!(sent(&propagated, "10.2.2.3"), NextHop::VirtualPrivateGateway);
        let to_appliance = tables(vec![local, route("10.1.2.0/24", "eni-a", "CreateRoute")]);
        assert_eq!(sent(&to_appliance, "10.1.2.3"), NextHop::Other);
    }

    #[test]
    fn a_subnet_that_the_inventory_lacks_uses_the_main_table_of_its_vpc() {
        let tables = tables(vec![route("0.0.0.0/0", "nat-a", "CreateRoute")]);
        assert_eq!(tables.table_of("subnet-x", None), None);
        let main = tables.table_of("subnet-x", Some("vpc-a"));
        assert_eq!(main, Some(EffectiveRouteTable { id: "rtb-a", is_main: true }));
    }
}
