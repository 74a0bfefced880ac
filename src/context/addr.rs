//! Addresses as values: parsed, canonical, classified.

pub(super) use crate::flow::addr::{is_local, is_private, parse, parse_net};

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
