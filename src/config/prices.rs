//! `[prices]`: what traffic costs. flowq knows no price by itself: they differ by region, and change.

use std::collections::BTreeMap;

use serde::Deserialize;

/// Where no region of its own is given.
const DEFAULT: &str = "default";

/// Prices, in whatever currency the user counts in.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Prices {
    nat_gateway: Option<PerGb>,
}

/// A price of a GB (10⁹ bytes): one for every region, or by region with a `default`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
enum PerGb {
    Everywhere(f64),
    ByRegion(BTreeMap<String, f64>),
}

impl Prices {
    /// The keys of `[prices]`.
    pub(super) const KEYS: &[&str] = &["nat-gateway"];

    /// What a NAT gateway of a region takes for a GB. `None`: no price is set for it.
    pub fn nat_gateway(&self, region: Option<&str>) -> Option<f64> {
        match self.nat_gateway.as_ref()? {
            PerGb::Everywhere(price) => Some(*price),
            PerGb::ByRegion(prices) => {
                let of_region = region.and_then(|region| prices.get(region));
                of_region.or_else(|| prices.get(DEFAULT)).copied()
            }
        }
    }

    /// Says what no price can be.
    pub(super) fn check(&self) -> Result<(), String> {
        let all: Vec<f64> = match &self.nat_gateway {
            None => Vec::new(),
            Some(PerGb::Everywhere(price)) => vec![*price],
            Some(PerGb::ByRegion(prices)) => prices.values().copied().collect(),
        };
        match all.iter().find(|price| !price.is_finite() || **price < 0.0) {
            Some(price) => Err(format!("nat-gateway = {price} is no price")),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_is_of_its_region_else_the_default_else_unknown() {
        let read = |text: &str| toml::from_str::<Prices>(text).unwrap();
        let by = read("nat-gateway = { \"us-east-1\" = 0.045, default = 0.05 }");
        assert_eq!(by.nat_gateway(Some("us-east-1")), Some(0.045));
        assert_eq!(by.nat_gateway(Some("eu-west-1")), Some(0.05));
        assert_eq!(by.nat_gateway(None), Some(0.05));
        let one = read("nat-gateway = { \"us-east-1\" = 0.045 }");
        assert_eq!(one.nat_gateway(Some("eu-west-1")), None);
        assert_eq!(read("nat-gateway = 0.06").nat_gateway(None), Some(0.06));
        assert_eq!(Prices::default().nat_gateway(Some("us-east-1")), None);
        assert!(read("nat-gateway = { default = nan }").check().is_err());
    }
}
