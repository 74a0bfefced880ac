//! Who owned which interface and which address, when.

use std::collections::{BTreeSet, HashSet};
use std::net::IpAddr;
use std::ops::Range;
use std::sync::Arc;

use foldhash::HashMap;
use ipnet::IpNet;

use crate::enrich::endpoints::Endpoints;
use crate::enrich::job_attribution::{JobAttribution, Jobs};
use crate::flow::address;
use crate::inventory::model::{Attribution, Eni, Inventory};
use crate::inventory::zone::region_of_zone;
use crate::vpc::endpoints::EndpointKind;

/// How far outside an interval a record still belongs to it: a record's times are up to 60 s off.
pub(super) const SLACK_SECS: i64 = 60;

/// The interfaces of an inventory, by id and by address.
#[derive(Debug)]
pub(super) struct Index {
    rows: Vec<InterfaceInterval>,
    by_interface: HashMap<String, Range<usize>>,
    vpcs: HashMap<String, u32>,
    vpc_nets: Vec<Vec<IpNet>>,
    vpc_of_subnet: HashMap<String, String>,
    by_address: HashMap<(u32, IpAddr), Vec<Segment>>,
}

/// An interface in one interval, with all that a record needs of it.
#[derive(Debug)]
pub(super) struct InterfaceInterval {
    /// The interval, end exclusive; open ends are the smallest and the largest number.
    pub(super) from: i64,
    pub(super) to: i64,
    /// The latest `to` of this row and of those before it of the same interface.
    latest_to: i64,
    pub(super) eni: Eni,
    pub(super) vpc: Option<u32>,
    pub(super) belongs_to: Option<String>,
    /// Whether it is the interface of an interface endpoint.
    pub(super) is_endpoint: bool,
    /// Whether it is the interface of an interface endpoint of S3.
    pub(super) is_s3_endpoint: bool,
    pub(super) who: Option<Arc<JobAttribution>>,
    /// Whether its job is unknown, so that it may be inferred from subnet and time.
    pub(super) may_infer: bool,
    addresses: Vec<IpAddr>,
}

impl InterfaceInterval {
    /// Returns whether an address was the interface's own.
    pub(super) fn owns(&self, ip: IpAddr) -> bool {
        self.addresses.contains(&ip)
    }

    /// Returns how many seconds a time lies outside the interval; 0 inside.
    pub(super) fn distance_secs(&self, at: i64) -> i64 {
        if at < self.from {
            self.from.saturating_sub(at)
        } else if at >= self.to {
            at.saturating_sub(self.to)
        } else {
            0
        }
    }

    fn contains(&self, at: i64) -> bool {
        self.from <= at && at < self.to
    }
}

/// The owner of an address from one moment until the next segment begins.
#[derive(Debug, Clone, Copy)]
struct Segment {
    from: i64,
    row: Option<u32>,
}

impl Index {
    pub(super) fn new(inventory: &Inventory, jobs: &Jobs, endpoints: &Endpoints) -> Self {
        let mut index = Self {
            rows: Vec::with_capacity(inventory.enis.len()),
            by_interface: HashMap::default(),
            vpcs: HashMap::default(),
            vpc_nets: Vec::new(),
            vpc_of_subnet: HashMap::default(),
            by_address: HashMap::default(),
        };
        index.add_vpcs(inventory);
        let subnets = inventory.subnets.iter();
        index.vpc_of_subnet =
            subnets.filter_map(|row| Some((row.subnet_id.clone(), row.vpc_id.clone()?))).collect();
        let filler = IntervalBuilder::new(inventory, jobs, endpoints);
        for eni in &inventory.enis {
            let row = filler.row(eni, &mut index.vpcs);
            index.rows.push(row);
        }
        index.vpc_nets.resize(index.vpcs.len(), Vec::new());
        index.rows.sort_by(|a, b| {
            (&a.eni.interface_id, a.from, a.to).cmp(&(&b.eni.interface_id, b.from, b.to))
        });
        index.add_interfaces();
        index.add_addresses();
        index
    }

