//! Which traffic a security group rule or a network ACL entry covers: one matcher, for one packet and for whole
//! ranges of ports.

use std::collections::BTreeSet;

use crate::flow::protocol::protocol_number;
use crate::inventory::model::{NetworkAclEntry, SecurityGroupRule};

/// Protocol number of ICMP.
pub const ICMP: u8 = 1;
/// Protocol number of TCP.
pub const TCP: u8 = 6;
/// Protocol number of UDP.
pub const UDP: u8 = 17;
/// Protocol number of IPsec's encapsulating security payload.
pub const ESP: u8 = 50;
/// Protocol number of ICMP for IPv6.
pub const ICMP_V6: u8 = 58;

/// Number of the last entry of every network ACL, which denies what no other one covers; that of IPv6 has the
/// next one.
pub const LAST_ACL_ENTRY: i32 = 32_767;

/// Whether a rule covers something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MatchResult {
    /// It does.
    Yes,
    /// It does not.
    No,
    /// The inventory lacks the data, or it depends on what is not known of the packet.
    Maybe,
}

impl From<bool> for MatchResult {
    fn from(fits: bool) -> Self {
        if fits { Self::Yes } else { Self::No }
    }
}

impl MatchResult {
    /// Joins two conditions that both have to be met.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::No, _) | (_, Self::No) => Self::No,
            (Self::Yes, Self::Yes) => Self::Yes,
            _ => Self::Maybe,
        }
    }
}

/// Protocol and ports of a rule, or ICMP type and code in the place of ports.
#[derive(Debug, Clone, Copy)]
pub struct RuleMatch<'a> {
    /// A name, a number, or `-1` or `all`.
    protocol: &'a str,
    from: Option<i32>,
    to: Option<i32>,
}

impl<'a> From<&'a SecurityGroupRule> for RuleMatch<'a> {
    fn from(rule: &'a SecurityGroupRule) -> Self {
        Self { protocol: &rule.protocol, from: rule.from_port, to: rule.to_port }
    }
}

impl<'a> From<&'a NetworkAclEntry> for RuleMatch<'a> {
    fn from(entry: &'a NetworkAclEntry) -> Self {
        Self { protocol: &entry.protocol, from: entry.from_port, to: entry.to_port }
    }
}

impl RuleMatch<'_> {
    fn is_all(&self) -> bool {
        self.protocol == "-1" || self.protocol.eq_ignore_ascii_case("all")
    }

    fn number(&self) -> Option<u8> {
        let named = || u8::try_from(protocol_number(self.protocol)?).ok();
        self.protocol.parse().ok().or_else(named).filter(|_| !self.is_all())
    }

    /// Returns whether the rule is for a protocol.
    pub fn covers_protocol(&self, protocol: u8) -> MatchResult {
        match self.number() {
            _ if self.is_all() => MatchResult::Yes,
            Some(number) => MatchResult::from(number == protocol),
            None => MatchResult::Maybe,
        }
    }

    /// Returns whether the rule is for a packet of this protocol to this port. `icmp`: its type and code, where
    /// they are known.
    pub fn covers(&self, protocol: u8, port: u16, icmp: Option<(u8, u8)>) -> MatchResult {
        let covers = self.covers_protocol(protocol);
        if covers != MatchResult::Yes || self.is_all() {
            return covers;
        }
        let Some(from) = self.from.filter(|from| *from >= 0) else { return MatchResult::Yes };
        if has_ports(protocol) {
            let to = self.to.unwrap_or(from);
            return MatchResult::from((from..=to).contains(&i32::from(port)));
        }
        if !is_icmp(protocol) {
            return MatchResult::Yes;
        }
        let Some((kind, code)) = icmp else { return MatchResult::Maybe };
        let any_code = self.to.is_none_or(|to| to < 0);
        MatchResult::from(from == i32::from(kind) && (any_code || self.to == Some(i32::from(code))))
    }

    /// Returns the first and the last port of a protocol that the rule covers. A protocol without ports has all
    /// of them. `None` if the rule is for other protocols, or covers no port.
    pub fn ports(&self, protocol: u8) -> Option<(u16, u16)> {
        if self.covers_protocol(protocol) != MatchResult::Yes {
            return None;
        }
        let port =
            |port: i32| u16::try_from(port.clamp(0, i32::from(u16::MAX))).unwrap_or(u16::MAX);
        match self.from.filter(|from| *from >= 0 && has_ports(protocol) && !self.is_all()) {
            Some(from) => {
                let to = self.to.unwrap_or(from);
                (from <= to).then(|| (port(from), port(to)))
            }
            None => Some((0, u16::MAX)),
        }
    }

    /// Returns it in words: `tcp/443`, `tcp/0-1024`, `all traffic`.
    pub fn words(&self) -> String {
        if self.is_all() {
            return "all traffic".to_owned();
        }
        let name = match self.number() {
            Some(number) => protocol_word(number),
            None => self.protocol.to_owned(),
        };
        let ports = self.number().is_some_and(has_ports);
        match (self.from.filter(|from| *from >= 0), self.to) {
            (Some(from), Some(to)) if ports && from != to => format!("{name}/{from}-{to}"),
            (Some(from), _) if ports => format!("{name}/{from}"),
            (Some(kind), Some(code)) if code >= 0 => format!("{name} type {kind} code {code}"),
            (Some(kind), _) => format!("{name} type {kind}"),
            (None, _) => name,
        }
    }

    /// Adds the ports at which the rule begins or ends to cover.
    pub fn add_bounds(&self, bounds: &mut BTreeSet<u16>) {
        let port = |port: Option<i32>| port.and_then(|port| u16::try_from(port).ok());
        bounds.extend(port(self.from));
        bounds.extend(port(self.to.or(self.from)).and_then(|to| to.checked_add(1)));
    }
}

