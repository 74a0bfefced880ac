//! Evaluates security groups. They are stateful, so only the request is evaluated.

use crate::flow::address;
use crate::inventory::model::{Eni, SecurityGroupRule};
use crate::reachability::fit::{address_fits, covers, host_cidr, port_segments};
use crate::reachability::flow_end::FlowEnd;
use crate::reachability::step::{MissingRule, Stage, StageVerdict, Step, combine};
use crate::vpc::network::VpcNetwork;
use crate::vpc::packet::Packet;
use crate::vpc::{MatchResult, NextHop, RuleMatch};

/// A packet at the security groups of an interface.
pub(super) struct GroupQuery<'a> {
    pub(super) network: &'a VpcNetwork,
    pub(super) own: &'a FlowEnd<'a>,
    pub(super) peer: &'a FlowEnd<'a>,
    /// The next hop between the two.
    pub(super) via: NextHop,
    pub(super) packet: &'a Packet,
}

/// Evaluates all groups of an interface: one rule of one group is enough to allow.
pub(super) fn judge(question: &GroupQuery<'_>, place: Stage) -> Step {
    let direction = if place == Stage::SenderGroups { "egress" } else { "ingress" };
    let Some(eni) = question.own.eni else {
        let text = format!(
            "no interface of the inventory has {} at that time, so its security groups are not known",
            question.own.addr
        );
        return Step::new(place, StageVerdict::Unknown, text);
    };
    if eni.security_group_ids.is_empty() {
        return without_groups(eni, place);
    }
    let rules: Vec<&SecurityGroupRule> = eni
        .security_group_ids
        .iter()
        .flat_map(|group| question.network.rules(group))
        .filter(|rule| rule.direction == direction)
        .collect();
    let ports = port_segments(question.packet, rules.iter().map(|rule| RuleMatch::from(*rule)));
    let says = ports.into_iter().map(|port| at_port(question, eni, &rules, port));
    let lack = lack(question, eni, direction);
    let Some((answer, why, whole)) = combine(says.collect()) else {
        return Step::new(place, StageVerdict::Unknown, "no port to evaluate")
            .with_missing_rule(lack);
    };
    let missing = missing(question, eni, direction);
    match (answer, why) {
        (StageVerdict::Allowed, Decider::Rule(rule)) => {
            let id = rule.rule_id.as_ref().map(|id| format!(" {id}")).unwrap_or_default();
            let by = format!("{}{id}", rule.security_group_id);
            Step::new(place, answer, allows(rule)).by(by)
        }
        (StageVerdict::Denied, _) => Step::new(place, answer, missing)
            .by(eni.security_group_ids.join(" "))
            .with_missing_rule(lack),
        (_, Decider::Unsure(text)) => {
            Step::new(place, StageVerdict::Unknown, text).with_missing_rule(lack)
        }
        _ if !whole => {
            let text = format!("partly: only some ports of {} are open", question.packet.service());
            Step::new(place, StageVerdict::Unknown, text).with_missing_rule(lack)
        }
        _ => Step::new(place, StageVerdict::Unknown, missing).with_missing_rule(lack),
    }
}

fn without_groups(eni: &Eni, place: Stage) -> Step {
    let id = &eni.interface_id;
    if matches!(eni.belongs_to.as_deref(), Some("nat_gateway" | "regional_nat_gateway")) {
        let text = format!("{id} is a NAT gateway's, which has no security groups");
        return Step::new(place, StageVerdict::Allowed, text);
    }
    let text = format!("the inventory does not have the security groups of {id}");
    Step::new(place, StageVerdict::Unknown, text)
}

enum Decider<'a> {
    Rule(&'a SecurityGroupRule),
    Unsure(String),
    Nothing,
}

fn at_port<'a>(
    question: &GroupQuery<'a>,
    eni: &Eni,
    rules: &[&'a SecurityGroupRule],
    port: u16,
) -> (StageVerdict, Decider<'a>) {
    let mut unsure = None;
    for rule in rules {
        let fit = covers(RuleMatch::from(*rule), question.packet, port)
            .and(peer_fits(question, eni, &rule.peer));
        match fit {
            MatchResult::Yes => return (StageVerdict::Allowed, Decider::Rule(rule)),
            MatchResult::No => {}
            MatchResult::Maybe => {
                unsure.get_or_insert_with(|| {
                    format!("it depends on what is not known whether this fits: {}", allows(rule))
                });
            }
        }
    }
    let is_known = |group: &&String| {
        question.network.group(group).is_some() || question.network.rules(group).next().is_some()
    };
    let unknown: Vec<&str> = eni
        .security_group_ids
        .iter()
        .filter(|group| !is_known(group))
        .map(String::as_str)
        .collect();
    if !unknown.is_empty() {
        unsure = Some(format!("the rules of {} are not in the inventory", unknown.join(", ")));
    }
    match unsure {
        Some(text) => (StageVerdict::Unknown, Decider::Unsure(text)),
        None => (StageVerdict::Denied, Decider::Nothing),
    }
}

