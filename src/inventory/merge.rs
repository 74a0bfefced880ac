//! Facts to one inventory. The facts are a set, so the order of the documents cannot matter.

use std::collections::{BTreeMap, BTreeSet};

use crate::inventory::fact::{Fact, Facts, MappingRow, Range, Sighting};
use crate::inventory::interface_owner::Owners;
use crate::inventory::model::{
    Eni, Inventory, IpRange, Job, PrefixListEntry, SecurityGroup, SecurityGroupRule, Vpc,
};
use crate::inventory::timeline::Listings;
use crate::inventory::{attribution, timeline};

/// Which of several responses about one resource is valid.
#[derive(Debug, Clone, Copy)]
struct AsOf(Option<i64>);

impl AsOf {
    /// Returns how well a response of a time fits: the last one before the requested time, else the first
    /// one after it. Without a requested time, the latest. Responses without a time fit least.
    fn rank(self, at: Option<i64>) -> (u8, i64) {
        match (at, self.0) {
            (None, _) => (0, 0),
            (Some(at), Some(asked)) if at > asked => (1, at.saturating_neg()),
            (Some(at), _) => (2, at),
        }
    }
}

/// Rows of one resource as of the response that fits best. Responses of the same time (or of none) add up: they
/// are pages, or the same response twice.
#[derive(Debug)]
struct Latest<R> {
    as_of: AsOf,
    latest_rows: BTreeMap<String, (Option<i64>, BTreeSet<R>)>,
}

impl<R: Ord + Clone> Latest<R> {
    fn new(as_of: AsOf) -> Self {
        Self { as_of, latest_rows: BTreeMap::new() }
    }

    fn add(&mut self, id: &str, at: Option<i64>, rows: impl IntoIterator<Item = R>) {
        let (held_at, latest_rows) =
            self.latest_rows.entry(id.to_owned()).or_insert((at, BTreeSet::new()));
        if self.as_of.rank(at) > self.as_of.rank(*held_at) {
            (*held_at, *latest_rows) = (at, BTreeSet::new());
        }
        if at == *held_at {
            latest_rows.extend(rows);
        }
    }

    /// Widens a span by the times of the valid responses.
    fn widen(&self, range: &mut Option<(i64, i64)>) {
        for at in self.latest_rows.values().filter_map(|(at, _)| *at) {
            *range = Some(range.map_or((at, at), |(first, last)| (first.min(at), last.max(at))));
        }
    }

    /// Returns all rows, sorted.
    fn rows(self) -> Vec<R> {
        let all: BTreeSet<R> = self.latest_rows.into_values().flat_map(|(_, rows)| rows).collect();
        all.into_iter().collect()
    }

    /// Returns one row for each resource. Rows that contradict each other at one time have no
    /// order in time: the last in their sort order is taken.
    fn singles(self) -> Vec<R> {
        self.latest_rows.into_values().filter_map(|(_, mut rows)| rows.pop_last()).collect()
    }
}

/// Creates the inventory of a set of facts, attribution included.
pub(super) fn inventory(facts: &Facts) -> Inventory {
    inventory_at(facts, None)
}

/// As [`inventory`], with the configuration of VPCs as it was at a time, in Unix seconds: of each resource
/// the last response before it is valid, else the first one after it. Interfaces, jobs and ranges have their own
/// times and are all there.
pub(super) fn inventory_at(facts: &Facts, at: Option<i64>) -> Inventory {
    let as_of = AsOf(at);
    let mut made = Inventory {
        jobs: jobs(facts),
        vpcs: vpcs(facts, as_of),
        prefix_lists: prefix_lists(facts),
        ip_ranges: ip_ranges(facts),
        ..Inventory::default()
    };
    security_groups(facts, as_of, &mut made);
    resources(facts, as_of, &mut made);
    let owners = Owners::new(&made);
    let mut enis = enis(facts, &owners);
    attribution::attribute(&mut enis, &made.jobs);
    let mut declared: BTreeMap<&str, Vec<&MappingRow>> = BTreeMap::new();
    for fact in facts {
        if let Fact::Declared(row) = fact {
            declared.entry(&row.interface_id).or_default().push(row);
        }
    }
    made.enis = attribution::declare(enis, &declared, &made.jobs);
    made
}