/// Returns whether an entry of a network ACL allows what it covers.
pub fn allows(entry: &NetworkAclEntry) -> bool {
    entry.rule_action.eq_ignore_ascii_case("allow")
}

/// Returns whether rules look at the ports of a protocol.
pub fn has_ports(protocol: u8) -> bool {
    matches!(protocol, TCP | UDP)
}

/// Returns whether rules look at the ICMP type and code of a protocol.
pub fn is_icmp(protocol: u8) -> bool {
    matches!(protocol, ICMP | ICMP_V6)
}

/// Returns how AWS's security groups name a protocol: four by word, the others by number.
pub fn protocol_word(protocol: u8) -> String {
    match protocol {
        ICMP => "icmp".to_owned(),
        TCP => "tcp".to_owned(),
        UDP => "udp".to_owned(),
        ICMP_V6 => "icmpv6".to_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(protocol: &str, from: Option<i32>, to: Option<i32>) -> SecurityGroupRule {
        SecurityGroupRule {
            protocol: protocol.to_owned(),
            from_port: from,
            to_port: to,
            ..SecurityGroupRule::default()
        }
    }

    #[test]
    fn one_packet_and_a_range_of_ports_are_matched_alike() {
        let rows = [
            ("-1", None, None, Some((0, 65_535))),
            ("all", None, None, Some((0, 65_535))),
            ("-1", Some(22), Some(22), Some((0, 65_535))),
            ("tcp", Some(443), Some(443), Some((443, 443))),
            ("6", Some(443), None, Some((443, 443))),
            ("tcp", Some(0), Some(65_535), Some((0, 65_535))),
            ("tcp", Some(-1), Some(-1), Some((0, 65_535))),
            ("udp", Some(443), Some(443), None),
            ("no-protocol", None, None, None),
        ];
        for (protocol, from, to, ports) in rows {
            let rule = rule(protocol, from, to);
            let rule = RuleMatch::from(&rule);
            assert_eq!(rule.ports(TCP), ports, "{protocol}");
            for port in [0, 22, 443, 444, 65_535] {
                let in_range = ports.is_some_and(|(from, to)| (from..=to).contains(&port));
                let covers = rule.covers(TCP, port, None) == MatchResult::Yes;
                assert_eq!(covers, in_range, "{protocol} {port}");
            }
        }
    }

    #[test]
    fn protocols_without_ports_are_covered_whole() {
        let (esp, all) = (rule("50", None, None), rule("ALL", None, None));
        assert_eq!(RuleMatch::from(&esp).ports(ESP), Some((0, 65_535)));
        assert_eq!(RuleMatch::from(&all).ports(ESP), Some((0, 65_535)));
        assert_eq!(RuleMatch::from(&esp).ports(TCP), None);
    }
}
