//! The ports that clients pick for themselves: the one place that defines them.

use std::ops::RangeInclusive;

/// The lowest port that counts as ephemeral where nothing else shows the initiator.
///
/// Linux begins here, IANA and Windows higher. The views of `queries/` use the same number.
pub const FIRST_EPHEMERAL: u16 = 32_768;

/// The ports from which Linux, and so every container of a processing job, picks
/// (`net.ipv4.ip_local_port_range`).
pub const LINUX_EPHEMERAL: RangeInclusive<u16> = FIRST_EPHEMERAL..=60_999;

/// The ports that any client may pick, NAT gateways included: what AWS recommends to open for replies.
pub const CLIENT_PORTS: RangeInclusive<u16> = 1_024..=u16::MAX;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sql_uses_the_same_ephemeral_ports() {
        let views = [
            include_str!("../../queries/views/conversations.sql"),
            include_str!("../../queries/views/flows.sql"),
            include_str!("../../queries/detections/blocked-inter-container.sql"),
        ];
        for sql in views {
            assert!(sql.contains(&format!(">= {FIRST_EPHEMERAL}")), "{sql}");
        }
    }
}
