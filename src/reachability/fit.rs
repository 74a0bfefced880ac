//! Whether a rule matches a packet, where either may be known in part.

use std::collections::BTreeSet;
use std::net::IpAddr;

use ipnet::IpNet;

use crate::flow::address;
use crate::vpc::network::VpcNetwork;
use crate::vpc::packet::Packet;
use crate::vpc::{MatchResult, RuleMatch};

/// Returns one port for each range of a packet's ports within which no rule begins or ends.
pub(super) fn port_segments<'a>(
    packet: &Packet,
    rules: impl Iterator<Item = RuleMatch<'a>>,
) -> BTreeSet<u16> {
    let mut cuts = BTreeSet::from([*packet.ports.start()]);
    if packet.has_ports() {
        rules.for_each(|rule| rule.add_bounds(&mut cuts));
        cuts.retain(|port| packet.ports.contains(port));
    }
    cuts
}

/// Returns whether a rule matches a packet at one of its ports.
pub(super) fn covers(rule: RuleMatch<'_>, packet: &Packet, port: u16) -> MatchResult {
    rule.covers(packet.protocol, port, packet.icmp)
}

/// Returns whether an address is in a CIDR, or in a prefix list given by its id.
pub(super) fn address_fits(network: &VpcNetwork, place: &str, ip: IpAddr) -> MatchResult {
    if place.starts_with("pl-") {
        return match network.prefix_list(place) {
            Some(nets) => MatchResult::from(nets.iter().any(|net| net.contains(&ip))),
            None => MatchResult::Maybe,
        };
    }
    address::parse_net(place).map_or(MatchResult::Maybe, |net| MatchResult::from(net.contains(&ip)))
}

/// Returns the range of an address alone.
pub(super) fn host_cidr(ip: IpAddr) -> String {
    IpNet::from(ip).to_string()
}
