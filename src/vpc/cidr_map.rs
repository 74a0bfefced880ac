//! A map from CIDRs, IPv4 and IPv6, looked up by longest prefix.

use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use prefix_trie::PrefixMap;

/// A map from CIDRs to values.
#[derive(Debug)]
pub struct CidrMap<T> {
    v4: PrefixMap<Ipv4Net, T>,
    v6: PrefixMap<Ipv6Net, T>,
}

impl<T> Default for CidrMap<T> {
    fn default() -> Self {
        Self { v4: PrefixMap::new(), v6: PrefixMap::new() }
    }
}

impl<T: Default> CidrMap<T> {
    /// Returns the value of this CIDR, made new if it is not there yet. Host bits must be zero.
    pub fn entry(&mut self, net: IpNet) -> &mut T {
        match net {
            IpNet::V4(net) => self.v4.entry(net).or_default(),
            IpNet::V6(net) => self.v6.entry(net).or_default(),
        }
    }
}

impl<T> CidrMap<T> {
    /// Returns the longest CIDR that contains the address: its prefix length and its value.
    pub fn longest(&self, ip: IpAddr) -> Option<(u8, &T)> {
        match ip {
            IpAddr::V4(ip) => {
                self.v4.get_lpm(&Ipv4Net::from(ip)).map(|(net, value)| (net.prefix_len(), value))
            }
            IpAddr::V6(ip) => {
                self.v6.get_lpm(&Ipv6Net::from(ip)).map(|(net, value)| (net.prefix_len(), value))
            }
        }
    }

    /// Calls `visit` with every CIDR that contains the address, shortest first.
    pub fn each_covering<'a>(&'a self, ip: IpAddr, mut visit: impl FnMut(u8, &'a T)) {
        match ip {
            IpAddr::V4(ip) => {
                for (net, value) in self.v4.cover(&Ipv4Net::from(ip)) {
                    visit(net.prefix_len(), value);
                }
            }
            IpAddr::V6(ip) => {
                for (net, value) in self.v6.cover(&Ipv6Net::from(ip)) {
                    visit(net.prefix_len(), value);
                }
            }
        }
    }

    /// Returns whether any CIDR of the family of this address is there.
    pub fn has_family_of(&self, ip: IpAddr) -> bool {
        match ip {
            IpAddr::V4(_) => !self.v4.is_empty(),
            IpAddr::V6(_) => !self.v6.is_empty(),
        }
    }

    /// Returns whether there is no CIDR at all.
    pub fn is_empty(&self) -> bool {
        self.v4.is_empty() && self.v6.is_empty()
    }
}
