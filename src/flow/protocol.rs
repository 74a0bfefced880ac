//! Names for the numbers in a record.

/// IANA's keywords of the assigned protocol numbers, by number.
///
/// Source: <https://www.iana.org/assignments/protocol-numbers>
#[rustfmt::skip]
const PROTOCOLS: &[&str] = &[
    "HOPOPT", "ICMP", "IGMP", "GGP", "IPv4", "ST", "TCP", "CBT", "EGP", "IGP",
    "BBN-RCC-MON", "NVP-II", "PUP", "ARGUS", "EMCON", "XNET", "CHAOS", "UDP", "MUX", "DCN-MEAS",
    "HMP", "PRM", "XNS-IDP", "TRUNK-1", "TRUNK-2", "LEAF-1", "LEAF-2", "RDP", "IRTP", "ISO-TP4",
    "NETBLT", "MFE-NSP", "MERIT-INP", "DCCP", "3PC", "IDPR", "XTP", "DDP", "IDPR-CMTP", "TP++",
    "IL", "IPv6", "SDRP", "IPv6-Route", "IPv6-Frag", "IDRP", "RSVP", "GRE", "DSR", "BNA",
    "ESP", "AH", "I-NLSP", "SWIPE", "NARP", "MOBILE", "TLSP", "SKIP", "IPv6-ICMP", "IPv6-NoNxt",
    "IPv6-Opts", "ANY-HOST", "CFTP", "ANY-LOCAL", "SAT-EXPAK", "KRYPTOLAN", "RVD", "IPPC", "ANY-DFS", "SAT-MON",
    "VISA", "IPCV", "CPNX", "CPHB", "WSN", "PVP", "BR-SAT-MON", "SUN-ND", "WB-MON", "WB-EXPAK",
    "ISO-IP", "VMTP", "SECURE-VMTP", "VINES", "IPTM", "NSFNET-IGP", "DGP", "TCF", "EIGRP", "OSPFIGP",
    "Sprite-RPC", "LARP", "MTP", "AX.25", "IPIP", "MICP", "SCC-SP", "ETHERIP", "ENCAP", "ANY-ENCRYPTION",
    "GMTP", "IFMP", "PNNI", "PIM", "ARIS", "SCPS", "QNX", "A/N", "IPComp", "SNP",
    "Compaq-Peer", "IPX-in-IP", "VRRP", "PGM", "ANY-0-HOP", "L2TP", "DDX", "IATP", "STP", "SRP",
    "UTI", "SMP", "SM", "PTP", "ISIS", "FIRE", "CRTP", "CRUDP", "SSCOPMCE", "IPLT",
    "SPS", "PIPE", "SCTP", "FC", "RSVP-E2E-IGNORE", "Mobility", "UDPLite", "MPLS-in-IP", "manet", "HIP",
    "Shim6", "WESP", "ROHC", "Ethernet", "AGGFRAG", "NSH",
];

/// TCP flags with their bit, in the order in which they are printed. SYN-ACK is handled apart.
const FLAGS: &[(i32, &str)] =
    &[(2, "SYN"), (16, "ACK"), (1, "FIN"), (4, "RST"), (8, "PSH"), (32, "URG")];

/// SYN and ACK together: the reply of the side that was connected to.
const SYN_ACK: i32 = 18;

/// Returns IANA's keyword of a protocol number: 6 is `TCP`. `None` for numbers without one.
pub fn protocol_name(number: i32) -> Option<&'static str> {
    PROTOCOLS.get(usize::try_from(number).ok()?).copied()
}

/// Returns the protocol number of IANA's keyword, in any case, or of AWS's `icmpv6`.
pub fn protocol_number(name: &str) -> Option<i32> {
    let name = if name.eq_ignore_ascii_case("icmpv6") { "IPv6-ICMP" } else { name };
    let at = PROTOCOLS.iter().position(|known| known.eq_ignore_ascii_case(name))?;
    i32::try_from(at).ok()
}

/// Returns the TCP flags of a record as text: `SYN`, `SYN-ACK,FIN`; `none` for 0. Bits that are no flag AWS
/// documents are printed as a number.
pub fn tcp_flags_text(flags: i32) -> String {
    if flags == 0 {
        return "none".to_owned();
    }
    let mut words = Vec::new();
    let mut left = flags;
    if left & SYN_ACK == SYN_ACK {
        words.push("SYN-ACK".to_owned());
        left &= !SYN_ACK;
    }
    for &(bit, name) in FLAGS {
        if left & bit != 0 {
            words.push(name.to_owned());
            left &= !bit;
        }
    }
    if left != 0 {
        words.push(format!("{left:#x}"));
    }
    words.join(",")
}

/// Returns what a `traffic-path` means; `None` for numbers that AWS does not document.
pub fn traffic_path_name(number: i32) -> Option<&'static str> {
    Some(match number {
        1 => "same VPC",
        2 => "internet gateway or gateway endpoint",
        3 => "virtual private gateway",
        4 => "intra-region VPC peering",
        5 => "inter-region VPC peering",
        6 => "Local Zone or Wavelength Zone",
        7 => "gateway endpoint",
        8 => "internet gateway",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn protocols_stand_at_their_number() {
        for (number, name) in [
            (0, "HOPOPT"),
            (1, "ICMP"),
            (6, "TCP"),
            (17, "UDP"),
            (33, "DCCP"),
            (41, "IPv6"),
            (47, "GRE"),
            (50, "ESP"),
            (51, "AH"),
            (58, "IPv6-ICMP"),
            (61, "ANY-HOST"),
            (88, "EIGRP"),
            (94, "IPIP"),
            (103, "PIM"),
            (112, "VRRP"),
            (115, "L2TP"),
            (132, "SCTP"),
            (136, "UDPLite"),
            (143, "Ethernet"),
        ] {
            assert_eq!(protocol_name(number), Some(name));
            assert_eq!(protocol_number(&name.to_lowercase()), Some(number));
        }
        assert_eq!((protocol_number("icmpv6"), protocol_number("none")), (Some(58), None));
        assert_eq!((protocol_name(146), protocol_name(-1)), (None, None));
    }

    #[test]
    fn flags_are_told_in_words() {
        for (flags, text) in [
            (0, "none"),
            (2, "SYN"),
            (18, "SYN-ACK"),
            (19, "SYN-ACK,FIN"),
            (3, "SYN,FIN"),
            (4, "RST"),
            (16, "ACK"),
            (24, "ACK,PSH"),
            (66, "SYN,0x40"),
        ] {
            assert_eq!(tcp_flags_text(flags), text);
        }
    }

    #[test]
    fn traffic_paths() {
        assert_eq!(traffic_path_name(7), Some("gateway endpoint"));
        assert_eq!((traffic_path_name(0), traffic_path_name(9)), (None, None));
    }
}
