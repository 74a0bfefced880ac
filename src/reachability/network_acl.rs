//! Evaluates network ACLs. They are stateless, so request and reply are evaluated separately; they apply at the edge
//! of a subnet, so packets within one subnet never meet them.

use std::net::IpAddr;

use crate::flow::address;
use crate::inventory::model::NetworkAclEntry;
use crate::reachability::fit::{address_fits, covers, host_cidr, port_segments};
use crate::reachability::flow_end::{FlowEnd, subnet_of};
use crate::reachability::step::{MissingRule, Stage, StageVerdict, Step, combine};
use crate::vpc::network::VpcNetwork;
use crate::vpc::packet::Packet;
use crate::vpc::rules::{LAST_ACL_ENTRY, allows};
use crate::vpc::{MatchResult, RuleMatch};

/// A packet at the network ACL of a subnet.
#[derive(Clone, Copy)]
pub(super) struct AclQuery<'a> {
    pub(super) network: &'a VpcNetwork,
    pub(super) subnet: Option<&'a str>,
    /// `egress` or `ingress`, as the subnet sees it.
    pub(super) direction: &'static str,
    /// The other end, whose address is matched with the entries.
    pub(super) peer: &'a FlowEnd<'a>,
    pub(super) packet: &'a Packet,
    pub(super) is_reply: bool,
}

/// Evaluates the ACL: the matching entry with the lowest number decides.
pub(super) fn judge(question: &AclQuery<'_>, place: Stage) -> Step {
    let entries = question.subnet.and_then(|subnet| question.network.acl_of(subnet));
    let Some(entries) = entries else {
        let text = match question.subnet {
            Some(subnet) => format!("the network ACL of {subnet} is not in the inventory"),
            None => "the subnet is not known, and so neither is its network ACL".to_owned(),
        };
        return Step::new(place, StageVerdict::Unknown, text);
    };
    let entries: Vec<&NetworkAclEntry> = entries.collect();
    let acl = entries.first().map_or("the ACL", |entry| &entry.network_acl_id);
    let candidates: Vec<&NetworkAclEntry> =
        entries.iter().filter(|entry| entry.direction == question.direction).copied().collect();
    let ports =
        port_segments(question.packet, candidates.iter().map(|entry| RuleMatch::from(*entry)));
    // An entry that opens all of it has to stand before each that closes, or may close, some of it.
    let closes = |entry: &&&NetworkAclEntry| {
        !allows(entry) && ports.iter().any(|port| fit(question, entry, *port) != MatchResult::No)
    };
    let before = candidates
        .iter()
        .filter(closes)
        .map(|entry| entry.rule_number)
        .min()
        .unwrap_or(LAST_ACL_ENTRY);
    let says = ports.iter().map(|port| at_port(question, &candidates, *port)).collect();
    let Some((answer, entry, whole)) = combine(says) else {
        return Step::new(place, StageVerdict::Unknown, "no port to evaluate");
    };
    let number = entry.map_or(LAST_ACL_ENTRY, |entry| entry.rule_number);
    let lack = MissingRule::Acl {
        acl: acl.to_owned(),
        direction: question.direction,
        before,
        cidrs: blocks(question),
        is_reply: question.is_reply,
    };
    let text = match (answer, entry) {
        (StageVerdict::Unknown, _) if !whole => format!(
            "partly: {acl} lets only some of {} through, so it depends on the port",
            question.packet.service()
        ),
        (StageVerdict::Unknown, Some(entry)) => {
            format!("it depends on what is not known whether this fits: {}", entry_text(entry))
        }
        (_, Some(entry)) if entry.rule_number < LAST_ACL_ENTRY => entry_text(entry),
        _ => missing(question, acl),
    };
    let step = Step::new(place, answer, text).by(format!("{acl} {number}"));
    if answer == StageVerdict::Allowed { step } else { step.with_missing_rule(lack) }
}

fn at_port<'a>(
    question: &AclQuery<'_>,
    entries: &[&'a NetworkAclEntry],
    port: u16,
) -> (StageVerdict, Option<&'a NetworkAclEntry>) {
    let mut possible: Option<(StageVerdict, &NetworkAclEntry)> = None;
    for entry in entries {
        let says = if allows(entry) { StageVerdict::Allowed } else { StageVerdict::Denied };
        match (fit(question, entry, port), possible) {
            (MatchResult::No, _) => {}
            (MatchResult::Maybe, None) => possible = Some((says, entry)),
            (MatchResult::Maybe | MatchResult::Yes, Some((verdict, first))) if verdict != says => {
                return (StageVerdict::Unknown, Some(first));
            }
            (MatchResult::Maybe, Some(_)) => {}
            (MatchResult::Yes, _) => return (says, Some(entry)),
        }
    }
    match possible {
        Some((StageVerdict::Allowed, first)) => (StageVerdict::Unknown, Some(first)),
        _ => (StageVerdict::Denied, None),
    }
}

/// Returns whether an entry matches the packet at one of its ports.
fn fit(question: &AclQuery<'_>, entry: &NetworkAclEntry, port: u16) -> MatchResult {
    let address = address_fits(question.network, &entry.cidr, question.peer.addr);
    covers(RuleMatch::from(entry), question.packet, port).and(address)
}

/// Describes an entry.
fn entry_text(entry: &NetworkAclEntry) -> String {
    let does = if allows(entry) { "allows" } else { "denies" };
    let word = if entry.direction == "egress" { "to" } else { "from" };
    let (acl, number, cidr) = (&entry.network_acl_id, entry.rule_number, &entry.cidr);
    let direction = &entry.direction;
    format!(
        "entry {number} of {acl} {does} {direction} {word} {cidr} on {}",
        RuleMatch::from(entry).words()
    )
}

/// Describes the missing entry.
fn missing(question: &AclQuery<'_>, acl: &str) -> String {
    let direction = question.direction;
    let word = if direction == "egress" { "to" } else { "from" };
    let (peer, service) = (question.peer.addr, question.packet.service());
    let what = if question.is_reply { ", which the reply needs" } else { "" };
    format!("{acl} has no entry that allows {direction} {word} {peer} on {service}{what}")
}

/// Returns what entries should open to: the peer's subnet; the ranges of the AWS service that the address
/// belongs to, since the next answer of its name is another one; else the address alone.
fn blocks(question: &AclQuery<'_>) -> Vec<String> {
    let (inventory, peer) = (question.network.inventory(), question.peer);
    let named = || subnet_of(inventory, peer.vpc?, peer.addr);
    let subnet = peer.subnet.or_else(named).and_then(|subnet| question.network.subnet(subnet));
    let holds = |cidr: &&String| {
        address::parse_net(cidr).is_some_and(|net| net.contains::<&IpAddr>(&peer.addr))
    };
    let cidr = subnet.and_then(|subnet| subnet.cidrs.iter().find(holds)).cloned();
    if let Some(cidr) = cidr {
        return vec![cidr];
    }
    let list = question.network.service_list(peer.addr);
    let mut nets =
        list.and_then(|list| question.network.prefix_list(list)).unwrap_or_default().to_vec();
    nets.retain(|net| net.addr().is_ipv4() == peer.addr.is_ipv4());
    nets.sort();
    if nets.is_empty() {
        return vec![host_cidr(peer.addr)];
    }
    nets.iter().map(ToString::to_string).collect()
}