/// Fills the tables whose rows are taken as one response gives them.
fn resources(facts: &Facts, as_of: AsOf, made: &mut Inventory) {
    let (mut subnets, mut endpoints) = (Latest::new(as_of), Latest::new(as_of));
    let (mut flow_logs, mut dhcp) = (Latest::new(as_of), Latest::new(as_of));
    let (mut routes, mut associations) = (Latest::new(as_of), Latest::new(as_of));
    let (mut acls, mut gateways) = (Latest::new(as_of), Latest::new(as_of));
    let (mut policies, mut asked) = (Latest::new(as_of), BTreeSet::new());
    for fact in facts {
        match fact {
            Fact::Subnet { at, subnet } => subnets.add(&subnet.subnet_id, *at, [subnet.clone()]),
            Fact::VpcEndpoint { at, endpoint } => {
                endpoints.add(&endpoint.vpc_endpoint_id, *at, [endpoint.clone()]);
            }
            Fact::FlowLog { at, flow_log } => {
                flow_logs.add(&flow_log.flow_log_id, *at, [flow_log.clone()]);
            }
            Fact::DhcpOptions { at, options } => {
                dhcp.add(&options.dhcp_options_id, *at, [options.clone()]);
            }
            Fact::RouteTable { at, id, routes: of, associations: with } => {
                routes.add(id, *at, of.iter().cloned());
                associations.add(id, *at, with.iter().cloned());
            }
            Fact::NetworkAcl { at, id, entries } => acls.add(id, *at, entries.iter().cloned()),
            Fact::NatGateway { at, id, addresses } => {
                gateways.add(id, *at, addresses.iter().cloned());
            }
            Fact::BucketPolicy { at, policy } => {
                policies.add(&policy.bucket, *at, [policy.clone()]);
            }
            Fact::Listed(list) => drop(asked.insert(list.clone())),
            _ => {}
        }
    }
    // Subnets have a count of free addresses, which changes all the time and lets nothing pass.
    let observed = &mut made.observed;
    endpoints.widen(observed);
    routes.widen(observed);
    acls.widen(observed);
    gateways.widen(observed);
    made.subnets = subnets.singles();
    made.vpc_endpoints = endpoints.singles();
    made.flow_logs = flow_logs.singles();
    made.dhcp_options = dhcp.singles();
    made.routes = routes.rows();
    made.route_table_associations = associations.rows();
    made.network_acl_entries = acls.rows();
    made.nat_gateways = gateways.rows();
    made.bucket_policies = policies.singles();
    made.listed = asked.into_iter().collect();
}

fn enis(facts: &Facts, owners: &Owners) -> Vec<Eni> {
    let listings = Listings::new(facts);
    let mut sightings: BTreeMap<&str, Vec<&Sighting>> = BTreeMap::new();
    for fact in facts {
        if let Fact::Eni(sighting) = fact {
            sightings.entry(&sighting.interface_id).or_default().push(sighting);
        }
    }
    sightings
        .into_iter()
        .flat_map(|(id, sightings)| timeline::intervals(id, &sightings, &listings, owners))
        .collect()
}

/// Merges the facts of each job, a later one over an earlier one, known over unknown.
pub(super) fn jobs(facts: &Facts) -> Vec<Job> {
    let mut by_name: BTreeMap<&str, BTreeMap<Option<&str>, Vec<&Job>>> = BTreeMap::new();
    let mut order: Vec<(Option<i64>, bool, &Job)> = facts
        .iter()
        .filter_map(|fact| match fact {
            Fact::Job { modified, job } => Some((*modified, job.ended_at.is_some(), job)),
            _ => None,
        })
        .collect();
    order.sort();
    for (_, _, job) in order {
        let arns = by_name.entry(&job.job_name).or_default();
        arns.entry(job.job_arn.as_deref()).or_default().push(job);
    }
    let mut jobs = Vec::new();
    for (_, mut arns) in by_name {
        // A fact without ARN belongs to the one job of that name; with several, it is a job of its own.
        let nameless = if arns.len() == 2 { arns.remove(&None) } else { None };
        for (_, job) in arns {
            let tellings = nameless.iter().flatten().chain(&job);
            jobs.push(tellings.fold(Job::default(), |known, newer| over(known, newer)));
        }
    }
    jobs.sort();
    jobs
}

/// Returns the job `newer`, with the gaps filled from what was `known`.
fn over(known: Job, newer: &Job) -> Job {
    let newer = newer.clone();
    let list = |newer: Vec<String>, known| if newer.is_empty() { known } else { newer };
    Job {
        job_name: newer.job_name,
        job_arn: newer.job_arn.or(known.job_arn),
        account_id: newer.account_id.or(known.account_id),
        region: newer.region.or(known.region),
        status: newer.status.or(known.status),
        created_at: newer.created_at.or(known.created_at),
        started_at: newer.started_at.or(known.started_at),
        ended_at: newer.ended_at.or(known.ended_at),
        in_vpc: newer.in_vpc.or(known.in_vpc),
        subnet_ids: list(newer.subnet_ids, known.subnet_ids),
        security_group_ids: list(newer.security_group_ids, known.security_group_ids),
        role_arn: newer.role_arn.or(known.role_arn),
        instance_count: newer.instance_count.or(known.instance_count),
        instance_type: newer.instance_type.or(known.instance_type),
        network_isolation: newer.network_isolation.or(known.network_isolation),
        inter_container_encryption: newer
            .inter_container_encryption
            .or(known.inter_container_encryption),
        image_uri: newer.image_uri.or(known.image_uri),
        s3_uris: list(newer.s3_uris, known.s3_uris),
        failure_reason: newer.failure_reason.or(known.failure_reason),
    }
}