    fn add_vpcs(&mut self, inventory: &Inventory) {
        let vpcs = inventory.vpcs.iter().map(|row| (Some(&row.vpc_id), &row.cidrs));
        let subnets = inventory.subnets.iter().map(|row| (row.vpc_id.as_ref(), &row.cidrs));
        for (vpc, cidrs) in vpcs.chain(subnets) {
            let Some(vpc) = vpc else { continue };
            let number = intern(&mut self.vpcs, vpc);
            self.vpc_nets.resize(self.vpcs.len(), Vec::new());
            let nets = &mut self.vpc_nets[number as usize];
            // A subnet counts only where the VPC's own blocks are not known.
            for net in cidrs.iter().filter_map(|cidr| address::parse_net(cidr)) {
                if !nets.iter().any(|known| known.contains(&net)) {
                    nets.push(net);
                }
            }
        }
    }

    fn add_interfaces(&mut self) {
        let mut start = 0;
        let rows = self.rows.chunk_by_mut(|a, b| a.eni.interface_id == b.eni.interface_id);
        for rows in rows {
            let mut latest_to = i64::MIN;
            for row in rows.iter_mut() {
                latest_to = latest_to.max(row.to);
                row.latest_to = latest_to;
            }
            let id = rows[0].eni.interface_id.clone();
            self.by_interface.insert(id, start..start + rows.len());
            start += rows.len();
        }
    }

    fn add_addresses(&mut self) {
        let mut holders: HashMap<(u32, IpAddr), Vec<u32>> = HashMap::default();
        for (number, row) in (0u32..).zip(&self.rows) {
            let Some(vpc) = row.vpc else { continue };
            for address in &row.addresses {
                holders.entry((vpc, *address)).or_default().push(number);
            }
        }
        self.by_address = holders
            .into_iter()
            .map(|(key, numbers)| (key, segments(&self.rows, &numbers)))
            .collect();
    }

    /// Returns the number of a VPC that the inventory knows.
    pub(super) fn vpc(&self, id: &str) -> Option<u32> {
        self.vpcs.get(id).copied()
    }

    /// Returns the id of the VPC that a subnet lies in.
    pub(super) fn vpc_of_subnet(&self, subnet: &str) -> Option<&str> {
        self.vpc_of_subnet.get(subnet).map(String::as_str)
    }

    /// Returns whether an address lies inside a VPC's blocks.
    pub(super) fn vpc_contains(&self, vpc: u32, ip: IpAddr) -> bool {
        self.vpc_nets.get(vpc as usize).is_some_and(|nets| nets.iter().any(|n| n.contains(&ip)))
    }

    /// Returns the rows of an interface, sorted by time. Empty when it is not known.
    pub(super) fn interface(&self, id: &str) -> &[InterfaceInterval] {
        self.by_interface.get(id).map_or(&[], |range| &self.rows[range.clone()])
    }

    /// Returns the addresses of all interfaces that serve a job or may do so.
    pub(super) fn job_addresses(&self) -> impl Iterator<Item = IpAddr> {
        let rows = self.rows.iter().filter(|row| row.who.is_some() || row.may_infer);
        rows.flat_map(|row| row.addresses.iter().copied())
    }

    /// Returns the row that had an address of a VPC at a time: the one whose interval contains it (the
    /// younger of two), else the nearest within 60 s. Without a time, the only one.
    pub(super) fn owner_at(
        &self,
        vpc: u32,
        ip: IpAddr,
        at: Option<i64>,
    ) -> Option<&InterfaceInterval> {
        let segments = self.by_address.get(&(vpc, ip))?;
        let row = |number: u32| self.rows.get(number as usize);
        let Some(at) = at else {
            let mut rows = segments.iter().filter_map(|segment| segment.row);
            let first = rows.next()?;
            return rows.all(|next| next == first).then(|| row(first)).flatten();
        };
        let next = segments.partition_point(|segment| segment.from <= at);
        if let Some(found) = next.checked_sub(1).and_then(|last| segments[last].row) {
            return row(found);
        }
        // In a gap, the segments on both sides have holders.
        let before = next.checked_sub(2).and_then(|i| segments[i].row).and_then(row);
        let after = segments.get(next).and_then(|segment| segment.row).and_then(row);
        let before = before.map(|row| (row.distance_secs(at), row));
        let after = after.map(|row| (row.distance_secs(at), row));
        let nearest = before.into_iter().chain(after).min_by_key(|(gap, _)| *gap);
        nearest.filter(|(gap, _)| *gap <= SLACK_SECS).map(|(_, row)| row)
    }
}

