//! Which AWS service an address belongs to, by AWS's ranges and prefix lists.

use std::net::IpAddr;

use crate::flow::address;
use crate::inventory::model::Inventory;
use crate::vpc::service_name;

/// The service part of S3's name.
const S3: &str = "s3";
/// The service part of DynamoDB's name.
const DYNAMODB: &str = "dynamodb";

/// Returns the region of S3 that an address belongs to: by AWS's ranges, else by the prefix lists. `None` if
/// neither contains it.
pub(crate) fn s3_region_of(inventory: &Inventory, ip: IpAddr) -> Option<&str> {
    let ranges = inventory.ip_ranges.iter().filter(|row| row.service == "S3");
    let of_range = ranges
        .filter(|row| row.valid_to.is_none() && row.region != "GLOBAL")
        .find(|row| address::parse_net(&row.cidr).is_some_and(|net| net.contains(&ip)));
    if let Some(range) = of_range {
        return Some(&range.region);
    }
    inventory.prefix_lists.iter().find_map(|row| {
        let region = service_name::s3_region(row.name.as_deref()?)?;
        let net = address::parse_net(row.cidr.as_deref()?)?;
        net.contains(&ip).then_some(region)
    })
}

/// Returns the service that gateway endpoints serve at an address, and its region.
pub(crate) fn gateway_service(inventory: &Inventory, ip: IpAddr) -> Option<(&str, &str)> {
    if let Some(region) = s3_region_of(inventory, ip) {
        return Some((S3, region));
    }
    let holds = |cidr: &str| address::parse_net(cidr).is_some_and(|net| net.contains(&ip));
    let of_lists = inventory.prefix_lists.iter().find_map(|row| {
        let (region, service) = service_name::parse(row.name.as_deref()?)?;
        (service == DYNAMODB && holds(row.cidr.as_deref()?)).then_some((DYNAMODB, region))
    });
    let ranges = inventory.ip_ranges.iter().filter(|row| row.valid_to.is_none());
    let mut of_ranges = ranges.filter(|row| row.service == "DYNAMODB" && holds(&row.cidr));
    of_lists.or_else(|| of_ranges.next().map(|row| (DYNAMODB, row.region.as_str())))
}

/// Returns whether an address belongs to an AWS service in a region, and not to EC2.
pub(crate) fn is_aws_of(inventory: &Inventory, ip: IpAddr, region: &str) -> bool {
    let ranges = inventory.ip_ranges.iter().filter(|row| row.valid_to.is_none());
    let holds = |cidr: &str| address::parse_net(cidr).is_some_and(|net| net.contains(&ip));
    let mut matching = ranges.filter(|row| row.region == region && holds(&row.cidr)).peekable();
    matching.peek().is_some() && matching.all(|row| row.service != "EC2")
}
