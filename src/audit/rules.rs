//! What security groups and network ACLs let pass, for whole ranges of ports: whether a rule of the guide is
//! met. Whether one packet passes is the job of `reachability`.

use ipnet::IpNet;

use crate::flow::address;
use crate::vpc::ports::LINUX_EPHEMERAL;
use crate::vpc::rules::{LAST_ACL_ENTRY, allows};
use crate::vpc::{RuleMatch, VpcNetwork};

/// Ports, the first and the last of them.
pub(super) type Ports = (u16, u16);

/// Every port.
pub(super) const ALL_PORTS: Ports = (0, 65_535);
/// The ports from which a job's containers pick one for each connection that they open.
pub(super) const EPHEMERAL: Ports = (*LINUX_EPHEMERAL.start(), *LINUX_EPHEMERAL.end());
/// HTTPS.
pub(super) const HTTPS: Ports = (443, 443);

/// Every protocol, as rules write it.
pub(super) const ALL_PROTOCOLS: i32 = -1;

/// What is to pass.
#[derive(Debug, Clone, Copy)]
pub(super) struct Traffic {
    /// `egress` or `ingress`.
    pub(super) direction: &'static str,
    /// IANA number.
    pub(super) protocol: u8,
    pub(super) ports: Ports,
}

/// Returns the ports of `ask` that no rule of the groups lets pass to or from whom `fits` takes; empty: all
/// pass. `Err`: the groups whose rules are not known, when those that are known do not suffice.
pub(super) fn ports_blocked_by_groups(
    network: &VpcNetwork,
    groups: &[String],
    ask: Traffic,
    fits: impl Fn(&str) -> bool,
) -> Result<Vec<Ports>, Vec<String>> {
    let mut closed = vec![ask.ports];
    let mut unknown = Vec::new();
    for group in groups {
        if network.group(group).is_none() && network.rules(group).next().is_none() {
            unknown.push(group.clone());
        }
        for rule in network.rules(group) {
            let covered = RuleMatch::from(rule).ports(ask.protocol);
            if let Some(covered) = covered.filter(|_| rule.direction == ask.direction)
                && fits(&rule.peer)
            {
                closed = subtract(closed, covered);
            }
        }
    }
    if closed.is_empty() || unknown.is_empty() { Ok(closed) } else { Err(unknown) }
}

/// Ports that a network ACL refuses, and the number of the rule that does; `None`: no rule allows them.
pub(super) type Refused = (Ports, Option<i32>);

/// Returns what the network ACL of a subnet refuses of `ask` to or from all of `net`; empty: it lets it pass.
/// `None`: the ACL is not known. A rule about a part of `net` only does not count.
pub(super) fn ports_blocked_by_acl(
    network: &VpcNetwork,
    subnet: &str,
    ask: Traffic,
    net: IpNet,
) -> Option<Vec<Refused>> {
    let (mut open, mut refused) = (vec![ask.ports], Vec::new());
    for entry in network.acl_of(subnet)? {
        let holds = address::parse_net(&entry.cidr).is_some_and(|cidr| cidr.contains(&net));
        let covered = RuleMatch::from(entry).ports(ask.protocol);
        let Some(taken) = covered.filter(|_| entry.direction == ask.direction && holds) else {
            continue;
        };
        if !allows(entry) {
            let rule = Some(entry.rule_number).filter(|number| *number < LAST_ACL_ENTRY);
            refused.extend(intersect(&open, taken).into_iter().map(|ports| (ports, rule)));
        }
        open = subtract(open, taken);
    }
    refused.extend(open.into_iter().map(|ports| (ports, None)));
    Some(refused)
}

fn subtract(ranges: Vec<Ports>, taken: Ports) -> Vec<Ports> {
    let mut left = Vec::new();
    for (from, to) in ranges {
        if taken.1 < from || taken.0 > to {
            left.push((from, to));
            continue;
        }
        if from < taken.0 {
            left.push((from, taken.0 - 1));
        }
        if to > taken.1 {
            left.push((taken.1 + 1, to));
        }
    }
    left
}

fn intersect(ranges: &[Ports], taken: Ports) -> Vec<Ports> {
    let both = ranges.iter().map(|(from, to)| ((*from).max(taken.0), (*to).min(taken.1)));
    both.filter(|(from, to)| from <= to).collect()
}

/// Writes ports: `443`, `1024-65535`, `all ports`.
pub(super) fn shown(ranges: &[Ports]) -> String {
    let one = |&(from, to): &Ports| match (from, to) {
        ALL_PORTS => "all ports".to_owned(),
        _ if from == to => from.to_string(),
        _ => format!("{from}-{to}"),
    };
    ranges.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// Returns the ranges of these texts; what is no range is left out.
pub(super) fn nets<'a>(texts: impl IntoIterator<Item = &'a String>) -> Vec<IpNet> {
    texts.into_iter().filter_map(|text| address::parse_net(text)).collect()
}

/// Returns whether a rule's peer is a range that holds all of `nets`.
pub(super) fn holds_all(peer: &str, nets: &[IpNet]) -> bool {
    let peer = address::parse_net(peer);
    !nets.is_empty() && peer.is_some_and(|peer| nets.iter().all(|net| peer.contains(net)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_taken_away() {
        assert_eq!(subtract(vec![ALL_PORTS], (443, 443)), [(0, 442), (444, 65_535)]);
        assert_eq!(subtract(vec![(1, 5), (7, 9)], (0, 8)), [(9, 9)]);
        assert_eq!(subtract(vec![(1, 5)], (6, 9)), [(1, 5)]);
        assert_eq!(intersect(&[(1, 5), (7, 9)], (4, 7)), [(4, 5), (7, 7)]);
        assert_eq!(shown(&[ALL_PORTS, (443, 443), (1, 2)]), "all ports, 443, 1-2");
    }
}