/// Returns the row of an interface for a time: the one whose interval contains it, else the
/// nearest, since the id of an interface is never used again. Without a time, the last.
pub(super) fn row_at(rows: &[InterfaceInterval], at: Option<i64>) -> Option<&InterfaceInterval> {
    let [_, _, ..] = rows else { return rows.first() };
    let Some(at) = at else { return rows.last() };
    let begun = rows.partition_point(|row| row.from <= at);
    let mut nearest = rows.get(begun).map(|row| (row.distance_secs(at), row));
    for row in rows[..begun].iter().rev() {
        if row.contains(at) {
            return Some(row);
        }
        // Neither this row nor any before it is nearer: an interface may have thousands.
        if nearest.is_some_and(|(gap, _)| at.saturating_sub(row.latest_to) > gap) {
            break;
        }
        let gap = row.distance_secs(at);
        if nearest.is_none_or(|(least, _)| gap <= least) {
            nearest = Some((gap, row));
        }
    }
    nearest.map(|(_, row)| row)
}

/// Cuts the intervals at one address into segments with one holder each; the younger interval wins.
fn segments(rows: &[InterfaceInterval], numbers: &[u32]) -> Vec<Segment> {
    let mut edges: Vec<(i64, bool, i64, u32)> = Vec::with_capacity(numbers.len() * 2);
    for number in numbers {
        let row = &rows[*number as usize];
        if row.from < row.to {
            edges.push((row.from, true, row.from, *number));
            edges.push((row.to, false, row.from, *number));
        }
    }
    edges.sort_unstable();
    let mut segments: Vec<Segment> = Vec::with_capacity(edges.len());
    let mut active: BTreeSet<(i64, u32)> = BTreeSet::new();
    for edge in edges.chunk_by(|a, b| a.0 == b.0) {
        for (_, begins, from, number) in edge {
            if *begins {
                active.insert((*from, *number));
            } else {
                active.remove(&(*from, *number));
            }
        }
        let row = active.last().map(|(_, number)| *number);
        if segments.last().is_none_or(|last| last.row != row) {
            segments.push(Segment { from: edge[0].0, row });
        }
    }
    segments
}

fn intern(vpcs: &mut HashMap<String, u32>, id: &str) -> u32 {
    if let Some(number) = vpcs.get(id) {
        return *number;
    }
    let number = u32::try_from(vpcs.len()).unwrap_or(u32::MAX);
    vpcs.insert(id.to_owned(), number);
    number
}

/// Fills in what an interface's row leaves open, from the rest of the inventory.
struct IntervalBuilder<'a> {
    jobs: &'a Jobs,
    endpoints: &'a Endpoints,
    subnets: HashMap<&'a str, (Option<&'a String>, Option<String>)>,
    subnet_nets: Vec<(IpNet, Option<&'a String>, &'a String)>,
    nats: HashSet<&'a str>,
}

