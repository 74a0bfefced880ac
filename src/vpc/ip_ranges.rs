//! What a public address belongs to: AWS's published ranges and the prefix lists.

use std::cmp::Reverse;
use std::net::IpAddr;

use foldhash::HashMap;

use crate::flow::address;
use crate::inventory::model::Inventory;
use crate::vpc::{CidrMap, service_name};

/// AWS's ranges and the prefix lists, ready for look-ups.
#[derive(Debug, Default)]
pub(crate) struct IpRanges {
    ranges: CidrMap<Vec<Range>>,
    changes: Vec<i64>,
    lists: HashMap<String, CidrMap<()>>,
    s3_lists: HashMap<String, CidrMap<()>>,
    aws_lists: CidrMap<()>,
}

#[derive(Debug)]
struct Range {
    service: String,
    region: String,
    from: i64,
    to: i64,
}

/// The AWS range of one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AwsRange<'a> {
    /// Most specific service; S3 wherever the address is listed as S3.
    pub(crate) service: &'a str,
    /// Region of that range, or `GLOBAL`.
    pub(crate) region: &'a str,
    /// Length of that range's prefix.
    pub(crate) prefix_len: u8,
}

impl IpRanges {
    pub(crate) fn new(inventory: &Inventory) -> Self {
        let mut places = Self::default();
        for row in &inventory.ip_ranges {
            let Some(net) = address::parse_net(&row.cidr) else { continue };
            places.changes.extend(row.valid_from.iter().chain(&row.valid_to));
            places.ranges.entry(net).push(Range {
                service: row.service.clone(),
                region: row.region.clone(),
                from: row.valid_from.unwrap_or(i64::MIN),
                to: row.valid_to.unwrap_or(i64::MAX),
            });
        }
        places.changes.sort_unstable();
        places.changes.dedup();
        for row in &inventory.prefix_lists {
            let net = row.cidr.as_deref().and_then(address::parse_net);
            let list = places.lists.entry(row.prefix_list_id.clone()).or_default();
            let Some(net) = net else { continue };
            *list.entry(net) = ();
            let Some(name) = row.name.as_deref().filter(|name| name.contains("com.amazonaws."))
            else {
                continue;
            };
            *places.aws_lists.entry(net) = ();
            if let Some(region) = service_name::s3_region(name) {
                *places.s3_lists.entry(region.to_owned()).or_default().entry(net) = ();
            }
        }
        places
    }

    /// Returns the number of the time interval in which no range changes: a key for caches.
    pub(crate) fn version_at(&self, at: Option<i64>) -> usize {
        let at = at.unwrap_or(i64::MAX);
        self.changes.partition_point(|change| *change <= at)
    }

    /// Looks an address up in AWS's ranges as they were then; without a time, as they are.
    ///
    /// S3 wins wherever it is listed, since S3 ranges are listed as AMAZON and at times as EC2 too; else
    /// the longest prefix, AMAZON last and EC2 last but one; else the first by name.
    pub(crate) fn aws_range(&self, ip: IpAddr, at: Option<i64>) -> Option<AwsRange<'_>> {
        let mut best: Option<((u8, u8), AwsRange<'_>)> = None;
        self.each_range(ip, at, |prefix_len, range| {
            let rank = match range.service.as_str() {
                "S3" => 3,
                "AMAZON" => 0,
                _ => 2,
            };
            let key = (rank, prefix_len);
            let wins = best.is_none_or(|(best_key, found)| {
                key > best_key
                    || (key == best_key
                        && (range.service == "EC2", &*range.service, &*range.region)
                            < (found.service == "EC2", found.service, found.region))
            });
            if wins {
                let (service, region) = (&*range.service, &*range.region);
                best = Some((key, AwsRange { service, region, prefix_len }));
            }
        });
        best.map(|(_, range)| range)
    }

    /// Returns whether an address is listed under a service, whatever else it is listed as.
    pub(crate) fn is_of_service(&self, ip: IpAddr, service: &str, at: Option<i64>) -> bool {
        let mut found = false;
        self.each_range(ip, at, |_, range| found |= range.service.eq_ignore_ascii_case(service));
        found
    }

    fn each_range<'a>(&'a self, ip: IpAddr, at: Option<i64>, mut visit: impl FnMut(u8, &'a Range)) {
        let is_valid = |range: &&Range| match at {
            Some(at) => range.from <= at && at < range.to,
            None => range.to == i64::MAX,
        };
        self.ranges.each_covering(ip, |prefix_len, ranges| {
            ranges.iter().filter(is_valid).for_each(|range| visit(prefix_len, range));
        });
    }

    /// Returns whether an address is in some region's S3 prefix list.
    pub(crate) fn in_s3_list(&self, ip: IpAddr) -> bool {
        self.s3_lists.values().any(|list| list.longest(ip).is_some())
    }

    /// Returns whether an address is in a prefix list of AWS's own.
    pub(crate) fn in_aws_list(&self, ip: IpAddr) -> bool {
        self.aws_lists.longest(ip).is_some()
    }

    /// Returns the id of the most specific prefix list of an address: the one with its longest entry, among
    /// equals the first by id. An entry that contains every address tells nothing.
    pub(crate) fn list_of(&self, ip: IpAddr) -> Option<&str> {
        let lists = self.lists.iter().filter_map(|(id, list)| {
            let (len, ()) = list.longest(ip).filter(|(len, ())| *len > 0)?;
            Some((len, Reverse(id.as_str())))
        });
        lists.max().map(|(_, Reverse(id))| id)
    }

    /// Returns whether an S3 address belongs to another region than this one. `None` if it is not known.
    ///
    /// AWS's ranges decide; where they do not know the address, the prefix lists: a region's list holds
    /// every S3 address of the region, in the families that it holds at all.
    pub(crate) fn is_s3_of_other_region(
        &self,
        ip: IpAddr,
        range: Option<AwsRange<'_>>,
        region: &str,
    ) -> Option<bool> {
        if let Some(range) = range.filter(|r| r.service == "S3" && r.region != "GLOBAL") {
            return Some(range.region != region);
        }
        if let Some(own) = self.s3_lists.get(region).filter(|list| list.has_family_of(ip)) {
            return Some(own.longest(ip).is_none());
        }
        self.in_s3_list(ip).then_some(true)
    }
}
