//! Picks the fixes for the steps of a path that lack a rule, an entry or a route.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::sync::Arc;

use crate::flow::address;
use crate::inventory::model::{Inventory, NatGateway, NetworkAclEntry, Route, SecurityGroupRule};
use crate::reachability::analyzer::Analyzer;
use crate::reachability::command::{destination_argument, destination_option};
use crate::reachability::config_change::ConfigChange;
use crate::reachability::endpoint_fixes::lead_to_endpoint;
use crate::reachability::escape::{hcl, shell};
use crate::reachability::fix::{Fix, drop_route};
use crate::reachability::flow_end::FlowEnd;
use crate::reachability::path::PathAnalysis;
use crate::reachability::route;
use crate::reachability::snippets::{
    acl_command, block, group_block, network_acl_terraform, security_group_cli,
};
use crate::reachability::step::{MissingRule, StageVerdict, Step, Verdict};
use crate::vpc::NextHop;
use crate::vpc::network::VpcNetwork;
use crate::vpc::packet::{FiveTuple, Packet};
use crate::vpc::rules::{LAST_ACL_ENTRY, protocol_word};
use crate::vpc::service_address::{gateway_service, is_aws_of};

/// Builds fixes for the missing rules of steps.
pub(super) struct Fixer<'a> {
    pub(super) reach: &'a Analyzer,
    pub(super) tuple: &'a FiveTuple,
    /// Ports to open. `None`: those of the request.
    pub(super) ports: Option<RangeInclusive<u16>>,
    pub(super) from: &'a FlowEnd<'a>,
    pub(super) to: &'a FlowEnd<'a>,
}

impl Analyzer {
    /// Returns the fixes that allow a flow: one for each stage that denies it; if none does, for each unknown stage.
    /// There is none for a stage that no single change would open.
    pub fn fixes(
        &self,
        tuple: &FiveTuple,
        (from, to): (&FlowEnd<'_>, &FlowEnd<'_>),
        judgement: &PathAnalysis,
    ) -> Vec<Fix> {
        let fixer = Fixer { reach: self, tuple, ports: None, from, to };
        let of = |answer| judgement.steps.iter().filter(move |step| step.answer == answer);
        match judgement.verdict {
            Verdict::Passes => Vec::new(),
            Verdict::Refused => fixer.of(of(StageVerdict::Denied)),
            Verdict::NotKnown => fixer.of(of(StageVerdict::Unknown)),
        }
    }
}

