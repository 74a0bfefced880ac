//! The two ends of a flow: which interface had an address then, and where it lies.

use std::fmt;
use std::net::IpAddr;

use crate::flow::address;
use crate::inventory::model::{Eni, Inventory};
use crate::inventory::zone::region_of_zone;
use crate::reachability::analyzer::Analyzer;
use crate::vpc::interfaces::distance_secs;
use crate::vpc::network::VpcNetwork;

/// One end of a flow.
#[derive(Debug, Clone, Copy)]
pub struct FlowEnd<'a> {
    /// Its address.
    pub addr: IpAddr,
    /// The interface that had it. `None`: no known one.
    pub eni: Option<&'a Eni>,
    /// The VPC that it lies in. `None`: outside of all known VPCs.
    pub vpc: Option<&'a str>,
    /// The subnet that it lies in, where that is known.
    pub subnet: Option<&'a str>,
}

impl<'a> FlowEnd<'a> {
    /// Returns the region, from the interface, else from the subnet's zone.
    pub fn region(&self, network: &'a VpcNetwork) -> Option<&'a str> {
        let zone = || network.subnet(self.subnet?)?.availability_zone.as_deref();
        let of_zone = || region_of_zone(zone()?);
        self.eni.and_then(|eni| eni.region.as_deref()).or_else(of_zone)
    }

    /// Returns its interface, else its address.
    pub fn name(&self) -> String {
        self.eni.map_or_else(|| self.addr.to_string(), |eni| eni.interface_id.clone())
    }

    /// Returns whether both lie in one subnet.
    pub(super) fn same_subnet(&self, other: &Self) -> bool {
        self.subnet.is_some() && self.subnet == other.subnet
    }
}

/// Why an end of a flow cannot be resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ResolveError {
    /// It is neither an address nor an interface of the inventory.
    NotKnown(String),
    /// Several interfaces have the address then: each with its VPC.
    Several(IpAddr, Vec<(String, Option<String>)>),
    /// The interface has no address of the family that the other end has.
    NoAddress(String),
}

impl fmt::Display for ResolveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotKnown(text) => {
                write!(f, "{text} is neither an address nor an interface of the inventory")
            }
            Self::Several(addr, owners) => {
                let owners = owners.iter().map(|(id, vpc)| match vpc {
                    Some(vpc) => format!("{id} in {vpc}"),
                    None => id.clone(),
                });
                let owners = owners.collect::<Vec<_>>().join(", ");
                write!(f, "{addr} belongs to several interfaces at that time: {owners}")
            }
            Self::NoAddress(id) => write!(f, "{id} has no address of that family"),
        }
    }
}

impl std::error::Error for ResolveError {}

impl Analyzer {
    /// Returns an interface as it was at a time (Unix seconds); where that is not known, as it was nearest to
    /// it. Without a time, as it was last.
    pub fn interface(&self, id: &str, at: Option<i64>) -> Option<&Eni> {
        self.interfaces.interface(&self.network.inventory().enis, id, at)
    }

    /// Returns the interfaces that there are at a time (Unix seconds), one row each; without a time, all that
    /// were not deleted.
    pub fn interfaces_at(&self, at: Option<i64>) -> impl Iterator<Item = &Eni> {
        let mut rows: Vec<&Eni> = self
            .network
            .inventory()
            .enis
            .iter()
            .filter(|row| distance_secs(row, at) == 0)
            .collect();
        rows.sort_by_key(|row| (&row.interface_id, std::cmp::Reverse(row.valid_from)));
        rows.dedup_by_key(|row| &row.interface_id);
        rows.into_iter()
    }

    /// Returns the end of a flow that an interface's id or an address names, at a time (Unix seconds). `vpc`
    /// narrows an address down. An interface stands for its first address of the family of `other`, or its
    /// first address.
    ///
    /// # Errors
    ///
    /// When it is neither, or several interfaces had the address then.
    pub fn side(
        &self,
        named: &str,
        vpc: Option<&str>,
        other: Option<IpAddr>,
        at: Option<i64>,
    ) -> Result<FlowEnd<'_>, ResolveError> {
        if let Some(ip) = address::parse(named) {
            return self.side_at(ip, vpc, at);
        }
        let eni =
            self.interface(named, at).ok_or_else(|| ResolveError::NotKnown(named.to_owned()))?;
        let mut own = eni.addresses.iter().filter_map(|text| address::parse(text));
        let ip = own.find(|ip| other.is_none_or(|other| ip.is_ipv4() == other.is_ipv4()));
        let ip = ip.ok_or_else(|| ResolveError::NoAddress(named.to_owned()))?;
        Ok(self.side_of(eni, ip))
    }

    fn side_at(
        &self,
        ip: IpAddr,
        vpc: Option<&str>,
        at: Option<i64>,
    ) -> Result<FlowEnd<'_>, ResolveError> {
        let inventory = self.network.inventory();
        let holders = self.interfaces.holders(&inventory.enis, ip, vpc, at);
        match holders.as_slice() {
            [] => {
                let known = inventory.vpcs.iter().find(|row| Some(row.vpc_id.as_str()) == vpc);
                let known = known.map(|row| row.vpc_id.as_str());
                let vpc = known.filter(|vpc| self.network.route_tables().is_inside(vpc, ip));
                let vpc = vpc.or_else(|| vpc_of(inventory, ip));
                let subnet = vpc.and_then(|vpc| subnet_of(inventory, vpc, ip));
                Ok(FlowEnd { addr: ip, eni: None, vpc, subnet })
            }
            [eni] => Ok(self.side_of(eni, ip)),
            several => {
                let owners =
                    several.iter().map(|row| (row.interface_id.clone(), row.vpc_id.clone()));
                Err(ResolveError::Several(ip, owners.collect()))
            }
        }
    }

    /// Returns the end of a flow that an interface has with one of its addresses.
    pub fn side_of<'a>(&'a self, eni: &'a Eni, ip: IpAddr) -> FlowEnd<'a> {
        let subnet = eni.subnet_id.as_deref();
        let of_subnet = || self.network.subnet(subnet?)?.vpc_id.as_deref();
        let vpc = eni.vpc_id.as_deref().or_else(of_subnet);
        FlowEnd { addr: ip, eni: Some(eni), vpc, subnet }
    }
}

/// Returns the VPC whose CIDR blocks contain an address, if it is exactly one.
fn vpc_of(inventory: &Inventory, ip: IpAddr) -> Option<&str> {
    let holds = |cidr: &String| address::parse_net(cidr).is_some_and(|net| net.contains(&ip));
    let mut found = inventory.vpcs.iter().filter(|vpc| vpc.cidrs.iter().any(holds));
    let first = found.next()?;
    found.next().is_none().then_some(first.vpc_id.as_str())
}

/// Returns the subnet of a VPC whose CIDR blocks contain an address.
pub(super) fn subnet_of<'a>(inventory: &'a Inventory, vpc: &str, ip: IpAddr) -> Option<&'a str> {
    let holds = |cidr: &String| address::parse_net(cidr).is_some_and(|net| net.contains(&ip));
    let rows = inventory.subnets.iter().filter(|row| row.vpc_id.as_deref() == Some(vpc));
    rows.filter(|row| row.cidrs.iter().any(holds)).map(|row| row.subnet_id.as_str()).next()
}
