//! A 5-tuple of a query, and its packets as rules see them.

use std::net::IpAddr;
use std::ops::RangeInclusive;

use crate::flow::protocol::{protocol_name, protocol_number};
use crate::vpc::ports::{CLIENT_PORTS, LINUX_EPHEMERAL};
use crate::vpc::rules;
use crate::vpc::rules::{ICMP, ICMP_V6, has_ports, is_icmp};

/// A flow, seen from the initiator. `None` is what is not known.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FiveTuple {
    /// Address of the initiator.
    pub source: IpAddr,
    /// Address that it is opened to.
    pub destination: IpAddr,
    /// Port of the initiator. `None`: any ephemeral port.
    pub source_port: Option<u16>,
    /// Port of the responder. `None`: any.
    pub destination_port: Option<u16>,
    /// IANA's protocol number.
    pub protocol: u8,
    /// Type and code, for ICMP.
    pub icmp: Option<(u8, u8)>,
}

/// One packet as rules see it.
#[derive(Debug, Clone)]
pub(crate) struct Packet {
    pub(crate) protocol: u8,
    /// Ports that it may go to; any where the protocol has none.
    pub(crate) ports: RangeInclusive<u16>,
    pub(crate) icmp: Option<(u8, u8)>,
}

impl FiveTuple {
    /// Returns the packet that opens it.
    pub(crate) fn request(&self) -> Packet {
        let ports = self.destination_port.map_or(0..=u16::MAX, |port| port..=port);
        Packet { protocol: self.protocol, ports, icmp: self.icmp }
    }

    /// Returns the reply packet. `None` if there is no reply to such a packet, or none is known.
    pub(crate) fn reply(&self) -> Option<Packet> {
        let icmp = match (self.protocol, self.icmp) {
            (ICMP, Some((8, _))) => Some((0, 0)),
            (ICMP_V6, Some((128, _))) => Some((129, 0)),
            (ICMP | ICMP_V6, Some(_)) => return None,
            _ => None,
        };
        let ports = self.source_port.map_or(CLIENT_PORTS, |port| port..=port);
        Some(Packet { protocol: self.protocol, ports, icmp })
    }

    /// Returns the service in words: `tcp/7077`, `ESP`, `icmp type 8`.
    pub fn service(&self) -> String {
        self.request().service()
    }
}

impl Packet {
    /// Returns the packet as another one that goes to a port of a client.
    pub(crate) fn to_any_client(&self) -> Self {
        Self { ports: CLIENT_PORTS, ..self.clone() }
    }

    /// Returns the packet as another one that goes to a port of a job's container.
    pub(crate) fn to_container(&self) -> Self {
        Self { ports: LINUX_EPHEMERAL, ..self.clone() }
    }

    /// Returns whether its protocol has ports that rules look at.
    pub(crate) fn has_ports(&self) -> bool {
        has_ports(self.protocol)
    }

    /// Returns whether its protocol has types and codes that rules look at.
    pub(crate) fn is_icmp(&self) -> bool {
        is_icmp(self.protocol)
    }

    /// Returns the service in words.
    pub(crate) fn service(&self) -> String {
        let name = protocol_word(self.protocol);
        let (from, to) = (*self.ports.start(), *self.ports.end());
        match self.icmp {
            Some((kind, code)) if self.is_icmp() => format!("{name} type {kind} code {code}"),
            _ if !self.has_ports() || (from, to) == (0, u16::MAX) => name,
            _ if from == to => format!("{name}/{from}"),
            _ => format!("{name}/{from}-{to}"),
        }
    }
}

/// Returns a protocol in words: `tcp`, `ESP (protocol 50)`.
fn protocol_word(protocol: u8) -> String {
    let known = rules::protocol_word(protocol);
    match protocol_name(i32::from(protocol)) {
        _ if known.parse::<u8>().is_err() => known,
        Some(name) => format!("{name} (protocol {protocol})"),
        None => format!("protocol {protocol}"),
    }
}

/// Why a port or a protocol could not be read, in one sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No protocol has this name or number.
    #[error("no protocol is called {0}")]
    Protocol(String),
    /// It is no port.
    #[error("{0} is no port")]
    Port(String),
    /// It is no ICMP type, nor type and code.
    #[error("{0} is no ICMP type")]
    Icmp(String),
    /// One address is IPv4, the other IPv6.
    #[error("{0} and {1} are of different families")]
    Families(IpAddr, IpAddr),
}

impl FiveTuple {
    /// Reads a flow: the port is a number, or type or type/code for ICMP; the protocol is a name or a number.
    /// No port is any.
    ///
    /// # Errors
    ///
    /// What of it cannot be read, and addresses of two families.
    pub fn parse(
        (source, destination): (IpAddr, IpAddr),
        port: Option<&str>,
        protocol: &str,
        source_port: Option<u16>,
    ) -> Result<Self, Error> {
        if source.is_ipv4() != destination.is_ipv4() {
            return Err(Error::Families(source, destination));
        }
        let number = protocol.parse().ok();
        let named = || u8::try_from(protocol_number(protocol)?).ok();
        let protocol = number.or_else(named).ok_or_else(|| Error::Protocol(protocol.to_owned()))?;
        let (mut icmp, mut destination_port) = (None, None);
        if let Some(text) = port.filter(|_| is_icmp(protocol)) {
            let (kind, code) = text.split_once('/').unwrap_or((text, "0"));
            let both = kind.parse().ok().zip(code.parse().ok());
            icmp = Some(both.ok_or_else(|| Error::Icmp(text.to_owned()))?);
        } else if let Some(text) = port {
            destination_port = Some(text.parse().map_err(|_| Error::Port(text.to_owned()))?);
        }
        Ok(Self { source, destination, source_port, destination_port, protocol, icmp })
    }
}