impl Fixer<'_> {
    /// Builds one fix for each step that has one.
    pub(super) fn of<'b>(&self, steps: impl Iterator<Item = &'b Step>) -> Vec<Fix> {
        let mut fixes: Vec<Fix> = Vec::new();
        let mut taken = BTreeSet::new();
        for lack in steps.filter_map(|step| step.lack.as_ref()) {
            let found = match lack {
                MissingRule::Group { group, direction, peer } => {
                    self.group(group, direction, peer).into_iter().collect()
                }
                MissingRule::Acl { .. } => self.acl(lack, &mut taken),
                MissingRule::Way { vpc, table, route } => {
                    self.way(vpc.as_deref(), table, route.as_ref()).into_iter().collect()
                }
            };
            for fix in found {
                if fixes.iter().all(|known| known.change != fix.change) {
                    fixes.push(fix);
                }
            }
        }
        fixes
    }

    /// The packet that fixes have to allow.
    fn request(&self) -> Packet {
        let request = self.tuple.request();
        let ports = self.ports.clone().unwrap_or_else(|| request.ports.clone());
        Packet { ports, ..request }
    }

    /// ` --region …`, where the region is known.
    fn region(&self) -> String {
        let network = self.reach.network();
        let region = self.from.region(network).or_else(|| self.to.region(network));
        region.map(|region| format!(" --region {}", shell(region))).unwrap_or_default()
    }

    fn group(&self, group: &str, direction: &'static str, peer: &str) -> Option<Fix> {
        if group.is_empty() {
            return None;
        }
        let request = self.request();
        let (from_port, to_port) = rule_ports(&request);
        let protocol = protocol_word(self.tuple.protocol);
        let known = self.reach.network().group(group);
        let rule = SecurityGroupRule {
            security_group_id: group.to_owned(),
            vpc_id: known.and_then(|known| known.vpc_id.clone()),
            direction: direction.to_owned(),
            protocol,
            from_port,
            to_port,
            peer: peer.to_owned(),
            rule_id: None,
        };
        let word = if direction == "egress" { "to" } else { "from" };
        let whom = if group == peer { "itself" } else { peer };
        let service = request.service();
        let id = format!("{group}-{direction}-{}-{word}-{peer}", id_of(&service));
        Some(Fix {
            title: format!("let {group} allow {direction} {word} {whom} on {service}"),
            cli: format!("{}{}", security_group_cli(&rule), self.region()),
            terraform: group_block(&rule, &id),
            id,
            change: ConfigChange::GroupRule(rule),
        })
    }

    /// One entry for each range that has to be open. None where the numbers before the entry that denies do not
    /// suffice.
    fn acl(
        &self,
        lack: &MissingRule,
        taken: &mut BTreeSet<(String, &'static str, i32)>,
    ) -> Vec<Fix> {
        let MissingRule::Acl { acl, direction, before, cidrs, is_reply } = lack else {
            return Vec::new();
        };
        let rows = &self.reach.network().inventory().network_acl_entries;
        let used =
            rows.iter().filter(|row| row.network_acl_id == *acl && row.direction == *direction);
        taken.extend(used.map(|row| (acl.clone(), *direction, row.rule_number)));
        let free = (1..(*before).min(LAST_ACL_ENTRY)).rev();
        let is_free = |number: &i32| !taken.contains(&(acl.clone(), *direction, *number));
        let numbers: Vec<i32> = free.filter(is_free).take(cidrs.len()).collect();
        if numbers.len() < cidrs.len() {
            return Vec::new();
        }
        taken.extend(numbers.iter().map(|number| (acl.clone(), *direction, *number)));
        let reply = || self.tuple.reply().map(|reply| reply.to_any_client());
        let packet = if *is_reply { reply() } else { Some(self.request()) };
        let Some(packet) = packet else { return Vec::new() };
        let entries = numbers.into_iter().zip(cidrs);
        let fix = |(number, cidr): (i32, &String)| {
            self.acl_entry((acl, direction), number, cidr, &packet, *is_reply)
        };
        entries.map(fix).collect()
    }

    fn acl_entry(
        &self,
        (acl, direction): (&str, &str),
        number: i32,
        cidr: &str,
        packet: &Packet,
        is_reply: bool,
    ) -> Fix {
        let (from_port, to_port) = rule_ports(packet);
        let entry = NetworkAclEntry {
            network_acl_id: acl.to_owned(),
            vpc_id: None,
            subnet_id: None,
            direction: direction.to_owned(),
            rule_number: number,
            rule_action: "allow".to_owned(),
            protocol: self.tuple.protocol.to_string(),
            cidr: cidr.to_owned(),
            from_port,
            to_port,
        };
        let word = if direction == "egress" { "to" } else { "from" };
        let id = format!("{acl}-{direction}-{number}");
        let what = if is_reply { ", for replies" } else { "" };
        let service = packet.service();
        Fix {
            title: format!("let {acl} allow {direction} {word} {cidr} on {service}{what}"),
            cli: format!("{}{}", acl_command(&entry), self.region()),
            terraform: network_acl_terraform(&entry, &id),
            id,
            change: ConfigChange::AclEntry(entry),
        }
    }

    /// A route to a destination that has none: the gateway endpoint for S3, another route of the table, a NAT gateway.
    fn way(&self, vpc: Option<&str>, table: &str, route: Option<&Route>) -> Option<Fix> {
        let network = self.reach.network();
        let to = self.to.addr;
        let region = self.from.region(network);
        let served = gateway_service(network.inventory(), to);
        if let (Some(vpc), Some((service, of))) = (vpc, served)
            && region.is_none_or(|region| region == of)
        {
            return Some(lead_to_endpoint(network, vpc, (service, of), table));
        }
        if let Some(route) = route.filter(|route| !route.destination.starts_with("pl-"))
            && let Some(fix) = self.without(route)
        {
            return Some(fix);
        }
        // An AWS service of the region needs an interface endpoint only, no route to the internet.
        let is_served = region.is_some_and(|region| is_aws_of(network.inventory(), to, region));
        let is_public =
            self.to.vpc.is_none() && to.is_ipv4() && !address::is_private(to) && !is_served;
        let gateway = self.nat_for(vpc?, table).filter(|_| is_public)?;
        let destination = route.map_or("0.0.0.0/0", |route| route.destination.as_str());
        let verb = if route.is_some() { "replace-route" } else { "create-route" };
        let nat = &gateway.nat_gateway_id;
        let made = Route {
            route_table_id: table.to_owned(),
            vpc_id: vpc.map(str::to_owned),
            destination: destination.to_owned(),
            target: nat.clone(),
            state: Some("active".to_owned()),
            origin: Some("CreateRoute".to_owned()),
        };
        let id = format!("{table}-{destination}-{nat}");
        Some(Fix {
            title: format!("let {table} send {destination} to {nat}"),
            cli: format!(
                "aws ec2 {verb} --route-table-id {} {} {} --nat-gateway-id {}{}",
                shell(table),
                destination_option(destination),
                shell(destination),
                shell(nat),
                self.region()
            ),
            terraform: block(
                "aws_route",
                &id,
                &[
                    ("route_table_id", hcl(table)),
                    (destination_argument(destination), hcl(destination)),
                    ("nat_gateway_id", hcl(nat)),
                ],
            ),
            id,
            change: ConfigChange::SetRoute(made),
        })
    }

    /// Deletes a route, if another one of the table then leads to the destination.
    fn without(&self, route: &Route) -> Option<Fix> {
        let mut changed = Inventory::clone(self.reach.network().inventory());
        let change = ConfigChange::DropRoute(route.clone());
        change.apply(&mut changed);
        let network = VpcNetwork::new(Arc::new(changed));
        let next = route::in_table(&network, &route.route_table_id, self.to.addr);
        let leads = matches!(
            next.hop,
            NextHop::GatewayEndpoint
                | NextHop::NatGateway
                | NextHop::EgressOnlyGateway
                | NextHop::Local
        );
        leads.then(|| drop_route(route, &self.region()))
    }

    fn nat_for(&self, vpc: &str, table: &str) -> Option<&NatGateway> {
        let network = self.reach.network();
        let fits = |row: &&NatGateway| {
            let works = row.state.as_deref().is_some_and(|s| s.eq_ignore_ascii_case("available"));
            let public = row.connectivity_type.as_deref() != Some("private");
            let of_nat = row.subnet_id.as_deref().and_then(|subnet| network.table_of(subnet));
            // The NAT gateway's own table must not change.
            row.vpc_id.as_deref() == Some(vpc)
                && works
                && public
                && of_nat.is_some_and(|t| t.id != table)
        };
        network.inventory().nat_gateways.iter().find(fits)
    }
}

/// Ports of a rule for a packet, or type and code; `None` for all.
fn rule_ports(packet: &Packet) -> (Option<i32>, Option<i32>) {
    match packet.icmp {
        Some((kind, code)) if packet.is_icmp() => (Some(i32::from(kind)), Some(i32::from(code))),
        _ if packet.has_ports() => {
            (Some(i32::from(*packet.ports.start())), Some(i32::from(*packet.ports.end())))
        }
        _ => (None, None),
    }
}

fn id_of(service: &str) -> String {
    service.split(" (").next().unwrap_or_default().replace(['/', ' '], "-").to_lowercase()
}