/// Returns whether the peer of a rule (CIDR, prefix list, group) contains the other end.
fn peer_fits(question: &GroupQuery<'_>, own: &Eni, opened: &str) -> MatchResult {
    let peer = question.peer;
    if !opened.starts_with("sg-") {
        return address_fits(question.network, opened, peer.addr);
    }
    let Some(eni) = peer.eni else { return unknown_peer_matches(question.network, opened, peer) };
    if eni.security_group_ids.is_empty() {
        return MatchResult::Maybe;
    }
    if !eni.security_group_ids.iter().any(|group| group == opened) {
        return MatchResult::No;
    }
    // A group stands for the private addresses of its interfaces, not for their public ones.
    if !has(eni, peer) {
        return MatchResult::No;
    }
    match (&own.vpc_id, &eni.vpc_id) {
        (Some(own), Some(other)) if own == other => MatchResult::Yes,
        // Groups of another region cannot be meant.
        _ if own.region.is_some() && eni.region.is_some() && own.region != eni.region => {
            MatchResult::No
        }
        _ if question.via == NextHop::Peering => MatchResult::Yes,
        _ => MatchResult::Maybe,
    }
}

/// Returns whether an address is one of an interface's own; if none of them is known, the log is trusted.
fn has(eni: &Eni, side: &FlowEnd<'_>) -> bool {
    let mut own = eni.addresses.iter();
    eni.addresses.is_empty() || own.any(|text| address::parse(text) == Some(side.addr))
}

/// Returns whether an address without a known interface may belong to a group.
fn unknown_peer_matches(network: &VpcNetwork, group: &str, peer: &FlowEnd<'_>) -> MatchResult {
    let group = network.group(group);
    let vpc = group.and_then(|group| group.vpc_id.as_deref());
    let inventory = network.inventory();
    let cidrs = inventory.vpcs.iter().find(|row| Some(row.vpc_id.as_str()) == vpc);
    let mut nets =
        cidrs.into_iter().flat_map(|vpc| &vpc.cidrs).filter_map(|c| address::parse_net(c));
    let may = match cidrs {
        Some(vpc) if !vpc.cidrs.is_empty() => nets.any(|net| net.contains(&peer.addr)),
        _ => address::is_private(peer.addr) || peer.addr.is_ipv6(),
    };
    if may { MatchResult::Maybe } else { MatchResult::No }
}

/// Describes what a rule allows.
fn allows(rule: &SecurityGroupRule) -> String {
    let (group, direction) = (&rule.security_group_id, &rule.direction);
    let word = if direction == "egress" { "to" } else { "from" };
    let peer = if rule.peer == *group { "itself" } else { &rule.peer };
    format!("{group} allows {direction} {word} {peer} on {}", RuleMatch::from(rule).words())
}

/// Describes the missing rule.
fn missing(question: &GroupQuery<'_>, eni: &Eni, direction: &str) -> String {
    let word = if direction == "egress" { "to" } else { "from" };
    let groups = &eni.security_group_ids;
    let others = question.peer.eni.map_or(&[][..], |peer| &peer.security_group_ids);
    let peer = match (groups.as_slice(), others) {
        ([own], others) if others.contains(own) => "itself".to_owned(),
        (_, []) => question.peer.addr.to_string(),
        (_, others) => format!("{} ({})", question.peer.addr, others.join(", ")),
    };
    let service = question.packet.service();
    match groups.as_slice() {
        [one] => format!("{one} allows no {direction} {word} {peer} on {service}"),
        many => {
            format!("none of {} allows {direction} {word} {peer} on {service}", many.join(", "))
        }
    }
}

/// Returns the missing rule: by group if the peer has one in the same VPC.
fn lack(question: &GroupQuery<'_>, eni: &Eni, direction: &'static str) -> MissingRule {
    let peer = question.peer;
    let others =
        peer.eni.filter(|peer| peer.vpc_id == eni.vpc_id || question.via == NextHop::Peering);
    let others = others.map_or(&[][..], |peer| &peer.security_group_ids);
    let shared = eni.security_group_ids.iter().find(|group| others.contains(group));
    let group = shared.or_else(|| eni.security_group_ids.first()).cloned().unwrap_or_default();
    let named = shared.or_else(|| others.first()).cloned();
    // The address may be a public one, for which a group does not stand.
    let named = named.filter(|_| peer.eni.is_some_and(|eni| has(eni, peer)));
    let list = || question.network.service_list(peer.addr).map(str::to_owned);
    let peer = named.or_else(list).unwrap_or_else(|| host_cidr(peer.addr));
    MissingRule::Group { group, direction, peer }
}
