//! Addresses: compared as addresses, never as text.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net};

/// Reads an address. An IPv4 address mapped into IPv6 is the IPv4 address.
pub fn parse(text: &str) -> Option<IpAddr> {
    text.parse::<IpAddr>().ok().map(|ip| ip.to_canonical())
}

/// Reads a range, or a single address as the range of itself alone; bits of the host are cut off. A range
/// within ::ffff:0:0/96 is a range of IPv4 addresses.
pub fn parse_net(text: &str) -> Option<IpNet> {
    let net = match text.parse::<IpNet>() {
        Ok(net) => net.trunc(),
        Err(_) => IpNet::from(parse(text)?),
    };
    match net {
        IpNet::V6(v6) if v6.prefix_len() >= 96 => match v6.addr().to_ipv4_mapped() {
            Some(v4) => Some(IpNet::V4(Ipv4Net::new(v4, v6.prefix_len() - 96).ok()?)),
            None => Some(net),
        },
        _ => Some(net),
    }
}

/// Returns 4 or 6.
pub fn ip_family(ip: IpAddr) -> i32 {
    if ip.to_canonical().is_ipv4() { 4 } else { 6 }
}

/// Returns whether an address is private: RFC 1918, RFC 6598 (100.64.0.0/10), or ULA (fc00::/7).
pub fn is_private(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => ip.is_private() || is_shared(ip),
        IpAddr::V6(ip) => ip.is_unique_local(),
    }
}

/// The addresses of IPv6 at which AWS answers on the link, as 169.254.169.* does in IPv4: resolver (`fd00:ec2::253`),
/// metadata (`::254`), time (`::123`).
///
/// Source: <https://docs.aws.amazon.com/vpc/latest/userguide/AmazonDNS-concepts.html>
const AWS_LOCAL: Ipv6Addr = Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0);

/// Returns whether an address is one of AWS's own on the link: `fd00:ec2::/32`.
fn is_aws_local(ip: Ipv6Addr) -> bool {
    ip.segments()[..2] == AWS_LOCAL.segments()[..2]
}

/// Returns whether an address never leaves its link or its host, or is no single host: link-local (what AWS answers
/// at in `fd00:ec2::/32` as well), loopback, multicast, broadcast, unspecified.
pub fn is_local(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => {
            ip.is_link_local()
                || ip.is_loopback()
                || ip.is_multicast()
                || ip.is_broadcast()
                || ip == Ipv4Addr::UNSPECIFIED
        }
        IpAddr::V6(ip) => {
            ip.is_unicast_link_local()
                || is_aws_local(ip)
                || ip.is_loopback()
                || ip.is_multicast()
                || ip == Ipv6Addr::UNSPECIFIED
        }
    }
}

fn is_shared(ip: Ipv4Addr) -> bool {
    let [a, b, ..] = ip.octets();
    a == 100 && b & 0b1100_0000 == 64
}

/// Returns whether a text is an address, as [`parse`] does. Every record contains several, nearly all of them
/// IPv4, so that case does not build the address.
pub(super) fn is_addr(text: &str) -> bool {
    is_ipv4(text.as_bytes()) || (text.contains(':') && text.parse::<Ipv6Addr>().is_ok())
}

/// Dotted quad, without leading zeros: the same texts that [`Ipv4Addr`] reads.
fn is_ipv4(text: &[u8]) -> bool {
    let mut dots = 0;
    let mut digits = 0;
    let mut octet = 0u32;
    for &byte in text {
        if byte == b'.' {
            if digits == 0 {
                return false;
            }
            dots += 1;
            digits = 0;
            octet = 0;
        } else {
            // A zero cannot be followed by digits.
            if !byte.is_ascii_digit() || (digits > 0 && octet == 0) {
                return false;
            }
            octet = octet * 10 + u32::from(byte - b'0');
            digits += 1;
            if octet > 255 {
                return false;
            }
        }
    }
    dots == 3 && digits > 0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop_assert_eq, proptest};

    use super::*;

    #[test]
    fn private_and_local_ranges() {
        let ip = |text: &str| parse(text).unwrap();
        for private in
            ["10.0.0.1", "172.31.0.1", "192.168.1.1", "100.64.0.1", "fd00::1", "::ffff:10.0.0.1"]
        {
            assert!(is_private(ip(private)), "{private}");
        }
        for public in ["100.128.0.1", "172.32.0.1", "52.95.36.1", "2600::1"] {
            assert!(!is_private(ip(public)) && !is_local(ip(public)), "{public}");
        }
        for local in ["fd00:ec2::253", "fd00:ec2::254", "fd00:ec2::123"] {
            assert!(is_local(ip(local)), "{local}");
        }
        assert!(!is_local(ip("fd00:ec3::253")));
        for local in ["169.254.169.254", "224.0.0.251", "ff02::1", "fe80::1", "255.255.255.255"] {
            assert!(is_local(ip(local)), "{local}");
        }
        assert_eq!(ip("::ffff:192.0.2.1"), ip("192.0.2.1"));
        assert_eq!((ip_family(ip("192.0.2.1")), ip_family(ip("2001:db8::1"))), (4, 6));
    }

    proptest! {
        #[test]
        fn the_fast_check_agrees_with_the_parser(text in "[0-9]{0,4}(\\.[0-9]{0,4}){2,4}|[0-9a-f:.]{0,20}") {
            prop_assert_eq!(is_addr(&text), text.parse::<IpAddr>().is_ok(), "{}", text);
        }

        #[test]
        fn every_address_is_one(v4 in any::<Ipv4Addr>(), v6 in any::<Ipv6Addr>()) {
            prop_assert_eq!((is_addr(&v4.to_string()), is_addr(&v6.to_string())), (true, true));
        }
    }

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