impl<'a> IntervalBuilder<'a> {
    fn new(inventory: &'a Inventory, jobs: &'a Jobs, endpoints: &'a Endpoints) -> Self {
        let subnets = &inventory.subnets;
        let nets = subnets.iter().flat_map(|row| row.cidrs.iter().map(move |cidr| (cidr, row)));
        Self {
            jobs,
            endpoints,
            subnets: subnets
                .iter()
                .map(|row| {
                    let region = row
                        .availability_zone
                        .as_deref()
                        .and_then(region_of_zone)
                        .map(str::to_owned);
                    (row.subnet_id.as_str(), (row.vpc_id.as_ref(), region))
                })
                .collect(),
            subnet_nets: nets
                .filter_map(|(cidr, row)| {
                    Some((address::parse_net(cidr)?, row.vpc_id.as_ref(), &row.subnet_id))
                })
                .collect(),
            nats: inventory
                .nat_gateways
                .iter()
                .filter_map(|row| row.interface_id.as_deref())
                .collect(),
        }
    }

    fn row(&self, eni: &Eni, vpcs: &mut HashMap<String, u32>) -> InterfaceInterval {
        let created = eni.created_at.is_some();
        let is_instance = eni.instance_id.is_some();
        let endpoint = self.endpoints.of_interface(&eni.interface_id);
        let belongs_to = eni.belongs_to.clone().or_else(|| {
            let nat = self.nats.contains(eni.interface_id.as_str()).then_some("nat_gateway");
            nat.or(endpoint.map(|_| "vpc_endpoint")).map(str::to_owned)
        });
        let who = self.jobs.of_eni(eni);
        let attributed = eni.attribution.is_some();
        // Only what records need: an inventory may have many thousand rows.
        let mut eni = Eni {
            interface_id: eni.interface_id.clone(),
            valid_from: eni.valid_from,
            valid_to: eni.valid_to,
            account_id: eni.account_id.clone(),
            region: eni.region.clone(),
            vpc_id: eni.vpc_id.clone(),
            subnet_id: eni.subnet_id.clone(),
            addresses: eni.addresses.clone(),
            security_group_ids: eni.security_group_ids.clone(),
            eni_role: eni.eni_role.clone(),
            ..Eni::default()
        };
        let addresses: Vec<IpAddr> =
            eni.addresses.iter().filter_map(|a| address::parse(a)).collect();
        if eni.subnet_id.is_none() {
            eni.subnet_id = self.subnet_of(&addresses, eni.vpc_id.as_ref());
        }
        if let Some((vpc, region)) = eni.subnet_id.as_deref().and_then(|id| self.subnets.get(id)) {
            eni.vpc_id = eni.vpc_id.or_else(|| vpc.cloned());
            eni.region = eni.region.or_else(|| region.clone());
        }
        let is_endpoint = match endpoint {
            Some((kind, _)) => kind == EndpointKind::Interface,
            None => belongs_to.as_deref() == Some("vpc_endpoint"),
        };
        InterfaceInterval {
            from: eni.valid_from.unwrap_or(i64::MIN),
            to: eni.valid_to.unwrap_or(i64::MAX),
            latest_to: i64::MAX,
            vpc: eni.vpc_id.as_deref().map(|id| intern(vpcs, id)),
            who,
            may_infer: !attributed && !created && !is_instance && belongs_to.is_none(),
            is_endpoint,
            is_s3_endpoint: self.endpoints.is_s3_interface(&eni.interface_id),
            belongs_to,
            addresses,
            eni,
        }
    }

    /// Returns the one subnet that contains an interface's addresses. `None` if none or several do.
    fn subnet_of(&self, addresses: &[IpAddr], vpc: Option<&String>) -> Option<String> {
        let holds = |net: &IpNet| addresses.iter().any(|ip| net.contains(ip));
        let mut found = self.subnet_nets.iter().filter(|(net, of_vpc, _)| {
            (vpc.is_none() || of_vpc.is_none() || *of_vpc == vpc) && holds(net)
        });
        let (_, _, first) = found.next()?;
        found.all(|(_, _, id)| id == first).then(|| (*first).clone())
    }
}

/// Returns whether an attribution is valid for a record this far outside its interval.
///
/// A mapping is valid only in its own interval. Every other attribution is of the interface, whose id is never
/// used again.
pub(super) fn holds(attribution: Attribution, gap: i64) -> bool {
    attribution != Attribution::Declared || gap <= SLACK_SECS
}