fn vpcs(facts: &Facts, as_of: AsOf) -> Vec<Vpc> {
    let mut latest = Latest::new(as_of);
    for fact in facts {
        match fact {
            Fact::Vpc { at, vpc } => latest.add(&vpc.vpc_id, *at, [vpc.clone()]),
            // A VPC of which only attributes are known is still a VPC; any response is later.
            Fact::VpcDns { vpc_id, .. } => {
                latest.add(vpc_id, None, [Vpc { vpc_id: vpc_id.clone(), ..Vpc::default() }]);
            }
            _ => {}
        }
    }
    let mut vpcs = latest.singles();
    // The facts of one VPC are in the order of their times: the latest response is valid.
    for fact in facts {
        if let Fact::VpcDns { vpc_id, support, hostnames, .. } = fact {
            for vpc in vpcs.iter_mut().filter(|vpc| vpc.vpc_id == *vpc_id) {
                vpc.dns_support = support.or(vpc.dns_support);
                vpc.dns_hostnames = hostnames.or(vpc.dns_hostnames);
            }
        }
    }
    vpcs
}

/// Gathers the entries of every list, under the name that any response gave it.
fn prefix_lists(facts: &Facts) -> Vec<PrefixListEntry> {
    let mut lists: BTreeMap<&str, (Option<&str>, BTreeSet<&str>)> = BTreeMap::new();
    for fact in facts {
        if let Fact::PrefixList(entry) = fact {
            let (name, cidrs) = lists.entry(&entry.prefix_list_id).or_default();
            *name = entry.name.as_deref().or(*name);
            cidrs.extend(entry.cidr.as_deref());
        }
    }
    let mut entries = Vec::new();
    for (id, (name, cidrs)) in lists {
        let entry = |cidr: Option<&str>| PrefixListEntry {
            prefix_list_id: id.to_owned(),
            name: name.map(str::to_owned),
            cidr: cidr.map(str::to_owned),
        };
        if cidrs.is_empty() {
            entries.push(entry(None));
        }
        entries.extend(cidrs.into_iter().map(|cidr| entry(Some(cidr))));
    }
    entries
}

/// Fills groups and their rules. The rules of both APIs are merged: the same rule is taken once, with its id
/// where one has it.
fn security_groups(facts: &Facts, as_of: AsOf, made: &mut Inventory) {
    let (mut groups, mut rules) = (Latest::new(as_of), Latest::new(as_of));
    let mut known: BTreeMap<&str, SecurityGroup> = BTreeMap::new();
    for fact in facts {
        let (id, vpc, group_name) = match fact {
            Fact::SecurityGroup { at, id, vpc_id, name, rules } => {
                groups.add(id, *at, rules.iter().cloned());
                (id, vpc_id, name)
            }
            // Keyed by rule: one group's rules may be spread over pages.
            Fact::SecurityGroupRule { at, rule } => {
                let id = rule.rule_id.clone().unwrap_or_else(|| format!("{rule:?}"));
                rules.add(&id, *at, [rule.clone()]);
                (&rule.security_group_id, &None, &None)
            }
            _ => continue,
        };
        let group = known.entry(id).or_default();
        group.security_group_id.clone_from(id);
        group.vpc_id = vpc.clone().or(group.vpc_id.take());
        group.name = group_name.clone().or(group.name.take());
    }
    groups.widen(&mut made.observed);
    rules.widen(&mut made.observed);
    let mut merged: BTreeMap<SecurityGroupRule, Option<String>> = BTreeMap::new();
    for mut rule in groups.rows().into_iter().chain(rules.singles()) {
        let rule_id = rule.rule_id.take();
        let group = known.get(rule.security_group_id.as_str());
        rule.vpc_id = group.and_then(|group| group.vpc_id.clone()).or(rule.vpc_id);
        let latest_rows = merged.entry(rule).or_default();
        *latest_rows = latest_rows.take().max(rule_id);
    }
    made.security_group_rules =
        merged.into_iter().map(|(rule, rule_id)| SecurityGroupRule { rule_id, ..rule }).collect();
    made.security_groups = known.into_values().collect();
}

/// Converts the files of ip-ranges.json into intervals. A range may come, go and come again.
fn ip_ranges(facts: &Facts) -> Vec<IpRange> {
    let mut files: BTreeMap<i64, BTreeSet<&Range>> = BTreeMap::new();
    for fact in facts {
        if let Fact::IpRanges { at, ranges } = fact {
            files.entry(*at).or_default().extend(ranges);
        }
    }
    let mut closed = Vec::new();
    let mut open: BTreeMap<&Range, Option<i64>> = BTreeMap::new();
    let earliest = files.keys().next().copied();
    for (at, ranges) in files {
        open.retain(|range, from| {
            let stays = ranges.contains(range);
            if !stays {
                closed.push(ip_range(range, *from, Some(at)));
            }
            stays
        });
        for range in ranges {
            open.entry(range).or_insert((Some(at) != earliest).then_some(at));
        }
    }
    closed.extend(open.into_iter().map(|(range, from)| ip_range(range, from, None)));
    closed.sort();
    closed
}

fn ip_range(range: &Range, valid_from: Option<i64>, valid_to: Option<i64>) -> IpRange {
    let (cidr, region, service) = range.clone();
    IpRange { cidr, region, service, valid_from, valid_to }
}
