//! Whether a rule fits a packet, where not all is known of either.

use std::collections::BTreeSet;
use std::net::IpAddr;

use ipnet::IpNet;

use crate::flow::addr;
use crate::flow::protocol::protocol_number;
use crate::reach::network::Network;
use crate::reach::step::Answer;
use crate::reach::tuple::Packet;
use crate::reach::tuple::has_ports;

/// Whether a rule fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fit {
    Yes,
    No,
    Maybe,
}

impl From<bool> for Fit {
    fn from(fits: bool) -> Self {
        if fits { Self::Yes } else { Self::No }
    }
}

impl Fit {
    pub(super) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::No, _) | (_, Self::No) => Self::No,
            (Self::Yes, Self::Yes) => Self::Yes,
            _ => Self::Maybe,
        }
    }
}

/// Protocol and ports of a rule, or ICMP type and code in the place of ports.
#[derive(Debug, Clone, Copy)]
pub(super) struct Service<'a> {
    /// A name, a number, or -1 for all.
    pub(super) protocol: &'a str,
    pub(super) from: Option<i32>,
    pub(super) to: Option<i32>,
}

impl Service<'_> {
    fn is_all(&self) -> bool {
        self.protocol == "-1" || self.protocol.eq_ignore_ascii_case("all")
    }

    fn number(&self) -> Option<u8> {
        let number = self
            .protocol
            .parse()
            .ok()
            .or_else(|| u8::try_from(protocol_number(self.protocol)?).ok());
        number.filter(|_| !self.is_all())
    }

    /// Tells whether the rule is for a packet that goes to this one of its ports.
    pub(super) fn fits(&self, packet: &Packet, port: u16) -> Fit {
        if self.is_all() {
            return Fit::Yes;
        }
        match self.number() {
            None => return Fit::Maybe,
            Some(number) if number != packet.protocol => return Fit::No,
            Some(_) => {}
        }
        let Some(from) = self.from.filter(|from| *from >= 0) else { return Fit::Yes };
        if packet.has_ports() {
            let to = self.to.unwrap_or(from);
            return Fit::from((from..=to).contains(&i32::from(port)));
        }
        if !packet.is_icmp() {
            return Fit::Yes;
        }
        let Some((kind, code)) = packet.icmp else { return Fit::Maybe };
        let any_code = self.to.is_none_or(|to| to < 0);
        Fit::from(from == i32::from(kind) && (any_code || self.to == Some(i32::from(code))))
    }

    /// Returns it in words: `tcp/443`, `tcp/0-1024`, `all traffic`.
    pub(super) fn words(&self) -> String {
        if self.is_all() {
            return "all traffic".to_owned();
        }
        let name = match self.number() {
            Some(number) => crate::reach::tuple::group_protocol(number),
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

    /// Adds the ports at which this rule begins or ends to fit.
    fn cut(&self, cuts: &mut BTreeSet<u16>) {
        let port = |port: Option<i32>| port.and_then(|port| u16::try_from(port).ok());
        cuts.extend(port(self.from));
        cuts.extend(port(self.to.or(self.from)).and_then(|to| to.checked_add(1)));
    }
}

/// Returns one port for each stretch of a packet's ports in which no rule begins or ends.
pub(super) fn stretches<'a>(
    packet: &Packet,
    rules: impl Iterator<Item = Service<'a>>,
) -> BTreeSet<u16> {
    let mut cuts = BTreeSet::from([*packet.ports.start()]);
    if packet.has_ports() {
        rules.for_each(|rule| rule.cut(&mut cuts));
        cuts.retain(|port| packet.ports.contains(port));
    }
    cuts
}

/// What a place says of all ports that a packet may go to: one answer for all of them, else not known.
pub(super) fn over_all<T>(answers: Vec<(Answer, T)>) -> Option<(Answer, T, bool)> {
    let one = answers.iter().all(|(answer, _)| Some(answer) == answers.first().map(|(a, _)| a));
    let mut answers = answers.into_iter();
    if one {
        return answers.next().map(|(answer, why)| (answer, why, true));
    }
    // The stretch that is not let through is what there is to say.
    answers
        .find(|(answer, _)| *answer != Answer::Allowed)
        .map(|(_, why)| (Answer::Unknown, why, false))
}

/// Tells whether an address is in a CIDR, or in a prefix list that is named by its id.
pub(super) fn address_fits(network: &Network, place: &str, ip: IpAddr) -> Fit {
    if place.starts_with("pl-") {
        return match network.prefix_list(place) {
            Some(nets) => Fit::from(nets.iter().any(|net| net.contains(&ip))),
            None => Fit::Maybe,
        };
    }
    addr::parse_net(place).map_or(Fit::Maybe, |net| Fit::from(net.contains(&ip)))
}

/// Returns the range of an address alone.
pub(super) fn alone(ip: IpAddr) -> String {
    IpNet::from(ip).to_string()
}
