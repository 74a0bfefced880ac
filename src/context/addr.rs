//! Addresses as values: parsed, canonical, classified.

use std::net::IpAddr;

use ipnet::IpNet;

/// Parses an address. IPv4-mapped IPv6 is IPv4. NULL when it is none.
pub(super) fn parse(text: &str) -> Option<IpAddr> {
    text.parse::<IpAddr>().ok().map(|ip| ip.to_canonical())
}

/// Parses a CIDR, or a bare address as its own CIDR, with the host bits cut off.
pub(super) fn parse_net(text: &str) -> Option<IpNet> {
    match text.parse::<IpNet>() {
        Ok(net) => Some(net.trunc()),
        Err(_) => parse(text).map(IpNet::from),
    }
}

/// Tells whether an address never leaves its link or host, or names many hosts: link-local, loopback,
/// multicast, broadcast, unspecified.
pub(super) fn is_local(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            ip.is_link_local()
                || ip.is_loopback()
                || ip.is_multicast()
                || ip.is_broadcast()
                || ip.is_unspecified()
        }
        IpAddr::V6(ip) => {
            ip.is_unicast_link_local()
                || ip.is_loopback()
                || ip.is_multicast()
                || ip.is_unspecified()
        }
    }
}

/// Tells whether an address is private: RFC 1918, RFC 6598 (100.64.0.0/10), ULA (fc00::/7).
pub(super) fn is_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            let [a, b, ..] = ip.octets();
            ip.is_private() || (a == 100 && b & 0xc0 == 64)
        }
        IpAddr::V6(ip) => ip.is_unique_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classifies_addresses() {
        for (text, local, private) in [
            ("169.254.1.1", true, false),
            ("224.0.0.1", true, false),
            ("255.255.255.255", true, false),
            ("127.0.0.1", true, false),
            ("fe80::1", true, false),
            ("ff02::1", true, false),
            ("10.1.2.3", false, true),
            ("172.31.0.1", false, true),
            ("172.32.0.1", false, false),
            ("100.64.0.1", false, true),
            ("100.128.0.1", false, false),
            ("fd00::1", false, true),
            ("2001:db8::1", false, false),
            ("::ffff:10.0.0.1", false, true),
        ] {
            let ip = parse(text).unwrap();
            assert_eq!((is_local(ip), is_private(ip)), (local, private), "{text}");
        }
        assert_eq!(parse("-"), None);
        assert_eq!(parse_net("10.1.2.3/8"), parse_net("10.0.0.0/8"));
        assert_eq!(parse_net("10.0.0.1").unwrap().prefix_len(), 32);
    }
}
