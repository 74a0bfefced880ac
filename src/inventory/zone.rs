//! The region of a zone.

/// Returns the region of an availability, Local or Wavelength zone by its name: `us-west-2` of `us-west-2a`, of
/// `us-west-2-lax-1a` and of `us-west-2-wl1-las-wlz-1`. `None` for zone ids (`usw2-az1`) and other texts.
pub fn region_of_zone(zone: &str) -> Option<&str> {
    let digit = zone.find(|c: char| c.is_ascii_digit())?;
    let (start, rest) = zone.split_at(digit);
    let length = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    (start.ends_with('-') && start.matches('-').count() > 1).then(|| &zone[..digit + length])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_zone_lies_in_a_region() {
        let zones = [
            ("us-west-2a", Some("us-west-2")),
            ("us-west-2-lax-1a", Some("us-west-2")),
            ("us-west-2-wl1-las-wlz-1", Some("us-west-2")),
            ("us-gov-west-1b", Some("us-gov-west-1")),
            ("ap-southeast-10c", Some("ap-southeast-10")),
            ("us-west-2", Some("us-west-2")),
            ("usw2-az1", None),
            ("euw2-lax1-az1", None),
            ("local", None),
            ("", None),
        ];
        for (zone, region) in zones {
            assert_eq!(region_of_zone(zone), region, "{zone}");
        }
    }
}
